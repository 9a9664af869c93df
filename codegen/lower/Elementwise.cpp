// Elementwise ops: one linalg.generic each, with NumPy's broadcasting in its indexing maps.
#include "codegen/lower/Families.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace mlc::codegen {
namespace {

// Builds the body of one op from its scalar operands.
struct Scalars {
  OpBuilder &b;
  Location loc;
  ValueRange x;
  Type type;    // of x[0]
  bool hasSign; // of integers

  bool isFloat() const { return isa<FloatType>(type); }
  Value constant(double value) const { return scalar(b, loc, type, value, !hasSign); }
  template <typename Float, typename Int> Value pick(Value left, Value right) const {
    return isFloat() ? Float::create(b, loc, left, right).getResult() : Int::create(b, loc, left, right).getResult();
  }
  Value add(Value l, Value r) const { return pick<arith::AddFOp, arith::AddIOp>(l, r); }
  Value sub(Value l, Value r) const { return pick<arith::SubFOp, arith::SubIOp>(l, r); }
  Value mul(Value l, Value r) const { return pick<arith::MulFOp, arith::MulIOp>(l, r); }
  template <typename Float, typename Signed, typename Unsigned> Value pick(Value left, Value right) const {
    return hasSign ? pick<Float, Signed>(left, right) : pick<Float, Unsigned>(left, right);
  }
  Value div(Value l, Value r) const { return pick<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>(l, r); }
  Value max(Value l, Value r) const { return pick<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(l, r); }
  Value min(Value l, Value r) const { return pick<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(l, r); }
  Value neg(Value v) const { return isFloat() ? arith::NegFOp::create(b, loc, v).getResult() : sub(constant(0), v); }
  Value abs(Value v) const {
    if (!isFloat() && !hasSign)
      return v;
    return isFloat() ? math::AbsFOp::create(b, loc, v).getResult() : math::AbsIOp::create(b, loc, v).getResult();
  }
  Value exp(Value v) const { return math::ExpOp::create(b, loc, v); }
  Value select(Value c, Value l, Value r) const { return arith::SelectOp::create(b, loc, c, l, r); }
  Value compare(ComparePredicate predicate, Value l, Value r) const {
    using P = ComparePredicate;
    using F = arith::CmpFPredicate;
    using I = arith::CmpIPredicate;
    if (isFloat()) {
      F f = predicate == P::EQ   ? F::OEQ
            : predicate == P::NE ? F::UNE
            : predicate == P::LT ? F::OLT
            : predicate == P::LE ? F::OLE
            : predicate == P::GT ? F::OGT
                                 : F::OGE;
      return arith::CmpFOp::create(b, loc, f, l, r);
    }
    bool noSign = !hasSign;
    I i = predicate == P::EQ   ? I::eq
          : predicate == P::NE ? I::ne
          : predicate == P::LT ? (noSign ? I::ult : I::slt)
          : predicate == P::LE ? (noSign ? I::ule : I::sle)
          : predicate == P::GT ? (noSign ? I::ugt : I::sgt)
                               : (noSign ? I::uge : I::sge);
    return arith::CmpIOp::create(b, loc, i, l, r);
  }
};

Value gelu(const Scalars &s, bool approximate) {
  Value x = s.x[0], inner;
  if (approximate) {
    Value cube = s.mul(s.mul(x, x), x);
    Value sum = s.add(x, s.mul(cube, s.constant(0.044715)));
    inner = math::TanhOp::create(s.b, s.loc, s.mul(sum, s.constant(std::sqrt(2.0 / M_PI))));
  } else {
    inner = math::ErfOp::create(s.b, s.loc, s.mul(x, s.constant(M_SQRT1_2)));
  }
  return s.mul(s.mul(x, s.constant(0.5)), s.add(inner, s.constant(1)));
}

// Division and remainder of integers trap on the processor where the divisor is 0 or the quotient overflows. Here
// x / 0 has all bits set and x rem 0 is x, as in XLA (and RISC-V); the lowest integer / -1 wraps to itself.
Value divideIntegers(const Scalars &s, bool remainder) {
  OpBuilder &b = s.b;
  Value x = s.x[0], y = s.x[1], zero = s.constant(0), one = s.constant(1);
  Value minusOne = arith::ConstantOp::create(b, s.loc, b.getIntegerAttr(s.type, -1));
  Value isZero = s.compare(ComparePredicate::EQ, y, zero), isSpecial = isZero, isMinusOne;
  if (s.hasSign) {
    isMinusOne = s.compare(ComparePredicate::EQ, y, minusOne);
    isSpecial = arith::OrIOp::create(b, s.loc, isZero, isMinusOne);
  }
  Value safe = s.select(isSpecial, one, y);
  if (remainder) // of a division by 1 it is 0, as by -1
    return s.select(isZero, x, s.pick<arith::RemFOp, arith::RemSIOp, arith::RemUIOp>(x, safe));
  Value quotient = s.div(x, safe);
  if (s.hasSign)
    quotient = s.select(isMinusOne, s.neg(x), quotient);
  return s.select(isZero, minusOne, quotient);
}

// 1 / (1 + exp(-x)), as exp(x) / (1 + exp(x)) below 0: nothing overflows, the left tail keeps its precision.
Value sigmoid(const Scalars &s, Value x) {
  Value e = s.exp(s.neg(s.abs(x))), one = s.constant(1);
  return s.div(s.select(s.compare(ComparePredicate::LT, x, s.constant(0)), e, one), s.add(one, e));
}

Value sign(const Scalars &s) {
  Value x = s.x[0], zero = s.constant(0);
  if (!s.isFloat() && !s.hasSign)
    return s.min(x, s.constant(1));
  Value below = s.select(s.compare(ComparePredicate::LT, x, zero), s.constant(-1), s.isFloat() ? x : zero);
  return s.select(s.compare(ComparePredicate::GT, x, zero), s.constant(1), below); // +-0 and NaN give themselves
}

// arith leaves a shift by the width or more undefined; mlc does not.
Value shift(const Scalars &s, bool left) {
  Value x = s.x[0], count = s.x[1];
  unsigned width = s.type.getIntOrFloatBitWidth();
  Value inside = arith::CmpIOp::create(s.b, s.loc, arith::CmpIPredicate::ult, count, s.constant(width));
  if (left)
    return s.select(inside, arith::ShLIOp::create(s.b, s.loc, x, count), s.constant(0));
  if (!s.hasSign)
    return s.select(inside, arith::ShRUIOp::create(s.b, s.loc, x, count), s.constant(0));
  return arith::ShRSIOp::create(s.b, s.loc, x, s.select(inside, count, s.constant(width - 1)));
}

// The bounds are compared as floats, less the zero point: a NaN is less than none of them.
Value quantize(const Scalars &s, Type to, bool isUnsigned) {
  OpBuilder &b = s.b;
  Location loc = s.loc;
  unsigned bits = to.getIntOrFloatBitWidth();
  Type wide = b.getI32Type();
  Value zero = isUnsigned ? arith::ExtUIOp::create(b, loc, wide, s.x[1]).getResult()
                          : arith::ExtSIOp::create(b, loc, wide, s.x[1]).getResult();
  Value offset = arith::SIToFPOp::create(b, loc, s.type, zero);
  double end = std::ldexp(1, int(bits) - !isUnsigned), begin = isUnsigned ? 0 : -end;
  Value low = s.sub(s.constant(begin), offset), high = s.sub(s.constant(end - 1), offset);
  Value x = math::RoundEvenOp::create(b, loc, s.x[0]);
  x = s.select(s.compare(ComparePredicate::GT, x, low), x, low);
  x = s.select(s.compare(ComparePredicate::LT, x, high), x, high);
  Value integer = arith::AddIOp::create(b, loc, arith::FPToSIOp::create(b, loc, wide, x), zero);
  return arith::TruncIOp::create(b, loc, to, integer);
}

// Null where the op is not elementwise.
Value buildBody(Operation *op, const Scalars &s) {
  Value x = s.x[0], y = s.x.size() > 1 ? s.x[1] : Value();
  OpBuilder &b = s.b;
  Location loc = s.loc;
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](AddOp) { return s.add(x, y); })
      .Case([&](SubOp) { return s.sub(x, y); })
      .Case([&](MulOp) { return s.mul(x, y); })
      .Case([&](DivOp) { return s.isFloat() ? s.div(x, y) : divideIntegers(s, false); })
      .Case([&](RemOp) {
        return s.isFloat() ? arith::RemFOp::create(b, loc, x, y).getResult() : divideIntegers(s, true);
      })
      .Case([&](PowOp) { return math::PowFOp::create(b, loc, x, y).getResult(); })
      .Case([&](MaxOp) { return s.max(x, y); })
      .Case([&](MinOp) { return s.min(x, y); })
      .Case([&](AndOp) { return arith::AndIOp::create(b, loc, x, y).getResult(); })
      .Case([&](OrOp) { return arith::OrIOp::create(b, loc, x, y).getResult(); })
      .Case([&](XorOp) { return arith::XOrIOp::create(b, loc, x, y).getResult(); })
      .Case([&](ShiftLeftOp) { return shift(s, /*left=*/true); })
      .Case([&](ShiftRightOp) { return shift(s, /*left=*/false); })
      .Case([&](CompareOp o) { return s.compare(o.getPredicate(), x, y); })
      .Case([&](SelectOp) { return s.select(x, y, s.x[2]); })
      .Case([&](AbsOp) { return s.abs(x); })
      .Case([&](NegOp) { return s.neg(x); })
      .Case([&](SignOp) { return sign(s); })
      .Case([&](ExpOp) { return s.exp(x); })
      .Case([&](LogOp) { return math::LogOp::create(b, loc, x).getResult(); })
      .Case([&](SqrtOp) { return math::SqrtOp::create(b, loc, x).getResult(); })
      .Case([&](RsqrtOp) { return s.div(s.constant(1), math::SqrtOp::create(b, loc, x)); })
      .Case([&](ReciprocalOp) { return s.div(s.constant(1), x); })
      .Case([&](SinOp) { return math::SinOp::create(b, loc, x).getResult(); })
      .Case([&](CosOp) { return math::CosOp::create(b, loc, x).getResult(); })
      .Case([&](TanhOp) { return math::TanhOp::create(b, loc, x).getResult(); })
      .Case([&](ErfOp) { return math::ErfOp::create(b, loc, x).getResult(); })
      .Case([&](SigmoidOp) { return sigmoid(s, x); })
      .Case([&](SoftplusOp) { // max(x, 0) + ln(1 + exp(-|x|)) does not overflow
        return s.add(s.max(x, s.constant(0)), math::Log1pOp::create(b, loc, s.exp(s.neg(s.abs(x)))));
      })
      .Case([&](FloorOp) { return math::FloorOp::create(b, loc, x).getResult(); })
      .Case([&](CeilOp) { return math::CeilOp::create(b, loc, x).getResult(); })
      .Case([&](RoundOp) { return math::RoundEvenOp::create(b, loc, x).getResult(); })
      .Case([&](ReluOp) { return s.max(x, s.constant(0)); })
      .Case([&](NotOp) {
        APInt ones = APInt::getAllOnes(s.type.getIntOrFloatBitWidth());
        Value mask = arith::ConstantOp::create(b, loc, IntegerAttr::get(s.type, ones));
        return arith::XOrIOp::create(b, loc, x, mask).getResult();
      })
      .Case([&](GeluOp o) { return gelu(s, o.getTanhApproximation()); })
      .Case([&](LeakyReluOp o) {
        return s.select(s.compare(ComparePredicate::GE, x, s.constant(0)), x,
                        s.mul(x, s.constant(o.getAlpha().convertToDouble())));
      })
      .Case([&](EluOp o) {
        Value below = s.mul(math::ExpM1Op::create(b, loc, x), s.constant(o.getAlpha().convertToDouble()));
        return s.select(s.compare(ComparePredicate::GE, x, s.constant(0)), x, below);
      })
      .Case([&](HardSigmoidOp o) {
        Value line =
            s.add(s.mul(x, s.constant(o.getAlpha().convertToDouble())), s.constant(o.getBeta().convertToDouble()));
        return s.min(s.max(line, s.constant(0)), s.constant(1));
      })
      .Case([&](ClampOp o) {
        Value result = x;
        if (auto low = o.getLow())
          result = s.max(result, s.constant(low->convertToDouble()));
        if (auto high = o.getHigh())
          result = s.min(result, s.constant(high->convertToDouble()));
        return result;
      })
      .Case([&](IsNanOp) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x).getResult(); })
      .Case([&](IsInfOp) {
        return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, s.abs(x), s.constant(INFINITY)).getResult();
      })
      .Case([&](QuantizeOp o) { return quantize(s, o.getType().getElementType(), isUnsigned(o)); })
      .Case([&](CastOp o) { return castElement(b, loc, x, o.getTo(), isUnsigned(o), givesUnsigned(o)); })
      .Default([](Operation *) { return Value(); });
}

} // namespace

Value lowerElementwise(OpBuilder &b, Operation *op) {
  auto fusible = dyn_cast<FusibleOp>(op);
  if (!fusible || fusible.fusionClass() != FusionClass::Elementwise)
    return {};
  bool known = true;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Value result =
      mapElements(b, op->getLoc(), op->getOperands(), type, [&](OpBuilder &nested, Location loc, ValueRange x) {
        Value value = buildBody(op, {nested, loc, x, x[0].getType(), !isUnsigned(op)});
        known = bool(value);
        return known ? value : scalar(nested, loc, computeType(type.getElementType()), 0);
      });
  if (known)
    return result;
  result.getDefiningOp()->erase();
  return {};
}

} // namespace mlc::codegen
