#include "dialects/mlc/ConstantTensor.h"
#include "frontend/onnx/NodeContext.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

// Weights stay references: of floating-point tensors only tables of a few scales are folded.
static constexpr int64_t kMaxIntegers = 65536, kMaxFloats = 64;

static bool isSmall(RankedTensorType type) {
  return type.getNumElements() <= (isa<FloatType>(type.getElementType()) ? kMaxFloats : kMaxIntegers);
}

static std::optional<HostTensor> evaluate(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !isSmall(cast<RankedTensorType>(value.getType())))
    return std::nullopt;
  auto read = [](Attribute attribute) {
    Result<HostTensor> tensor = toHostTensor(attribute);
    return tensor.ok() ? std::optional(*tensor) : std::nullopt;
  };
  if (auto constant = dyn_cast<ConstantOp>(op))
    return read(constant.getValue());
  if (auto load = dyn_cast<LoadParamOp>(op)) {
    auto param = SymbolTable::lookupNearestSymbolFrom<ParamOp>(op, load.getParamAttr());
    return param ? read(param.getSource()) : std::nullopt;
  }
  auto reference = dyn_cast<ReferenceOp>(op);
  if (!reference || op->getNumRegions() || op->getNumResults() != 1)
    return std::nullopt;
  SmallVector<HostTensor> operands, results;
  for (Value operand : op->getOperands()) {
    std::optional<HostTensor> tensor = evaluate(operand);
    if (!tensor)
      return std::nullopt;
    operands.push_back(*std::move(tensor));
  }
  std::string error;
  return succeeded(reference.evaluate(operands, results, error)) ? std::optional(results[0]) : std::nullopt;
}

void frontend::foldResults(NodeContext &node) {
  for (size_t i = 0; i < node.numInputs(); ++i)
    if (node.has(i) && (!node.constant(i) || !isSmall(node.typeOf(i))))
      return;
  for (GraphValue &result : node.results)
    if (result.value && !result.host)
      if (std::optional<HostTensor> tensor = evaluate(result.value)) {
        result.host = std::move(tensor);
        result.value = {};
      }
}
