// Softmax and normalisations: inference and constraints.
#include "dialects/mlc/Inference.h"
#include "dialects/mlc/MlcDialect.h"

using namespace mlir;
using namespace mlc;

#define GET_OP_CLASSES
#include "dialects/mlc/MlcNormalizationOps.cpp.inc"

void MlcDialect::registerNormalizationOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/mlc/MlcNormalizationOps.cpp.inc"
      >();
}

template <typename Op>
static LogicalResult inferSoftmax(std::optional<Location> location, typename Op::Adaptor adaptor, Types &results) {
  Value operand = adaptor.getOperand();
  if (failed(checkAxis(location, Op::getOperationName(), "(C1)", adaptor.getAxis(), shapeOf(operand).size())))
    return failure();
  return inferSameType(location, Op::getOperationName(), operand, results);
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &results) {
  return inferSoftmax<SoftmaxOp>(location, adaptor, results);
}

LogicalResult LogSoftmaxOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                             SmallVectorImpl<Type> &results) {
  return inferSoftmax<LogSoftmaxOp>(location, adaptor, results);
}

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  ArrayRef<int64_t> shape = shapeOf(adaptor.getOperand());
  if (failed(checkAxis(location, name, "(C1)", adaptor.getAxis(), shape.size())))
    return failure();
  ArrayRef<int64_t> normalized = shape.drop_front(adaptor.getAxis());
  for (auto [what, value] : {std::pair("scale", adaptor.getScale()), std::pair("bias", adaptor.getBias())})
    if (value && shapeOf(value) != normalized)
      return inferenceError(location, name,
                            Twine("(C2) expects ") + what + " of shape " + formatShape(normalized) + ", got " +
                                formatShape(shapeOf(value)));
  if (failed(checkSameElementType(location, name, "(C3)", adaptor.getOperands())))
    return failure();
  return inferSameType(location, name, adaptor.getOperand(), results);
}

LogicalResult BatchNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  ArrayRef<int64_t> shape = shapeOf(adaptor.getOperand());
  if (failed(checkAxis(location, name, "(C1)", adaptor.getAxis(), shape.size())))
    return failure();
  int64_t channels = shape[adaptor.getAxis()];
  for (auto [what, value] : {std::pair("scale", adaptor.getScale()), std::pair("bias", adaptor.getBias()),
                             std::pair("mean", adaptor.getMean()), std::pair("variance", adaptor.getVariance())})
    if (shapeOf(value) != ArrayRef(channels))
      return inferenceError(location, name,
                            Twine("(C2) expects ") + what + " of shape " + Twine(channels) + ", got " +
                                formatShape(shapeOf(value)));
  if (failed(checkSameElementType(location, name, "(C3)", adaptor.getOperands())))
    return failure();
  return inferSameType(location, name, adaptor.getOperand(), results);
}
