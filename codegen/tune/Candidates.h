// The schedules that a kernel could be built with, as machine code.
#ifndef MLC_CODEGEN_TUNE_CANDIDATES_H
#define MLC_CODEGEN_TUNE_CANDIDATES_H

#include "codegen/cache/KernelCache.h"

namespace mlc::codegen {

// Makes the kernel ask its emitter for schedule `choice` of `names`. The first is what it gets without asking: the same
// function, so that a kernel is the same whether it was tuned or not.
void setSchedule(mlir::func::FuncOp kernel, llvm::ArrayRef<std::string> names, size_t choice);

// One for each of `names`. Those in `cache` (null: none) are taken from it, the others are compiled on up to `jobs`
// threads and put there. Fails with a diagnostic on the kernel.
mlir::FailureOr<std::vector<CachedKernel>> compileCandidates(mlir::func::FuncOp kernel, const Emitter &emitter,
                                                             llvm::ArrayRef<std::string> names,
                                                             const TargetDesc &target, unsigned jobs,
                                                             KernelCache *cache);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_TUNE_CANDIDATES_H
