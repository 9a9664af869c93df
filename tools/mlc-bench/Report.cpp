#include "tools/mlc-bench/Report.h"

#include "tools/common/Main.h"
#include <algorithm>

namespace mlc::tools {
namespace {

double share(double value, double of) { return of > 0 ? value / of : 0; }

double shareOfPeak(const KernelTime &kernel, const Peaks &peaks) {
  return share(kernel.gflopsPerSecond(), peaks.ofArithmetic(kernel.arithmetic));
}

nlohmann::ordered_json toJson(const KernelTime &kernel, const Peaks &peaks) {
  return {{"kernel", kernel.symbol},
          {"description", kernel.description},
          {"arithmetic", kernel.arithmetic},
          {"launches", kernel.launches},
          {"ms", kernel.ns * 1e-6},
          {"gflops_per_s", kernel.gflopsPerSecond()},
          {"gb_per_s", kernel.gbPerSecond()},
          {"share_of_peak", shareOfPeak(kernel, peaks)},
          {"share_of_bandwidth", share(kernel.gbPerSecond(), peaks.bandwidth())}};
}

double totalNs(const Measurement &measured) {
  double ns = 0;
  for (const KernelTime &kernel : measured.kernels)
    ns += kernel.ns;
  return ns;
}

} // namespace

nlohmann::ordered_json toJson(const Figures &figures) {
  const auto &[measured, peaks] = figures;
  nlohmann::ordered_json kernels = nlohmann::ordered_json::array();
  for (const KernelTime &kernel : measured.kernels)
    kernels.push_back(toJson(kernel, peaks));
  return {{"threads", measured.threads},
          {"load_ms", measured.loadMs},
          {"first_ms", measured.firstMs},
          {"runs", measured.runs},
          {"median_ms", measured.medianMs},
          {"min_ms", measured.minMs},
          {"peak_rss_mib", measured.peakRssMiB},
          {"gflop", double(measured.flops) * 1e-9},
          {"gflops_per_s", measured.gflopsPerSecond()},
          {"peaks",
           {{"f32_gflops_per_s", peaks.f32},
            {"bf16_gflops_per_s", peaks.bf16},
            {"int8_gops_per_s", peaks.int8},
            {"read_gb_per_s", peaks.readGBs},
            {"copy_gb_per_s", peaks.movedGBs}}},
          {"kernels", kernels}};
}

void printPeaks(const Peaks &peaks) {
  print("peaks at %u threads: f32 %.0f GFLOP/s", peaks.threads, peaks.f32);
  if (peaks.bf16 > 0)
    print(", bf16 %.0f GFLOP/s", peaks.bf16);
  if (peaks.int8 > 0)
    print(", int8 %.0f GOP/s", peaks.int8);
  print("; memory: read %.1f GB/s, copy %.1f GB/s read and written\n", peaks.readGBs, peaks.movedGBs);
}

void printText(const Figures &figures) {
  const auto &[measured, peaks] = figures;
  print("load_ms   %.3f\nfirst_ms  %.3f  (%.2f of the median)\nmedian_ms %.3f\nmin_ms    %.3f\npeak_rss  %.1f MiB\n"
        "GFLOP/s   %.1f  (%.3f GFLOP a run)\n",
        measured.loadMs, measured.firstMs, measured.firstMs / measured.medianMs, measured.medianMs, measured.minMs,
        measured.peakRssMiB, measured.gflopsPerSecond(), double(measured.flops) * 1e-9);
  printPeaks(peaks);
  print("peak: GFLOP/s of the kernel by that of its arithmetic; band: GB/s by memory's, above 100%% out of caches\n\n");
  print("%9s %6s %8s %9s %6s %8s %6s  %s\n", "ms", "share", "launches", "GFLOP/s", "peak", "GB/s", "band", "kernel");
  const double ns = totalNs(measured);
  for (const KernelTime &kernel : measured.kernels)
    print("%9.3f %5.1f%% %8llu %9.1f %5.1f%% %8.1f %5.1f%%  %s (%s)\n", kernel.ns * 1e-6, 100 * share(kernel.ns, ns),
          static_cast<unsigned long long>(kernel.launches), kernel.gflopsPerSecond(), 100 * shareOfPeak(kernel, peaks),
          kernel.gbPerSecond(), 100 * share(kernel.gbPerSecond(), peaks.bandwidth()), kernel.description.c_str(),
          kernel.symbol.c_str());
}

void printScaling(const std::vector<Figures> &figures) {
  const Measurement &base = figures.front().measured;
  print("\nscaling: milliseconds, and how many times faster than with %u thread%s\n", base.threads,
        base.threads == 1 ? "" : "s");
  for (const Figures &one : figures)
    print("%8u thr       ", one.measured.threads);
  print("\n");
  for (const Figures &one : figures)
    print("%9.3f %6.2fx  ", one.measured.medianMs, base.medianMs / one.measured.medianMs);
  print("the run\n");
  for (const KernelTime &kernel : base.kernels) {
    for (const Figures &one : figures) {
      const auto &kernels = one.measured.kernels;
      auto same = std::find_if(kernels.begin(), kernels.end(),
                               [&](const KernelTime &other) { return other.symbol == kernel.symbol; });
      print("%9.3f %6.2fx  ", same->ns * 1e-6, share(kernel.ns, same->ns));
    }
    print("%s (%s)\n", kernel.description.c_str(), kernel.symbol.c_str());
  }
}

} // namespace mlc::tools
