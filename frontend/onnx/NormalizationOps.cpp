// Normalisations of ONNX.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// One value for each channel, dimension 1 of `rank`.
Value perChannel(Compose &c, Value vector, int64_t rank) {
  if (!vector)
    return {};
  Dims dims(static_cast<size_t>(rank), 1);
  dims[1] = Compose::type(vector).getNumElements();
  return c.g.reshape(vector, dims);
}

// Statistics are computed in f32 at least: `stash_type` 1, the default, asks for that.
Type statisticsType(Compose &c, Value value) {
  return Compose::element(value).getIntOrFloatBitWidth() < 32 ? c.f32() : Compose::element(value);
}

struct Statistics {
  Value centred, mean, variance;
};

Statistics statistics(Compose &c, Value x, ArrayRef<int64_t> axes) {
  Statistics s;
  s.mean = c.reduce(ReduceKind::Mean, x, axes, /*keepDims=*/true);
  s.centred = c.sub(x, s.mean);
  s.variance = c.reduce(ReduceKind::Mean, c.mul(s.centred, s.centred), axes, true);
  return s;
}

LogicalResult batchNormTraining(NodeContext &n) {
  Compose c(n.g);
  int64_t rank = n.rankOf(0);
  double momentum = n.floatAttr("momentum", 0.9f), epsilon = n.floatAttr("epsilon", 1e-5f);
  Dims axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  axes.erase(axes.begin() + 1);
  Type wide = statisticsType(c, n.operand(0));
  auto s = statistics(c, c.g.cast(n.operand(0), wide), axes);
  Value y = c.mul(s.centred, c.apply<RsqrtOp>(c.add(s.variance, epsilon)));
  y = c.mul(c.g.cast(y, n.typeOf(0).getElementType()), perChannel(c, n.operand(1), rank));
  if (failed(n.result(0, c.add(y, perChannel(c, n.operand(2), rank)))))
    return failure();
  // running = running * momentum + current * (1 - momentum)
  for (auto [index, current] : {std::pair<size_t, Value>{1, s.mean}, {2, s.variance}}) {
    if (!n.wantsOutput(static_cast<int>(index)))
      continue;
    Value running = n.operand(index + 2);
    Value now = c.g.reshape(c.g.cast(current, Compose::element(running)), Compose::shape(running));
    if (failed(n.result(index, c.add(c.mul(running, momentum), c.mul(now, 1 - momentum)))))
      return failure();
  }
  return success();
}

LogicalResult batchNorm(NodeContext &n) {
  for (size_t i = 0; i < 5; ++i)
    if (!n.has(i) || n.numInputs() != 5)
      return n.unsupported("it must have 5 operands");
  if (n.rankOf(0) < 2)
    return n.unsupported("its input must have a rank of at least 2");
  if (!n.requireInt("spatial", 1, 1))
    return failure();
  if (n.opset >= 14 && n.intAttr("training_mode", 0))
    return batchNormTraining(n);
  // Before opset 7 `is_test`, later the number of outputs said that a model is in training.
  if (n.opset < 7 && !n.requireInt("is_test", 1, 0))
    return failure();
  for (int i = 1; i < n.node.output_size(); ++i)
    if (n.wantsOutput(i))
      return n.unsupported("outputs beside the first are of training; export the model in inference mode");
  (void)n.floatAttr("momentum", 0.9); // Of training.
  (void)n.rawAttr("consumed_inputs"); // Of opset 1: buffers that may be reused.
  return n.result(n.g.make<BatchNormOp>(n.operands(),
                                        {n.g.integer("axis", 1), n.g.real("epsilon", n.floatAttr("epsilon", 1e-5f))}));
}

