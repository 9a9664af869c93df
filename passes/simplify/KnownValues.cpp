#include "passes/simplify/KnownValues.h"
#include "dialects/mlc/ConstantTensor.h"

using namespace mlir;

namespace mlc {

static constexpr int64_t kMostElements = 1 << 16;

std::optional<HostTensor> KnownValues::of(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || countElements(value.getType()) > kMostElements)
    return std::nullopt;
  auto given = [](Result<HostTensor> tensor) { return tensor.ok() ? std::optional(std::move(*tensor)) : std::nullopt; };
  if (auto constant = dyn_cast<ConstantOp>(op))
    return given(toHostTensor(constant.getValue()));
  if (auto load = dyn_cast<LoadParamOp>(op)) {
    auto param = SymbolTable::lookupNearestSymbolFrom<ParamOp>(op, load.getParamAttr());
    auto file = param ? dyn_cast<FileAttr>(param.getSource()) : FileAttr();
    if (!file)
      return param ? given(toHostTensor(param.getSource())) : std::nullopt;
    FileSource source{file.getPath().str(), static_cast<uint64_t>(file.getOffset())};
    return given(store.read({dtypeOf(load.getType()), shapeOf(load.getType()), source}));
  }
  auto reference = dyn_cast<ReferenceOp>(op);
  if (!reference || op->getNumOperands() == 0 || op->getNumRegions() || op->getNumResults() != 1 || !isPure(op))
    return std::nullopt;
  SmallVector<HostTensor> operands, results;
  for (Value operand : op->getOperands()) {
    std::optional<HostTensor> known = of(operand);
    if (!known)
      return std::nullopt;
    operands.push_back(std::move(*known));
  }
  std::string error;
  if (failed(reference.evaluate(operands, results, error)))
    return std::nullopt;
  return results.front();
}

std::optional<double> KnownValues::uniform(Value value) {
  std::optional<HostTensor> known = of(value);
  if (!known || known->numElements() == 0)
    return std::nullopt;
  auto at = [&](int64_t i) {
    return isFloat(known->dtype()) ? known->floatAt(i) : static_cast<double>(known->intAt(i));
  };
  for (int64_t i = 1; i < known->numElements(); ++i)
    if (at(i) != at(0))
      return std::nullopt;
  return at(0);
}

bool KnownValues::areEqual(Value a, Value b) {
  if (a == b)
    return true;
  std::optional<HostTensor> x = of(a), y = of(b);
  return x && y && x->dtype() == y->dtype() && x->numElements() == y->numElements() &&
         std::memcmp(x->bytes(), y->bytes(), x->sizeBytes()) == 0;
}

} // namespace mlc
