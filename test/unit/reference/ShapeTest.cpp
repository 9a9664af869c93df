// Ops that move elements.
#include "test/unit/reference/Evaluate.h"

namespace mlc::reference {
namespace {

const HostTensor kMatrix = f32({2, 3}, {1, 2, 3, 4, 5, 6});

TEST_F(Reference, Transpose) {
  expectValues(
      runPlain("mlc.transpose %0 {permutation = array<i64: 1, 0>}", "(tensor<2x3xf32>) -> tensor<3x2xf32>", {kMatrix}),
      {3, 2}, {1, 4, 2, 5, 3, 6});
  // Dimension i of the result is permutation[i] of the operand, not the reverse.
  expectValues(runPlain("mlc.transpose %0 {permutation = array<i64: 2, 0, 1>}",
                        "(tensor<1x2x3xf32>) -> tensor<3x1x2xf32>", {f32({1, 2, 3}, {1, 2, 3, 4, 5, 6})}),
               {3, 1, 2}, {1, 4, 2, 5, 3, 6});
}

TEST_F(Reference, ReshapeAndBroadcast) {
  expectValues(runPlain("mlc.reshape %0 {shape = array<i64: 3, 2>}", "(tensor<2x3xf32>) -> tensor<3x2xf32>", {kMatrix}),
               {3, 2}, {1, 2, 3, 4, 5, 6});
  expectValues(runPlain("mlc.broadcast %0 {shape = array<i64: 2, 2, 2>}", "(tensor<2x1xf32>) -> tensor<2x2x2xf32>",
                        {f32({2, 1}, {1, 2})}),
               {2, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2});
}

TEST_F(Reference, SliceForwardsAndBackwards) {
  expectValues(
      runPlain("mlc.slice %0 {offsets = array<i64: 1, 2>, sizes = array<i64: 2, 2>, strides = array<i64: -1, -2>}",
               "(tensor<2x3xf32>) -> tensor<2x2xf32>", {kMatrix}),
      {2, 2}, {6, 4, 3, 1});
  expectValues(
      runPlain("mlc.slice %0 {offsets = array<i64: 0, 0>, sizes = array<i64: 2, 2>, strides = array<i64: 1, 2>}",
               "(tensor<2x3xf32>) -> tensor<2x2xf32>", {kMatrix}),
      {2, 2}, {1, 3, 4, 6});
  expectValues(
      runPlain("mlc.slice %0 {offsets = array<i64: 0, 0>, sizes = array<i64: 0, 3>, strides = array<i64: 1, 1>}",
               "(tensor<2x3xf32>) -> tensor<0x3xf32>", {kMatrix}),
      {0, 3}, {});
}

TEST_F(Reference, Concat) {
  expectValues(runPlain("mlc.concat %0, %1 {axis = 1 : i64}", "(tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>",
                        {kMatrix, f32({2, 1}, {-1, -2})}),
               {2, 4}, {1, 2, 3, -1, 4, 5, 6, -2});
}

TEST_F(Reference, PadWithValue) {
  expectValues(runPlain("mlc.pad %0 {low = array<i64: 1, 0>, high = array<i64: 0, 2>, value = 9.0 : f64}",
                        "(tensor<1x2xi32>) -> tensor<2x4xi32>", {i32({1, 2}, {1, 2})}),
               {2, 4}, {9, 9, 9, 9, 1, 2, 9, 9});
}

TEST_F(Reference, GatherCountsNegativeIndicesFromTheEnd) {
  expectValues(runPlain("mlc.gather %0, %1 {axis = 1 : i64}", "(tensor<2x3xf32>, tensor<2x2xi64>) -> tensor<2x2x2xf32>",
                        {kMatrix, i64({2, 2}, {0, -1, 1, -3})}),
               {2, 2, 2}, {1, 3, 2, 1, 4, 6, 5, 4});
}

TEST_F(Reference, GatherOutOfRangeIsAnError) {
  for (int64_t index : {3, -4}) {
    auto result = runPlain("mlc.gather %0, %1 {axis = 1 : i64}", "(tensor<2x3xf32>, tensor<2xi64>) -> tensor<2x2xf32>",
                           {kMatrix, i64({2}, {0, index})});
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.message().find("mlc.gather"), std::string::npos) << result.message();
    EXPECT_NE(result.message().find("index " + std::to_string(index) +
                                    " at position 1 is outside of [-3, 3), the indices of dimension "),
              std::string::npos)
        << result.message();
  }
}

TEST_F(Reference, ScatterInOrderOfTheIndices) {
  const char *type = "(tensor<3x2xf32>, tensor<3xi64>, tensor<3x2xf32>) -> tensor<3x2xf32>";
  HostTensor data = f32({3, 2}, {1, 2, 3, 4, 5, 6}), indices = i64({3}, {2, 0, -1}),
             updates = f32({3, 2}, {10, 1, 20, 2, 30, std::nanf("")});
  expectValues(runPlain("mlc.scatter set %0, %1, %2", type, {data, indices, updates}), {3, 2},
               {20, 2, 3, 4, 30, std::nan("")});
  expectValues(runPlain("mlc.scatter add %0, %1, %2", type, {data, indices, updates}), {3, 2},
               {21, 4, 3, 4, 45, std::nan("")});
  expectValues(runPlain("mlc.scatter mul %0, %1, %2", type, {data, indices, updates}), {3, 2},
               {20, 4, 3, 4, 1500, std::nan("")});
  expectValues(runPlain("mlc.scatter max %0, %1, %2", type, {data, indices, updates}), {3, 2},
               {20, 2, 3, 4, 30, std::nan("")});
  expectValues(runPlain("mlc.scatter min %0, %1, %2", type, {data, indices, updates}), {3, 2},
               {1, 2, 3, 4, 5, std::nan("")});
}

TEST_F(Reference, ScatterOutOfRangeIsAnError) {
  for (int64_t index : {3, -4}) {
    auto result = runPlain("mlc.scatter set %0, %1, %2", "(tensor<3xf32>, tensor<i64>, tensor<f32>) -> tensor<3xf32>",
                           {f32({3}, {1, 2, 3}), i64({}, {index}), f32({}, {9})});
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.message().find("index " + std::to_string(index) +
                                    " at position 0 is outside of [-3, 3), the indices of dimension "),
              std::string::npos)
        << result.message();
  }
}

