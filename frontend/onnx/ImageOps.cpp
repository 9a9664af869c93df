// Ops of ONNX that rearrange or pad images. Resampling is in ResizeOps.cpp.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

struct Padding {
  Dims low, high; // negative: crops
};

std::optional<Padding> readPadding(NodeContext &n) {
  std::optional<std::vector<int64_t>> pads;
  if (n.opset < 11)
    pads = n.intsAttr("pads", {});
  else
    pads = n.constantInts(1, "pads");
  if (!pads)
    return std::nullopt;
  size_t rank = n.shapeOf(0).size();
  std::vector<int64_t> named(rank);
  std::iota(named.begin(), named.end(), 0);
  if (n.has(3)) {
    std::optional<std::vector<int64_t>> given = n.constantInts(3, "axes");
    if (!given)
      return std::nullopt;
    named = *given;
  }
  if (pads->size() != 2 * named.size()) {
    (void)n.unsupported("it needs two pads for each axis");
    return std::nullopt;
  }
  Padding padding{Dims(rank, 0), Dims(rank, 0)};
  for (size_t i = 0; i < named.size(); ++i) {
    std::optional<int64_t> axis = n.axis(named[i], static_cast<int64_t>(rank));
    if (!axis)
      return std::nullopt;
    padding.low[*axis] = (*pads)[i];
    padding.high[*axis] = (*pads)[named.size() + i];
  }
  return padding;
}

// Crops where paddings are negative; those become 0.
Value crop(Compose &c, Value x, Padding &padding) {
  for (size_t d = 0; x && d < padding.low.size(); ++d) {
    int64_t before = std::max<int64_t>(0, -padding.low[d]), after = std::max<int64_t>(0, -padding.high[d]);
    padding.low[d] = std::max<int64_t>(0, padding.low[d]);
    padding.high[d] = std::max<int64_t>(0, padding.high[d]);
    int64_t size = Compose::shape(x)[d];
    x = c.slice(x, static_cast<int64_t>(d), std::min(before, size), std::max<int64_t>(0, size - before - after));
  }
  return x;
}

LogicalResult padConstant(NodeContext &n, Padding padding) {
  Compose c(n.g);
  Value x = crop(c, n.operand(0), padding);
  if (n.opset < 11)
    return n.result(c.pad(x, padding.low, padding.high, n.floatAttr("value", 0)));
  if (!n.has(2))
    return n.result(c.pad(x, padding.low, padding.high, 0));
  if (n.typeOf(2).getNumElements() != 1)
    return n.unsupported("its value must be a scalar");
  // An attribute holds what an f64 holds; any other value is chosen where there is no element.
  if (const HostTensor *value = n.constant(2))
    if (isFloat(value->dtype()) || std::abs(static_cast<double>(value->intAt(0))) < 0x1p53)
      return n.result(c.pad(x, padding.low, padding.high, value->floatAt(0)));
  if (!x)
    return failure();
  Value inside = c.broadcast(n.g.scalar(n.g.attrs().getI1Type(), 1), Compose::shape(x));
  return n.result(c.select(c.pad(inside, padding.low, padding.high, 0), c.pad(x, padding.low, padding.high, 0),
                           c.g.reshape(n.operand(2), {})));
}

// The source of position i of a line of `size`, continued to both sides.
int64_t continued(const std::string &mode, int64_t i, int64_t size) {
  if (mode == "edge")
    return std::clamp<int64_t>(i, 0, size - 1);
  if (mode == "wrap")
    return ((i % size) + size) % size;
  if (size == 1)
    return 0;
  int64_t period = 2 * (size - 1), at = ((i % period) + period) % period;
  return at < size ? at : period - at;
}

