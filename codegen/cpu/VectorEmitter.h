// Contractions of any layout (packed, batched, transposed, grouped, depthwise; convolutions of any rank) with
// elementwise epilogues, and elementwise or movement kernels, as vector code.
//
//   kernel function -> matchContraction -> chooseBlocking -> ContractionKernel -> MicroKernel, Epilogue -> LLVM
#ifndef MLC_CODEGEN_CPU_VECTOREMITTER_H
#define MLC_CODEGEN_CPU_VECTOREMITTER_H

#include "codegen/Kernel.h"
#include "codegen/math/Math.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/DialectRegistry.h"

namespace mlc::codegen {

// What the emitter needs of a context; append it before the first emit.
void registerVectorEmitter(mlir::DialectRegistry &registry);

// What the math of the kernel may be expanded to. A contraction by dot product instructions of bf16, which take
// subnormal numbers for 0, may round by the instruction that does so, too; what follows a contraction in registers of
// 16 lanes may look up.
MathInstructions mathInstructionsOf(mlir::func::FuncOp kernel, const TargetDesc &target);

namespace cpu {
// Has x86 instructions for all ops of the body? Others would become calls of libm or compiler-rt.
bool bodyIsSupported(mlir::linalg::GenericOp op);
} // namespace cpu

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CPU_VECTOREMITTER_H
