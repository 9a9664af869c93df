// Roundings that x86-64-v3 has no instruction for, and the remainder of a division, which is exact: LLVM would call
// compiler-rt (__truncsfbf2, __truncdfhf2) and libm (fmod).
#include "codegen/math/Formula.h"
#include "codegen/math/Math.h"
#include <limits>

using namespace mlir;

namespace mlc::codegen {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// f64 to f32, rounded to odd: inexact results have their last bit set, so that a second rounding to 22 bits or fewer
// comes out as if it was the only one (Boldo and Melquiond, https://doi.org/10.1109/TC.2007.70819).
Value truncToOdd(OpBuilder &b, Location loc, Value x) {
  Type f32 = withElement(x.getType(), b.getF32Type());
  Formula f(b, loc, f32);
  Value y = arith::TruncFOp::create(b, loc, f32, x), back = arith::ExtFOp::create(b, loc, x.getType(), y);
  Value inexact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE, back, x);
  // Away from zero: one step back is the truncated number. A number of sign and magnitude, so bits count steps.
  Formula wide(b, loc, x.getType());
  Value away = wide.less(wide.abs(x), wide.abs(back));
  Value bits = f.toBits(y);
  bits = f.select(away, f.subBits(bits, f.integer(1)), bits);
  Value odd = arith::OrIOp::create(b, loc, bits, f.integer(1));
  return f.select(inexact, f.fromBits(odd), y);
}

Value truncToBF16(OpBuilder &b, Location loc, Value x, Type to) {
  Formula f(b, loc, x.getType());
  Value bits = f.toBits(x);
  auto shifted = [&](Value value) -> Value { return arith::ShRUIOp::create(b, loc, value, f.integer(16)); };
  // To nearest, ties to even; carries go into the exponent, up to infinity.
  Value even = f.andBits(shifted(bits), f.integer(1));
  Value rounded = shifted(f.addBits(bits, f.addBits(even, f.integer(0x7fff))));
  Value isNaN = f.compare(arith::CmpFPredicate::UNO, x, x);
  Value quiet = arith::OrIOp::create(b, loc, shifted(bits), f.integer(0x40));
  Value half =
      arith::TruncIOp::create(b, loc, withElement(x.getType(), b.getI16Type()), f.select(isNaN, quiet, rounded));
  return arith::BitcastOp::create(b, loc, to, half);
}

} // namespace

Value buildTrunc(OpBuilder &b, Location loc, Value x, Type to) {
  Type from = getElementTypeOrSelf(x), element = getElementTypeOrSelf(to);
  if (from.isF64())
    x = truncToOdd(b, loc, x);
  if (element.isBF16())
    return truncToBF16(b, loc, x, to);
  return arith::TruncFOp::create(b, loc, to, x); // f32 to f16: F16C
}

// r = |x|, then r = r mod (|y| 2^(50 j)) for falling j: each quotient is below 2^51, so that its integer part q, which
// may be one too high, is exact in f64, and so is fma(-q, c, r): a multiple of the last bit of c below 2 c.
Value buildRem(OpBuilder &b, Location loc, Value x, Value y) {
  Type type = x.getType();
  bool isDouble = getElementTypeOrSelf(type).isF64();
  Type f64 = withElement(type, b.getF64Type());
  if (!isDouble) {
    x = arith::ExtFOp::create(b, loc, f64, x);
    y = arith::ExtFOp::create(b, loc, f64, y);
  }
  Formula f(b, loc, f64);
  // The largest number over the smallest is below 2^277 for f32, 2^2098 for f64.
  int steps = isDouble ? 42 : 6;
  Value r = f.abs(x);
  SmallVector<Value> divisors = {f.abs(y)};
  while (int(divisors.size()) < steps)
    divisors.push_back(f.mul(divisors.back(), f.number(0x1p50)));
  for (Value c : llvm::reverse(divisors)) {
    Value q = math::TruncOp::create(b, loc, f.div(r, c));
    Value next = f.fma(f.neg(q), c, r);
    next = f.select(f.less(next, f.number(0)), f.add(next, c), next);
    r = f.select(f.less(c, f.number(kInfinity)), next, r);
  }
  // An infinite y leaves x, an infinite x and y = 0 gave NaN on the way; a NaN y has to.
  r = f.select(f.compare(arith::CmpFPredicate::UNO, y, y), y, r);
  r = f.select(f.equal(f.abs(x), f.number(kInfinity)), f.number(std::numeric_limits<double>::quiet_NaN()), r);
  r = f.copySign(r, x);
  return isDouble ? r : arith::TruncFOp::create(b, loc, type, r).getResult();
}

} // namespace mlc::codegen
