// Reductions: inference and constraints, FLOPs.
#include "dialects/mlc/Inference.h"
#include "dialects/mlc/MlcDialect.h"

using namespace mlir;
using namespace mlc;

#define GET_OP_CLASSES
#include "dialects/mlc/MlcReductionOps.cpp.inc"

void MlcDialect::registerReductionOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/mlc/MlcReductionOps.cpp.inc"
      >();
}

int64_t ReduceOp::flops() { return countElements(getOperand().getType()); }

int64_t PoolOp::flops() {
  int64_t flops = countElements(getType());
  for (int64_t size : getWindow())
    flops *= size;
  return flops;
}

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  SmallVector<int64_t> shape(shapeOf(adaptor.getOperand()));
  int64_t rank = shape.size(), previous = -1;
  for (int64_t axis : adaptor.getAxes()) {
    if (axis <= previous || axis >= rank)
      return inferenceError(location, name,
                            "(C1) expects strictly ascending axes in [0, " + Twine(rank) + "), got " + Twine(axis) +
                                (previous >= 0 ? " after " + Twine(previous) : Twine("")));
    previous = axis;
    shape[axis] = adaptor.getKeepDims() ? 1 : -1;
  }
  if (adaptor.getKind() == ReduceKind::Mean && !isa<FloatType>(elementOf(adaptor.getOperand())))
    return inferenceError(location, name, "(C2) expects a floating-point operand for mean");
  llvm::erase(shape, -1);
  results.push_back(RankedTensorType::get(shape, elementOf(adaptor.getOperand())));
  return success();
}

template <typename Op>
static LogicalResult inferArgReduce(std::optional<Location> location, typename Op::Adaptor adaptor, Types &results) {
  StringRef name = Op::getOperationName();
  SmallVector<int64_t> shape(shapeOf(adaptor.getOperand()));
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(location, name, "(C1)", axis, shape.size())))
    return failure();
  if (shape[axis] == 0)
    return inferenceError(location, name, "(C2) expects a dimension that is not empty, got size 0");
  if (adaptor.getKeepDims())
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + axis);
  results.push_back(RankedTensorType::get(shape, IntegerType::get(adaptor.getOperand().getContext(), 64)));
  return success();
}

LogicalResult ArgMaxOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  return inferArgReduce<ArgMaxOp>(location, adaptor, results);
}

LogicalResult ArgMinOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  return inferArgReduce<ArgMinOp>(location, adaptor, results);
}

LogicalResult CumSumOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  Value operand = adaptor.getOperand();
  if (failed(checkAxis(location, getOperationName(), "(C1)", adaptor.getAxis(), shapeOf(operand).size())))
    return failure();
  return inferSameType(location, getOperationName(), operand, results);
}

LogicalResult PoolOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  ArrayRef<int64_t> shape = shapeOf(adaptor.getOperand());
  if (shape.size() < 3)
    return inferenceError(location, name, "(C1) expects an operand of rank 3 or more, got rank " + Twine(shape.size()));
  bool channelsLast = adaptor.getLayout() == Layout::ChannelsLast;
  ArrayRef<int64_t> spatial = channelsLast ? shape.drop_front().drop_back() : shape.drop_front(2);
  if (auto ceilPad = adaptor.getCeilPad(); ceilPad && ceilPad->size() != spatial.size())
    return inferenceError(location, name, "(C2) expects ceil_pad with one entry for each spatial dimension");
  auto sizes = inferWindows(
      location, name, "(C2)", "(C3)", spatial,
      {adaptor.getWindow(), adaptor.getStrides(), adaptor.getPadLow(), adaptor.getPadHigh(), adaptor.getDilations()});
  if (failed(sizes))
    return failure();
  for (auto [i, size] : llvm::enumerate(adaptor.getWindow())) {
    int64_t extent = adaptor.getDilations()[i] * (size - 1) + 1;
    int64_t pad = std::max(adaptor.getPadLow()[i], adaptor.getPadHigh()[i]);
    if (pad >= extent && pad > 0)
      return inferenceError(location, name,
                            "(C4) expects paddings smaller than the window of " + Twine(extent) + ", got " +
                                Twine(pad) + " (spatial dimension " + Twine(i) + ")");
  }
  SmallVector<int64_t> result(shape);
  llvm::copy(*sizes, result.begin() + (channelsLast ? 1 : 2));
  results.push_back(RankedTensorType::get(result, elementOf(adaptor.getOperand())));
  return success();
}
