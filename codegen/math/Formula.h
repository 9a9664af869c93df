// Notation for the formulas of this folder: arith and math ops on values of one float type.
#ifndef MLC_CODEGEN_MATH_FORMULA_H
#define MLC_CODEGEN_MATH_FORMULA_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlc::codegen {

class Formula {
public:
  using Value = mlir::Value;

  Formula(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type) : b(b), loc(loc), type(type) {
    isDouble = mlir::getElementTypeOrSelf(type).isF64();
    bitsType = like(isDouble ? b.getI64Type() : b.getI32Type());
  }

  Value number(double value) { return splat(type, b.getFloatAttr(mlir::getElementTypeOrSelf(type), value)); }
  Value integer(int64_t value) {
    return splat(bitsType, b.getIntegerAttr(mlir::getElementTypeOrSelf(bitsType), value));
  }
  Value add(Value x, Value y) { return mlir::arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return mlir::arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return mlir::arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return mlir::arith::DivFOp::create(b, loc, x, y); }
  Value neg(Value x) { return mlir::arith::NegFOp::create(b, loc, x); }
  Value fma(Value x, Value y, Value z) { return mlir::math::FmaOp::create(b, loc, x, y, z); }
  Value abs(Value x) { return mlir::math::AbsFOp::create(b, loc, x); }
  Value floor(Value x) { return mlir::math::FloorOp::create(b, loc, x); }
  Value copySign(Value x, Value sign) { return mlir::math::CopySignOp::create(b, loc, x, sign); }
  Value compare(mlir::arith::CmpFPredicate p, Value x, Value y) { return mlir::arith::CmpFOp::create(b, loc, p, x, y); }
  Value less(Value x, Value y) { return compare(mlir::arith::CmpFPredicate::OLT, x, y); }
  Value equal(Value x, Value y) { return compare(mlir::arith::CmpFPredicate::OEQ, x, y); }
  Value both(Value p, Value q) { return mlir::arith::AndIOp::create(b, loc, p, q); }
  Value select(Value p, Value x, Value y) { return mlir::arith::SelectOp::create(b, loc, p, x, y); }
  // Comparisons with NaN are false, so both keep a NaN.
  Value atLeast(Value x, double low) { return select(less(x, number(low)), number(low), x); }
  Value atMost(Value x, double high) { return select(less(number(high), x), number(high), x); }

  Value addBits(Value x, Value y) { return mlir::arith::AddIOp::create(b, loc, x, y); }
  Value subBits(Value x, Value y) { return mlir::arith::SubIOp::create(b, loc, x, y); }
  Value andBits(Value x, Value y) { return mlir::arith::AndIOp::create(b, loc, x, y); }
  Value shiftLeft(Value x, int64_t n) { return mlir::arith::ShLIOp::create(b, loc, x, integer(n)); }
  Value shiftRight(Value x, int64_t n) { return mlir::arith::ShRSIOp::create(b, loc, x, integer(n)); }
  Value equalBits(Value x, Value y) {
    return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::eq, x, y);
  }
  Value toBits(Value x) { return mlir::arith::BitcastOp::create(b, loc, bitsType, x); }
  Value fromBits(Value x) { return mlir::arith::BitcastOp::create(b, loc, type, x); }
  Value toFloat(Value bits) { return mlir::arith::SIToFPOp::create(b, loc, type, bits); }

  // coefficients[0] + x * (coefficients[1] + ...), by Horner's rule with FMAs.
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients) {
    Value sum = number(coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, number(c));
    return sum;
  }

  // The integer nearest to x * factor, as a float and as an integer. A NaN gives an arbitrary integer but stays
  // defined, which arith.fptosi would not.
  struct Rounded {
    Value number, integer;
  };
  Rounded nearest(Value x, double factor) {
    Value magic = number(isDouble ? 0x1.8p52 : 0x1.8p23);
    Value shifted = fma(x, number(factor), magic);
    return {sub(shifted, magic), subBits(toBits(shifted), toBits(magic))};
  }
  // 2^k for k in the range of normal exponents.
  Value powerOfTwo(Value k) {
    return fromBits(shiftLeft(addBits(k, integer(isDouble ? 1023 : 127)), isDouble ? 52 : 23));
  }

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type type, bitsType;
  bool isDouble;

private:
  mlir::Type like(mlir::Type element) {
    if (auto shaped = mlir::dyn_cast<mlir::ShapedType>(type))
      return shaped.clone(element);
    return element;
  }
  Value splat(mlir::Type type, mlir::TypedAttr value) {
    if (auto shaped = mlir::dyn_cast<mlir::ShapedType>(type))
      value = mlir::DenseElementsAttr::get(shaped, mlir::Attribute(value));
    return mlir::arith::ConstantOp::create(b, loc, value);
  }
};

// `like` with elements of another type.
inline mlir::Type withElement(mlir::Type like, mlir::Type element) {
  if (auto shaped = mlir::dyn_cast<mlir::ShapedType>(like))
    return shaped.clone(element);
  return element;
}

} // namespace mlc::codegen

#endif // MLC_CODEGEN_MATH_FORMULA_H
