#include "codegen/cpu/WindowAxis.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace mlc::codegen::cpu {

std::pair<Value, Value> tapsInside(BodyEvaluator &e, const WindowAxis &axis, Value start) {
  auto taps = [&](Value elements) { // that it takes to pass as many elements
    Value some = arith::MaxSIOp::create(e.b, e.loc, elements, e.constant(0));
    return e.div(e.add(some, axis.dilation - 1), axis.dilation);
  };
  Value before = e.mul(start, -1);
  Value last = taps(e.add(before, axis.elements));
  return {taps(before), arith::MinSIOp::create(e.b, e.loc, e.constant(axis.taps), last)};
}

} // namespace mlc::codegen::cpu
