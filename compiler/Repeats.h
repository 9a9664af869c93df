// Equal layers: runs of launches that come again with the same kernels, wired in the same way.
#ifndef MLC_COMPILER_REPEATS_H
#define MLC_COMPILER_REPEATS_H

#include "codegen/schedule/Schedule.h"

#include <vector>

namespace mlc {

// Launches [first, first + length * count): `count` layers of `length` launches. What is read once, not again, is a
// repeat of length 1 and count 1.
struct Repeat {
  size_t first = 0, length = 1, count = 1;
};

// Repeats that cover all launches, in order. Layers are equal where the kernels are, and where an operand comes from
// the same place within the layer, from the same place in the layer before, or from one value for all; weights are each
// layer's own.
std::vector<Repeat> findRepeats(llvm::ArrayRef<codegen::Launch> launches);

} // namespace mlc

#endif // MLC_COMPILER_REPEATS_H
