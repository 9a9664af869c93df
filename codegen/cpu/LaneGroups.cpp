#include "codegen/cpu/LaneGroups.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace mlc::codegen::cpu {

Value loadLaneGroups(BodyEvaluator &e, const Contraction &c, Value pointer, int64_t j, int64_t channel,
                     int64_t channels) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Type type = c.lhs.element;
  int64_t width = e.width, stride = c.laneGroupStride;
  // Lanes behind the last one read what it reads.
  auto groupOf = [&](int64_t lane) { return std::min(j * width + lane, c.n - 1) / c.laneGroup; };
  int64_t first = groupOf(0), groups = groupOf(width - 1) - first + 1;
  auto address = [&](int64_t group, int64_t at) {
    return e.element(pointer, type, e.constant((first + group) * stride + at));
  };
  auto broadcast = [&](int64_t group) {
    Value scalar = LLVM::LoadOp::create(b, loc, type, address(group, channel), BodyEvaluator::elementBytes(type));
    return e.splat(scalar);
  };
  if (groups == 1)
    return broadcast(0);
  // All that the steps read lies in one vector or two: a shuffle takes this step's elements.
  int64_t span = (groups - 1) * stride + channels;
  if (span <= 2 * width) {
    auto part = [&](int64_t at) {
      int64_t count = std::min(span - at, width);
      return e.loadVector(address(0, at), type, count < width ? e.maskOfFirst(e.constant(count)) : Value());
    };
    Value low = part(0), high = span > width ? part(width) : low;
    SmallVector<int64_t> elements;
    for (int64_t lane = 0; lane < width; ++lane)
      elements.push_back((groupOf(lane) - first) * stride + channel);
    return vector::ShuffleOp::create(b, loc, low, high, elements);
  }
  // Otherwise one load for each group, into its lanes.
  Value lanes = broadcast(0);
  for (int64_t group = 1; group < groups; ++group) {
    SmallVector<bool> behind;
    for (int64_t lane = 0; lane < width; ++lane)
      behind.push_back(groupOf(lane) - first >= group);
    Value mask = arith::ConstantOp::create(b, loc, b.getBoolVectorAttr(behind));
    lanes = arith::SelectOp::create(b, loc, mask, broadcast(group), lanes);
  }
  return lanes;
}

} // namespace mlc::codegen::cpu
