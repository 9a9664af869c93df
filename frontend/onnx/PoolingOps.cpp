// Pooling of ONNX, and MaxUnpool.
#include "frontend/onnx/Window.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

std::optional<PoolWindow> frontend::readPoolWindow(NodeContext &n, ArrayRef<int64_t> spatial) {
  if (spatial.empty()) {
    (void)n.unsupported("its input must have a rank of at least 3");
    return std::nullopt;
  }
  std::optional<Window> window = readWindow(n, spatial, std::nullopt);
  bool ceil = n.intAttr("ceil_mode", 0) != 0;
  if (!window)
    return std::nullopt;
  PoolWindow result{*window, Dims(spatial.size(), 0)};
  for (size_t d = 0; ceil && d < spatial.size(); ++d) {
    int64_t stride = window->strides[d], extent = window->extent(d);
    int64_t padded = spatial[d] + window->padLow[d] + window->padHigh[d];
    if (stride < 1 || padded < extent)
      continue;
    int64_t out = (padded - extent + stride - 1) / stride + 1;
    // A window must start inside the input or the low padding.
    if ((out - 1) * stride >= spatial[d] + window->padLow[d])
      --out;
    result.ceilPad[d] = std::max<int64_t>(0, (out - 1) * stride + extent - padded);
    result.padHigh[d] += result.ceilPad[d];
  }
  return result;
}

Value frontend::pooled(NodeContext &n, PoolKind kind, Value x, const PoolWindow &window, bool countPad) {
  SmallVector<NamedAttribute> attributes = {n.g.attr("kind", PoolKindAttr::get(n.g.context(), kind)),
                                            n.g.ints("window", window.size),
                                            n.g.ints("strides", window.strides),
                                            n.g.ints("pad_low", window.padLow),
                                            n.g.ints("pad_high", window.padHigh),
                                            n.g.ints("dilations", window.dilations)};
  if (llvm::any_of(window.ceilPad, [](int64_t pad) { return pad != 0; }))
    attributes.push_back(n.g.ints("ceil_pad", window.ceilPad));
  if (countPad)
    attributes.push_back(n.g.unit("count_include_pad"));
  return n.g.make<PoolOp>(x, attributes);
}

