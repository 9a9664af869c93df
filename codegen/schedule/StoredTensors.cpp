#include "codegen/schedule/StoredTensors.h"

#include "dialects/mlc/ConstantTensor.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

constexpr uint64_t kAlignment = 64;

uint64_t alignUp(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// The mlc.pack that a stored tensor ends with, or null.
PackOp packOf(Operation *stored) {
  auto param = dyn_cast<ParamPackOp>(stored);
  return param ? param.getBody().front().getTerminator()->getOperand(0).getDefiningOp<PackOp>() : PackOp();
}

bool isZero(Attribute source) {
  auto dense = dyn_cast<SplatElementsAttr>(source);
  if (!dense)
    return false;
  if (isa<FloatType>(dense.getElementType()))
    return dense.getSplatValue<APFloat>().bitcastToAPInt().isZero();
  return dense.getSplatValue<APInt>().isZero();
}

} // namespace

DType dtypeOf(Type element) {
  std::optional<mlc::DType> dtype = toDType(element);
  MLC_CHECK(dtype, "tensors of the dialect have an element type that is stored");
  for (DType candidate : program::EnumValuesDType())
    if (program::EnumNameDType(candidate) == nameOf(*dtype))
      return candidate;
  llvm_unreachable("the schema has every type of the dialect");
}

void StoredTensors::addVariables(ModuleOp module) {
  for (VariableOp op : module.getOps<VariableOp>()) {
    VariableDesc variable;
    variable.name = op.getSymName().str();
    auto type = cast<RankedTensorType>(op.getType());
    variable.dtype = dtypeOf(type.getElementType());
    variable.shape = type.getShape().vec();
    variable.size = countBytes(type);
    variable.trainable = op.getTrainable();
    const auto *role = llvm::find_if(program::EnumValuesVariableRole(), [&](VariableRole role) {
      return op.getRole() == program::EnumNameVariableRole(role);
    });
    MLC_CHECK(role != std::end(program::EnumValuesVariableRole()), "the schema has every role of the dialect");
    variable.role = *role;
    if (!isZero(op.getSource()))
      variable.initialParam = addParam(op, type);
    variables.push_back(variable);
  }
}

uint32_t StoredTensors::addParam(Operation *op, Type type) {
  auto [entry, isNew] = paramIndex.try_emplace(op, params.size());
  if (isNew) {
    ParamDesc param;
    param.name = SymbolTable::getSymbolName(op).str();
    param.dtype = dtypeOf(cast<RankedTensorType>(type).getElementType());
    param.shape = cast<RankedTensorType>(type).getShape().vec();
    param.size = countBytes(type);
    if (auto pack = packOf(op)) {
      param.shape = cast<RankedTensorType>(pack.getOperand().getType()).getShape().vec();
      std::string lanes = std::to_string(pack.getLanes()), interleave = std::to_string(pack.getInterleave());
      bool isInterleaved = pack.getInterleave() > 1;
      param.layout = "[N/" + lanes + (param.shape.size() == 2 ? "][K" : "][...") +
                     (isInterleaved ? "/" + interleave : "") + "][" + lanes + "]" +
                     (isInterleaved ? "[" + interleave + "]" : "");
    }
    param.offset = alignUp(paramsEnd);
    paramsEnd = param.offset + param.size;
    params.push_back(param);
    paramOps.push_back(op);
  }
  return entry->second;
}

BindingDesc StoredTensors::bindParam(Operation *op, Type type) {
  const ParamDesc &param = params[addParam(op, type)];
  return {Base::params, 0, param.offset, param.size};
}

FailureOr<BindingDesc> StoredTensors::bindConstant(ConstantOp constant) {
  auto [entry, isNew] = constantAt.try_emplace(constant.getValue());
  if (isNew) {
    Result<HostTensor> tensor = toHostTensor(constant.getValue());
    if (!tensor.ok())
      return constant.emitOpError(tensor.message());
    constants.resize(alignUp(constants.size()));
    entry->second = {Base::constant, 0, constants.size(), tensor->sizeBytes()};
    constants.append(reinterpret_cast<const char *>(tensor->bytes()), tensor->sizeBytes());
  }
  return entry->second;
}

uint32_t StoredTensors::findVariable(Attribute name) const {
  StringRef wanted = cast<FlatSymbolRefAttr>(name).getValue();
  auto found = llvm::find_if(variables, [&](const VariableDesc &variable) { return variable.name == wanted; });
  MLC_CHECK(found != variables.end(), "the variables of an entry point exist");
  return static_cast<uint32_t>(found - variables.begin());
}

} // namespace mlc::codegen
