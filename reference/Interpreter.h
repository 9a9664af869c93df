// Runs functions of the dialect op by op, each op by its `ReferenceOp` model: the oracle that lowerings are checked
// against, and what computes parameter packs when a module is written.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "support/ParamStore.h"

#include <functional>

namespace mlc::reference {

struct InterpretOptions {
  // All floating-point tensors in f64: no rounding between ops.
  bool inF64 = false;
  // Called after each op, those in fused regions included.
  std::function<void(mlir::Operation *, llvm::ArrayRef<HostTensor>)> onResults;
};

// The function's results. Inputs have the arguments' shapes and dtypes (with `inF64` f64 will do as well). A value is
// dropped after its last use. An error names the op and its location.
Result<std::vector<HostTensor>> interpret(mlir::func::FuncOp function, std::vector<HostTensor> inputs,
                                          ParamStore &params, const InterpretOptions &options = {});

// Bytes of the tensors that are alive at the same time when `function` is interpreted in its declared types.
uint64_t peakBytes(mlir::func::FuncOp function);

// The results of one op of a function, which may be a fused region.
Result<std::vector<HostTensor>> interpretOp(mlir::Operation &op, std::vector<HostTensor> operands, ParamStore &params,
                                            const InterpretOptions &options = {});

// The stored tensor of an mlc.param, mlc.variable or mlc.param_pack.
Result<HostTensor> evaluateParam(mlir::Operation *param, ParamStore &params);

} // namespace mlc::reference
