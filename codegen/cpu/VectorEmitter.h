// Contractions of any layout (packed, batched, transposed, grouped, depthwise; convolutions of any rank) with
// elementwise epilogues, and elementwise or movement kernels, as vector code.
//
//   kernel function -> matchContraction -> chooseBlocking -> ContractionKernel -> MicroKernel, Epilogue -> LLVM
#ifndef MLC_CODEGEN_CPU_VECTOREMITTER_H
#define MLC_CODEGEN_CPU_VECTOREMITTER_H

#include "codegen/Kernel.h"
#include "mlir/IR/DialectRegistry.h"

namespace mlc::codegen {

// What the emitter needs of a context; append it before the first emit.
void registerVectorEmitter(mlir::DialectRegistry &registry);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CPU_VECTOREMITTER_H
