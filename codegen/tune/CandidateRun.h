// Candidates of one kernel in this process, on tensors of its real shapes.
#ifndef MLC_CODEGEN_TUNE_CANDIDATERUN_H
#define MLC_CODEGEN_TUNE_CANDIDATERUN_H

#include "codegen/cache/KernelCache.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace mlc::codegen {

class CandidateRun {
public:
  virtual ~CandidateRun() = default;
  // Seconds of one launch on one thread, from some milliseconds of launches.
  virtual double time(size_t candidate) = 0;
};

// Loads the candidates. Arguments in `stored` are weights: where those of the whole model (`storedBytes`) leave no room
// for each other in the last-level cache, launches take turns with copies that it does not hold, as layers do. Other
// arguments stay where they are, as what the kernel before has just written. The machine must have the target's
// features.
llvm::Expected<std::unique_ptr<CandidateRun>> loadCandidates(mlir::func::FuncOp kernel,
                                                             llvm::ArrayRef<CachedKernel> candidates,
                                                             const llvm::BitVector &stored, uint64_t storedBytes);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_TUNE_CANDIDATERUN_H
