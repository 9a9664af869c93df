// For how many tokens a model is compiled.
#ifndef MLC_PASSES_UNPAD_CAPACITIES_H
#define MLC_PASSES_UNPAD_CAPACITIES_H

#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace mlc {

// Of "auto" or "512,1024", for batches of at most `positions` tokens: ascending, each at most `positions`.
llvm::Expected<std::vector<int64_t>> parseCapacities(llvm::StringRef text, int64_t positions);

} // namespace mlc

#endif // MLC_PASSES_UNPAD_CAPACITIES_H
