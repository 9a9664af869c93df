// A contraction's kernel function: the tiles of the launch around its micro-kernels.
#ifndef MLC_CODEGEN_CPU_CONTRACTIONKERNEL_H
#define MLC_CODEGEN_CPU_CONTRACTIONKERNEL_H

#include "codegen/cpu/Blocking.h"
#include "codegen/cpu/BodyEvaluator.h"
#include "codegen/cpu/KernelFunction.h"

namespace mlc::codegen::cpu {

// Emits tiles [begin, end) at the builder, and the micro-kernels as functions of the module around it. Fills tiles,
// scratch and schedule. False when the epilogue cannot be evaluated.
bool emitContraction(mlir::OpBuilder &builder, mlir::func::FuncOp kernel, const Contraction &contraction,
                     const TargetDesc &target, const KernelFrame &frame, EmittedKernel &emitted);

// Emitter::schedules of such a kernel.
std::vector<std::string> schedulesOf(mlir::func::FuncOp kernel, const Contraction &contraction,
                                     const TargetDesc &target);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_CONTRACTIONKERNEL_H
