// Phase `kernels`: kernel functions become LLVM IR, each by its emitter, and then machine code.
#ifndef MLC_CODEGEN_PROGRAM_EMITKERNELS_H
#define MLC_CODEGEN_PROGRAM_EMITKERNELS_H

#include "codegen/schedule/Schedule.h"

namespace mlc::codegen {

// One per Schedule::kernels, in its order.
struct Kernels {
  std::vector<std::unique_ptr<llvm::LLVMContext>> contexts; // one each: they are compiled in parallel
  std::vector<EmittedKernel> emitted;
};

// Called with the number of kernels that are done.
using ProgressFn = std::function<void(size_t done)>;

// A kernel whose emitter fails is made by `lastResort`, which takes every kernel, and has that for its emitter then; a
// warning says so. Without one (null), or where that fails too: a diagnostic on the kernel function.
mlir::FailureOr<Kernels> emitKernels(Schedule &schedule, const TargetDesc &target, const Emitter *lastResort,
                                     const ProgressFn &progress);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_PROGRAM_EMITKERNELS_H
