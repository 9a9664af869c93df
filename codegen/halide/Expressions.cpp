#include "codegen/halide/Expressions.h"
#include "codegen/halide/FusedMultiplyAdd.h"
#include "codegen/math/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using mlir::Operation;
namespace arith = mlir::arith;
namespace math = mlir::math;
using Halide::Expr;

namespace mlc::codegen::halide {

Halide::Type storedType(mlir::Type type) {
  if (type.isIndex())
    return Halide::Int(64);
  unsigned bits = type.getIntOrFloatBitWidth();
  if (type.isBF16()) // its bits: Halide's own conversions lose the payload of a NaN, or the NaN
    return Halide::UInt(16);
  if (mlir::isa<mlir::FloatType>(type))
    return Halide::Float(bits);
  return bits == 1 ? Halide::UInt(8) : Halide::Int(bits);
}

Expr load(Expr stored, mlir::Type type) { return type.isInteger(1) ? stored != 0 : stored; }
Expr store(Expr value, mlir::Type type) { return type.isInteger(1) ? Halide::cast<uint8_t>(value) : value; }

Expr constant(mlir::Attribute attribute, mlir::Type type) {
  if (auto value = mlir::dyn_cast<mlir::FloatAttr>(attribute)) {
    uint64_t bits = value.getValue().bitcastToAPInt().getZExtValue();
    Halide::Type stored = storedType(type);
    // By its bits: a NaN or infinity must not pass through Halide's simplifier as a number.
    if (type.isBF16() || !value.getValue().isFinite())
      return Halide::reinterpret(stored, Halide::Internal::make_const(Halide::UInt(stored.bits()), bits));
    return Halide::Internal::make_const(stored, value.getValueAsDouble());
  }
  auto value = mlir::cast<mlir::IntegerAttr>(attribute).getValue();
  if (type.isInteger(1))
    return Halide::Internal::make_bool(value.isOne());
  return Halide::Internal::make_const(storedType(type), value.getSExtValue());
}

namespace {

// f32 or f64 of the bits of a bf16.
Expr ofBF16(Expr bits, mlir::Type type) {
  Expr single = Halide::reinterpret<float>(Halide::cast<uint32_t>(bits) << 16);
  return Halide::cast(storedType(type), single);
}

// The bits of an integer under the sign that an op gives them: values are signed between ops, an i1 is a bool. A signed
// i1 is 0 or -1.
Expr asUnsigned(Expr x) {
  return x.type().is_bool() ? x : Halide::reinterpret(x.type().with_code(Halide::Type::UInt), x);
}
Expr asSigned(Expr x) {
  return x.type().is_bool() ? Halide::select(x, Halide::cast<int8_t>(-1), Halide::cast<int8_t>(0)) : x;
}

// Of unsigned integers; they wrap, as in arith. Halide's signed ones must not.
template <typename Op> Expr wrapping(Expr x, Expr y, Op op) {
  if (x.type().is_bool())
    return x; // no body does arithmetic on i1
  return Halide::reinterpret(x.type(), op(asUnsigned(x), asUnsigned(y)));
}

Expr compare(arith::CmpFPredicate predicate, Expr x, Expr y) {
  using P = arith::CmpFPredicate;
  Expr unordered = x != x || y != y;
  switch (predicate) {
  case P::OEQ: return x == y;
  case P::OLT: return x < y;
  case P::OLE: return x <= y;
  case P::OGT: return x > y;
  case P::OGE: return x >= y;
  case P::ONE: return x < y || x > y;
  case P::ORD: return x == x && y == y;
  case P::UNO: return unordered;
  case P::UNE: return x != y;
  case P::UEQ: return unordered || x == y;
  case P::ULT: return unordered || x < y;
  case P::ULE: return unordered || x <= y;
  case P::UGT: return unordered || x > y;
  case P::UGE: return unordered || x >= y;
  case P::AlwaysTrue: return Halide::Internal::const_true();
  default: return Halide::Internal::const_false();
  }
}

Expr compare(arith::CmpIPredicate predicate, Expr x, Expr y) {
  using P = arith::CmpIPredicate;
  bool isUnsigned = predicate >= P::ult;
  if (isUnsigned) {
    x = asUnsigned(x);
    y = asUnsigned(y);
  }
  switch (predicate) {
  case P::eq: return x == y;
  case P::ne: return x != y;
  case P::slt:
  case P::ult: return x < y;
  case P::sle:
  case P::ule: return x <= y;
  case P::sgt:
  case P::ugt: return x > y;
  default: return x >= y;
  }
}

// Keeps a NaN of either side, as arith.maximumf does and Halide's max does not.
Expr maximum(Expr x, Expr y) { return Halide::select(x != x, x, Halide::select(x > y, x, y)); }
Expr minimum(Expr x, Expr y) { return Halide::select(x != x, x, Halide::select(x < y, x, y)); }

// A value that Halide's simplifier takes as it is. It makes a cast from floats to signed integers, and these to
// unsigned ones, a single cast to unsigned integers, which negative numbers do not survive.
Expr opaque(Expr x) {
  using Halide::Internal::Call;
  return Call::make(x.type(), Call::return_second, {Halide::Internal::make_zero(x.type()), x}, Call::PureIntrinsic);
}

Expr signBit(Expr bits) { return Halide::Internal::make_const(bits.type(), 1) << (bits.type().bits() - 1); }

} // namespace

// Halide has no fused multiply-add, and a flag that lets LLVM fuse a product and a sum would let it do so in one loop
// and not in its tail. So the op is spelled in a way that FusedMultiplyAdd.cpp knows again: f32 with its product and
// sum in f64, which is the same value but for a second rounding in one case of 2^29; f64 as a call.
Expr multiplyAdd(Expr x, Expr y, Expr z) {
  if (x.type().bits() == 64)
    return Halide::Internal::Call::make(x.type(), kMultiplyAdd64, {x, y, z}, Halide::Internal::Call::PureExtern);
  return Halide::cast<float>(Halide::cast<double>(x) * Halide::cast<double>(y) + Halide::cast<double>(z));
}

Expr evaluate(Operation *op, const Exprs &v) {
  mlir::Type type = op->getNumResults() ? op->getResult(0).getType() : mlir::Type();
  return llvm::TypeSwitch<Operation *, Expr>(op)
      .Case([&](arith::ConstantOp o) { return constant(o.getValue(), type); })
      .Case<arith::AddFOp>([&](auto) { return v[0] + v[1]; })
      .Case<arith::SubFOp>([&](auto) { return v[0] - v[1]; })
      .Case<arith::MulFOp>([&](auto) { return v[0] * v[1]; })
      .Case<arith::DivFOp>([&](auto) { return v[0] / v[1]; })
      .Case<arith::NegFOp>([&](auto) {
        Expr bits = Halide::reinterpret(v[0].type().with_code(Halide::Type::UInt), v[0]);
        return Halide::reinterpret(v[0].type(), bits ^ signBit(bits));
      })
      .Case([&](arith::MaximumFOp o) {
        return o->hasAttr(kOfNumbersAttr) ? Halide::select(v[0] > v[1], v[0], v[1]) : maximum(v[0], v[1]);
      })
      .Case<arith::MinimumFOp>([&](auto) { return minimum(v[0], v[1]); })
      .Case([&](arith::CmpFOp o) { return compare(o.getPredicate(), v[0], v[1]); })
      .Case([&](arith::CmpIOp o) { return compare(o.getPredicate(), v[0], v[1]); })
      .Case<arith::SelectOp>([&](auto) { return Halide::select(v[0], v[1], v[2]); })
      .Case<arith::AddIOp>([&](auto) { return wrapping(v[0], v[1], [](Expr x, Expr y) { return x + y; }); })
      .Case<arith::SubIOp>([&](auto) { return wrapping(v[0], v[1], [](Expr x, Expr y) { return x - y; }); })
      .Case<arith::MulIOp>([&](auto) { return wrapping(v[0], v[1], [](Expr x, Expr y) { return x * y; }); })
      .Case<arith::AndIOp>([&](auto) { return v[0].type().is_bool() ? v[0] && v[1] : v[0] & v[1]; })
      .Case<arith::OrIOp>([&](auto) { return v[0].type().is_bool() ? v[0] || v[1] : v[0] | v[1]; })
      .Case<arith::XOrIOp>([&](auto) { return v[0].type().is_bool() ? v[0] != v[1] : v[0] ^ v[1]; })
      .Case<arith::ShLIOp>([&](auto) { return wrapping(v[0], v[1], [](Expr x, Expr y) { return x << y; }); })
      .Case<arith::ShRSIOp>([&](auto) { return v[0] >> asUnsigned(v[1]); })
      .Case<arith::ShRUIOp>([&](auto) { return wrapping(v[0], v[1], [](Expr x, Expr y) { return x >> y; }); })
      .Case<arith::MaxUIOp>(
          [&](auto) { return wrapping(v[0], v[1], [](Expr x, Expr y) { return Halide::max(x, y); }); })
      .Case<arith::MinUIOp>(
          [&](auto) { return wrapping(v[0], v[1], [](Expr x, Expr y) { return Halide::min(x, y); }); })
      .Case<arith::MaxSIOp>([&](auto) { return Halide::max(v[0], v[1]); })
      .Case<arith::MinSIOp>([&](auto) { return Halide::min(v[0], v[1]); })
      .Case<arith::BitcastOp>([&](auto) { return Halide::reinterpret(storedType(type), v[0]); })
      .Case([&](arith::ExtFOp o) {
        return o.getIn().getType().isBF16() ? ofBF16(v[0], type) : Halide::cast(storedType(type), v[0]);
      })
      .Case<arith::TruncFOp, arith::IndexCastOp>([&](auto) { return Halide::cast(storedType(type), v[0]); })
      .Case<arith::FPToSIOp>([&](auto) { return opaque(Halide::cast(storedType(type), v[0])); })
      .Case<arith::SIToFPOp, arith::ExtSIOp>([&](auto) { return Halide::cast(storedType(type), asSigned(v[0])); })
      .Case<arith::UIToFPOp, arith::ExtUIOp>([&](auto) { return Halide::cast(storedType(type), asUnsigned(v[0])); })
      .Case<arith::TruncIOp>(
          [&](auto) { return type.isInteger(1) ? (v[0] & 1) != 0 : Halide::cast(storedType(type), v[0]); })
      .Case<math::FmaOp>([&](auto) { return multiplyAdd(v[0], v[1], v[2]); })
      .Case<math::SqrtOp>([&](auto) { return Halide::sqrt(v[0]); })
      .Case<math::AbsFOp>([&](auto) { return Halide::abs(v[0]); })
      .Case<math::FloorOp>([&](auto) { return Halide::floor(v[0]); })
      .Case<math::CeilOp>([&](auto) { return Halide::ceil(v[0]); })
      .Case<math::RoundEvenOp>([&](auto) { return Halide::round(v[0]); })
      .Case<math::CopySignOp>([&](auto) {
        Halide::Type bits = v[0].type().with_code(Halide::Type::UInt);
        Expr x = Halide::reinterpret(bits, v[0]), y = Halide::reinterpret(bits, v[1]);
        return Halide::reinterpret(v[0].type(), (x & ~signBit(x)) | (y & signBit(y)));
      })
      .Default([](Operation *) { return Expr(); });
}

} // namespace mlc::codegen::halide
