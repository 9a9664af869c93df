#include "codegen/memory/MemoryPlan.h"
#include <gtest/gtest.h>
#include <random>
#include <set>

namespace mlc::codegen {
namespace {

void expectValid(const std::vector<LiveInterval> &intervals, const MemoryPlan &plan) {
  ASSERT_EQ(plan.offsets.size(), intervals.size());
  for (size_t i = 0; i < intervals.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % 64, 0);
    EXPECT_GE(plan.offsets[i], 0);
    EXPECT_LE(plan.offsets[i] + intervals[i].bytes, plan.arenaBytes);
    for (size_t j = 0; j < i; ++j) {
      bool together = intervals[i].first <= intervals[j].last && intervals[j].first <= intervals[i].last;
      bool overlap = plan.offsets[i] < plan.offsets[j] + intervals[j].bytes &&
                     plan.offsets[j] < plan.offsets[i] + intervals[i].bytes;
      EXPECT_FALSE(together && overlap) << i << " and " << j;
    }
  }
  EXPECT_GE(plan.arenaBytes, plan.maxLiveBytes);
}

TEST(MemoryPlan, Empty) { EXPECT_EQ(planMemory({}).arenaBytes, 0); }

TEST(MemoryPlan, ReusesDeadValuesOfAChain) {
  std::vector<LiveInterval> chain;
  for (int i = 0; i < 20; ++i)
    chain.push_back({1000, i, i + 1});
  MemoryPlan plan = planMemory(chain);
  expectValid(chain, plan);
  EXPECT_EQ(plan.maxLiveBytes, 2048);
  EXPECT_EQ(plan.arenaBytes, 2048);
}

TEST(MemoryPlan, MiddlesOfAChainAreAtTwoAddresses) {
  std::vector<LiveInterval> chain;
  const int64_t sizes[] = {1600, 4800, 1216, 320, 1792, 1792, 448, 128, 576, 576};
  for (int64_t i = 0; i < 10; ++i)
    chain.push_back({sizes[i] * 64, i, i + 1});
  MemoryPlan plan = planMemory(chain);
  expectValid(chain, plan);
  std::set<int64_t> middles;
  for (int64_t i = 0; i < 10; ++i)
    middles.insert(plan.offsets[i] + chain[i].bytes / 2);
  EXPECT_EQ(middles.size(), 2u);
  EXPECT_LE(plan.arenaBytes, plan.maxLiveBytes * 13 / 10);
}

TEST(MemoryPlan, ColumnsAreNotWorthMuchMemory) {
  // In columns, the second pair would leave half of the memory of the first one unused.
  std::vector<LiveInterval> values{{64000, 0, 0}, {32000, 1, 1}, {32000, 1, 1}};
  MemoryPlan plan = planMemory(values);
  expectValid(values, plan);
  EXPECT_EQ(plan.arenaBytes, plan.maxLiveBytes);
}

TEST(MemoryPlan, RandomPlansNeverOverlap) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<LiveInterval> intervals(random() % 40);
    for (LiveInterval &interval : intervals) {
      interval.bytes = random() % 5000;
      interval.first = random() % 30;
      interval.last = interval.first + random() % 10;
    }
    expectValid(intervals, planMemory(intervals));
  }
}

TEST(MemoryPlan, TransformerLayersStayNearTheBound) {
  std::vector<LiveInterval> values;
  int64_t row = 128 * 768 * 4, step = 0, input = 0;
  values.push_back({row, 0, 0});
  for (int layer = 0; layer < 12; ++layer) {
    auto define = [&](int64_t bytes, int64_t last) {
      values.push_back({bytes, ++step, last});
      return int64_t(values.size() - 1);
    };
    values[input].last = step + 3 + 2; // residual
    for (int i = 0; i < 3; ++i)
      define(row, step + 4 - i);          // query, key, value
    define(row, step + 2);                // attention
    int64_t norm = define(row, step + 4); // projection + residual + norm, also read by the second residual
    define(4 * row, step + 2);            // feed-forward, hidden
    input = define(row, step + 2);
    values[norm].last = step;
  }
  MemoryPlan plan = planMemory(values);
  expectValid(values, plan);
  EXPECT_LE(plan.arenaBytes, plan.maxLiveBytes * 11 / 10);
}

TEST(MemoryPlan, ResidualNetworkStaysNearTheBound) {
  std::vector<LiveInterval> values;
  int64_t step = 0;
  const int64_t side[] = {56, 28, 14, 7}, channels[] = {64, 128, 256, 512}, blocks[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; ++stage)
    for (int block = 0; block < blocks[stage]; ++block) {
      int64_t narrow = side[stage] * side[stage] * channels[stage] * 4;
      int64_t padded = (side[stage] + 2) * (side[stage] + 2) * channels[stage] * 4;
      values.push_back({narrow, step, step + 1});
      values.push_back({padded, step + 1, step + 2});
      values.push_back({narrow, step + 2, step + 3});
      values.push_back({4 * narrow, step + 3, step + 7});
      step += 4;
    }
  MemoryPlan plan = planMemory(values);
  expectValid(values, plan);
  EXPECT_LE(plan.arenaBytes, plan.maxLiveBytes * 11 / 10);
}

} // namespace
} // namespace mlc::codegen
