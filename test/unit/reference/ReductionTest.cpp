// Reductions, pools, softmax and normalisations.
#include "test/unit/reference/Evaluate.h"

namespace mlc::reference {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();
const HostTensor kMatrix = f64({2, 3}, {1, 5, 3, 4, -2, 6});

TEST_F(Reference, ReduceKinds) {
  const char *type = "(tensor<2x3xf64>) -> tensor<2xf64>";
  auto reduce = [&](const std::string &kind) {
    return runPlain("mlc.reduce " + kind + " %0 {axes = array<i64: 1>}", type, {kMatrix});
  };
  expectValues(reduce("sum"), {2}, {9, 8});
  expectValues(reduce("mean"), {2}, {3, 8.0 / 3}, 1e-15);
  expectValues(reduce("max"), {2}, {5, 6});
  expectValues(reduce("min"), {2}, {1, -2});
  expectValues(reduce("prod"), {2}, {15, -48});
}

TEST_F(Reference, ReduceOuterAxisKeepsDims) {
  expectValues(runPlain("mlc.reduce sum %0 {axes = array<i64: 0>, keep_dims}", "(tensor<2x3xf64>) -> tensor<1x3xf64>",
                        {kMatrix}),
               {1, 3}, {5, 3, 9});
  expectValues(runPlain("mlc.reduce max %0 {axes = array<i64: 0, 1>}", "(tensor<2x3xf64>) -> tensor<f64>", {kMatrix}),
               {}, {6});
}

TEST_F(Reference, ReduceOfNanAndOfNothing) {
  expectValues(runPlain("mlc.reduce max %0 {axes = array<i64: 1>}", "(tensor<2x2xf64>) -> tensor<2xf64>",
                        {f64({2, 2}, {kNan, 1, 1, kNan})}),
               {2}, {kNan, kNan});
  const char *type = "(tensor<1x0xf64>) -> tensor<1xf64>";
  for (auto [kind, expected] : {std::pair("max", -kInf), {"min", kInf}, {"sum", 0.0}, {"prod", 1.0}})
    expectValues(runPlain(std::string("mlc.reduce ") + kind + " %0 {axes = array<i64: 1>}", type, {f64({1, 0}, {})}),
                 {1}, {expected});
}

TEST_F(Reference, ArgReduce) {
  HostTensor x = f64({2, 4}, {1, 7, 7, 0, 3, kNan, 9, kNan});
  const char *type = "(tensor<2x4xf64>) -> tensor<2xi64>";
  expectValues(runPlain("mlc.arg_max %0 {axis = 1 : i64}", type, {x}), {2}, {1, 1});
  expectValues(runPlain("mlc.arg_max %0 {axis = 1 : i64, select_last}", type, {x}), {2}, {2, 1});
  expectValues(runPlain("mlc.arg_min %0 {axis = 1 : i64}", type, {x}), {2}, {3, 1});
  expectValues(
      runPlain("mlc.arg_max %0 {axis = 0 : i64, keep_dims}", "(tensor<2x3xf64>) -> tensor<1x3xi64>", {kMatrix}), {1, 3},
      {1, 0, 1});
}

TEST_F(Reference, CumSum) {
  const char *type = "(tensor<2x3xf64>) -> tensor<2x3xf64>";
  expectValues(runPlain("mlc.cum_sum %0 {axis = 1 : i64}", type, {kMatrix}), {2, 3}, {1, 6, 9, 4, 2, 8});
  expectValues(runPlain("mlc.cum_sum %0 {axis = 1 : i64, exclusive, reverse}", type, {kMatrix}), {2, 3},
               {8, 3, 0, 4, 6, 0});
}

TEST_F(Reference, PoolPadding) {
  // A row of four, a window of 3 with stride 2, one element of padding on each side.
  std::string attributes = "window = array<i64: 3>, strides = array<i64: 2>, pad_low = array<i64: 1>, "
                           "pad_high = array<i64: 1>, dilations = array<i64: 1>";
  HostTensor x = f64({1, 1, 4}, {-3, -6, -9, -12});
  const char *type = "(tensor<1x1x4xf64>) -> tensor<1x1x2xf64>";
  expectValues(runPlain("mlc.pool max %0 {" + attributes + "}", type, {x}), {1, 1, 2}, {-3, -6});
  expectValues(runPlain("mlc.pool average %0 {" + attributes + "}", type, {x}), {1, 1, 2}, {-4.5, -9});
  expectValues(runPlain("mlc.pool average %0 {" + attributes + ", count_include_pad}", type, {x}), {1, 1, 2}, {-3, -9});
}

TEST_F(Reference, PoolCeilPaddingCountsForNothing) {
  std::string attributes = "window = array<i64: 2>, strides = array<i64: 2>, pad_low = array<i64: 0>, "
                           "pad_high = array<i64: 1>, dilations = array<i64: 1>, ceil_pad = array<i64: 1>";
  expectValues(runPlain("mlc.pool average %0 {" + attributes + ", count_include_pad}",
                        "(tensor<1x1x3xf64>) -> tensor<1x1x2xf64>", {f64({1, 1, 3}, {2, 4, 5})}),
               {1, 1, 2}, {3, 5});
}

TEST_F(Reference, PoolChannelsLastDilated) {
  // [1, 3, 3, 2]: channel 0 counts 0..8, channel 1 is its negative. Window 2 x 2 dilated by 2: the corners.
  std::vector<double> x;
  for (int i = 0; i < 9; ++i)
    x.insert(x.end(), {double(i), -double(i)});
  std::string attributes = "window = array<i64: 2, 2>, strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, "
                           "pad_high = array<i64: 0, 0>, dilations = array<i64: 2, 2>, "
                           "layout = #mlc<layout channels_last>";
  const char *type = "(tensor<1x3x3x2xf64>) -> tensor<1x1x1x2xf64>";
  expectValues(runPlain("mlc.pool max %0 {" + attributes + "}", type, {f64({1, 3, 3, 2}, x)}), {1, 1, 1, 2}, {8, 0});
  expectValues(runPlain("mlc.pool average %0 {" + attributes + "}", type, {f64({1, 3, 3, 2}, x)}), {1, 1, 1, 2},
               {4, -4});
}

TEST_F(Reference, SoftmaxAlongEachAxis) {
  double l3 = std::log(3.0);
  HostTensor x = f64({2, 2}, {1000, 1000 + l3, 1000, -kInf});
  const char *type = "(tensor<2x2xf64>) -> tensor<2x2xf64>";
  expectValues(runPlain("mlc.softmax %0 {axis = 1 : i64}", type, {x}), {2, 2}, {0.25, 0.75, 1, 0}, 1e-12);
  expectValues(runPlain("mlc.softmax %0 {axis = 0 : i64}", type, {x}), {2, 2}, {0.5, 1, 0.5, 0}, 1e-12);
  expectValues(runPlain("mlc.log_softmax %0 {axis = 1 : i64}", type, {x}), {2, 2},
               {std::log(0.25), std::log(0.75), 0, -kInf}, 1e-12);
}

TEST_F(Reference, SoftmaxOfNothingButMinusInfinityIsNan) {
  expectValues(
      runPlain("mlc.softmax %0 {axis = 0 : i64}", "(tensor<2xf64>) -> tensor<2xf64>", {f64({2}, {-kInf, -kInf})}), {2},
      {kNan, kNan});
}

TEST_F(Reference, LayerNorm) {
  HostTensor x = f64({2, 2}, {1, 3, -5, 5}), scale = f64({2}, {2, 3}), bias = f64({2}, {10, 20});
  expectValues(run("mlc.layer_norm %0 {axis = 1 : i64, epsilon = 0.0 : f64} : (tensor<2x2xf64>) -> tensor<2x2xf64>",
                   "(tensor<2x2xf64>) -> tensor<2x2xf64>", {x}),
               {2, 2}, {-1, 1, -1, 1}, 1e-15);
  std::string signature = "(tensor<2x2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<2x2xf64>";
  // Variances 1 and 25; epsilon 3 makes the first deviation 2.
  expectValues(runPlain("mlc.layer_norm %0 scale(%1) bias(%2) {axis = 1 : i64, epsilon = 3.0 : f64}", signature,
                        {x, scale, bias}),
               {2, 2}, {9, 21.5, 10 - 10 / std::sqrt(28.0), 20 + 15 / std::sqrt(28.0)}, 1e-14);
  // A bias alone is not taken for a scale.
  expectValues(runPlain("mlc.layer_norm %0 bias(%1) {axis = 1 : i64, epsilon = 0.0 : f64}",
                        "(tensor<2x2xf64>, tensor<2xf64>) -> tensor<2x2xf64>", {x, bias}),
               {2, 2}, {9, 21, 9, 21}, 1e-14);
}

TEST_F(Reference, BatchNorm) {
  HostTensor x = f64({1, 2, 2}, {1, 2, 3, 4});
  expectValues(runPlain("mlc.batch_norm %0, %1, %2, %3, %4 {axis = 1 : i64, epsilon = 1.0 : f64}",
                        "(tensor<1x2x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> "
                        "tensor<1x2x2xf64>",
                        {x, f64({2}, {1, 10}), f64({2}, {0, 100}), f64({2}, {1, 3}), f64({2}, {3, 0})}),
               {1, 2, 2}, {0, 0.5, 100, 110}, 1e-15);
}

} // namespace
} // namespace mlc::reference
