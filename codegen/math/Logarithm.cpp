// log, log1p, logarithms to other bases, and pow.
//
// x = 2^k m with m in [sqrt(1/2), sqrt(2)), s = (m - 1) / (m + 1), log m = 2 atanh s as a series in s^2, arranged as in
// FreeBSD's msun (e_log.c) so that nothing cancels.
#include "codegen/math/Formula.h"
#include "codegen/math/Math.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace mlc::codegen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Value extended(OpBuilder &b, Location loc, Value x) {
  if (getElementTypeOrSelf(x).isF64())
    return x;
  return arith::ExtFOp::create(b, loc, withElement(x.getType(), b.getF64Type()), x);
}

Value roundedTo(OpBuilder &b, Location loc, Value x, Type type) {
  if (x.getType() == type)
    return x;
  return arith::TruncFOp::create(b, loc, type, x);
}

} // namespace

Value buildLog(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  int64_t mantissa = f.isDouble ? 52 : 23;
  int64_t one = f.isDouble ? 0x3ff0000000000000 : 0x3f800000, rootHalf = f.isDouble ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  // Subnormal numbers are scaled into the normal range.
  Value small = f.less(x, f.number(f.isDouble ? 0x1p-1022 : 0x1p-126));
  Value normal = f.select(small, f.mul(x, f.number(f.isDouble ? 0x1p54 : 0x1p25)), x);
  Value bits = f.addBits(f.toBits(normal), f.integer(one - rootHalf));
  Value k = f.subBits(f.shiftRight(bits, mantissa), f.integer(f.isDouble ? 1023 : 127));
  k = f.subBits(k, f.select(small, f.integer(f.isDouble ? 54 : 25), f.integer(0)));
  Value m = f.fromBits(f.addBits(f.andBits(bits, f.integer((int64_t(1) << mantissa) - 1)), f.integer(rootHalf)));

  Value exponent = f.toFloat(k), d = f.sub(m, f.number(1));
  Value s = f.div(d, f.add(d, f.number(2))), z = f.mul(s, s);
  SmallVector<double> coefficients;
  for (int n = 1; n <= (f.isDouble ? 11 : 4); ++n)
    coefficients.push_back(2.0 / (2 * n + 1));
  Value r = f.mul(z, f.polynomial(z, coefficients));
  Value halfSquare = f.mul(f.mul(d, d), f.number(0.5));
  Value low = f.number(f.isDouble ? 1.90821492927058770002e-10 : 9.0580006145e-06);
  Value high = f.number(f.isDouble ? 6.93147180369123816490e-01 : 0x1.62e3p-1);
  Value tail = f.fma(s, f.add(halfSquare, r), f.mul(exponent, low));
  Value result = f.fma(exponent, high, f.add(f.sub(tail, halfSquare), d));

  result = f.select(f.less(x, f.number(kInfinity)), result, x); // infinity, NaN
  result = f.select(f.equal(x, f.number(0)), f.number(-kInfinity), result);
  return f.select(f.less(x, f.number(0)), f.number(kNaN), result);
}

// log(u) x / (u - 1) with u = 1 + x rounded: the errors of u cancel (W. Kahan; Goldberg 1991, theorem 4).
Value buildLog1P(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  Value u = f.add(x, f.number(1));
  Value result = f.mul(buildLog(b, loc, u), f.div(x, f.sub(u, f.number(1))));
  result = f.select(f.equal(u, f.number(1)), x, result);
  return f.select(f.equal(x, f.number(kInfinity)), x, result);
}

Value buildLogBase(OpBuilder &b, Location loc, Value x, double base) {
  Value wide = extended(b, loc, x);
  Formula f(b, loc, wide.getType());
  return roundedTo(b, loc, f.mul(buildLog(b, loc, wide), f.number(1 / std::log(base))), x.getType());
}

static std::optional<double> constantOf(Value value) {
  if (auto extended = value.getDefiningOp<arith::ExtFOp>())
    value = extended.getIn();
  Attribute attribute;
  if (!matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  if (auto splat = dyn_cast<SplatElementsAttr>(attribute))
    attribute = splat.getSplatValue<Attribute>();
  auto number = dyn_cast<FloatAttr>(attribute);
  return number ? std::optional(number.getValueAsDouble()) : std::nullopt;
}

// Exponents that models are full of, by a few roundings; null: another one.
static Value buildPowOf(OpBuilder &b, Location loc, Value x, double exponent) {
  Formula f(b, loc, x.getType());
  auto root = [&] { // of -0 it is 0, of -inf it is inf
    Value sum = f.add(math::SqrtOp::create(b, loc, x), f.number(0));
    return f.select(f.equal(x, f.number(-kInfinity)), f.number(kInfinity), sum);
  };
  if (exponent == 1)
    return x;
  if (exponent == 2)
    return f.mul(x, x);
  if (exponent == 3)
    return f.mul(f.mul(x, x), x);
  if (exponent == -1)
    return f.div(f.number(1), x);
  if (exponent == 0.5)
    return root();
  if (exponent == -0.5)
    return f.div(f.number(1), root());
  return {};
}

Value buildPow(OpBuilder &b, Location loc, Value x, Value y) {
  if (std::optional<double> exponent = constantOf(y))
    if (Value power = buildPowOf(b, loc, x, *exponent))
      return power;
  Type type = x.getType();
  x = extended(b, loc, x);
  y = extended(b, loc, y);
  Formula f(b, loc, x.getType());
  Value magnitude = f.abs(x), zero = f.number(0), one = f.number(1);
  Value result = buildExp(b, loc, f.mul(y, buildLog(b, loc, magnitude)));
  // (+-1)^(+-inf) = 1; the product above is NaN there.
  Value unit = f.both(f.equal(magnitude, one), f.equal(f.abs(y), f.number(kInfinity)));
  result = f.select(unit, one, result);
  Value whole = f.equal(f.floor(y), y), halfY = f.mul(y, f.number(0.5));
  Value odd = f.both(whole, f.compare(arith::CmpFPredicate::ONE, f.floor(halfY), halfY));
  result = f.select(odd, f.copySign(result, x), result);
  Value notWhole = f.compare(arith::CmpFPredicate::ONE, f.floor(y), y);
  Value finiteNegative = f.both(f.less(x, zero), f.less(f.number(-kInfinity), x));
  result = f.select(f.both(finiteNegative, notWhole), f.number(kNaN), result);
  // x^0 = 1 and 1^y = 1, of NaN too.
  result = f.select(f.equal(y, zero), one, result);
  result = f.select(f.equal(x, one), one, result);
  return roundedTo(b, loc, result, type);
}

} // namespace mlc::codegen
