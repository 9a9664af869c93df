// Phases `kernels` and `objects`: kernel functions become LLVM IR, each by its emitter, and then machine code. What is
// in the cache is neither.
#ifndef MLC_CODEGEN_PROGRAM_EMITKERNELS_H
#define MLC_CODEGEN_PROGRAM_EMITKERNELS_H

#include "codegen/cache/KernelCache.h"
#include "codegen/schedule/Schedule.h"

namespace mlc::codegen {

// One per Schedule::kernels, in its order.
struct Kernels {
  std::vector<std::unique_ptr<llvm::LLVMContext>> contexts; // one each: they are compiled in parallel
  std::vector<EmittedKernel> emitted;                       // one that was cached has no module
  std::vector<llvm::SmallVector<char, 0>> objects;          // behind `kernels`: of those that were cached
  std::vector<std::string> keys;                            // of those that are to be stored in the cache; or empty
  size_t numCached = 0;
};

// Called with the number of kernels that are done.
using ProgressFn = std::function<void(size_t done)>;

struct EmitOptions {
  // Takes every kernel: makes one whose emitter fails, and is its emitter then; a warning says so. Without one (null),
  // or where that fails too: a diagnostic on the kernel function.
  const Emitter *lastResort = nullptr;
  KernelCache *cache = nullptr; // null: everything is made
  ProgressFn progress;
};

mlir::FailureOr<Kernels> emitKernels(Schedule &schedule, const TargetDesc &target, const EmitOptions &options);

// Fills Kernels::objects, on up to `jobs` threads (0: as many as the machine has), and stores what is new in the cache.
llvm::Error makeObjects(Kernels &kernels, const TargetDesc &target, unsigned jobs = 0, KernelCache *cache = nullptr,
                        const ProgressFn &progress = {});

} // namespace mlc::codegen

#endif // MLC_CODEGEN_PROGRAM_EMITKERNELS_H
