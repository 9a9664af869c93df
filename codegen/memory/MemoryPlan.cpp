#include "codegen/memory/MemoryPlan.h"
#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

namespace mlc::codegen {
namespace {

constexpr int64_t kAlignment = 64;

int64_t paddedBytes(const LiveInterval &interval) {
  return std::max<int64_t>((interval.bytes + kAlignment - 1) / kAlignment * kAlignment, kAlignment);
}

int64_t computeMaxLive(const std::vector<LiveInterval> &intervals) {
  std::map<int64_t, int64_t> change; // step -> bytes that come alive there
  for (const LiveInterval &interval : intervals) {
    change[interval.first] += paddedBytes(interval);
    change[interval.last + 1] -= paddedBytes(interval);
  }
  int64_t live = 0, most = 0;
  for (auto [step, bytes] : change)
    most = std::max(most, live += bytes);
  return most;
}

// Places values in `order`, each into the smallest gap between those already placed that live at the same time, or, if
// none fits, behind the last of them.
class Placer {
public:
  explicit Placer(const std::vector<LiveInterval> &intervals) : intervals(intervals) {}

  MemoryPlan place(const std::vector<size_t> &order) {
    MemoryPlan plan;
    plan.offsets.assign(intervals.size(), 0);
    std::vector<size_t> placed; // by offset
    for (size_t value : order) {
      int64_t need = paddedBytes(intervals[value]), end = 0, best = -1, bestGap = INT64_MAX;
      for (size_t other : placed) {
        if (intervals[other].last < intervals[value].first || intervals[value].last < intervals[other].first)
          continue;
        int64_t gap = plan.offsets[other] - end;
        if (gap >= need && gap < bestGap) {
          best = end;
          bestGap = gap;
        }
        end = std::max(end, plan.offsets[other] + paddedBytes(intervals[other]));
      }
      int64_t offset = best >= 0 ? best : end;
      plan.offsets[value] = offset;
      plan.arenaBytes = std::max(plan.arenaBytes, offset + need);
      auto position = std::upper_bound(placed.begin(), placed.end(), offset,
                                       [&](int64_t bytes, size_t other) { return bytes < plan.offsets[other]; });
      placed.insert(position, value);
    }
    return plan;
  }

private:
  const std::vector<LiveInterval> &intervals;
};

bool liveTogether(const LiveInterval &a, const LiveInterval &b) { return a.first <= b.last && b.first <= a.last; }

// Places values in `order`, each in the first column where none lives at the same time, and all of a column with their
// middles at one address. A column is as wide as its widest value.
MemoryPlan placeInColumns(const std::vector<LiveInterval> &intervals, const std::vector<size_t> &order) {
  std::vector<std::vector<size_t>> columns;
  for (size_t value : order) {
    auto isFree = [&](const std::vector<size_t> &column) {
      return std::none_of(column.begin(), column.end(),
                          [&](size_t other) { return liveTogether(intervals[value], intervals[other]); });
    };
    auto column = std::find_if(columns.begin(), columns.end(), isFree);
    if (column == columns.end())
      column = columns.emplace(column);
    column->push_back(value);
  }
  MemoryPlan plan;
  plan.offsets.assign(intervals.size(), 0);
  for (const std::vector<size_t> &column : columns) {
    int64_t width = 0;
    for (size_t value : column)
      width = std::max(width, paddedBytes(intervals[value]));
    for (size_t value : column)
      plan.offsets[value] = plan.arenaBytes + (width - paddedBytes(intervals[value])) / 2 / kAlignment * kAlignment;
    plan.arenaBytes += width;
  }
  return plan;
}

} // namespace

MemoryPlan planMemory(const std::vector<LiveInterval> &intervals) {
  int64_t maxLive = computeMaxLive(intervals);
  auto length = [&](size_t i) { return intervals[i].last - intervals[i].first + 1; };
  std::vector<std::function<bool(size_t, size_t)>> orders = {
      [&](size_t a, size_t b) { return intervals[a].bytes > intervals[b].bytes; },
      [&](size_t a, size_t b) { return intervals[a].first < intervals[b].first; },
      [&](size_t a, size_t b) { return intervals[a].bytes * length(a) > intervals[b].bytes * length(b); },
      [&](size_t a, size_t b) { return length(a) > length(b); },
      [&](size_t a, size_t b) { return intervals[a].last > intervals[b].last; },
  };
  Placer placer(intervals);
  MemoryPlan best;
  std::vector<size_t> bestOrder;
  MemoryPlan inColumns;
  inColumns.arenaBytes = INT64_MAX;
  for (const auto &before : orders) {
    std::vector<size_t> order(intervals.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return before(a, b) || (!before(b, a) && a < b); });
    MemoryPlan plan = placer.place(order);
    if (bestOrder.empty() || plan.arenaBytes < best.arenaBytes) {
      best = plan;
      bestOrder = order;
    }
    plan = placeInColumns(intervals, order);
    if (plan.arenaBytes < inColumns.arenaBytes)
      inColumns = plan;
    if (std::max(best.arenaBytes, inColumns.arenaBytes) == maxLive)
      break;
  }
  // What sticks out at the top was placed too late: place it first, then second, ..., while that helps. Bounded, since
  // a placement is quadratic in the number of values.
  int64_t rounds =
      std::clamp<int64_t>(20'000'000 / std::max<int64_t>(1, int64_t(intervals.size() * intervals.size())), 0, 400);
  std::vector<size_t> order = bestOrder;
  MemoryPlan plan = best;
  for (int64_t round = 0; round < rounds && best.arenaBytes > maxLive; ++round) {
    auto top = std::find_if(order.begin(), order.end(),
                            [&](size_t i) { return plan.offsets[i] + paddedBytes(intervals[i]) == plan.arenaBytes; });
    auto position = order.begin() + (top - order.begin()) / 2 * (round % 2); // the front, or half-way there
    std::rotate(position, top, top + 1);
    plan = placer.place(order);
    if (plan.arenaBytes < best.arenaBytes)
      best = plan;
  }
  constexpr int64_t mostPercent = 130;
  if (inColumns.arenaBytes <= best.arenaBytes * mostPercent / 100)
    best = inColumns;
  best.maxLiveBytes = maxLive;
  return best;
}

} // namespace mlc::codegen
