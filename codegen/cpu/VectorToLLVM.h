// Lowers a module of scf, vector, arith, math, and llvm ops to LLVM IR.
#ifndef MLC_CODEGEN_CPU_VECTORTOLLVM_H
#define MLC_CODEGEN_CPU_VECTORTOLLVM_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include <memory>

namespace mlc::codegen::cpu {

// Null, with a diagnostic on the module, when a pass fails.
std::unique_ptr<llvm::Module> lowerVectorToLLVM(mlir::ModuleOp module, llvm::LLVMContext &context);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_VECTORTOLLVM_H
