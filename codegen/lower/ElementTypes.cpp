// Element types: conversions, and integers without a sign. docs/numerics.md states what they promise.
#include "codegen/lower/Families.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

using namespace mlir;

namespace mlc::codegen {
namespace {

constexpr StringLiteral kUnsignedOperands = "unsigned_operands", kUnsignedResult = "unsigned_result";

bool isUnsignedTensor(Type type) { return getElementTypeOrSelf(type).isUnsignedInteger(); }

Type signless(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isUnsignedTensor(type))
    return type;
  return tensor.clone(IntegerType::get(type.getContext(), tensor.getElementTypeBitWidth()));
}

// An i64 or u64 as a float: f64 has 53 bits. What lies behind goes into the last kept bit, so that rounding to a type
// of at most 51 bits comes out as if it was the only one (rounding to odd; Boldo and Melquiond,
// https://doi.org/10.1109/TC.2007.70819).
Value wideInteger(OpBuilder &b, Location loc, Value x, bool isUnsigned) {
  Type i64 = x.getType();
  auto number = [&](int64_t value) { return arith::ConstantOp::create(b, loc, b.getIntegerAttr(i64, value)); };
  constexpr int64_t behind = (1 << 11) - 1;
  Value last = arith::AndIOp::create(b, loc, x, number(behind));
  Value any = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, last, number(0));
  Value sticky = arith::SelectOp::create(b, loc, any, number(behind + 1), number(0));
  Value odd = arith::OrIOp::create(b, loc, arith::AndIOp::create(b, loc, x, number(~behind)), sticky);
  Value low = number(-(int64_t(1) << 53)), high = number(int64_t(1) << 53);
  using P = arith::CmpIPredicate;
  Value fits = arith::CmpIOp::create(b, loc, isUnsigned ? P::ult : P::slt, x, high);
  if (!isUnsigned)
    fits = arith::AndIOp::create(b, loc, fits, arith::CmpIOp::create(b, loc, P::sgt, x, low));
  return arith::SelectOp::create(b, loc, fits, x, odd);
}

Value integerToFloat(OpBuilder &b, Location loc, Value x, Type to, bool isUnsigned) {
  auto convert = [&](Value value, Type type) -> Value {
    if (isUnsigned)
      return arith::UIToFPOp::create(b, loc, type, value);
    return arith::SIToFPOp::create(b, loc, type, value);
  };
  if (to.isF32() || to.isF64())
    return convert(x, to);
  unsigned bits = x.getType().getIntOrFloatBitWidth();
  if (bits < 24) // exact in f32
    return convert(x, b.getF32Type());
  return convert(bits == 64 ? wideInteger(b, loc, x, isUnsigned) : x, b.getF64Type());
}

// Toward zero; out of range the nearest integer, NaN gives 0. arith.fptosi alone would be poison there.
Value floatToInteger(OpBuilder &b, Location loc, Value x, Type to, bool isUnsigned) {
  unsigned bits = to.getIntOrFloatBitWidth();
  Type from = x.getType(), wide = b.getIntegerType(std::max(bits, 32u));
  auto integer = [&](const APInt &value) { return arith::ConstantOp::create(b, loc, b.getIntegerAttr(to, value)); };
  auto compare = [&](arith::CmpFPredicate predicate, double bound) {
    return arith::CmpFOp::create(b, loc, predicate, x, scalar(b, loc, from, bound));
  };
  // Both bounds are powers of two (or 0): exact in every type.
  double end = std::ldexp(1.0, int(bits) - !isUnsigned), begin = isUnsigned ? 0 : -end;
  Value above = compare(arith::CmpFPredicate::OGE, end), below = compare(arith::CmpFPredicate::OLE, begin);
  Value inside =
      arith::AndIOp::create(b, loc, compare(arith::CmpFPredicate::OLT, end), compare(arith::CmpFPredicate::OGT, begin));
  Value safe = arith::SelectOp::create(b, loc, inside, x, scalar(b, loc, from, 0));
  Value result = isUnsigned && bits >= 32 ? arith::FPToUIOp::create(b, loc, wide, safe).getResult()
                                          : arith::FPToSIOp::create(b, loc, wide, safe).getResult();
  if (wide != to)
    result = arith::TruncIOp::create(b, loc, to, result);
  APInt highest = isUnsigned ? APInt::getMaxValue(bits) : APInt::getSignedMaxValue(bits);
  APInt lowest = isUnsigned ? APInt::getMinValue(bits) : APInt::getSignedMinValue(bits);
  result = arith::SelectOp::create(b, loc, above, integer(highest), result);
  return arith::SelectOp::create(b, loc, below, integer(lowest), result);
}

} // namespace

