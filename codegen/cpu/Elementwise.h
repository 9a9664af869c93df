// Kernels without reductions: elementwise ops and movement (transpose, pad, slice, concat).
#ifndef MLC_CODEGEN_CPU_ELEMENTWISE_H
#define MLC_CODEGEN_CPU_ELEMENTWISE_H

#include "codegen/cpu/ContractionKernel.h"

namespace mlc::codegen::cpu {

// Emits tiles [begin, end) at the builder, a tile being a group of rows or a stretch of one long row. Fills tiles and
// schedule. False when an op cannot be evaluated.
bool emitElementwise(mlir::OpBuilder &builder, mlir::func::FuncOp kernel, const TargetDesc &target,
                     const KernelFrame &frame, EmittedKernel &emitted);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_ELEMENTWISE_H
