#include "frontend/nets/Layers.h"

#include "llvm/ADT/StringSwitch.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

std::optional<Activation> frontend::parseActivation(StringRef name) {
  return llvm::StringSwitch<std::optional<Activation>>(name)
      .Case("gelu", Activation::Gelu)
      .Cases({"gelu_new", "gelu_pytorch_tanh"}, Activation::TanhGelu)
      .Case("relu", Activation::Relu)
      .Cases({"silu", "swish"}, Activation::Silu)
      .Case("tanh", Activation::Tanh)
      .Default(std::nullopt);
}

Value Layers::activate(Value x, Activation activation) {
  GraphBuilder &g = c.g;
  switch (activation) {
  case Activation::Gelu: return g.make<GeluOp>(x);
  case Activation::TanhGelu: return g.make<GeluOp>(x, g.unit("tanh_approximation"));
  case Activation::Relu: return g.make<ReluOp>(x);
  case Activation::Relu6: return c.clamp(x, 0, 6);
  case Activation::Silu: return c.mul(x, c.apply<SigmoidOp>(x));
  case Activation::Tanh: return g.make<TanhOp>(x);
  }
  llvm_unreachable("all activations are above");
}

// Weights are drawn so that variances stay: Glorot and Bengio, AISTATS 2010; for ReLU He et al.,
// https://arxiv.org/abs/1502.01852.
static Fill scaled(int64_t fanIn, double gain) { return {0, std::sqrt(gain / static_cast<double>(fanIn))}; }

Value Layers::dense(Value x, const std::string &name, int64_t out, bool bias) {
  if (!x)
    return {};
  NamedPart part(c.g, name);
  int64_t in = Compose::shape(x).back();
  Value y = c.matmul(x, weights.get(name + ".weight", {out, in}, scaled(in, 1)), false, true);
  return bias ? c.add(y, weights.get(name + ".bias", out, {})) : y;
}

static Value normalizeLast(Compose &c, ValueRange operands, ArrayRef<int32_t> segments, int64_t axis, double epsilon) {
  return c.g.make<LayerNormOp>(operands, {c.g.integer("axis", axis), c.g.real("epsilon", epsilon),
                                          c.g.attr("operandSegmentSizes", c.g.attrs().getDenseI32ArrayAttr(segments))});
}

Value Layers::layerNorm(Value x, const std::string &name, double epsilon) {
  if (!x)
    return {};
  NamedPart part(c.g, name);
  int64_t size = Compose::shape(x).back();
  Value scale = weights.get(name + ".weight", size, {1}), bias = weights.get(name + ".bias", size, {});
  return normalizeLast(c, {x, scale, bias}, {1, 1, 1}, Compose::type(x).getRank() - 1, epsilon);
}

Value Layers::scaleNorm(Value x, const std::string &name, double epsilon) {
  if (!x)
    return {};
  NamedPart part(c.g, name);
  Value scale = weights.get(name + ".weight", Compose::shape(x).back(), {1});
  return normalizeLast(c, {x, scale}, {1, 1, 0}, Compose::type(x).getRank() - 1, epsilon);
}

Value Layers::embedding(Value indices, const std::string &name, int64_t rows, int64_t size) {
  NamedPart part(c.g, name);
  return c.gather(weights.get(name + ".weight", {rows, size}, {0, 0.02}), indices, 0);
}

Value Layers::attention(Value q, Value k, Value v, Value mask, int64_t heads) {
  if (!q || !k || !v)
    return {};
  Dims whole(Compose::shape(q));
  int64_t size = whole[2] / heads;
  auto split = [&](Value x) {
    ArrayRef<int64_t> shape = Compose::shape(x);
    return c.g.reshape(x, {shape[0], shape[1], shape[2] / size, size});
  };
  SmallVector<Value> operands = {split(q), split(k), split(v)};
  if (mask)
    operands.push_back(mask);
  Value context =
      c.g.make<AttentionOp>(operands, {c.g.real("scale", 1 / std::sqrt(static_cast<double>(size))),
                                       c.g.attr("layout", HeadLayoutAttr::get(c.g.context(), HeadLayout::BSHD))});
  return context ? c.g.reshape(context, whole) : context;
}

Value Layers::attentionMask(Value mask) {
  Value masked = c.sub(c.g.scalar(c.f32(), 1), c.g.cast(mask, c.f32()));
  masked = c.mul(masked, c.g.scalar(c.f32(), std::numeric_limits<float>::lowest()));
  ArrayRef<int64_t> shape = Compose::shape(mask);
  return c.g.reshape(masked, {shape[0], 1, 1, shape[1]});
}

Value Layers::token(Value x, int64_t index) {
  if (!x)
    return {};
  ArrayRef<int64_t> shape = Compose::shape(x);
  return c.g.reshape(c.slice(x, 1, index, 1), {shape[0], shape[2]});
}

// A vector of channels against [N, C, spatial...].
static Value perChannel(Compose &c, Value vector, size_t spatial) {
  if (!vector)
    return {};
  Dims shape(spatial + 1, 1);
  shape[0] = Compose::shape(vector)[0];
  return c.g.reshape(vector, shape);
}

