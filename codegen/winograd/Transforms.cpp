// Rows of the matrices for a pair of points p, -p differ in the sign of every other element: both come from one sum of
// even and one of odd elements.
#include "codegen/winograd/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;

namespace mlc::codegen {
namespace {

class Arithmetic {
public:
  Arithmetic(OpBuilder &b, Location loc, Type type) : b(b), loc(loc), type(cast<VectorType>(type)) {}

  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value subtract(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  // factor * x + sum; factor * x where there is no sum yet.
  Value multiplyAdd(double factor, Value x, Value sum) {
    if (factor == 0)
      return sum;
    if (factor == 1)
      return sum ? add(sum, x) : x;
    if (factor == -1 && sum)
      return subtract(sum, x);
    return sum ? math::FmaOp::create(b, loc, number(factor), x, sum).getResult()
               : arith::MulFOp::create(b, loc, number(factor), x).getResult();
  }

private:
  Value number(double value) {
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, Attribute(b.getF32FloatAttr(float(value)))));
  }
  OpBuilder &b;
  Location loc;
  VectorType type;
};

} // namespace

SmallVector<Value> transformInput(OpBuilder &b, Location loc, const Winograd &w, ArrayRef<Value> d) {
  Arithmetic a(b, loc, d.front().getType());
  // Elements first, first + 2, ... of a row, divided by `divisor`; the highest, whose factor is 1 then, comes first.
  auto everyOther = [&](int64_t row, int64_t first, double divisor) {
    Value sum;
    for (int64_t k = first + (w.taps - 1 - first) / 2 * 2; k >= first; k -= 2)
      sum = a.multiplyAdd(w.input[size_t(row * w.taps + k)] / divisor, d[size_t(k)], sum);
    return sum;
  };
  SmallVector<Value> result{everyOther(0, 0, 1)};
  for (int64_t row = 1; row + 1 < w.taps; row += 2) {
    double point = w.points[size_t(row)];
    Value even = everyOther(row, 0, 1), odd = everyOther(row, 1, point);
    result.push_back(a.multiplyAdd(point, odd, even));
    result.push_back(a.multiplyAdd(-point, odd, even));
  }
  result.push_back(everyOther(w.taps - 1, 1, 1));
  return result;
}

SmallVector<Value> transformOutput(OpBuilder &b, Location loc, const Winograd &w, ArrayRef<Value> s) {
  Arithmetic a(b, loc, s.front().getType());
  SmallVector<Value> sums, differences;
  for (int64_t pair = 1; pair + 1 < w.taps; pair += 2) {
    sums.push_back(a.add(s[size_t(pair)], s[size_t(pair + 1)]));
    differences.push_back(a.subtract(s[size_t(pair)], s[size_t(pair + 1)]));
  }
  SmallVector<Value> result;
  for (int64_t i = 0; i < w.tile; ++i) {
    Value sum = i == 0 ? s.front() : i + 1 == w.tile ? s.back() : Value();
    for (size_t pair = 0; pair < sums.size(); ++pair)
      sum = a.multiplyAdd(std::pow(w.points[2 * pair + 1], double(i)), (i % 2 ? differences : sums)[pair], sum);
    result.push_back(sum);
  }
  return result;
}

} // namespace mlc::codegen