TEST_F(Reference, PackAndUnpack) {
  // [2, 3] in panels of 2 lanes: [2, 2, 2], a zero behind the third column.
  HostTensor panels = f32({2, 2, 2}, {1, 2, 4, 5, 3, 0, 6, 0});
  expectValues(runPlain("mlc.pack %0 {lanes = 2 : i64}", "(tensor<2x3xf32>) -> tensor<2x2x2xf32>", {kMatrix}),
               {2, 2, 2}, {1, 2, 4, 5, 3, 0, 6, 0});
  expectValues(runPlain("mlc.unpack %0 {size = 3 : i64}", "(tensor<2x2x2xf32>) -> tensor<2x3xf32>", {panels}), {2, 3},
               {1, 2, 3, 4, 5, 6});
  // [3, 3] with two rows in each lane: [2, 2, 2, 2], zeros behind the third row and column.
  HostTensor rows = f32({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  std::vector<double> interleaved = {1, 4, 2, 5, 7, 0, 8, 0, 3, 6, 0, 0, 9, 0, 0, 0};
  auto packed = runPlain("mlc.pack %0 {lanes = 2 : i64, interleave = 2 : i64}",
                         "(tensor<3x3xf32>) -> tensor<2x2x2x2xf32>", {rows});
  expectValues(packed, {2, 2, 2, 2}, interleaved);
  ASSERT_TRUE(packed.ok()) << packed.message();
  expectValues(runPlain("mlc.unpack %0 {size = 3 : i64, depth = 3 : i64}", "(tensor<2x2x2x2xf32>) -> tensor<3x3xf32>",
                        {*packed}),
               {3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
}

} // namespace
} // namespace mlc::reference
