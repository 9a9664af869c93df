// Loops that keep one core's vector or tile units busy and do nothing else.
#ifndef MLC_TOOLS_BENCH_PEAKLOOPS_H
#define MLC_TOOLS_BENCH_PEAKLOOPS_H

#include <cstdint>

namespace mlc::tools {

struct PeakLoop {
  void (*run)(uint64_t rounds) = nullptr; // null where this CPU lacks the instruction
  uint64_t operationsPerRound = 0;        // multiplications and additions
};

PeakLoop f32Loop();
PeakLoop bf16Loop();
PeakLoop int8Loop();

} // namespace mlc::tools

#endif // MLC_TOOLS_BENCH_PEAKLOOPS_H
