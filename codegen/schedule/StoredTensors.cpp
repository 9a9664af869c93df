#include "codegen/schedule/StoredTensors.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

constexpr uint64_t kAlignment = 64;

uint64_t alignUp(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Elements as they lie in memory; an i1 takes a byte.
std::string bytesOf(DenseElementsAttr values) {
  std::string bytes;
  auto append = [&](const APInt &value) {
    unsigned size = (value.getBitWidth() + 7) / 8;
    uint64_t bits = value.getZExtValue();
    bytes.append(reinterpret_cast<const char *>(&bits), size); // little-endian, as the module file
  };
  if (isa<FloatType>(values.getElementType()))
    for (const APFloat &value : values.getValues<APFloat>())
      append(value.bitcastToAPInt());
  else
    for (const APInt &value : values.getValues<APInt>())
      append(value);
  return bytes;
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

DType dtypeOf(Type type) {
  if (type.isF32())
    return DType::f32;
  if (type.isF64())
    return DType::f64;
  if (type.isF16())
    return DType::f16;
  if (type.isBF16())
    return DType::bf16;
  bool isUnsigned = type.isUnsignedInteger();
  switch (type.getIntOrFloatBitWidth()) {
  case 1: return DType::i1;
  case 8: return isUnsigned ? DType::u8 : DType::i8;
  case 16: return isUnsigned ? DType::u16 : DType::i16;
  case 32: return isUnsigned ? DType::u32 : DType::i32;
  default: return isUnsigned ? DType::u64 : DType::i64;
  }
}

LogicalResult StoredTensors::addVariables(ModuleOp module) {
  for (VariableOp op : module.getOps<VariableOp>()) {
    VariableDesc variable;
    variable.name = op.getSymName().str();
    auto type = cast<RankedTensorType>(op.getType());
    variable.dtype = dtypeOf(type.getElementType());
    variable.shape = type.getShape().vec();
    variable.size = countBytes(type);
    variable.trainable = op.getTrainable();
    std::string roles;
    bool known = false;
    for (VariableRole role : program::EnumValuesVariableRole()) {
      StringRef name = program::EnumNameVariableRole(role);
      if (name == op.getRole()) {
        variable.role = role;
        known = true;
      }
      roles += (roles.empty() ? "" : ", ") + name.str();
    }
    if (!known)
      return op.emitOpError("has the role '") << op.getRole() << "'; roles are " << roles;
    if (!isZero(op.getSource()))
      variable.initialParam = addParam(op, type);
    variables.push_back(variable);
  }
  return success();
}

uint32_t StoredTensors::addParam(Operation *op, Type type) {
  auto [entry, isNew] = paramIndex.try_emplace(op, params.size());
  if (isNew) {
    ParamDesc param;
    param.name = SymbolTable::getSymbolName(op).str();
    param.dtype = dtypeOf(cast<RankedTensorType>(type).getElementType());
    param.shape = cast<RankedTensorType>(type).getShape().vec();
    param.size = countBytes(type);
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
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!dense)
    return constant.emitOpError("holds its value in a form other than dense; make it an mlc.param");
  auto [entry, isNew] = constantAt.try_emplace(dense);
  if (isNew) {
    constants.resize(alignUp(constants.size()));
    std::string bytes = bytesOf(dense);
    entry->second = {Base::constant, 0, constants.size(), bytes.size()};
    constants += bytes;
  }
  return entry->second;
}

FailureOr<uint32_t> StoredTensors::findVariable(Operation *user, Attribute name, Type type) const {
  auto symbol = dyn_cast<FlatSymbolRefAttr>(name);
  if (!symbol)
    return user->emitOpError("'mlc.variable' is a symbol such as @step, got ") << name;
  auto tensor = cast<RankedTensorType>(type);
  for (auto [index, variable] : llvm::enumerate(variables)) {
    if (variable.name != symbol.getValue())
      continue;
    if (variable.dtype != dtypeOf(tensor.getElementType()) || ArrayRef(variable.shape) != tensor.getShape())
      return user->emitOpError("variable ")
             << symbol << " is used as " << type << ", but is declared with another type";
    return uint32_t(index);
  }
  return user->emitOpError("there is no mlc.variable ") << symbol;
}

} // namespace mlc::codegen
