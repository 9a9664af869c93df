// Elementwise ops: inference of cast, folders.
#include "dialects/mlc/Inference.h"
#include "dialects/mlc/MlcDialect.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlc;

#define GET_OP_CLASSES
#include "dialects/mlc/MlcElementwiseOps.cpp.inc"

void MlcDialect::registerElementwiseOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/mlc/MlcElementwiseOps.cpp.inc"
      >();
}

// Is `attr` a splat of `value`, floating-point or integer?
static bool isSplatOf(Attribute attr, double value) {
  auto elements = dyn_cast_or_null<SplatElementsAttr>(attr);
  if (!elements)
    return false;
  if (isa<FloatType>(elements.getElementType()))
    return elements.getSplatValue<APFloat>().isExactlyValue(value);
  return elements.getSplatValue<APInt>().getSExtValue() == static_cast<int64_t>(value);
}

// `operand` may stand for a result of type `type`: an identity that also broadcasts is none.
static OpFoldResult ifSameType(Value operand, Type type) {
  return operand.getType() == type ? operand : OpFoldResult();
}

LogicalResult CastOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  results.push_back(RankedTensorType::get(shapeOf(adaptor.getOperand()), adaptor.getTo()));
  return success();
}

LogicalResult QuantizeOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                           SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> x = shapeOf(adaptor.getOperand()), zero = shapeOf(adaptor.getZeroPoint());
  auto shape = broadcastShapes(x, zero);
  if (!shape)
    return inferenceError(location, getOperationName(),
                          "(C1) expects shapes that broadcast, got " + formatShape(x) + " and " + formatShape(zero));
  results.push_back(RankedTensorType::get(*shape, elementOf(adaptor.getZeroPoint())));
  return success();
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  // Widened and rounded again is what it was.
  auto inner = getOperand().getDefiningOp<CastOp>();
  if (inner && isa<FloatType>(getTo()) && isa<FloatType>(inner.getTo()) && inner.getOperand().getType() == getType() &&
      inner.getTo().getIntOrFloatBitWidth() > getTo().getIntOrFloatBitWidth())
    return inner.getOperand();
  return ifSameType(getOperand(), getType());
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  // x + -0.0 is x for every x; x + 0.0 is not (-0.0 + 0.0 is 0.0), but compares equal, and no mlc op tells them apart
  // but a division; the strict form keeps the bits.
  bool isFloat = isa<FloatType>(getType().getElementType());
  if (isSplatOf(adaptor.getRhs(), isFloat ? -0.0 : 0.0))
    return ifSameType(getLhs(), getType());
  return {};
}

OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  return isSplatOf(adaptor.getRhs(), 0.0) ? ifSameType(getLhs(), getType()) : OpFoldResult();
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  return isSplatOf(adaptor.getRhs(), 1.0) ? ifSameType(getLhs(), getType()) : OpFoldResult();
}

OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  return isSplatOf(adaptor.getRhs(), 1.0) ? ifSameType(getLhs(), getType()) : OpFoldResult();
}

OpFoldResult PowOp::fold(FoldAdaptor adaptor) {
  return isSplatOf(adaptor.getRhs(), 1.0) ? ifSameType(getLhs(), getType()) : OpFoldResult();
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  if (getOnTrue() == getOnFalse())
    return ifSameType(getOnTrue(), getType());
  if (auto condition = dyn_cast_or_null<SplatElementsAttr>(adaptor.getCondition()))
    return ifSameType(condition.getSplatValue<bool>() ? getOnTrue() : getOnFalse(), getType());
  return {};
}
