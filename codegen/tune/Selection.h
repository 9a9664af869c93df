// The fastest of some candidates, from times that other work on the machine disturbs.
#ifndef MLC_CODEGEN_TUNE_SELECTION_H
#define MLC_CODEGEN_TUNE_SELECTION_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstddef>

namespace mlc::codegen {

struct Selection {
  bool isMade = false; // enough rounds were run
  size_t chosen = 0;   // 0, the cost model's choice, unless another is clearly faster
  double gain = 1;     // the time of candidate 0 over that of the chosen one
};

// Rounds in which candidates take turns, so that what disturbs the machine meets all of them. `time` gives what a turn
// of a candidate took, in any unit; `isOver` says that no further round is to begin.
//
// A candidate that is far behind the best takes no further turns. What replaces candidate 0 must be faster than it in
// the median of the rounds, by more than noise is.
Selection selectFastest(size_t candidates, llvm::function_ref<double(size_t)> time, llvm::function_ref<bool()> isOver);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_TUNE_SELECTION_H
