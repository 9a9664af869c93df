// sin and cos: x = k pi/2 + r with |r| <= pi/4, both in f64, then Taylor series. f64 is reduced with pi/2 in three
// parts (Cody and Waite), f32 exactly, whatever its exponent (M. Payne, R. Hanek, "Radian reduction for trigonometric
// functions", 1983).
#include "codegen/math/Formula.h"
#include "codegen/math/Math.h"
#include <cmath>

using namespace mlir;

namespace mlc::codegen {
namespace {

struct Angle {
  Value quarters; // modulo 4 it is k
  Value r;
};

// For |x| <= 2^30.
Angle reduceDouble(Formula &f, Value x) {
  auto k = f.nearest(x, M_2_PI);
  Value r = x;
  for (double part : {0x1.921fb54442d18p0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110})
    r = f.fma(k.number, f.number(-part), r);
  return {k.integer, r};
}

// For every f32, held in f64. 2/pi in pieces of 24 bits: each product is exact, and so is it without its multiples of
// 4, which are whole turns. From the largest piece on, sums lose nothing until they hold more bits than are needed.
Angle reduceSingle(Formula &f, Value x) {
  Value quarters = f.integer(0), fraction = f.number(0);
  for (double piece : {0xa2f983p-24, 0x6e4e44p-48, 0x1529fcp-72, 0x2757d1p-96, 0xf534ddp-120, 0xc0db62p-144,
                       0x95993cp-168, 0x439041p-192}) {
    Value product = f.mul(x, f.number(piece));
    Value turns = f.floor(f.fma(product, f.number(0.25), f.number(0.5)));
    fraction = f.add(fraction, f.fma(turns, f.number(-4), product));
    auto whole = f.nearest(fraction, 1);
    fraction = f.sub(fraction, whole.number);
    quarters = f.addBits(quarters, whole.integer);
  }
  return {quarters, f.mul(fraction, f.number(M_PI_2))};
}

// sin(x + quarterTurns pi/2).
Value sine(OpBuilder &b, Location loc, Value x, int64_t quarterTurns) {
  Type type = x.getType(), wide = withElement(type, b.getF64Type());
  if (type != wide)
    x = arith::ExtFOp::create(b, loc, wide, x);
  Formula f(b, loc, wide);
  auto [quarters, r] = type == wide ? reduceDouble(f, x) : reduceSingle(f, x);
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
  Value turns = f.addBits(quarters, f.integer(quarterTurns));
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
