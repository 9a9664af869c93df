// Times of a module's runs, and of each of its kernels.
#ifndef MLC_TOOLS_BENCH_MEASUREMENT_H
#define MLC_TOOLS_BENCH_MEASUREMENT_H

#include "tools/common/Inputs.h"
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace mlc::tools {

using Clock = std::chrono::steady_clock;
inline double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Of one run.
struct KernelTime {
  std::string symbol, description, arithmetic;
  uint64_t launches = 0, flops = 0, bytes = 0;
  double ns = 0;

  double gflopsPerSecond() const { return ns > 0 ? double(flops) / ns : 0; }
  double gbPerSecond() const { return ns > 0 ? double(bytes) / ns : 0; }
};

struct Measurement {
  uint32_t threads = 0;
  double loadMs = 0, firstMs = 0, medianMs = 0, minMs = 0;
  double peakRssMiB = 0; // of the process so far
  size_t runs = 0;
  uint64_t flops = 0;              // of one run
  std::vector<KernelTime> kernels; // the most expensive first

  double gflopsPerSecond() const { return double(flops) * 1e-6 / medianMs; }
};

// Loads the module and runs it for `seconds`, three times at least. Kernels are timed in further runs, so that reading
// the clock does not count in the others. `threads` 0: the session's default.
Measurement measureModule(const std::string &path, const InputArguments &arguments, uint32_t threads, double seconds,
                          bool progress);

// Milliseconds of each call, for `seconds` and three times at least.
std::vector<double> timesOf(const std::function<void()> &call, double seconds, bool progress = false);

double medianOf(std::vector<double> values);

} // namespace mlc::tools

#endif // MLC_TOOLS_BENCH_MEASUREMENT_H
