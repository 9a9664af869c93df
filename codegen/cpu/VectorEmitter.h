// Contractions of any layout (packed, batched, transposed, grouped, depthwise; convolutions of any rank) with
// elementwise epilogues, and elementwise or movement kernels, as vector code.
//
//   kernel function -> matchContraction -> chooseBlocking -> ContractionKernel -> MicroKernel, Epilogue -> LLVM
#ifndef MLC_CODEGEN_CPU_VECTOREMITTER_H
#define MLC_CODEGEN_CPU_VECTOREMITTER_H

#include "codegen/Kernel.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/DialectRegistry.h"

namespace mlc::codegen {

// What the emitter needs of a context; append it before the first emit.
void registerVectorEmitter(mlir::DialectRegistry &registry);

// Is the kernel a contraction by dot product instructions of bf16? These take subnormal numbers for 0, as the
// instruction does that rounds to bf16: it may then be used.
bool usesBF16Dots(mlir::func::FuncOp kernel, const TargetDesc &target);

namespace cpu {
// Has x86 instructions for all ops of the body? Others would become calls of libm or compiler-rt.
bool bodyIsSupported(mlir::linalg::GenericOp op);
} // namespace cpu

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CPU_VECTOREMITTER_H
