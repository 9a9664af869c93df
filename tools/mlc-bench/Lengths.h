// --lengths: batches of sequences of real lengths, one after the other.
#ifndef MLC_TOOLS_MLC_BENCH_LENGTHS_H
#define MLC_TOOLS_MLC_BENCH_LENGTHS_H

#include "tools/common/Inputs.h"
#include <string>

namespace mlc::tools {

struct LengthsOptions {
  std::string path; // one length a line
  double seconds = 3;
  bool json = false;
};

// Measures the call with the mask of each batch of lengths in turn, and prints what a batch takes. The mask is the
// input that buckets have a capacity for, or the one named attention_mask. Throws std::runtime_error.
void measureLengths(const Module &module, Session &session, Call &call, const LengthsOptions &options);

} // namespace mlc::tools

#endif // MLC_TOOLS_MLC_BENCH_LENGTHS_H