LogicalResult layerNorm(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", -1), n.rankOf(0));
  if (!axis || !n.requireInt("stash_type", 1, 1))
    return failure();
  double epsilon = n.floatAttr("epsilon", 1e-5f);
  Compose c(n.g);
  // Mean and InvStdDev are of training; they are there for whoever asks for them.
  if (n.wantsOutput(1) || n.wantsOutput(2)) {
    Value x = c.g.cast(n.operand(0), statisticsType(c, n.operand(0)));
    auto s = statistics(c, x, llvm::to_vector(llvm::seq<int64_t>(*axis, n.rankOf(0))));
    if (n.wantsOutput(1) && failed(n.result(1, s.mean)))
      return failure();
    if (n.wantsOutput(2) && failed(n.result(2, c.apply<RsqrtOp>(c.add(s.variance, epsilon)))))
      return failure();
  }
  SmallVector<Value> operands = {n.operand(0)};
  ArrayRef<int64_t> normalized = n.shapeOf(0).drop_front(static_cast<size_t>(*axis));
  SmallVector<int32_t> segments = {1, 0, 0};
  for (size_t i : {1, 2}) {
    if (!n.has(i))
      continue;
    // Scale and bias may broadcast.
    operands.push_back(c.broadcast(n.operand(i), normalized));
    segments[i] = 1;
  }
  return n.result(
      n.g.make<LayerNormOp>(operands, {n.g.integer("axis", *axis), n.g.real("epsilon", epsilon),
                                       n.g.attr("operandSegmentSizes", n.g.attrs().getDenseI32ArrayAttr(segments))}));
}

// x / sqrt(mean(x^2) + epsilon) * scale (Zhang and Sennrich, https://arxiv.org/abs/1910.07467)
LogicalResult rmsNorm(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", -1), n.rankOf(0));
  if (!axis || !n.requireInt("stash_type", 1, 1))
    return failure();
  Compose c(n.g);
  Value x = c.g.cast(n.operand(0), statisticsType(c, n.operand(0)));
  Value square = c.reduce(ReduceKind::Mean, c.mul(x, x), llvm::to_vector(llvm::seq<int64_t>(*axis, n.rankOf(0))), true);
  Value y = c.mul(x, c.apply<RsqrtOp>(c.add(square, n.floatAttr("epsilon", 1e-5f))));
  return n.result(c.mul(c.g.cast(y, n.typeOf(0).getElementType()), n.operand(1)));
}

Value normalizeFrom(Compose &c, Value x, int64_t axis, double epsilon) {
  return c.g.make<LayerNormOp>(x, {c.g.integer("axis", axis), c.g.real("epsilon", epsilon),
                                   c.g.attr("operandSegmentSizes", c.g.attrs().getDenseI32ArrayAttr({1, 0, 0}))});
}

// Normalises each channel of each image over its spatial dimensions.
LogicalResult instanceNorm(NodeContext &n) {
  int64_t rank = n.rankOf(0);
  if (rank < 3)
    return n.unsupported("its input must have a rank of at least 3");
  Compose c(n.g);
  (void)n.rawAttr("consumed_inputs"); // Of opset 1: buffers that may be reused.
  Value value = normalizeFrom(c, n.operand(0), 2, n.floatAttr("epsilon", 1e-5f));
  value = c.mul(value, perChannel(c, n.operand(1), rank));
  return n.result(c.add(value, perChannel(c, n.operand(2), rank)));
}

// Normalises groups of channels together (Wu and He, https://arxiv.org/abs/1803.08494).
LogicalResult groupNorm(NodeContext &n) {
  ArrayRef<int64_t> shape = n.shapeOf(0);
  int64_t groups = n.intAttr("num_groups", 0), rank = n.rankOf(0);
  if (rank < 2 || groups < 1 || shape[1] % groups)
    return n.unsupported("attribute 'num_groups' = " + Twine(groups) + " must divide the channels");
  if (!n.requireInt("stash_type", 1, 1))
    return failure();
  Compose c(n.g);
  Value grouped = c.g.reshape(n.operand(0), {shape[0], groups, productOf(shape.drop_front()) / groups});
  Value value = c.g.reshape(normalizeFrom(c, grouped, 2, n.floatAttr("epsilon", 1e-5f)), shape);
  auto weights = [&](size_t index) {
    Value vector = n.operand(index);
    // Before opset 21 there was one scale and bias a group.
    if (n.opset < 21 && vector)
      vector = c.g.reshape(
          c.broadcast(c.g.reshape(vector, {n.typeOf(index).getNumElements(), 1}), {groups, shape[1] / groups}),
          {shape[1]});
    return perChannel(c, vector, rank);
  };
  return n.result(c.add(c.mul(value, weights(1)), weights(2)));
}

