// Shuffles of two vectors that are single instructions on x86: first 4 x 4 squares within the 128-bit lanes (unpack of
// 32 and of 64 bits), then whole lanes.
#include "codegen/cpu/TransposeSquare.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

// `pick(lane, i)`: which element of the pair stands at position i of that 128-bit lane, in elements of x, then of y.
template <typename Pick> Value shuffle(OpBuilder &b, Location loc, Value x, Value y, Pick pick) {
  int64_t lanes = cast<VectorType>(x.getType()).getNumElements() / 4;
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < lanes; ++lane)
    for (int64_t i = 0; i < 4; ++i)
      order.push_back(pick(lane, i));
  return vector::ShuffleOp::create(b, loc, x, y, order);
}

} // namespace

void transposeSquare(OpBuilder &b, Location loc, SmallVector<Value> &rows) {
  int64_t size = rows.size(), lanes = size / 4;
  // Units of `unit` elements: x's and y's in turn, from the low or the high half of each lane.
  auto unpack = [&](Value x, Value y, int64_t unit, bool high) {
    return shuffle(b, loc, x, y, [&](int64_t lane, int64_t i) {
      int64_t from = i / unit % 2 ? size : 0;
      return from + lane * 4 + (high ? 2 : 0) + (unit == 1 ? i / 2 : i % 2);
    });
  };
  // Even or odd lanes of x, then of y.
  auto half = [&](Value x, Value y, bool odd) {
    return shuffle(b, loc, x, y, [&](int64_t lane, int64_t i) {
      int64_t source = lane % (lanes / 2) * 2 + odd;
      return (lane < lanes / 2 ? 0 : size) + source * 4 + i;
    });
  };
  SmallVector<Value> next = rows;
  for (int64_t i = 0; i < size; i += 2) {
    next[i] = unpack(rows[i], rows[i + 1], 1, false);
    next[i + 1] = unpack(rows[i], rows[i + 1], 1, true);
  }
  rows = next;
  for (int64_t i = 0; i < size; i += 4)
    for (int64_t j = 0; j < 2; ++j) {
      next[i + 2 * j] = unpack(rows[i + j], rows[i + 2 + j], 2, false);
      next[i + 2 * j + 1] = unpack(rows[i + j], rows[i + 2 + j], 2, true);
    }
  rows = next;
  for (int64_t distance = 1; distance < lanes; distance *= 2) {
    for (int64_t group = 0; group < lanes; ++group)
      if (!(group & distance))
        for (int64_t i = 0; i < 4; ++i) {
          Value x = rows[group * 4 + i], y = rows[(group + distance) * 4 + i];
          next[group * 4 + i] = half(x, y, false);
          next[(group + distance) * 4 + i] = half(x, y, true);
        }
    rows = next;
  }
}

} // namespace mlc::codegen
