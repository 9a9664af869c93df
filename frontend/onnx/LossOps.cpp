// Losses of ONNX.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// -logProbabilities[n, target[n, d...], d...] * weight[target], reduced as attribute 'reduction' says.
LogicalResult negativeLogLikelihood(NodeContext &n, Value logProbabilities) {
  Compose c(n.g);
  std::string reduction = n.stringAttr("reduction", "mean");
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    return n.unsupported("attribute 'reduction' = '" + reduction + "' is not known");
  Dims targetShape(n.shapeOf(0));
  if (targetShape.size() > 1)
    targetShape.erase(targetShape.begin() + 1);
  if (n.rankOf(0) < 2 || n.shapeOf(1) != ArrayRef<int64_t>(targetShape))
    return n.unsupported("its target must have the input's shape without dimension 1");
  Value target = c.g.cast(n.operand(1), c.i64()), ignored;
  if (n.hasAttr("ignore_index")) {
    ignored = c.compare(ComparePredicate::EQ, target, static_cast<double>(n.intAttr("ignore_index", 0)));
    target = c.select(ignored, c.like(target, 0), target); // any class: its weight will be 0
  }
  Value picked = c.gatherElements(logProbabilities, c.expand(target, 1), 1);
  if (!picked)
    return failure();
  Value loss = c.apply<NegOp>(c.g.reshape(picked, n.shapeOf(1)));
  Value weight = n.has(2) ? c.gather(n.operand(2), target, 0) : Value();
  if (ignored) {
    Value one = c.broadcast(c.like(loss, 1), n.shapeOf(1));
    weight = c.select(ignored, c.like(loss, 0), weight ? weight : one);
  }
  if (weight)
    loss = c.mul(loss, weight);
  if (reduction == "none")
    return n.result(loss);
  Dims all = llvm::to_vector(llvm::seq<int64_t>(0, n.rankOf(1)));
  Value sum = c.reduce(reduction == "mean" && !weight ? ReduceKind::Mean : ReduceKind::Sum, loss, all, false);
  if (reduction == "mean" && weight)
    sum = c.div(sum, c.reduce(ReduceKind::Sum, weight, all, false));
  return n.result(sum);
}

LogicalResult negativeLogLikelihoodLoss(NodeContext &n) { return negativeLogLikelihood(n, n.operand(0)); }

LogicalResult softmaxCrossEntropyLoss(NodeContext &n) {
  ArrayRef<int64_t> shape = n.shapeOf(0);
  if (shape.size() < 2)
    return n.unsupported("its scores must have a rank of at least 2");
  // Classes last, so that a row is what a softmax reads.
  Value scores = n.g.reshape(n.operand(0), {shape[0], shape[1], productOf(shape.drop_front(2))});
  Value rows = n.g.make<LogSoftmaxOp>(n.g.transpose(scores, {0, 2, 1}), n.g.integer("axis", 2));
  Value logProbabilities = n.g.reshape(n.g.transpose(rows, {0, 2, 1}), shape);
  if (failed(negativeLogLikelihood(n, logProbabilities)))
    return failure();
  return n.wantsOutput(1) ? n.result(1, logProbabilities) : success();
}

} // namespace

void frontend::addLossOps(OpTable &table) {
  table["NegativeLogLikelihoodLoss"] = {negativeLogLikelihoodLoss, 12};
  table["SoftmaxCrossEntropyLoss"] = {softmaxCrossEntropyLoss, 12};
}
