// Ops of the domain com.microsoft that onnxruntime's optimisers write: products, activations, normalisations. Their
// definitions: onnxruntime, docs/ContribOperators.md. Attention and quantised ops are in files of their own.
#include "frontend/onnx/Activations.h"
#include "frontend/onnx/Contrib.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

LogicalResult fusedMatMul(NodeContext &n) {
  bool whole = n.requireInt("transBatchA", 0, 0);
  whole &= n.requireInt("transBatchB", 0, 0);
  bool transposeA = n.intAttr("transA", 0) != 0, transposeB = n.intAttr("transB", 0) != 0;
  double alpha = n.floatAttr("alpha", 1);
  if (n.rankOf(0) < 2 || n.rankOf(1) < 2)
    return n.unsupported("its operands must have a rank of at least 2");
  Compose c(n.g);
  return whole ? n.result(c.mul(c.matmul(n.operand(0), n.operand(1), transposeA, transposeB), alpha)) : failure();
}

LogicalResult fusedGemm(NodeContext &n) {
  Compose c(n.g);
  std::string name = n.stringAttr("activation", "");
  std::optional<Activation> activation = Activation::named(name);
  if (!activation)
    return n.unsupported("attribute 'activation' = '" + name + "' is not known");
  if (activation->takesAlpha())
    activation->alpha = n.floatAttr("activation_alpha", *activation->alpha);
  if (activation->takesBeta())
    activation->beta = n.floatAttr("activation_beta", *activation->beta);
  for (const char *unused : {"activation_alpha", "activation_beta", "activation_gamma"})
    (void)n.floatAttr(unused, 0);
  bool transposeA = n.intAttr("transA", 0) != 0, transposeB = n.intAttr("transB", 0) != 0;
  double alpha = n.floatAttr("alpha", 1), beta = n.floatAttr("beta", 1);
  Value product = c.mul(c.matmul(n.operand(0), n.operand(1), transposeA, transposeB), alpha);
  if (n.has(2) && beta != 0)
    product = c.add(product, c.mul(n.operand(2), beta));
  return n.result((*activation)(c, product));
}

// Of the first operand and, where it is there, a bias.
Value withBias(NodeContext &n) { return n.has(1) ? Compose(n.g).add(n.operand(0), n.operand(1)) : n.operand(0); }

LogicalResult gelu(NodeContext &n) { return n.result(n.g.make<GeluOp>(withBias(n))); }
LogicalResult fastGelu(NodeContext &n) {
  return n.result(n.g.make<GeluOp>(withBias(n), n.g.unit("tanh_approximation")));
}

// x * sigmoid(alpha * x)
LogicalResult quickGelu(NodeContext &n) {
  Compose c(n.g);
  Value x = n.operand(0);
  return n.result(c.mul(x, c.apply<SigmoidOp>(c.mul(x, n.floatAttr("alpha", 1.702f)))));
}

// softmax(data + bias) over all dimensions from `axis` on.
LogicalResult biasSoftmax(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", 1), n.rankOf(0));
  bool inner = n.intAttr("is_inner_broadcast", 1) != 0;
  if (!axis)
    return failure();
  ArrayRef<int64_t> shape = n.shapeOf(0), bias = n.shapeOf(1);
  if (*axis != static_cast<int64_t>(shape.size()) - 1 || (inner && bias.size() != shape.size()))
    return n.unsupported("attribute 'axis' must be the last dimension");
  Compose c(n.g);
  return n.result(c.softmax(withBias(n), *axis));
}

// input + skip + bias, normalised over the last dimension.
template <bool simplified> LogicalResult skipLayerNorm(NodeContext &n) {
  Compose c(n.g);
  double epsilon = n.floatAttr("epsilon", simplified ? 0 : 1e-12f);
  size_t bias = simplified ? 3 : 4;
  Value sum = c.add(n.operand(0), n.operand(1));
  if (n.has(bias))
    sum = c.add(sum, n.operand(bias));
  if (n.wantsOutput(1) || n.wantsOutput(2))
    return n.unsupported("the outputs mean and inv_std_var are of training; export the model in inference mode");
  if (n.wantsOutput(3) && failed(n.result(3, sum)))
    return failure();
  Value scale = n.operand(2), shift = !simplified && n.has(3) ? n.operand(3) : Value();
  return n.result(simplified ? rmsNormalized(c, sum, scale, epsilon) : layerNormalized(c, sum, scale, shift, epsilon));
}

