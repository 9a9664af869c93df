// sin and cos: x = k pi/2 + r with |r| <= pi/4, the reduction in f64 with pi/2 in three parts, then Taylor series.
#include "codegen/math/Formula.h"
#include "codegen/math/Math.h"
#include <cmath>

using namespace mlir;

namespace mlc::codegen {
namespace {

// sin(x + quarterTurns pi/2).
Value sine(OpBuilder &b, Location loc, Value x, int64_t quarterTurns) {
  Type type = x.getType(), wide = withElement(type, b.getF64Type());
  if (type != wide)
    x = arith::ExtFOp::create(b, loc, wide, x);
  Formula f(b, loc, wide);
  auto k = f.nearest(x, M_2_PI);
  Value r = x;
  for (double part : {0x1.921fb54442d18p0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110})
    r = f.fma(k.number, f.number(-part), r);
  Value z = f.mul(r, r);
  SmallVector<double> sinSeries, cosSeries;
  double factorial = 1;
  for (int n = 1; n <= 9; ++n) {
    double sign = n % 2 ? -1 : 1;
    cosSeries.push_back(sign / (factorial *= 2 * n - 1, factorial *= 2 * n));
    sinSeries.push_back(sign / (factorial * (2 * n + 1)));
  }
  Value sin = f.fma(f.mul(r, z), f.polynomial(z, sinSeries), r);
  Value cos = f.fma(z, f.polynomial(z, cosSeries), f.number(1));
  Value turns = f.addBits(k.integer, f.integer(quarterTurns));
  Value even = f.equalBits(f.andBits(turns, f.integer(1)), f.integer(0));
  Value positive = f.equalBits(f.andBits(turns, f.integer(2)), f.integer(0));
  Value result = f.select(even, sin, cos);
  result = f.select(positive, result, f.neg(result));
  if (quarterTurns == 0) // sin(-0) = -0
    result = f.select(f.equal(x, f.number(0)), x, result);
  if (type != wide)
    result = arith::TruncFOp::create(b, loc, type, result);
  return result;
}

} // namespace

Value buildSin(OpBuilder &b, Location loc, Value x) { return sine(b, loc, x, 0); }
Value buildCos(OpBuilder &b, Location loc, Value x) { return sine(b, loc, x, 1); }

} // namespace mlc::codegen
