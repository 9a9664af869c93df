// exp and what is made of it: expm1, exp2, tanh, sigmoid, erf.
//
// exp(x) = 2^k exp(r) with k = round(x / ln 2) and r = x - k ln 2 in two parts (Cody and Waite), |r| <= ln(2) / 2, and
// the Taylor series of exp(r) - 1. See J.-M. Muller, Elementary Functions, ch. 11.
#include "codegen/math/Formula.h"
#include "codegen/math/Math.h"
#include <cmath>

using namespace mlir;

namespace mlc::codegen {
namespace {

// exp(r) - 1 for |r| <= ln(2) / 2: r + r^2 (1/2! + r/3! + ...).
Value expM1Reduced(Formula &f, Value r) {
  SmallVector<double> coefficients;
  double factorial = 1;
  for (int n = 2; n <= (f.isDouble ? 13 : 7); ++n)
    coefficients.push_back(1 / (factorial *= n));
  return f.fma(f.mul(r, r), f.polynomial(r, coefficients), r);
}

Value subtractLn2(Formula &f, Value x, Value k) {
  double high = f.isDouble ? 6.93147180369123816490e-01 : 0x1.62e3p-1;
  double low = f.isDouble ? 1.90821492927058770002e-10 : 9.0580006145e-06;
  return f.fma(k, f.number(-low), f.fma(k, f.number(-high), x));
}

// m * 2^k; k may leave the range of exponents, so in two steps, of which only the second rounds.
Value scale(Formula &f, Value m, Value k) {
  Value half = f.shiftRight(k, 1);
  return f.mul(f.mul(m, f.powerOfTwo(half)), f.powerOfTwo(f.subBits(k, half)));
}

} // namespace

Value buildExp(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  // Beyond these limits the result is infinite, or rounds to 0.
  Value clamped = f.atMost(f.atLeast(x, f.isDouble ? -746 : -104), f.isDouble ? 710 : 89);
  auto k = f.nearest(clamped, M_LOG2E);
  Value r = subtractLn2(f, clamped, k.number);
  return scale(f, f.add(expM1Reduced(f, r), f.number(1)), k.integer);
}

Value buildExp2(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  Value clamped = f.atMost(f.atLeast(x, f.isDouble ? -1076 : -151), f.isDouble ? 1024 : 128);
  auto k = f.nearest(clamped, 1);
  Value r = f.mul(f.sub(clamped, k.number), f.number(M_LN2));
  return scale(f, f.add(expM1Reduced(f, r), f.number(1)), k.integer);
}

Value buildExpM1(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  Value clamped = f.atMost(f.atLeast(x, f.isDouble ? -40 : -20), f.isDouble ? 710 : 89);
  auto k = f.nearest(clamped, M_LOG2E);
  Value e = expM1Reduced(f, subtractLn2(f, clamped, k.number));
  // 2^k (e + 1) - 1 as twice (2^(k-1) e + (2^(k-1) - 1/2)): 2^k alone may overflow.
  Value power = f.powerOfTwo(f.subBits(k.integer, f.integer(1)));
  Value half = f.fma(power, e, f.sub(power, f.number(0.5)));
  Value result = f.select(f.equalBits(k.integer, f.integer(0)), e, f.add(half, half));
  return f.copySign(result, x); // -0
}

// tanh |x| = m / (m + 2), m = expm1(2 |x|).
Value buildTanh(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  Value magnitude = f.atMost(f.abs(x), f.isDouble ? 20 : 10);
  Value m = buildExpM1(b, loc, f.add(magnitude, magnitude));
  return f.copySign(f.div(m, f.add(m, f.number(2))), x);
}

// 1 / (1 + exp(-x)) with exp of a negative number only: no overflow, and small results keep their digits.
Value buildSigmoid(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  Value e = buildExp(b, loc, f.neg(f.abs(x)));
  return f.div(f.select(f.less(x, f.number(0)), e, f.number(1)), f.add(f.number(1), e));
}

// f32: minimax polynomials of N. Juffa, https://stackoverflow.com/q/35148198: x P(x^2) near 0, 1 - exp(P(|x|)) beyond.
// f64: the series erf x = 2 / sqrt(pi) exp(-x^2) x sum (2 x^2)^n / (2n + 1)!! has only positive terms, so it is
// accurate everywhere; up to |x| = 6, where erf rounds to 1, it needs 160 of them. f64 is not a fast path.
Value buildErf(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  Value t = f.atMost(f.abs(x), f.isDouble ? 6 : 10);
  Value s = f.mul(t, t);
  if (f.isDouble) {
    SmallVector<double> coefficients;
    double c = 2 / std::sqrt(M_PI);
    for (int n = 0; n <= 160; ++n) {
      coefficients.push_back(c);
      c *= 2.0 / (2 * n + 3);
    }
    Value sum = f.polynomial(s, coefficients);
    Value result = f.mul(f.mul(t, buildExp(b, loc, f.neg(s))), sum);
    return f.copySign(f.atMost(result, 1), x);
  }
  Value far = f.polynomial(t, {-1.28717512e-1, -6.34846687e-1, -1.06777877e-1, 2.42546219e-2, -3.88396438e-3,
                               3.83197126e-4, -1.72853470e-5});
  far = f.fma(far, t, f.neg(t));
  far = f.sub(f.number(1), buildExp(b, loc, far));
  Value near = f.polynomial(s, {1.28379166e-1, -3.76125336e-1, 1.12819925e-1, -2.67681349e-2, 4.99119423e-3,
                                -5.96761703e-4});
  near = f.fma(near, t, t);
  return f.copySign(f.select(f.less(f.number(0.927734375), t), far, near), x);
}

} // namespace mlc::codegen
