// Convolutions whose window is another one at each position: https://arxiv.org/abs/1703.06211, with the mask of
// https://arxiv.org/abs/1811.11168. The samples are columns of a matrix, as im2col makes them; the rest is a product.
#include "frontend/onnx/Sampling.h"
#include "frontend/onnx/Window.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

struct DeformConvSpec {
  Window window;
  int64_t groups, offsetGroups;
  Dims out; // spatial
};

std::optional<DeformConvSpec> readDeformConv(NodeContext &n) {
  ArrayRef<int64_t> x = n.shapeOf(0), w = n.shapeOf(1), offset = n.shapeOf(2);
  int64_t groups = n.intAttr("group", 1), offsetGroups = n.intAttr("offset_group", 1);
  if (x.size() < 3 || x.size() > 5 || w.size() != x.size() || offset.size() != x.size()) {
    (void)n.unsupported("it needs an image, a filter and offsets of one rank in [3, 5]");
    return std::nullopt;
  }
  std::optional<Window> window = readWindow(n, x.drop_front(2), w.drop_front(2));
  if (!window)
    return std::nullopt;
  if (groups < 1 || offsetGroups < 1 || x[1] != w[1] * groups || w[0] % groups || x[1] % offsetGroups) {
    (void)n.unsupported("its channels must fit 'group' and 'offset_group'");
    return std::nullopt;
  }
  DeformConvSpec spec{*window, groups, offsetGroups, {}};
  int64_t spatial = static_cast<int64_t>(x.size()) - 2, taps = offsetGroups * productOf(window->size);
  Dims expected = {x[0], taps * spatial}, mask = {x[0], taps};
  for (size_t d = 0; d < x.size() - 2; ++d) {
    if (window->strides[d] < 1 || window->dilations[d] < 1 || window->size[d] < 1 || x[d + 2] < 1) {
      (void)n.unsupported("strides, dilations, window and image must be at least 1");
      return std::nullopt;
    }
    int64_t room = x[d + 2] + window->padLow[d] + window->padHigh[d] - window->extent(d);
    spec.out.push_back(room < 0 ? 0 : room / window->strides[d] + 1);
  }
  llvm::append_range(expected, spec.out);
  llvm::append_range(mask, spec.out);
  if (offset != ArrayRef<int64_t>(expected) || (n.has(4) && n.shapeOf(4) != ArrayRef<int64_t>(mask))) {
    (void)n.unsupported("its offsets and its mask must have one entry for each tap of the window, group of offsets and "
                        "position of the result; offsets one for each dimension, too");
    return std::nullopt;
  }
  return spec;
}

// [batch * offset groups, taps..., positions..., channels of a group]
Value samples(NodeContext &n, const DeformConvSpec &spec, Type wide) {
  Compose c(n.g);
  ArrayRef<int64_t> x = n.shapeOf(0), size = x.drop_front(2);
  int64_t spatial = static_cast<int64_t>(size.size()), images = x[0] * spec.offsetGroups;
  int64_t positions = productOf(spec.out), window = productOf(spec.window.size);
  Dims shape = {images};
  llvm::append_range(shape, spec.window.size);
  llvm::append_range(shape, spec.out);
  Value offsets = c.g.cast(c.g.reshape(n.operand(2), {images, window, spatial, positions}), wide);
  SmallVector<Taps> taps;
  for (int64_t d = 0; d < spatial; ++d) {
    auto along = [&](int64_t count, int64_t behind, int64_t step, int64_t first) {
      Value line = c.g.cast(c.iota(count, behind), wide);
      return c.add(c.mul(line, static_cast<double>(step)), static_cast<double>(first));
    };
    Value at = c.g.reshape(c.slice(offsets, 2, d, 1), shape);
    at = c.add(at, along(spec.window.size[d], 2 * spatial - 1 - d, spec.window.dilations[d], -spec.window.padLow[d]));
    at = c.add(at, along(spec.out[d], spatial - 1 - d, spec.window.strides[d], 0));
    taps.push_back(linearTaps(c, at, size[static_cast<size_t>(d)]));
  }
  Dims grouped = {images, x[1] / spec.offsetGroups};
  llvm::append_range(grouped, size);
  Value rows = pixelRows(c, c.g.cast(c.g.reshape(n.operand(0), grouped), wide)), sum;
  Value first = c.mul(c.iota(images, 2 * spatial), static_cast<double>(productOf(size)));
  for (Value row : weightedRows(c, rows, size, first, taps))
    sum = sum ? c.add(sum, row) : row;
  if (n.has(4)) {
    shape.push_back(1);
    sum = c.mul(sum, c.g.reshape(c.g.cast(n.operand(4), wide), shape));
  }
  return sum;
}

LogicalResult deformConv(NodeContext &n) {
  std::optional<DeformConvSpec> spec = readDeformConv(n);
  if (!spec)
    return failure();
  Compose c(n.g);
  ArrayRef<int64_t> x = n.shapeOf(0), w = n.shapeOf(1);
  Type type = n.typeOf(0).getElementType(), wide = type.isF64() ? type : c.f32();
  int64_t positions = productOf(spec->out), window = productOf(spec->window.size), groups = spec->groups;
  Value columns = samples(n, *spec, wide);
  // [N, og, K, O, C / og] -> [N, O, og, C / og, K] -> [N, groups, O, C / groups * K]
  columns = c.g.reshape(columns, {x[0], spec->offsetGroups, window, positions, x[1] / spec->offsetGroups});
  columns = c.g.transpose(c.g.cast(columns, type), {0, 3, 1, 4, 2});
  columns = c.moveAxis(c.g.reshape(columns, {x[0], positions, groups, w[1] * window}), 2, 1);
  Value filter = c.g.reshape(n.operand(1), {1, groups, w[0] / groups, w[1] * window});
  Dims result = {x[0], w[0]};
  llvm::append_range(result, spec->out);
  Value y = c.g.reshape(c.matmul(filter, columns, false, true), result);
  if (n.has(3)) {
    Dims channels(result.size() - 1, 1);
    channels[0] = w[0];
    y = c.add(y, c.g.reshape(n.operand(3), channels));
  }
  return n.result(y);
}

} // namespace

void frontend::addDeformConvOps(OpTable &table) { table["DeformConv"] = {deformConv, 19, "1 to 3 spatial dimensions"}; }
