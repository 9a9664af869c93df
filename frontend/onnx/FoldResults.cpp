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

namespace {

// Values of the ops that a handler made. Each is computed once, with a stack of its own: a recurrent layer uses its
// state several times in each of thousands of steps.
class Evaluator {
public:
  explicit Evaluator(FoldBudget &budget) : budget(budget) {}
  std::optional<HostTensor> operator()(Value value);

private:
  // Nothing where the value is not known on the host.
  std::optional<HostTensor> compute(Operation *op);

  FoldBudget &budget;
  DenseMap<Operation *, std::optional<HostTensor>> known;
};

std::optional<HostTensor> Evaluator::operator()(Value value) {
  Operation *wanted = value.getDefiningOp();
  SmallVector<Operation *> stack = {wanted};
  while (wanted && !stack.empty()) {
    Operation *op = stack.back();
    auto isKnown = [&](Value operand) { return !operand.getDefiningOp() || known.contains(operand.getDefiningOp()); };
    bool canFold = op->getNumResults() == 1 && isSmall(cast<RankedTensorType>(op->getResult(0).getType()));
    if (canFold && !known.contains(op) && !llvm::all_of(op->getOperands(), isKnown)) {
      for (Value operand : op->getOperands())
        if (!isKnown(operand))
          stack.push_back(operand.getDefiningOp());
      continue;
    }
    stack.pop_back();
    if (!known.contains(op)) {
      std::optional<HostTensor> tensor = canFold ? compute(op) : std::nullopt;
      known[op] = std::move(tensor);
    }
  }
  return wanted ? known.lookup(wanted) : std::nullopt;
}

std::optional<HostTensor> Evaluator::compute(Operation *op) {
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
  if (!reference || op->getNumRegions() ||
      !budget.take(std::max<int64_t>(1, cast<RankedTensorType>(op->getResult(0).getType()).getNumElements())))
    return std::nullopt;
  SmallVector<HostTensor> operands, results;
  for (Value operand : op->getOperands()) {
    std::optional<HostTensor> tensor = known.lookup(operand.getDefiningOp());
    if (!tensor)
      return std::nullopt;
    operands.push_back(*std::move(tensor));
  }
  std::string error;
  return succeeded(reference.evaluate(operands, results, error)) ? std::optional(results[0]) : std::nullopt;
}

} // namespace

void frontend::foldResults(NodeContext &node, FoldBudget &budget) {
  for (size_t i = 0; i < node.numInputs(); ++i)
    if (node.has(i) && (!node.constant(i) || !isSmall(node.typeOf(i))))
      return;
  Evaluator evaluate(budget);
  for (GraphValue &result : node.results)
    if (result.value && !result.host)
      if (std::optional<HostTensor> tensor = evaluate(result.value)) {
        result.host = std::move(tensor);
        result.value = {};
      }
}