// The sum of the embeddings of words, positions and segments, normalised; and how many tokens of each row count.
LogicalResult embedLayerNorm(NodeContext &n) {
  Compose c(n.g);
  double epsilon = n.floatAttr("epsilon", 1e-12f);
  int64_t maskIndexType = n.intAttr("mask_index_type", 1);
  ArrayRef<int64_t> ids = n.shapeOf(0);
  if (ids.size() != 2 || n.rankOf(2) != 2 || n.rankOf(3) != 2)
    return n.unsupported("it needs ids [batch, sequence] and tables of rank 2");
  Value sum = c.gather(n.operand(2), n.operand(0), 0);
  if (n.has(8))
    sum = c.add(sum, c.gather(n.operand(3), n.operand(8), 0));
  else if (ids[1] <= n.shapeOf(3)[0])
    sum = c.add(sum, c.slice(n.operand(3), 0, 0, ids[1]));
  else
    return n.unsupported("it has embeddings of " + Twine(n.shapeOf(3)[0]) + " positions, the sequence has " +
                         Twine(ids[1]));
  if (n.has(1) && n.has(4))
    sum = c.add(sum, c.gather(n.operand(4), n.operand(1), 0));
  if (n.wantsOutput(1)) {
    if (maskIndexType != 0 && maskIndexType != 1)
      return n.unsupported("attribute 'mask_index_type' = " + Twine(maskIndexType) + " is not supported (0 and 1 are)");
    Value counts = n.has(7) && maskIndexType == 1
                       ? c.reduce(ReduceKind::Sum, c.g.cast(n.operand(7), c.i32()), {1}, false)
                       : c.broadcast(c.g.scalar(c.i32(), 0), {ids[0]});
    if (failed(n.result(1, counts)))
      return failure();
  }
  if (n.wantsOutput(2) && failed(n.result(2, sum)))
    return failure();
  return n.result(layerNormalized(c, sum, n.operand(5), n.operand(6), epsilon));
}

} // namespace

Value frontend::layerNormalized(Compose &c, Value x, Value scale, Value bias, double epsilon) {
  if (!x)
    return {};
  SmallVector<Value> operands = {x, scale};
  if (bias)
    operands.push_back(bias);
  return c.g.make<LayerNormOp>(
      operands, {c.g.integer("axis", Compose::type(x).getRank() - 1), c.g.real("epsilon", epsilon),
                 c.g.attr("operandSegmentSizes", c.g.attrs().getDenseI32ArrayAttr({1, 1, bias ? 1 : 0}))});
}

Value frontend::rmsNormalized(Compose &c, Value x, Value scale, double epsilon) {
  if (!x)
    return {};
  Type type = Compose::element(x);
  Value wide = c.g.cast(x, type.isF64() ? type : c.f32());
  Value square = c.reduce(ReduceKind::Mean, c.mul(wide, wide), Compose::type(x).getRank() - 1, true);
  return c.mul(c.g.cast(c.mul(wide, c.apply<RsqrtOp>(c.add(square, epsilon))), type), scale);
}

void frontend::addContribOps(OpTable &table) {
  table["com.microsoft.FusedMatMul"] = {fusedMatMul, 1, "without transBatchA and transBatchB"};
  table["com.microsoft.TransposeMatMul"] = {fusedMatMul, 1, "without transBatchA and transBatchB"};
  table["com.microsoft.FusedGemm"] = {fusedGemm, 1};
  table["com.microsoft.Gelu"] = {gelu, 1};
  table["com.microsoft.BiasGelu"] = {gelu, 1};
  table["com.microsoft.FastGelu"] = {fastGelu, 1};
  table["com.microsoft.QuickGelu"] = {quickGelu, 1};
  table["com.microsoft.BiasSoftmax"] = {biasSoftmax, 1, "over the last dimension"};
  table["com.microsoft.SkipLayerNormalization"] = {skipLayerNorm<false>, 1, "without mean and inv_std_var"};
  table["com.microsoft.SkipSimplifiedLayerNormalization"] = {skipLayerNorm<true>, 1, "without mean and inv_std_var"};
  table["com.microsoft.EmbedLayerNormalization"] = {embedLayerNorm, 1};
}
