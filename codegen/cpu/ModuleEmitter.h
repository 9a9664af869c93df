// What the emitters have in common that write a module of scf, vector, arith, math and llvm ops.
#ifndef MLC_CODEGEN_CPU_MODULEEMITTER_H
#define MLC_CODEGEN_CPU_MODULEEMITTER_H

#include "codegen/Kernel.h"

namespace mlc::codegen::cpu {

class ModuleEmitter : public Emitter {
public:
  // Emission is the only complete answer to whether an epilogue or a mask can be evaluated, and is cheap before LLVM.
  bool accepts(mlir::func::FuncOp kernel, const TargetDesc &target) const final;
  mlir::FailureOr<EmittedKernel> emit(mlir::func::FuncOp kernel, const TargetDesc &target,
                                      llvm::LLVMContext &context) const final;

protected:
  // The module, for lowerVectorToLLVM, of a kernel that the emitter takes, else null; schedule, tiles and scratch of
  // `emitted`.
  virtual mlir::OwningOpRef<mlir::ModuleOp> build(mlir::func::FuncOp kernel, const TargetDesc &target,
                                                  EmittedKernel &emitted) const = 0;
  // What it takes, for an error: "the NAME emitter takes ...".
  virtual llvm::StringRef takes() const = 0;
};

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_MODULEEMITTER_H
