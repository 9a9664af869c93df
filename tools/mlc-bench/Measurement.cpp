#include "tools/mlc-bench/Measurement.h"

#include "runtime/program_generated.h"
#include <algorithm>
#include <map>
#include <sys/resource.h>

namespace mlc::tools {
namespace {

struct Profile {
  std::map<uint32_t, KernelTime> kernels; // by index in the module; sums over the runs

  static void record(void *context, const mlc_profile_event *event) {
    KernelTime &kernel = static_cast<Profile *>(context)->kernels[event->kernel_index];
    kernel.symbol = event->kernel;
    kernel.description = event->description;
    ++kernel.launches;
    kernel.ns += double(event->end_ns - event->start_ns);
    kernel.flops += event->flops;
    kernel.bytes += event->bytes;
  }
};

// The element type that the kernel multiplies; copies, and modules of before it was recorded, have none.
std::string arithmeticOf(const Module &module, uint32_t kernel) {
  const void *data;
  size_t size;
  check(mlc_module_program(module.get(), &data, &size));
  const auto *kernels = program::GetProgram(data)->kernels();
  if (!kernels || kernel >= kernels->size() || !kernels->Get(kernel)->arithmetic())
    return "";
  return kernels->Get(kernel)->arithmetic()->str();
}

std::vector<KernelTime> profile(const Module &module, Session &session, const Call &call, size_t runs) {
  Profile profile;
  session.setProfile(Profile::record, &profile);
  for (size_t i = 0; i < runs; ++i)
    session.run(call.entry, call.inputViews, call.outputViews);
  session.setProfile(nullptr, nullptr);
  std::vector<KernelTime> kernels;
  for (auto &[index, kernel] : profile.kernels) {
    kernel.arithmetic = arithmeticOf(module, index);
    kernel.launches /= runs;
    kernel.flops /= runs;
    kernel.bytes /= runs;
    kernel.ns /= double(runs);
    kernels.push_back(kernel);
  }
  std::sort(kernels.begin(), kernels.end(), [](const KernelTime &a, const KernelTime &b) { return a.ns > b.ns; });
  return kernels;
}

double peakRssMiB() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) / 1024;
}

} // namespace

double medianOf(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + ptrdiff_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

std::vector<double> timesOf(const std::function<void()> &call, double seconds, bool progress) {
  std::vector<double> times;
  const Clock::time_point start = Clock::now();
  double shown = 0;
  while (times.size() < 3 || secondsSince(start) < seconds) {
    const Clock::time_point begin = Clock::now();
    call();
    times.push_back(secondsSince(begin) * 1e3);
    if (progress && secondsSince(start) - shown > 0.5) {
      shown = secondsSince(start);
      fprintf(stderr, "\r%zu runs, %.0f of %.0f s ", times.size(), shown, seconds);
    }
  }
  if (progress && shown > 0)
    fprintf(stderr, "\r%40s\r", "");
  return times;
}

Measurement measureModule(const std::string &path, const InputArguments &arguments, uint32_t threads, double seconds,
                          bool progress) {
  Measurement result;
  // Loading: map, verify, link the code; then arena, variables and threads. The file is in the page cache as a rule.
  const Clock::time_point loadStart = Clock::now();
  Module module(path);
  Session session(module, threads);
  result.loadMs = secondsSince(loadStart) * 1e3;
  result.threads = session.threadCount();
  Call call = prepareCall(module, arguments);
  auto run = [&] { session.run(call.entry, call.inputViews, call.outputViews); };
  // The first run pays for pages that nobody has touched.
  const Clock::time_point firstStart = Clock::now();
  run();
  result.firstMs = secondsSince(firstStart) * 1e3;
  std::vector<double> times = timesOf(run, seconds, progress);
  result.runs = times.size();
  result.medianMs = medianOf(times);
  result.minMs = *std::min_element(times.begin(), times.end());
  result.peakRssMiB = peakRssMiB();
  result.kernels = profile(module, session, call, std::clamp<size_t>(times.size() / 4, 1, 50));
  for (const KernelTime &kernel : result.kernels)
    result.flops += kernel.flops;
  return result;
}

} // namespace mlc::tools
