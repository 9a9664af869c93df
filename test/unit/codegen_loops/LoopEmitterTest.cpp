// mlc ops of a kernel function, through convert-mlc-to-linalg and the loop emitter, to code that runs.
#include "codegen/loops/LoopEmitter.h"
#include "test/unit/codegen/Harness.h"

#include <cmath>

namespace mlc::codegen {
namespace {

using namespace test;

HostTensor run(const std::string &text, const std::vector<Floats> &inputs) {
  Kernel kernel(text, Kernel::Stage::Linalg);
  TargetDesc target = targetOf("x86-64-v3");
  auto emitter = createLoopEmitter();
  EXPECT_TRUE(emitter->accepts(kernel.function, target));
  return LoadedKernel(*emitter, kernel.function, target).run(inputsOf(kernel.function, inputs)).front();
}

Floats runFloats(const std::string &text, const std::vector<Floats> &inputs) { return floatsOf(run(text, inputs)); }

TEST(Lower, BroadcastAddRelu) {
  EXPECT_EQ(runFloats(R"(func.func @k(%a: tensor<2x3xf32>, %b: tensor<3xf32>) -> tensor<2x3xf32> {
    %0 = mlc.add %a, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
    %1 = mlc.relu %0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
    return %1 : tensor<2x3xf32>
  })",
                      {{1, 2, 3, -4, 5, -6}, {1, -5, 2}}),
            (Floats{2, 0, 5, 0, 0, 0}));
}

TEST(Lower, MatmulTransposed) {
  EXPECT_EQ(runFloats(R"(func.func @k(%a: tensor<2x2xf32>, %b: tensor<3x2xf32>) -> tensor<2x3xf32> {
    %0 = mlc.matmul %a, %b {transpose_rhs} : (tensor<2x2xf32>, tensor<3x2xf32>) -> tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  })",
                      {{1, 2, 3, 4}, {1, 0, 0, 1, 1, 1}}),
            (Floats{1, 2, 3, 3, 4, 7}));
}

TEST(Lower, PackedMatmulDropsPadding) {
  EXPECT_EQ(runFloats(R"(func.func @k(%a: tensor<2x2xf32>, %b: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %p = mlc.pack %b {lanes = 2 : i64} : (tensor<2x3xf32>) -> tensor<2x2x2xf32>
    %0 = mlc.packed_matmul %a, %p {n = 3 : i64} : (tensor<2x2xf32>, tensor<2x2x2xf32>) -> tensor<2x3xf32>
    return %0 : tensor<2x3xf32>
  })",
                      {{1, 2, 3, 4}, {1, 2, 3, 4, 5, 6}}),
            (Floats{9, 12, 15, 19, 26, 33}));
}

TEST(Lower, ReshapeTransposeConcat) {
  EXPECT_EQ(runFloats(R"(func.func @k(%a: tensor<2x3xf32>) -> tensor<3x4xf32> {
    %t = mlc.transpose %a {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
    %r = mlc.reshape %a {shape = array<i64: 3, 2>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
    %c = mlc.concat %t, %r {axis = 1 : i64} : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x4xf32>
    return %c : tensor<3x4xf32>
  })",
                      {{1, 2, 3, 4, 5, 6}}),
            (Floats{1, 4, 1, 2, 2, 5, 3, 4, 3, 6, 5, 6}));
}

TEST(Lower, LayerNorm) {
  Floats result =
      runFloats(R"(func.func @k(%a: tensor<1x4xf32>, %s: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<1x4xf32> {
    %0 = mlc.layer_norm %a scale(%s) bias(%b) {axis = 1 : i64, epsilon = 0.0 : f64}
      : (tensor<1x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
    return %0 : tensor<1x4xf32>
  })",
                {{1, 2, 3, 4}, {1, 1, 2, 1}, {0, 0, 0, 5}});
  float inverse = 1 / std::sqrt(1.25f);
  Floats expected = {-1.5f * inverse, -0.5f * inverse, inverse, 1.5f * inverse + 5};
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(result[i], expected[i], 1e-5);
}

TEST(Lower, ConvolutionWithPaddingAndGroups) {
  EXPECT_EQ(runFloats(R"(func.func @k(%x: tensor<1x2x3xf32>, %w: tensor<2x1x3xf32>) -> tensor<1x2x3xf32> {
    %0 = mlc.conv %x, %w {strides = array<i64: 1>, pad_low = array<i64: 1>, pad_high = array<i64: 1>,
      dilations = array<i64: 1>, groups = 2 : i64} : (tensor<1x2x3xf32>, tensor<2x1x3xf32>) -> tensor<1x2x3xf32>
    return %0 : tensor<1x2x3xf32>
  })",
                      {{1, 2, 3, 4, 5, 6}, {1, 1, 1, 0, 1, -1}}),
            (Floats{3, 6, 5, -1, -1, 6}));
}

TEST(Lower, AveragePoolDividesByWhatIsInside) {
  EXPECT_EQ(runFloats(R"(func.func @k(%x: tensor<1x1x3xf32>) -> tensor<1x1x3xf32> {
    %0 = mlc.pool average %x {window = array<i64: 3>, strides = array<i64: 1>, pad_low = array<i64: 1>,
      pad_high = array<i64: 1>, dilations = array<i64: 1>} : (tensor<1x1x3xf32>) -> tensor<1x1x3xf32>
    return %0 : tensor<1x1x3xf32>
  })",
                      {{2, 4, 6}}),
            (Floats{3, 4, 5}));
}

TEST(Lower, MaximumOfNanIsNan) {
  Floats result = runFloats(R"(func.func @k(%x: tensor<2x3xf32>) -> tensor<2xf32> {
    %0 = mlc.reduce max %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  })",
                            {{1, NAN, 3, -4, -5, -6}});
  EXPECT_TRUE(std::isnan(result[0]));
  EXPECT_EQ(result[1], -4);
}

TEST(Lower, ArgMaxGivesTheFirst) {
  HostTensor result = run(R"(func.func @k(%x: tensor<2x3xf32>) -> tensor<2xi64> {
    %0 = mlc.arg_max %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2xi64>
    return %0 : tensor<2xi64>
  })",
                          {{1, 3, 3, -4, NAN, 6}});
  EXPECT_EQ(result.at<int64_t>(0), 1);
  EXPECT_EQ(result.at<int64_t>(1), 1);
}

} // namespace
} // namespace mlc::codegen
