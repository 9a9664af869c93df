// What mlc-bench prints of a module.
#ifndef MLC_TOOLS_BENCH_REPORT_H
#define MLC_TOOLS_BENCH_REPORT_H

#include "tools/mlc-bench/Measurement.h"
#include "tools/mlc-bench/Peaks.h"
#include <nlohmann/json.hpp>

namespace mlc::tools {

// A measurement with the machine's peaks at its number of threads.
struct Figures {
  Measurement measured;
  Peaks peaks;
};

nlohmann::ordered_json toJson(const Figures &figures);
void printPeaks(const Peaks &peaks);
// Latency, memory, and the table of kernels.
void printText(const Figures &figures);
// How time shrinks with threads: of the run and of each kernel. The first figures are the base.
void printScaling(const std::vector<Figures> &figures);

} // namespace mlc::tools

#endif // MLC_TOOLS_BENCH_REPORT_H
