// Contractions: small ones by hand, larger ones against plain loops.
#include "reference/Gemm.h"
#include "test/unit/reference/Evaluate.h"

namespace mlc::reference {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

TEST_F(Reference, MatmulTransposed) {
  // [1 2; 3 4] [5 6; 7 8] = [19 22; 43 50], whichever way the operands are stored.
  const char *type = "(tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>";
  HostTensor a = f32({2, 2}, {1, 2, 3, 4}), aT = f32({2, 2}, {1, 3, 2, 4});
  HostTensor b = f32({2, 2}, {5, 6, 7, 8}), bT = f32({2, 2}, {5, 7, 6, 8});
  std::vector<double> product = {19, 22, 43, 50};
  expectValues(runPlain("mlc.matmul %0, %1", type, {a, b}), {2, 2}, product);
  expectValues(runPlain("mlc.matmul %0, %1 {transpose_lhs}", type, {aT, b}), {2, 2}, product);
  expectValues(runPlain("mlc.matmul %0, %1 {transpose_rhs}", type, {a, bT}), {2, 2}, product);
  expectValues(runPlain("mlc.matmul %0, %1 {transpose_lhs, transpose_rhs}", type, {aT, bT}), {2, 2}, product);
}

TEST_F(Reference, MatmulBroadcastsBatches) {
  // lhs batches [2, 1], rhs batches [3]: result batches [2, 3].
  expectValues(runPlain("mlc.matmul %0, %1", "(tensor<2x1x1x1xf32>, tensor<3x1x1xf32>) -> tensor<2x3x1x1xf32>",
                        {f32({2, 1, 1, 1}, {10, 100}), f32({3, 1, 1}, {1, 2, 3})}),
               {2, 3, 1, 1}, {10, 20, 30, 100, 200, 300});
}

TEST_F(Reference, MatmulOfIntegersWraps) {
  expectValues(runPlain("mlc.matmul %0, %1", "(tensor<1x2xi32>, tensor<2x1xi32>) -> tensor<1x1xi32>",
                        {i32({1, 2}, {INT32_MAX, 1}), i32({2, 1}, {1, 1})}),
               {1, 1}, {double(INT32_MIN)});
}

// Integers small enough that f64 sums are exact in any order; sizes cross every block and tile boundary.
TEST(Gemm, EqualsPlainLoops) {
  for (auto [m, n, k] : {std::array<int64_t, 3>{1, 1, 1}, {7, 9, 5}, {97, 17, 257}, {200, 130, 300}, {3, 4, 0}}) {
    std::vector<double> a(static_cast<size_t>(m * k)), b(static_cast<size_t>(k * n));
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = static_cast<double>(i * 7 % 13) - 6;
    for (size_t i = 0; i < b.size(); ++i)
      b[i] = static_cast<double>(i * 5 % 11) - 5;
    int64_t stride = n + 3;
    std::vector<double> c(static_cast<size_t>(m * stride), -1);
    gemm(m, n, k, {a.data(), k, 1}, {b.data(), 1, k}, c.data(), stride); // b transposed
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < stride; ++j) {
        double sum = j < n ? 0 : -1; // what lies between rows stays
        for (int64_t p = 0; j < n && p < k; ++p)
          sum += a[static_cast<size_t>(i * k + p)] * b[static_cast<size_t>(j * k + p)];
        ASSERT_EQ(c[static_cast<size_t>(i * stride + j)], sum) << m << "x" << n << "x" << k << " at " << i << "," << j;
      }
  }
}

