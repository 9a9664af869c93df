// The kernel function of a contraction by Intel AMX: blocks of sums in tile registers, then memory, then the epilogue.
#ifndef MLC_CODEGEN_CPU_AMXKERNEL_H
#define MLC_CODEGEN_CPU_AMXKERNEL_H

#include "codegen/cpu/AmxBlocking.h"
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/KernelFunction.h"

namespace mlc::codegen::cpu {

// Emits tiles [begin, end) at the builder. False when the epilogue cannot be evaluated.
bool emitAmxContraction(mlir::OpBuilder &builder, mlir::func::FuncOp kernel, const Contraction &contraction,
                        const TargetDesc &target, const AmxBlocking &blocking, const Epilogue &epilogue,
                        const KernelFrame &frame);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_AMXKERNEL_H
