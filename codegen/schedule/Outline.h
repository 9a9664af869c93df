// A region becomes a function: what a kernel computes, by itself.
#ifndef MLC_CODEGEN_SCHEDULE_OUTLINE_H
#define MLC_CODEGEN_SCHEDULE_OUTLINE_H

#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlc::codegen {

// Operands that a kernel of `op` is given: each once, without splat constants, which go into the kernel.
llvm::SmallVector<mlir::Value> kernelInputs(mlir::Operation *op);

// @kernel of `inputs`, as kernelInputs gives them, to the results of `op`: an mlc.fused, or one op by itself.
mlir::OwningOpRef<mlir::func::FuncOp> outline(mlir::Operation *op, llvm::ArrayRef<mlir::Value> inputs);

// The ops that an mlc.fused holds, constants aside; or the op itself.
llvm::SmallVector<mlir::Operation *> opsOf(mlir::Operation *op);
// "matmul + add + gelu"
std::string describeOps(mlir::Operation *op);
// Of an mlc.fused its root; else the op's own class.
FusionClass classOf(mlir::Operation *op);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_SCHEDULE_OUTLINE_H