TEST_F(Reference, ConvWithPaddingStrideDilationAndGroups) {
  // One row of five, window [1, 10] dilated by 2, stride 2, padded by one: x[-1] + 10 x[1], x[1] + 10 x[3], ...
  expectValues(runPlain("mlc.conv %0, %1 {strides = array<i64: 2>, pad_low = array<i64: 1>, pad_high = array<i64: 1>, "
                        "dilations = array<i64: 2>}",
                        "(tensor<1x1x5xf32>, tensor<1x1x2xf32>) -> tensor<1x1x3xf32>",
                        {f32({1, 1, 5}, {1, 2, 3, 4, 5}), f32({1, 1, 2}, {1, 10})}),
               {1, 1, 3}, {20, 42, 4});
  expectValues(runPlain("mlc.conv %0, %1 {strides = array<i64: 1>, pad_low = array<i64: 0>, pad_high = array<i64: 0>, "
                        "dilations = array<i64: 1>, groups = 2 : i64}",
                        "(tensor<1x2x2xf32>, tensor<2x1x1xf32>) -> tensor<1x2x2xf32>",
                        {f32({1, 2, 2}, {1, 2, 3, 4}), f32({2, 1, 1}, {10, 100})}),
               {1, 2, 2}, {10, 20, 300, 400});
}

TEST_F(Reference, ConvLayoutsAndPackedAgree) {
  // 3x4 image of 2 channels, 2x3 window, 3 output channels.
  std::vector<float> image, filter;
  for (int i = 0; i < 24; ++i)
    image.push_back(float(i * 7 % 11 - 5));
  for (int i = 0; i < 36; ++i)
    filter.push_back(float(i * 5 % 7 - 3));
  HostTensor x = f32({1, 3, 4, 2}, image), w = f32({2, 3, 2, 3}, filter); // channels last
  std::vector<double> expected;
  for (int oy = 0; oy < 2; ++oy)
    for (int ox = 0; ox < 2; ++ox)
      for (int o = 0; o < 3; ++o) {
        double sum = 0;
        for (int y = 0; y < 2; ++y)
          for (int z = 0; z < 3; ++z)
            for (int c = 0; c < 2; ++c)
              sum += image[size_t((oy + y) * 4 + ox + z) * 2 + size_t(c)] *
                     filter[(size_t(y * 3 + z) * 2 + size_t(c)) * 3 + size_t(o)];
        expected.push_back(sum);
      }
  std::string windows = "strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>";
  std::string padding = ", pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>";
  expectValues(runPlain("mlc.conv %0, %1 {" + windows + padding + ", layout = #mlc<layout channels_last>}",
                        "(tensor<1x3x4x2xf32>, tensor<2x3x2x3xf32>) -> tensor<1x2x2x3xf32>", {x, w}),
               {1, 2, 2, 3}, expected);
  expectValues(runPlain("mlc.packed_conv %0, %1 {" + windows + ", out_channels = 3 : i64}",
                        "(tensor<1x3x4x2xf32>, tensor<2x2x3x2x2xf32>) -> tensor<1x2x2x3xf32>", {x, packPanels(w, 2)}),
               {1, 2, 2, 3}, expected);
  expectValues(runPlain("mlc.packed_conv %0, %1 {" + windows + ", out_channels = 3 : i64}",
                        "(tensor<1x3x4x2xf32>, tensor<2x2x3x1x2x2xf32>) -> tensor<1x2x2x3xf32>",
                        {x, interleaveRows(packPanels(w, 2), 2)}),
               {1, 2, 2, 3}, expected);
  std::vector<int64_t> toFirst = {0, 3, 1, 2}, filterToFirst = {3, 2, 0, 1}, toLast = {0, 2, 3, 1};
  auto first = runPlain("mlc.conv %0, %1 {" + windows + padding + "}",
                        "(tensor<1x2x3x4xf32>, tensor<3x2x2x3xf32>) -> tensor<1x3x2x2xf32>",
                        {transpose(x, toFirst), transpose(w, filterToFirst)});
  ASSERT_TRUE(first.ok()) << first.message();
  expectValues(transpose(*first, toLast), {1, 2, 2, 3}, expected);
}

TEST_F(Reference, PackedMatmul) {
  HostTensor w = f32({2, 3}, {1, 2, 3, 4, 5, 6});
  expectValues(runPlain("mlc.packed_matmul %0, %1 {n = 3 : i64}", "(tensor<2xf32>, tensor<2x2x2xf32>) -> tensor<3xf32>",
                        {f32({2}, {1, 10}), packPanels(w, 2)}),
               {3}, {41, 52, 63});
  expectValues(runPlain("mlc.packed_matmul %0, %1 {n = 3 : i64}",
                        "(tensor<2xf32>, tensor<2x1x2x2xf32>) -> tensor<3xf32>",
                        {f32({2}, {1, 10}), interleaveRows(packPanels(w, 2), 2)}),
               {3}, {41, 52, 63});
}