// x / (sum |x|^p)^(1/p); a line of zeros stays.
LogicalResult lpNorm(NodeContext &n) {
  int64_t p = n.intAttr("p", 2);
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", -1), n.rankOf(0));
  if (!axis)
    return failure();
  if (p != 1 && p != 2)
    return n.unsupported("attribute 'p' = " + Twine(p) + " is not supported (1 and 2 are)");
  Compose c(n.g);
  Value x = n.operand(0);
  Value norm = c.reduce(ReduceKind::Sum, p == 1 ? c.apply<AbsOp>(x) : c.mul(x, x), *axis, true);
  if (p == 2)
    norm = c.apply<SqrtOp>(norm);
  if (!norm)
    return failure();
  Value isZero = c.compare(ComparePredicate::EQ, norm, 0);
  return n.result(c.div(x, c.select(isZero, c.like(norm, 1), norm)));
}

LogicalResult meanVarianceNorm(NodeContext &n) {
  std::optional<SmallVector<int64_t>> axes = n.axes(n.intsAttr("axes", {0, 2, 3}), n.rankOf(0));
  if (!axes)
    return failure();
  Compose c(n.g);
  auto s = statistics(c, n.operand(0), *axes);
  return n.result(c.div(s.centred, c.add(c.apply<SqrtOp>(s.variance), 1e-9)));
}

// x / (bias + alpha / size * sum of squares over `size` neighbouring channels)^beta (Krizhevsky et al., 2012)
LogicalResult localResponseNorm(NodeContext &n) {
  ArrayRef<int64_t> shape = n.shapeOf(0);
  int64_t size = n.intAttr("size", 0);
  if (shape.size() < 3 || size < 1)
    return n.unsupported("it needs an input of rank 3 or more and a positive attribute 'size'");
  Compose c(n.g);
  Value x = n.operand(0);
  // The average over channels as a pooling of an image [N, 1, C, rest], padding included.
  Value image = c.g.reshape(c.mul(x, x), {shape[0], 1, shape[1], productOf(shape.drop_front(2))});
  Value average = c.g.make<PoolOp>(
      image, {c.g.attr("kind", PoolKindAttr::get(c.g.context(), PoolKind::Average)), c.g.ints("window", {size, 1}),
              c.g.ints("strides", {1, 1}), c.g.ints("pad_low", {(size - 1) / 2, 0}),
              c.g.ints("pad_high", {size / 2, 0}), c.g.ints("dilations", {1, 1}), c.g.unit("count_include_pad")});
  Value scale = c.add(c.mul(c.g.reshape(average, shape), n.floatAttr("alpha", 1e-4f)), n.floatAttr("bias", 1));
  return n.result(c.div(x, c.apply<PowOp>(scale, n.floatAttr("beta", 0.75))));
}

} // namespace

void frontend::addNormalizationOps(OpTable &table) {
  table["BatchNormalization"] = {batchNorm, 6};
  table["LayerNormalization"] = {layerNorm, 1, "stash_type is 1"}; // onnxruntime writes it into models of any opset.
  table["RMSNormalization"] = {rmsNorm, 23, "stash_type is 1"};
  table["SimplifiedLayerNormalization"] = {rmsNorm, 1}; // Its name in models of onnxruntime.
  table["InstanceNormalization"] = {instanceNorm, 6};
  table["GroupNormalization"] = {groupNorm, 18, "stash_type is 1"};
  table["LpNormalization"] = {lpNorm, 1, "p is 1 or 2"};
  table["MeanVarianceNormalization"] = {meanVarianceNorm, 9};
  table["LRN"] = {localResponseNorm, 1};
}