Value Layers::conv(Value x, const std::string &name, const ConvShape &shape) {
  if (!x)
    return {};
  NamedPart part(c.g, name);
  size_t rank = Compose::shape(x).size() - 2;
  Dims window(rank, shape.window), strides(rank, shape.stride), pads(rank, shape.pad.value_or(shape.window / 2)),
      ones(rank, 1), filter = {shape.out, Compose::shape(x)[1] / shape.groups};
  filter.append(window);
  Value w = weights.get(name + ".weight", filter, scaled(filter[1] * productOf(window), 2));
  Value y =
      c.g.make<ConvOp>({x, w}, {c.g.ints("strides", strides), c.g.ints("pad_low", pads), c.g.ints("pad_high", pads),
                                c.g.ints("dilations", ones), c.g.integer("groups", shape.groups)});
  return shape.bias ? c.add(y, perChannel(c, weights.get(name + ".bias", shape.out, {}), rank)) : y;
}

Value Layers::batchNorm(Value x, const std::string &name, double epsilon) {
  if (!x)
    return {};
  NamedPart part(c.g, name);
  int64_t channels = Compose::shape(x)[1];
  Value scale = weights.get(name + ".weight", channels, {1}), bias = weights.get(name + ".bias", channels, {});
  Value mean = weights.get(name + ".running_mean", channels, {});
  Value variance = weights.get(name + ".running_var", channels, {1});
  return c.g.make<BatchNormOp>({x, scale, bias, mean, variance},
                               {c.g.integer("axis", 1), c.g.real("epsilon", epsilon)});
}

Value Layers::instanceNorm(Value x, const std::string &name, double epsilon) {
  if (!x)
    return {};
  NamedPart part(c.g, name);
  int64_t channels = Compose::shape(x)[1];
  size_t spatial = Compose::shape(x).size() - 2;
  Value scale = weights.get(name + ".weight", channels, {1}), bias = weights.get(name + ".bias", channels, {});
  Value y = normalizeLast(c, x, {1, 0, 0}, 2, epsilon);
  return c.add(c.mul(y, perChannel(c, scale, spatial)), perChannel(c, bias, spatial));
}

// Each element becomes a block: a product for every place in it, and their results side by side.
Value Layers::upsample(Value x, const std::string &name, int64_t out, int64_t factor) {
  if (!x)
    return {};
  NamedPart part(c.g, name);
  ArrayRef<int64_t> shape = Compose::shape(x);
  size_t spatial = shape.size() - 2;
  Dims stored = {shape[1], out}, toFront, ones(spatial, 1), none(spatial, 0);
  stored.append(spatial, factor);
  Value w = weights.get(name + ".weight", stored, scaled(shape[1], 1));
  // [C, out, window...] -> [window..., out, C] -> [(window, out), C, 1...]
  for (size_t d = 0; d < spatial; ++d)
    toFront.push_back(static_cast<int64_t>(d) + 2);
  toFront.append({1, 0});
  Dims filter = {productOf(stored) / shape[1], shape[1]}, split = {shape[0]}, order = {0}, merged = {shape[0], out};
  filter.append(ones);
  Value y = w ? c.g.reshape(c.g.transpose(w, toFront), filter) : w;
  y = c.g.make<ConvOp>({x, y}, {c.g.ints("strides", ones), c.g.ints("pad_low", none), c.g.ints("pad_high", none),
                                c.g.ints("dilations", ones)});
  // [N, window..., out, spatial...] -> [N, out, (spatial, window)...]
  split.append(spatial, factor);
  split.push_back(out);
  split.append(shape.begin() + 2, shape.end());
  int64_t s = static_cast<int64_t>(spatial);
  order.push_back(s + 1);
  for (int64_t d = 0; d < s; ++d) {
    order.append({s + 2 + d, 1 + d});
    merged.push_back(shape[d + 2] * factor);
  }
  if (y)
    y = c.g.reshape(c.g.transpose(c.g.reshape(y, split), order), merged);
  return c.add(y, perChannel(c, weights.get(name + ".bias", out, {}), spatial));
}

Value Layers::maxPool(Value x, int64_t window, int64_t stride, int64_t pad) {
  if (!x)
    return {};
  size_t rank = Compose::shape(x).size() - 2;
  Dims windows(rank, window), strides(rank, stride), pads(rank, pad), ones(rank, 1);
  return c.g.make<PoolOp>(x, {c.g.attr("kind", PoolKindAttr::get(c.g.context(), PoolKind::Max)),
                              c.g.ints("window", windows), c.g.ints("strides", strides), c.g.ints("pad_low", pads),
                              c.g.ints("pad_high", pads), c.g.ints("dilations", ones)});
}

Value Layers::globalMean(Value x, bool keepDims) {
  if (!x)
    return {};
  return c.reduce(ReduceKind::Mean, x, llvm::to_vector(llvm::seq<int64_t>(2, Compose::type(x).getRank())), keepDims);
}