// Scores of 0 and ln 3, and so weights of 1/4 and 3/4.
TEST_F(Reference, AttentionScaleAndMask) {
  double l3 = std::log(3.0);
  HostTensor query = f64({1, 1, 1, 1}, {2}), key = f64({1, 1, 2, 1}, {0, l3}), value = f64({1, 1, 2, 2}, {0, 8, 4, 0});
  const char *type = "(tensor<1x1x1x1xf64>, tensor<1x1x2x1xf64>, tensor<1x1x2x2xf64>) -> tensor<1x1x1x2xf64>";
  expectValues(runPlain("mlc.attention %0, %1, %2 {scale = 0.5 : f64}", type, {query, key, value}), {1, 1, 1, 2},
               {3, 2}, 1e-12);
  const char *masked = "(tensor<1x1x1x1xf64>, tensor<1x1x2x1xf64>, tensor<1x1x2x2xf64>, tensor<2xf64>) -> "
                       "tensor<1x1x1x2xf64>";
  expectValues(
      runPlain("mlc.attention %0, %1, %2, %3 {scale = 0.5 : f64}", masked, {query, key, value, f64({2}, {0, -kInf})}),
      {1, 1, 1, 2}, {0, 8}, 1e-12);
  expectValues(runPlain("mlc.attention %0, %1, %2, %3 {scale = 0.5 : f64}", masked,
                        {query, key, value, f64({2}, {-kInf, -kInf})}),
               {1, 1, 1, 2}, {kNan, kNan});
}

TEST_F(Reference, CausalAttentionAveragesWhatCameBefore) {
  // Equal scores: position i gives the mean of values 0 ... i.
  HostTensor zero = f64({1, 1, 3, 1}, {0, 0, 0}), value = f64({1, 1, 3, 1}, {3, 9, -6});
  expectValues(runPlain("mlc.attention %0, %1, %2 {scale = 1.0 : f64, causal}",
                        "(tensor<1x1x3x1xf64>, tensor<1x1x3x1xf64>, tensor<1x1x3x1xf64>) -> tensor<1x1x3x1xf64>",
                        {zero, zero, value}),
               {1, 1, 3, 1}, {3, 6, 2}, 1e-12);
}

TEST_F(Reference, AttentionSharesKeyHeadsInBothLayouts) {
  // Four query heads on two key heads of one position: heads 0 and 1 see value 5, heads 2 and 3 see 7.
  HostTensor query = f64({1, 4, 1, 1}, {1, 1, 1, 1}), key = f64({1, 2, 1, 1}, {1, 1});
  HostTensor value = f64({1, 2, 1, 1}, {5, 7});
  expectValues(runPlain("mlc.attention %0, %1, %2 {scale = 1.0 : f64}",
                        "(tensor<1x4x1x1xf64>, tensor<1x2x1x1xf64>, tensor<1x2x1x1xf64>) -> tensor<1x4x1x1xf64>",
                        {query, key, value}),
               {1, 4, 1, 1}, {5, 5, 7, 7}, 1e-12);
  // bshd: two positions, two heads; each head averages its own values over the positions.
  HostTensor zero = f64({1, 2, 2, 1}, {0, 0, 0, 0});
  expectValues(runPlain("mlc.attention %0, %1, %2 {scale = 1.0 : f64, layout = #mlc<head_layout bshd>}",
                        "(tensor<1x2x2x1xf64>, tensor<1x2x2x1xf64>, tensor<1x2x2x1xf64>) -> tensor<1x2x2x1xf64>",
                        {zero, zero, f64({1, 2, 2, 1}, {1, 10, 3, 30})}),
               {1, 2, 2, 1}, {2, 20, 2, 20}, 1e-12);
}

} // namespace
} // namespace mlc::reference
