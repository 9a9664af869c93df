// What a program keeps in its module file besides code: parameters, initial values of variables, constants. Each is
// listed once, whichever entry points and buckets use it.
#ifndef MLC_CODEGEN_SCHEDULE_STOREDTENSORS_H
#define MLC_CODEGEN_SCHEDULE_STOREDTENSORS_H

#include "codegen/module/ModuleWriter.h"
#include "dialects/mlc/MlcDialect.h"

namespace mlc::codegen {

DType dtypeOf(mlir::Type element);

class StoredTensors {
public:
  // Lists the variables of the module.
  void addVariables(mlir::ModuleOp module);

  BindingDesc bindParam(mlir::Operation *param, mlir::Type type); // an mlc.param or mlc.param_pack
  mlir::FailureOr<BindingDesc> bindConstant(ConstantOp constant);
  // Index of the variable that `mlc.variable` names.
  uint32_t findVariable(mlir::Attribute name) const;

  std::vector<ParamDesc> params;           // laid out
  std::vector<mlir::Operation *> paramOps; // that compute them
  std::vector<VariableDesc> variables;
  std::string constants;

private:
  uint32_t addParam(mlir::Operation *op, mlir::Type type);
  uint64_t paramsEnd = 0;
  llvm::DenseMap<mlir::Operation *, uint32_t> paramIndex;
  llvm::DenseMap<mlir::Attribute, BindingDesc> constantAt;
};

} // namespace mlc::codegen

#endif // MLC_CODEGEN_SCHEDULE_STOREDTENSORS_H
