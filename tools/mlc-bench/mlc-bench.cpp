// mlc-bench: latency and throughput of a module, and the time of each of its kernels.
#include "tools/common/Inputs.h"
#include "tools/common/Inspect.h"
#include "tools/common/Main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <unistd.h>

using namespace mlc;
using namespace mlc::tools;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  std::string module;
  InputArguments arguments;
  uint32_t threads = 0;
  double seconds = 3;
  bool json = false;
};

// What one kernel adds up to over the profiled runs.
struct KernelTime {
  const char *symbol = "", *description = "";
  uint64_t launches = 0, timeNs = 0, flops = 0, bytes = 0;
};

struct Profile {
  std::map<uint32_t, KernelTime> kernels;
  static void record(void *context, const mlc_profile_event *event) {
    KernelTime &kernel = static_cast<Profile *>(context)->kernels[event->kernel_index];
    kernel.symbol = event->kernel;
    kernel.description = event->description;
    ++kernel.launches;
    kernel.timeNs += event->end_ns - event->start_ns;
    kernel.flops += event->flops;
    kernel.bytes += event->bytes;
  }
};

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Milliseconds of each run, for `seconds` and at least three runs.
std::vector<double> measure(Session &session, const Call &call, double seconds, bool progress) {
  std::vector<double> times;
  const Clock::time_point start = Clock::now();
  double shown = 0;
  while (times.size() < 3 || secondsSince(start) < seconds) {
    const Clock::time_point begin = Clock::now();
    session.run(call.entry, call.inputViews, call.outputViews);
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

int run(const Options &options) {
  // Loading: map, verify, link the code; then arena, variables and threads. The file is in the page cache as a rule.
  const Clock::time_point loadStart = Clock::now();
  Module module(options.module);
  Session session(module, options.threads);
  const double loadMs = secondsSince(loadStart) * 1e3;
  Call call = prepareCall(module, options.arguments);
  session.run(call.entry, call.inputViews, call.outputViews); // warm up: pages, caches, clocks
  std::vector<double> times =
      measure(session, call, options.seconds, options.seconds > 2 && isatty(STDERR_FILENO) && !options.json);
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];

  // Kernels are timed apart, so that reading the clock does not count above.
  Profile profile;
  session.setProfile(Profile::record, &profile);
  const size_t profiled = std::clamp<size_t>(times.size() / 4, 1, 50);
  for (size_t i = 0; i < profiled; ++i)
    session.run(call.entry, call.inputViews, call.outputViews);

  std::vector<KernelTime> kernels;
  uint64_t flops = 0, timeNs = 0;
  for (const auto &[index, kernel] : profile.kernels) {
    kernels.push_back(kernel);
    flops += kernel.flops / profiled;
    timeNs += kernel.timeNs;
  }
  std::sort(kernels.begin(), kernels.end(),
            [](const KernelTime &a, const KernelTime &b) { return a.timeNs > b.timeNs; });

  if (options.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const KernelTime &kernel : kernels)
      list.push_back({{"kernel", kernel.symbol},
                      {"description", kernel.description},
                      {"launches", kernel.launches / profiled},
                      {"ms", double(kernel.timeNs) * 1e-6 / double(profiled)},
                      {"gflops_per_s", kernel.timeNs ? double(kernel.flops) / double(kernel.timeNs) : 0},
                      {"gb_per_s", kernel.timeNs ? double(kernel.bytes) / double(kernel.timeNs) : 0}});
    nlohmann::ordered_json result{{"module", options.module},
                                  {"entry", module.entryName(call.entry)},
                                  {"threads", session.threadCount()},
                                  {"load_ms", loadMs},
                                  {"runs", times.size()},
                                  {"median_ms", median},
                                  {"min_ms", times.front()},
                                  {"gflop", double(flops) * 1e-9},
                                  {"gflops_per_s", double(flops) * 1e-6 / median},
                                  {"kernels", list}};
    print("%s\n", toText(result).c_str());
    return 0;
  }
  print("%s, entry point %s, %u threads, %zu runs\n", options.module.c_str(), module.entryName(call.entry).c_str(),
        session.threadCount(), times.size());
  print("load_ms   %.3f\nmedian_ms %.3f\nmin_ms    %.3f\nGFLOP/s   %.1f  (%.3f GFLOP a run)\n\n", loadMs, median,
        times.front(), double(flops) * 1e-6 / median, double(flops) * 1e-9);
  print("%9s %6s %8s %9s %8s  %s\n", "ms", "share", "launches", "GFLOP/s", "GB/s", "kernel");
  for (const KernelTime &kernel : kernels)
    print("%9.3f %5.1f%% %8llu %9.1f %8.1f  %s (%s)\n", double(kernel.timeNs) * 1e-6 / double(profiled),
          timeNs ? 100.0 * double(kernel.timeNs) / double(timeNs) : 0,
          static_cast<unsigned long long>(kernel.launches / profiled),
          kernel.timeNs ? double(kernel.flops) / double(kernel.timeNs) : 0,
          kernel.timeNs ? double(kernel.bytes) / double(kernel.timeNs) : 0, kernel.description, kernel.symbol);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  options.arguments.randomSeed = 1;
  CLI::App app("Measures a compiled module: latency, throughput, and the time of each kernel.\n"
               "Inputs that are not given are random, the same in each run.");
  app.footer("Exit codes: 0 all is well; 1 an error; 2 a wrong command line");
  app.set_version_flag("--version", std::string("mlc-bench ") + mlc_runtime_version());
  expectName(app.add_option("module", options.module, "The module, a file that mlc-opt wrote")->required());
  app.add_option("--input", options.arguments.inputs, "NAME=FILE.npy, or NAME=random:SEED")->type_name("NAME=VALUE");
  expectName(
      app.add_option("--inputs", options.arguments.archives, "Several inputs in one .npz")->type_name("FILE.npz"));
  expectName(app.add_option("--entry", options.arguments.entry,
                            "The entry point; needed where there are several and no `main`"));
  expectIndex(
      app.add_option("--bucket", options.arguments.bucket, "Number of the shape bucket, where there are several"));
  app.add_option("--threads", options.threads, "Threads; by default MLC_NUM_THREADS, else all CPUs")
      ->check(CLI::Range(1, MLC_MAX_THREADS));
  expectNumber(app.add_option("--seconds", options.seconds, "How long to measure")->capture_default_str(), 0, 1e6,
               /*aboveLow=*/true);
  app.add_flag("--json", options.json, "Prints one line of JSON");
  return runMain("mlc-bench", app, argc, argv, [&] { return run(options); });
}
