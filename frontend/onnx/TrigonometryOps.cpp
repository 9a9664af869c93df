// Inverse, hyperbolic and inverse hyperbolic functions of ONNX, and the tangent. All are computed in f64, so that
// simple formulas give elements of f32 rounded once; a formula is chosen where it loses no digits in f64 either.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include <limits>
#include <numbers>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// f(x) of an odd function from its value for |x|. Zero keeps its sign.
Value odd(Compose &c, Value x, Value ofMagnitude) {
  Value signedResult = c.select(c.compare(ComparePredicate::LT, x, 0), c.apply<NegOp>(ofMagnitude), ofMagnitude);
  return c.select(c.compare(ComparePredicate::EQ, x, 0), x, signedResult);
}

// ln(1 + u), u >= 0. What rounding takes from 1 + u, the quotient gives back (Goldberg, "What every computer scientist
// should know about floating-point arithmetic", theorem 4); large and infinite u need no such help.
Value log1p(Compose &c, Value u) {
  Value w = c.add(u, 1), log = c.apply<LogOp>(w);
  Value near0 = c.mul(log, c.div(u, c.add(w, -1)));
  near0 = c.select(c.compare(ComparePredicate::EQ, w, 1), u, near0);
  return c.select(c.compare(ComparePredicate::GT, u, 1), log, near0);
}

// atan(x) of x >= 0: pi/2 - atan(1/x) above 1, the half-angle formula atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), then
// the series for arguments of at most tan(pi/8).
Value arcTangentOfMagnitude(Compose &c, Value x) {
  constexpr int kTerms = 21;
  Value above1 = c.compare(ComparePredicate::GT, x, 1), t = c.select(above1, c.apply<ReciprocalOp>(x), x);
  t = c.div(t, c.add(c.apply<SqrtOp>(c.add(c.mul(t, t), 1)), 1));
  Value square = c.mul(t, t), tail = c.mul(square, 1.0 / (2 * kTerms - 1));
  for (int k = kTerms - 2; k > 0; --k)
    tail = c.mul(square, c.add(tail, (k % 2 ? -1.0 : 1.0) / (2 * k + 1)));
  Value angle = c.mul(c.add(t, c.mul(t, tail)), 2);
  Value complement = c.add(c.apply<NegOp>(angle), std::numbers::pi / 2);
  return c.select(above1, complement, angle);
}

Value arcTangent(Compose &c, Value x) { return odd(c, x, arcTangentOfMagnitude(c, c.apply<AbsOp>(x))); }

// The products (1 - x)(1 + x) keep the digits that 1 - x^2 loses next to 1. Outside of [-1, 1] their root is NaN.
Value arcSine(Compose &c, Value x) {
  Value a = c.apply<AbsOp>(x), cosine = c.apply<SqrtOp>(c.mul(c.add(c.apply<NegOp>(a), 1), c.add(a, 1)));
  return odd(c, x, arcTangentOfMagnitude(c, c.div(a, cosine)));
}

Value arcCosine(Compose &c, Value x) {
  Value ratio = c.div(c.add(c.apply<NegOp>(x), 1), c.add(x, 1));
  return c.mul(arcTangentOfMagnitude(c, c.apply<SqrtOp>(ratio)), 2);
}

// exp(|x|) / 2 and exp(-|x|) / 2, by halves of the exponent: exp(|x|) overflows before its half does.
std::pair<Value, Value> halfExponentials(Compose &c, Value x) {
  Value root = c.apply<ExpOp>(c.mul(c.apply<AbsOp>(x), 0.5)), inverse = c.apply<ReciprocalOp>(root);
  return {c.mul(c.mul(root, 0.5), root), c.mul(c.mul(inverse, 0.5), inverse)};
}

