// The choice between candidates whose times are made up.
#include "codegen/tune/Selection.h"

#include <gtest/gtest.h>
#include <vector>

namespace mlc::codegen {
namespace {

bool never() { return false; }

TEST(Selection, TakesTheFastest) {
  const std::vector<double> times{10, 9, 7, 8};
  Selection selection = selectFastest(times.size(), [&](size_t i) { return times[i]; }, never);
  EXPECT_TRUE(selection.isMade);
  EXPECT_EQ(selection.chosen, 2u);
  EXPECT_DOUBLE_EQ(selection.gain, 10.0 / 7);
}

TEST(Selection, ALittleFasterIsNoise) {
  const std::vector<double> times{100, 99, 98.5};
  Selection selection = selectFastest(times.size(), [&](size_t i) { return times[i]; }, never);
  EXPECT_TRUE(selection.isMade);
  EXPECT_EQ(selection.chosen, 0u);
  EXPECT_EQ(selection.gain, 1);
}

// What disturbs some turns of any candidate, the first round included, does not decide.
TEST(Selection, SomeTurnsAreDisturbed) {
  const std::vector<double> times{10, 8, 9};
  size_t turn = 0;
  auto disturbed = [&](size_t i) { return times[i] * (turn++ % 4 == 1 ? 30 : 1); };
  EXPECT_EQ(selectFastest(times.size(), disturbed, never).chosen, 1u);
}

// A machine that becomes slower, or faster, meets all in turn.
TEST(Selection, TheMachineChanges) {
  const std::vector<double> times{10, 9};
  for (double factor : {1.3, 0.7}) {
    double speed = 1;
    auto drifting = [&](size_t i) { return times[i] * (i ? speed : speed *= factor); };
    EXPECT_EQ(selectFastest(times.size(), drifting, never).chosen, 1u);
  }
}

TEST(Selection, WhatIsFarBehindTakesNoFurtherTurns) {
  std::vector<size_t> turns(3);
  const std::vector<double> times{10, 9, 20};
  selectFastest(
      times.size(),
      [&](size_t i) {
        ++turns[i];
        return times[i];
      },
      never);
  EXPECT_EQ(turns[2], 2u);
  EXPECT_GT(turns[1], turns[2]);
  EXPECT_EQ(turns[0], turns[1]);
}

// The cost model's choice takes part to the end, however slow it is.
TEST(Selection, TheFirstIsComparedWith) {
  const std::vector<double> times{100, 9, 10};
  Selection selection = selectFastest(times.size(), [&](size_t i) { return times[i]; }, never);
  EXPECT_EQ(selection.chosen, 1u);
  EXPECT_DOUBLE_EQ(selection.gain, 100.0 / 9);
}

TEST(Selection, TooFewRoundsChooseNothing) {
  const std::vector<double> times{10, 9, 10};
  for (int most : {0, 1, 2, 3}) {
    int rounds = 0;
    Selection selection =
        selectFastest(times.size(), [&](size_t i) { return times[i]; }, [&] { return rounds++ == most; });
    EXPECT_EQ(selection.isMade, most == 3) << most;
    EXPECT_EQ(selection.chosen, most == 3 ? 1u : 0u) << most;
  }
}

// As soon as all others are far behind, the choice is made.
TEST(Selection, OneIsLeft) {
  const std::vector<double> times{1, 9, 10};
  int rounds = 0;
  Selection selection =
      selectFastest(times.size(), [&](size_t i) { return times[i]; }, [&] { return rounds++ == 100; });
  EXPECT_TRUE(selection.isMade);
  EXPECT_EQ(selection.chosen, 0u);
  EXPECT_EQ(rounds, 2);
}

} // namespace
} // namespace mlc::codegen