void makeSignless(func::FuncOp kernel) {
  Builder b(kernel.getContext());
  kernel.walk([&](Operation *op) {
    if (op == kernel)
      return;
    SmallVector<int64_t> withoutSign;
    for (auto [i, type] : llvm::enumerate(op->getOperandTypes()))
      if (isUnsignedTensor(type))
        withoutSign.push_back(int64_t(i));
    if (!withoutSign.empty() && !isa<GatherOp, func::ReturnOp>(op))
      op->setDiscardableAttr(kUnsignedOperands, b.getDenseI64ArrayAttr(withoutSign));
    if (auto cast = dyn_cast<CastOp>(op); cast && cast.getTo().isUnsignedInteger()) {
      op->setDiscardableAttr(kUnsignedResult, b.getUnitAttr());
      cast.setTo(b.getIntegerType(cast.getTo().getIntOrFloatBitWidth()));
    }
    if (auto constant = dyn_cast<ConstantOp>(op))
      if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()); dense && isUnsignedTensor(dense.getType()))
        constant.setValueAttr(dense.bitcast(getElementTypeOrSelf(signless(dense.getType()))));
  });
  kernel.walk([&](Operation *op) {
    if (op != kernel)
      for (Value result : op->getResults())
        result.setType(signless(result.getType()));
  });
  for (Value argument : kernel.getArguments())
    argument.setType(signless(argument.getType()));
  auto all = [](TypeRange types) { return llvm::to_vector(llvm::map_range(types, signless)); };
  kernel.setFunctionType(b.getFunctionType(all(kernel.getArgumentTypes()), all(kernel.getResultTypes())));
}

bool isUnsigned(Operation *op) {
  return op->hasAttr(kUnsignedOperands) ||
         (op->getNumOperands() && getElementTypeOrSelf(op->getOperand(0).getType()).isInteger(1));
}
bool isUnsigned(Operation *op, unsigned operand) {
  auto withoutSign = op->getAttrOfType<DenseI64ArrayAttr>(kUnsignedOperands);
  return withoutSign && llvm::is_contained(withoutSign.asArrayRef(), int64_t(operand));
}
bool givesUnsigned(Operation *op) { return op->hasAttr(kUnsignedResult); }

Type computeType(Type element) {
  return element.isF16() || element.isBF16() ? Float32Type::get(element.getContext()) : element;
}

Value convertElement(OpBuilder &b, Location loc, Value value, Type to) {
  Type from = value.getType();
  if (from == to)
    return value;
  // A body that moves an element and does nothing to it.
  if (auto widened = value.getDefiningOp<arith::ExtFOp>(); widened && widened.getIn().getType() == to)
    return widened.getIn();
  if (to.getIntOrFloatBitWidth() > from.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(b, loc, to, value);
  return arith::TruncFOp::create(b, loc, to, value);
}

Value castElement(OpBuilder &b, Location loc, Value value, Type to, bool fromUnsigned, bool toUnsigned) {
  Type from = value.getType();
  bool fromFloat = isa<FloatType>(from), toFloat = isa<FloatType>(to);
  if (fromFloat && toFloat) // the result is rounded once, from what is given here
    return to.getIntOrFloatBitWidth() < from.getIntOrFloatBitWidth() ? value : convertElement(b, loc, value, to);
  if (toFloat)
    return integerToFloat(b, loc, value, to, fromUnsigned);
  if (to.isInteger(1)) {
    Value zero = scalar(b, loc, from, 0);
    if (fromFloat)
      return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, value, zero);
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
  }
  if (fromFloat)
    return floatToInteger(b, loc, value, to, toUnsigned);
  if (from == to)
    return value;
  if (to.getIntOrFloatBitWidth() < from.getIntOrFloatBitWidth())
    return arith::TruncIOp::create(b, loc, to, value);
  return fromUnsigned ? arith::ExtUIOp::create(b, loc, to, value).getResult()
                      : arith::ExtSIOp::create(b, loc, to, value).getResult();
}

} // namespace mlc::codegen
