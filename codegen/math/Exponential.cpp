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

// The polynomial minimises the relative error of 1 + r + r^2 Q(r); 2^k goes straight into the exponent, since the
// result is a normal number wherever it is not replaced by 0.
Value buildExpNonPositive(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  auto k = f.nearest(x, M_LOG2E);
  Value r = subtractLn2(f, x, k.number);
  Value e = f.polynomial(r, {1, 1, 0.49999994, 0.166665196, 0.0416684002, 0.00836885162, 0.0013814324});
  Value scaled = f.fromBits(f.addBits(f.toBits(e), f.shiftLeft(k.integer, 23)));
  return f.select(f.less(x, f.number(-0x1.5d589cp+6)), f.number(0), scaled); // ln(2^-126)
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

// f32: minimax polynomials by weighted least squares: x + x P(x^2) near 0, 1 - exp(t P(t) - t) beyond, up to 4, where
// erf rounds to 1. f64: the same split at 1, polynomials through Chebyshev nodes, the far one in (|x| - 3.5) / 2.5.
Value buildErf(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  Value t = f.atMost(f.abs(x), f.isDouble ? 6 : 4);
  Value s = f.mul(t, t);
  if (f.isDouble) {
    Value near =
        f.polynomial(s, {1.12837916709551257, -3.76126389031837481e-1, 1.12837916709548787e-1, -2.68661706450767932e-2,
                         5.22397762481801447e-3, -8.54832698083378991e-4, 1.20553311116427109e-4,
                         -1.49255952668311816e-5, 1.6461000484121368e-6, -1.6350312701054695e-7, 1.46597752740474358e-8,
                         -1.13728488567916737e-9, 5.9571761477489114e-11});
    Value u = f.mul(f.sub(f.atLeast(t, 1), f.number(3.5)), f.number(0.4));
    Value minusLog = f.polynomial( // of erfc(3.5 + 2.5 u)
        u, {1.41124374021481738e+1,  1.81652489709129767e+1,  6.04220659213893843,     8.16509097178571971e-2,
            -3.41284110797196764e-2, 1.43845483288884217e-2,  -5.95370447714158398e-3, 2.37399730067949878e-3,
            -8.93576571688031881e-4, 3.07819401590724464e-4,  -9.09010155159717539e-5, 1.84752898600081074e-5,
            1.47807371183118419e-6,  -4.5683976219076298e-6,  3.42042466596669451e-6,  -1.91269798607734025e-6,
            9.1655075925352764e-7,   -3.91892328852792411e-7, 1.2999681259733388e-7,   -1.88488300890338367e-8,
            2.1580142736303588e-9,   -4.7108405270992657e-9,  -4.52141620458365112e-9, 7.24082497451532732e-9,
            -2.24727635210743867e-9});
    Value far = f.sub(f.number(1), buildExp(b, loc, f.neg(minusLog)));
    return f.copySign(f.select(f.less(t, f.number(1)), f.mul(near, t), far), x);
  }
  Value far = f.polynomial(
      t, {-0.128637075, -0.635198057, -0.106159046, 0.0236945655, -0.00361034204, 0.000314858102, -1.04331148e-05});
  far = f.fma(far, t, f.neg(t));
  far = f.sub(f.number(1), buildExp(b, loc, far));
  Value near = f.polynomial(s, {0.128379136, -0.376124471, 0.112813205, -0.026748864, 0.00496750604, -0.000586207956});
  near = f.fma(near, t, t);
  return f.copySign(f.select(f.less(f.number(0.927734375), t), far, near), x);
}

} // namespace mlc::codegen
