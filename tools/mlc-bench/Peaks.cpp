#include "tools/mlc-bench/Peaks.h"

#include "support/LastLevelCache.h"
#include "tools/mlc-bench/PeakLoops.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace mlc::tools {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Seconds until `work` is done on all threads, which begin together; the least of a few tries.
double timeOn(uint32_t threads, const std::function<void(uint32_t)> &work) {
  constexpr int kTries = 3;
  double least = 1e30;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    std::atomic<uint32_t> waiting{threads};
    auto body = [&](uint32_t thread) {
      --waiting;
      while (waiting.load())
        std::this_thread::yield();
      work(thread);
    };
    std::vector<std::thread> others;
    for (uint32_t thread = 1; thread < threads; ++thread)
      others.emplace_back(body, thread);
    --waiting;
    while (waiting.load())
      std::this_thread::yield();
    const Clock::time_point start = Clock::now();
    work(0);
    for (std::thread &other : others)
      other.join();
    least = std::min(least, secondsSince(start));
  }
  return least;
}

// 1e9 operations a second of all threads.
double arithmeticPeak(PeakLoop loop, uint32_t threads) {
  if (!loop.run)
    return 0;
  constexpr uint64_t kOperations = 1'000'000'000;
  constexpr double kLeastSeconds = 5e-3;
  uint64_t rounds = kOperations / loop.operationsPerRound;
  auto time = [&] { return timeOn(threads, [&](uint32_t) { loop.run(rounds); }); };
  double seconds = time();
  if (seconds < kLeastSeconds) { // tiles are twenty times as fast as vectors
    rounds = uint64_t(double(rounds) * std::min(2 * kLeastSeconds / std::max(seconds, 1e-9), 1e3));
    seconds = time();
  }
  return double(rounds * loop.operationsPerRound) * threads / seconds * 1e-9;
}

// Sums a range that is a multiple of 64 bytes long, a cache line at a time.
uint64_t readAll(const uint64_t *data, size_t count) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i < count; i += 8)
    for (size_t lane = 0; lane < 8; ++lane)
      sums[lane] += data[i + lane];
  uint64_t sum = 0;
  for (uint64_t lane : sums)
    sum += lane;
  return sum;
}

} // namespace

double Peaks::ofArithmetic(const std::string &elementType) const {
  if (elementType == "bf16" && bf16 > 0)
    return bf16;
  if ((elementType == "i8" || elementType == "ui8") && int8 > 0)
    return int8;
  return f32;
}

Peaks measurePeaks(uint32_t threads) {
  Peaks peaks;
  peaks.threads = threads;
  peaks.f32 = arithmeticPeak(f32Loop(), threads);
  peaks.bf16 = arithmeticPeak(bf16Loop(), threads);
  peaks.int8 = arithmeticPeak(int8Loop(), threads);

  // Half of the buffer alone is more than the cache: what one try leaves there is of no use to the next.
  const uint64_t bytes = std::clamp<uint64_t>(4 * lastLevelCacheBytes(), uint64_t(128) << 20, uint64_t(1) << 30);
  const size_t slice = bytes / sizeof(uint64_t) / threads / 16 * 16; // both halves are whole cache lines
  std::unique_ptr<uint64_t[]> buffer(new uint64_t[slice * threads]);
  memset(buffer.get(), 1, slice * threads * sizeof(uint64_t));
  std::vector<uint64_t> sums(threads * 8); // a line for each thread
  const double touched = double(slice * threads * sizeof(uint64_t));
  const double read =
      timeOn(threads, [&](uint32_t thread) { sums[thread * 8] = readAll(buffer.get() + thread * slice, slice); });
  const double copy = timeOn(threads, [&](uint32_t thread) {
    uint64_t *begin = buffer.get() + thread * slice;
    memcpy(begin, begin + slice / 2, slice / 2 * sizeof(uint64_t));
  });
  peaks.readGBs = touched / read * 1e-9;
  peaks.movedGBs = touched / copy * 1e-9;
  return peaks;
}

} // namespace mlc::tools