LogicalResult pad(NodeContext &n) {
  std::string mode = n.stringAttr("mode", "constant");
  std::optional<Padding> padding = readPadding(n);
  if (!padding)
    return failure();
  if (mode == "constant")
    return padConstant(n, *padding);
  if (mode != "reflect" && mode != "edge" && mode != "wrap")
    return n.unsupported("attribute 'mode' = '" + mode + "' is not known");
  (void)n.floatAttr("value", 0);
  Compose c(n.g);
  Value x = crop(c, n.operand(0), *padding);
  for (size_t d = 0; x && d < padding->low.size(); ++d) {
    int64_t size = Compose::shape(x)[d], axis = static_cast<int64_t>(d);
    int64_t low = padding->low[d], high = padding->high[d];
    if (low == 0 && high == 0)
      continue;
    if (size == 0)
      return n.unsupported("mode '" + mode + "' needs an element in dimension " + Twine(d));
    if (low > kMaxTable || high > kMaxTable)
      return n.unsupported("mode '" + mode + "' pads dimension " + Twine(d) + " by " + Twine(std::max(low, high)) +
                           " elements, more than " + Twine(kMaxTable));
    // Each side by itself: most are slices.
    auto side = [&](int64_t begin, int64_t end) {
      Dims positions;
      for (int64_t i = begin; i < end; ++i)
        positions.push_back(continued(mode, i, size));
      return c.take(x, axis, positions);
    };
    SmallVector<Value> parts;
    if (low)
      parts.push_back(side(-low, 0));
    parts.push_back(x);
    if (high)
      parts.push_back(side(size, size + high));
    x = c.concat(parts, axis);
  }
  return n.result(x);
}

LogicalResult depthToSpace(NodeContext &n) {
  int64_t block = n.intAttr("blocksize", 0);
  std::string mode = n.stringAttr("mode", "DCR");
  ArrayRef<int64_t> s = n.shapeOf(0);
  if (s.size() != 4 || block < 1 || block > std::numeric_limits<int32_t>::max() || s[1] % (block * block) ||
      (mode != "DCR" && mode != "CRD"))
    return n.unsupported(
        "it needs an image of rank 4 whose channels are a multiple of blocksize^2, and mode DCR or CRD");
  int64_t depth = s[1] / (block * block);
  Compose c(n.g);
  bool blocksFirst = mode == "DCR";
  Value apart = blocksFirst ? c.g.reshape(n.operand(0), {s[0], block, block, depth, s[2], s[3]})
                            : c.g.reshape(n.operand(0), {s[0], depth, block, block, s[2], s[3]});
  Dims order = blocksFirst ? Dims{0, 3, 4, 1, 5, 2} : Dims{0, 1, 4, 2, 5, 3};
  return n.result(c.g.reshape(c.g.transpose(apart, order), {s[0], depth, s[2] * block, s[3] * block}));
}

LogicalResult spaceToDepth(NodeContext &n) {
  int64_t block = n.intAttr("blocksize", 0);
  ArrayRef<int64_t> s = n.shapeOf(0);
  std::string mode = n.stringAttr("mode", "DCR");
  if (s.size() != 4 || block < 1 || s[2] % block || s[3] % block || (mode != "DCR" && mode != "CRD"))
    return n.unsupported("it needs an image of rank 4 whose sides are multiples of blocksize, and mode DCR or CRD");
  Compose c(n.g);
  Value apart = c.g.reshape(n.operand(0), {s[0], s[1], s[2] / block, block, s[3] / block, block});
  Dims order = mode == "DCR" ? Dims{0, 3, 5, 1, 2, 4} : Dims{0, 1, 3, 5, 2, 4};
  return n.result(c.g.reshape(c.g.transpose(apart, order), {s[0], s[1] * block * block, s[2] / block, s[3] / block}));
}

LogicalResult centerCropPad(NodeContext &n) {
  std::optional<std::vector<int64_t>> target = n.constantInts(1, "shape");
  if (!target)
    return failure();
  int64_t rank = n.rankOf(0);
  std::vector<int64_t> named(static_cast<size_t>(rank));
  std::iota(named.begin(), named.end(), 0);
  named = n.intsAttr("axes", named);
  if (named.size() != target->size())
    return n.unsupported("it needs one size for each axis");
  Compose c(n.g);
  Value x = n.operand(0);
  Padding padding{Dims(rank, 0), Dims(rank, 0)};
  for (size_t i = 0; i < named.size(); ++i) {
    std::optional<int64_t> axis = n.axis(named[i], rank);
    if (!axis)
      return failure();
    int64_t missing = (*target)[i] - n.shapeOf(0)[*axis];
    if ((*target)[i] < 0)
      return n.unsupported("its sizes must be at least 0, got " + Twine((*target)[i]));
    // An odd element is added behind, but cropped in front of the centre's end.
    padding.low[*axis] = missing >= 0 ? missing / 2 : -((-missing) / 2);
    padding.high[*axis] = missing - padding.low[*axis];
  }
  x = crop(c, x, padding);
  return n.result(c.pad(x, padding.low, padding.high, 0));
}

