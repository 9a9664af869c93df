// The function of mlc/kernel_abi.h around a kernel's tiles, at the level of MLIR.
#ifndef MLC_CODEGEN_CPU_KERNELFUNCTION_H
#define MLC_CODEGEN_CPU_KERNELFUNCTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlc::codegen::cpu {

// What the function is called with.
struct KernelFrame {
  mlir::Value bindings, scratch; // pointers
  mlir::Value begin, end;        // tiles
  mlir::Value status;            // set by the body: what the function returns; null: MLC_KERNEL_OK
};

// A module with a function of the kernel's name, into which `body` writes the tiles [begin, end) at the builder; null
// when it returns false. Loads the dialects that lowerVectorToLLVM takes.
mlir::OwningOpRef<mlir::ModuleOp> buildKernelFunction(mlir::func::FuncOp kernel,
                                                      llvm::function_ref<bool(mlir::OpBuilder &, KernelFrame &)> body);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_KERNELFUNCTION_H