// The series up to 1, where the exponentials cancel.
Value hyperbolicSine(Compose &c, Value x) {
  constexpr int kTerms = 10;
  Value a = c.apply<AbsOp>(x), square = c.mul(a, a), tail;
  for (int k = kTerms - 1; k > 0; --k) // a (1 + a^2 / (2 * 3) (1 + a^2 / (4 * 5) (...)))
    tail = c.mul(tail ? c.add(c.mul(square, tail), square) : square, 1.0 / (2 * k * (2 * k + 1)));
  Value near0 = c.add(a, c.mul(a, tail));
  auto [growing, falling] = halfExponentials(c, x);
  return odd(c, x, c.select(c.compare(ComparePredicate::GT, a, 1), c.sub(growing, falling), near0));
}

Value hyperbolicCosine(Compose &c, Value x) {
  auto [growing, falling] = halfExponentials(c, x);
  return c.add(growing, falling);
}

// Above this number x^2 + 1 and x^2 are one in f64, and the logarithm of 2x is exact enough; x^2 itself may overflow.
constexpr double kLarge = 0x1p28;

Value logOfTwice(Compose &c, Value x) { return c.add(c.apply<LogOp>(x), std::numbers::ln2); }

// ln(|x| + sqrt(x^2 + 1)), without the cancellation next to 0.
Value areaSine(Compose &c, Value x) {
  Value a = c.apply<AbsOp>(x), square = c.mul(a, a);
  Value rest = c.div(square, c.add(c.apply<SqrtOp>(c.add(square, 1)), 1));
  return odd(c, x, c.select(c.compare(ComparePredicate::GT, a, kLarge), logOfTwice(c, a), log1p(c, c.add(a, rest))));
}

// ln(x + sqrt(x^2 - 1)) in t = x - 1; the root of a negative t is NaN.
Value areaCosine(Compose &c, Value x) {
  Value t = c.add(x, -1);
  Value root = c.mul(c.apply<SqrtOp>(t), c.apply<SqrtOp>(c.add(t, 2)));
  return c.select(c.compare(ComparePredicate::GT, x, kLarge), logOfTwice(c, x), log1p(c, c.add(t, root)));
}

// ln((1 + |x|) / (1 - |x|)) / 2; NaN beyond 1, where the quotient is negative.
Value areaTangent(Compose &c, Value x) {
  Value a = c.apply<AbsOp>(x), ratio = c.div(c.mul(a, 2), c.add(c.apply<NegOp>(a), 1));
  Value beyond = c.compare(ComparePredicate::GT, a, 1);
  return odd(c, x, c.select(beyond, c.like(x, std::numeric_limits<double>::quiet_NaN()), c.mul(log1p(c, ratio), 0.5)));
}

Value floats(NodeContext &n) {
  if (isa<FloatType>(n.typeOf(0).getElementType()))
    return n.operand(0);
  (void)n.unsupported("its operand must have elements of a floating-point type; cast it to f32");
  return {};
}

template <Value (*function)(Compose &, Value)> LogicalResult inF64(NodeContext &n) {
  Compose c(n.g);
  Value x = floats(n);
  if (!x)
    return failure();
  return n.result(c.g.cast(function(c, c.g.cast(x, Float64Type::get(n.g.context()))), Compose::element(x)));
}

// Sine and cosine of f32 reduce arguments of any size exactly, those of f64 do not.
LogicalResult tangent(NodeContext &n) {
  Compose c(n.g);
  Value x = floats(n);
  if (!x)
    return failure();
  Type type = Compose::element(x);
  x = c.g.cast(x, type.isF64() ? type : c.f32());
  return n.result(c.g.cast(c.div(c.apply<SinOp>(x), c.apply<CosOp>(x)), type));
}

} // namespace

void frontend::addTrigonometryOps(OpTable &table) {
  table["Tan"] = {tangent, 7};
  table["Asin"] = {inF64<arcSine>, 7};
  table["Acos"] = {inF64<arcCosine>, 7};
  table["Atan"] = {inF64<arcTangent>, 7};
  table["Sinh"] = {inF64<hyperbolicSine>, 9};
  table["Cosh"] = {inF64<hyperbolicCosine>, 9};
  table["Asinh"] = {inF64<areaSine>, 9};
  table["Acosh"] = {inF64<areaCosine>, 9};
  table["Atanh"] = {inF64<areaTangent>, 9};
}
