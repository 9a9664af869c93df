// Depthwise convolutions, recognised: each channel has a window of its own, and lanes are channels.
//
// They differ from other contractions in that every product needs a load of its own, unless neighbouring results
// share the elements that their windows have in common; and in that copying the image to put zeros around it costs as
// much as they do. So the padding stays in the kernel function, and the kernel skips what lies in it.
#ifndef MLC_CODEGEN_CPU_DEPTHWISE_H
#define MLC_CODEGEN_CPU_DEPTHWISE_H

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/WindowAxis.h"

namespace mlc::codegen::cpu {

struct Depthwise {
  Contraction contraction;
  llvm::SmallVector<WindowAxis> outer; // a batch is an axis of one tap
  WindowAxis inner;                    // the innermost
};

std::optional<Depthwise> matchDepthwise(mlir::func::FuncOp kernel, const TargetDesc &target);

// Emits tiles [begin, end) at the builder. Fills tiles, scratch and schedule. False when the epilogue cannot be
// evaluated.
bool emitDepthwise(mlir::OpBuilder &builder, mlir::func::FuncOp kernel, const Depthwise &depthwise,
                   const TargetDesc &target, const KernelFrame &frame, EmittedKernel &emitted);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_DEPTHWISE_H