// Sums columns [N, C * block, L] where their blocks lie in the image: the inverse of im2col.
LogicalResult col2Im(NodeContext &n) {
  std::optional<std::vector<int64_t>> image = n.constantInts(1, "image_shape"),
                                      block = n.constantInts(2, "block_shape");
  if (!image || !block)
    return failure();
  size_t rank = image->size();
  std::vector<int64_t> strides = n.intsAttr("strides", std::vector<int64_t>(rank, 1)),
                       dilations = n.intsAttr("dilations", std::vector<int64_t>(rank, 1)),
                       pads = n.intsAttr("pads", std::vector<int64_t>(2 * rank, 0));
  ArrayRef<int64_t> s = n.shapeOf(0);
  int64_t blockSize = productOf(*block);
  if (s.size() != 3 || block->size() != rank || strides.size() != rank || dilations.size() != rank ||
      pads.size() != 2 * rank || llvm::any_of(*block, [](int64_t size) { return size < 1; }) || blockSize < 1 ||
      s[1] % blockSize)
    return n.unsupported(
        "image_shape, block_shape and its attributes need one entry (pads two) for each dimension of the "
        "image, and its input the shape [N, C * block, L]");
  // Positions in the padded image of element k of block l, on the host.
  Dims padded, blocks;
  for (size_t d = 0; d < rank; ++d) {
    if (strides[d] < 1)
      return n.unsupported("its strides must be at least 1, got " + Twine(strides[d]));
    padded.push_back((*image)[d] + pads[d] + pads[rank + d]);
    blocks.push_back((padded[d] - dilations[d] * ((*block)[d] - 1) - 1) / strides[d] + 1);
  }
  if (productOf(blocks) != s[2])
    return n.unsupported("its input has " + Twine(s[2]) + " columns, the image " + Twine(productOf(blocks)) +
                         " blocks");
  if (s[2] > kMaxTable / blockSize)
    return n.unsupported("it needs a table of more than " + Twine(kMaxTable) + " positions");
  Dims positions;
  for (int64_t k = 0; k < blockSize; ++k)
    for (int64_t l = 0; l < s[2]; ++l) {
      int64_t at = 0, scale = 1, restK = k, restL = l;
      for (size_t d = rank; d-- > 0; scale *= padded[d]) {
        at += scale * ((restL % blocks[d]) * strides[d] + (restK % (*block)[d]) * dilations[d]);
        restK /= (*block)[d];
        restL /= blocks[d];
      }
      positions.push_back(at);
    }
  Compose c(n.g);
  int64_t images = s[0] * s[1] / blockSize, pixels = productOf(padded);
  Value columns = c.g.transpose(c.g.reshape(n.operand(0), {images, blockSize * s[2]}), {1, 0});
  Value zeros = c.broadcast(n.g.scalar(n.typeOf(0).getElementType(), 0), {pixels, images});
  Value sum = c.g.make<ScatterOp>({zeros, c.table(positions), columns},
                                  c.g.attr("kind", ScatterKindAttr::get(c.g.context(), ScatterKind::Add)));
  Dims shape = {s[0], s[1] / blockSize};
  llvm::append_range(shape, padded);
  Value result = c.g.reshape(c.g.transpose(sum, {1, 0}), shape);
  for (size_t d = 0; d < rank; ++d)
    result = c.slice(result, static_cast<int64_t>(d) + 2, pads[d], (*image)[d]);
  return n.result(result);
}

} // namespace

void frontend::addImageOps(OpTable &table) {
  table["Pad"] = {pad, 2};
  table["DepthToSpace"] = {depthToSpace, 1};
  table["SpaceToDepth"] = {spaceToDepth, 1};
  table["CenterCropPad"] = {centerCropPad, 18};
  table["Col2Im"] = {col2Im, 18};
}