namespace {

// Batch, channels, and what is behind them.
std::optional<PoolWindow> readPoolWindow(NodeContext &n) {
  ArrayRef<int64_t> shape = n.shapeOf(0);
  return frontend::readPoolWindow(n, shape.drop_front(std::min<size_t>(2, shape.size())));
}

LogicalResult averagePool(NodeContext &n) {
  std::optional<PoolWindow> window = readPoolWindow(n);
  bool countPad = n.intAttr("count_include_pad", 0) != 0;
  return window ? n.result(pooled(n, PoolKind::Average, n.operand(0), *window, countPad)) : failure();
}

// Of 8-bit integers, channels last.
LogicalResult nhwcMaxPool(NodeContext &n) {
  Compose c(n.g);
  ArrayRef<int64_t> shape = n.shapeOf(0);
  int64_t last = n.rankOf(0) - 1;
  std::optional<PoolWindow> window =
      frontend::readPoolWindow(n, shape.size() < 3 ? ArrayRef<int64_t>() : shape.drop_front().drop_back());
  if (!window)
    return failure();
  Value result = pooled(n, PoolKind::Max, c.moveAxis(n.operand(0), last, 1), *window, false);
  return n.result(c.moveAxis(result, 1, last));
}

// The operand in its padding.
Value padded(Compose &c, Value x, const Window &window, double with) {
  Dims low = {0, 0}, high = {0, 0};
  low.append(window.padLow);
  high.append(window.padHigh);
  return c.pad(x, low, high, with);
}

double lowestOf(Type type) {
  if (isa<FloatType>(type))
    return -std::numeric_limits<double>::infinity();
  return type.isUnsignedInteger() ? 0 : -std::exp2(type.getIntOrFloatBitWidth() - 1);
}

// The position of each window's first maximum in the flattened operand: one comparison for each place in the window.
// Positions along a row are `rowMajor`, or along a column, within each channel.
Value maximumPositions(NodeContext &n, const PoolWindow &window, ArrayRef<int64_t> out, bool rowMajor) {
  constexpr int64_t kMaxPlaces = 1024;
  int64_t places = productOf(window.size);
  if (places > kMaxPlaces) {
    (void)n.unsupported("the output of indices is supported for windows of at most " + Twine(kMaxPlaces) +
                        " elements, got " + Twine(places));
    return {};
  }
  Compose c(n.g);
  ArrayRef<int64_t> spatial = n.shapeOf(0).drop_front(2);
  size_t rank = spatial.size();
  int64_t channel = static_cast<int64_t>(rank);
  Dims stride(rank, 1);
  for (size_t d = 0; d < rank; ++d)
    stride[d] = productOf(rowMajor ? spatial.drop_front(d + 1) : spatial.take_front(d));
  Value x = padded(c, n.operand(0), window, lowestOf(n.typeOf(0).getElementType())), best, offset;
  for (int64_t place = 0; place < places; ++place) {
    Value here = x;
    int64_t rest = place, distance = 0;
    for (size_t d = rank; d-- > 0; rest /= window.size[d]) {
      int64_t at = rest % window.size[d] * window.dilations[d];
      here = c.slice(here, static_cast<int64_t>(d) + 2, at, out[d + 2], window.strides[d]);
      distance += (at - window.padLow[d]) * stride[d];
    }
    Value hereOffset = c.g.scalar(c.i64(), static_cast<double>(distance));
    if (!best) {
      best = here;
      offset = c.broadcast(hereOffset, out);
      continue;
    }
    Value better = c.compare(ComparePredicate::GT, here, best);
    best = c.select(better, here, best);
    offset = c.select(better, hereOffset, offset);
  }
  for (size_t d = 0; d < rank; ++d)
    offset = c.add(offset, c.mul(c.iota(out[d + 2], channel - 1 - static_cast<int64_t>(d)),
                                 static_cast<double>(window.strides[d] * stride[d])));
  int64_t image = productOf(spatial);
  offset = c.add(offset, c.mul(c.iota(out[1], channel), static_cast<double>(image)));
  return c.add(offset, c.mul(c.iota(out[0], channel + 1), static_cast<double>(image * out[1])));
}

LogicalResult maxPool(NodeContext &n) {
  std::optional<PoolWindow> window = readPoolWindow(n);
  bool rowMajor = n.intAttr("storage_order", 0) == 0;
  Value result = window ? pooled(n, PoolKind::Max, n.operand(0), *window, false) : Value();
  if (failed(n.result(0, result)))
    return failure();
  return n.wantsOutput(1) ? n.result(1, maximumPositions(n, *window, Compose::shape(result), rowMajor)) : success();
}

// Puts elements back where they were the maximum; 0 elsewhere.
LogicalResult maxUnpool(NodeContext &n) {
  ArrayRef<int64_t> input = n.shapeOf(0);
  if (input.size() < 3 || n.shapeOf(1) != input)
    return n.unsupported("its input must have a rank of at least 3, and its indices the same shape");
  std::optional<Window> window = readWindow(n, input.drop_front(2), std::nullopt);
  if (!window)
    return failure();
  Dims inferred(input), target;
  for (size_t d = 2; d < input.size(); ++d)
    inferred[d] =
        (input[d] - 1) * window->strides[d - 2] - window->padLow[d - 2] - window->padHigh[d - 2] + window->size[d - 2];
  target = inferred;
  if (n.has(2)) {
    std::optional<std::vector<int64_t>> given = n.constantInts(2, "output_shape");
    if (!given)
      return failure();
    target.assign(given->begin(), given->end());
  }
  Dims low(input.size(), 0), high(input.size(), 0);
  bool fits = target.size() == inferred.size() && llvm::all_of(inferred, [](int64_t size) { return size >= 0; });
  for (size_t d = 0; fits && d < input.size(); ++d) {
    fits = target[d] >= inferred[d];
    high[d] = target[d] - inferred[d];
  }
  if (!fits)
    return n.unsupported("its output_shape must be at least the shape that its window, strides and pads give");
  // Indices count in the shape that the window gives; a larger output has zeros behind it.
  Compose c(n.g);
  int64_t count = productOf(input);
  Value zeros = c.broadcast(n.g.scalar(n.typeOf(0).getElementType(), 0), {productOf(inferred)});
  Value scattered = c.g.make<ScatterOp>({zeros, c.g.reshape(n.operand(1), {count}), c.g.reshape(n.operand(0), {count})},
                                        c.g.attr("kind", ScatterKindAttr::get(c.g.context(), ScatterKind::Set)));
  return n.result(c.pad(c.g.reshape(scattered, inferred), low, high, 0));
}

std::optional<double> readNormOrder(NodeContext &n) {
  // A real number in opset 1.
  const onnx::AttributeProto *p = n.rawAttr("p");
  double order = !p ? 2 : n.opset < 2 ? p->f() : static_cast<double>(p->i());
  if (order >= 1)
    return order;
  (void)n.unsupported("attribute 'p' must be at least 1");
  return std::nullopt;
}

// |x|^p, and its inverse.
Value power(Compose &c, Value x, double p) {
  x = c.apply<AbsOp>(x);
  return p == 1 ? x : p == 2 ? c.mul(x, x) : c.apply<PowOp>(x, p);
}
Value root(Compose &c, Value x, double p) {
  return p == 1 ? x : p == 2 ? c.apply<SqrtOp>(x) : c.apply<PowOp>(x, 1 / p);
}

// (sum |x|^p)^(1/p); the sum is an average over the window times its size, zeros of the padding included.
LogicalResult lpPool(NodeContext &n) {
  std::optional<double> p = readNormOrder(n);
  std::optional<PoolWindow> window = readPoolWindow(n);
  if (!p || !window)
    return failure();
  Compose c(n.g);
  Type type = n.typeOf(0).getElementType();
  Value x = padded(c, power(c, c.g.cast(n.operand(0), type.isF64() ? type : c.f32()), *p), *window, 0);
  PoolWindow inside = *window;
  for (Dims *pad : {&inside.padLow, &inside.padHigh, &inside.ceilPad})
    pad->assign(pad->size(), 0);
  Value sum = c.mul(pooled(n, PoolKind::Average, x, inside, false), static_cast<double>(productOf(window->size)));
  return n.result(c.g.cast(root(c, sum, *p), type));
}

std::optional<Dims> spatialAxes(NodeContext &n) {
  if (n.rankOf(0) >= 3)
    return llvm::to_vector(llvm::seq<int64_t>(2, n.rankOf(0)));
  (void)n.unsupported("its input must have a rank of at least 3");
  return std::nullopt;
}

template <ReduceKind kind> LogicalResult globalPool(NodeContext &n) {
  std::optional<Dims> axes = spatialAxes(n);
  return axes ? n.result(Compose(n.g).reduce(kind, n.operand(0), *axes, /*keepDims=*/true)) : failure();
}

LogicalResult globalLpPool(NodeContext &n) {
  std::optional<double> p = readNormOrder(n);
  std::optional<Dims> axes = spatialAxes(n);
  if (!p || !axes)
    return failure();
  Compose c(n.g);
  Type type = n.typeOf(0).getElementType();
  Value x = power(c, c.g.cast(n.operand(0), type.isF64() ? type : c.f32()), *p);
  return n.result(c.g.cast(root(c, c.reduce(ReduceKind::Sum, x, *axes, true), *p), type));
}

} // namespace

void frontend::addPoolingOps(OpTable &table) {
  table["MaxPool"] = {maxPool, 1, "indices: of windows of at most 1024 elements"};
  table["com.microsoft.NhwcMaxPool"] = {nhwcMaxPool, 1};
  table["MaxUnpool"] = {maxUnpool, 9, "constant output_shape"};
  table["AveragePool"] = {averagePool, 1};
  table["LpPool"] = {lpPool, 1};
  table["GlobalAveragePool"] = {globalPool<ReduceKind::Mean>, 1};
  table["GlobalMaxPool"] = {globalPool<ReduceKind::Max>, 1};
  table["GlobalLpPool"] = {globalLpPool, 1};
}
