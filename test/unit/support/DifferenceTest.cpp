// Measures of how far a tensor is off.
#include "support/Difference.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mlc;

namespace {

HostTensor f32(const std::vector<float> &values) {
  return HostTensor::from(DType::F32, {static_cast<int64_t>(values.size())}, values);
}
HostTensor f64(const std::vector<double> &values) {
  return HostTensor::from(DType::F64, {static_cast<int64_t>(values.size())}, values);
}

TEST(Difference, EqualIncludesNanInfinityAndZeros) {
  HostTensor x = f32({NAN, INFINITY, -0.0f, 3}), y = f32({-NAN, INFINITY, 0, 3});
  Difference difference = differenceOf(x, y);
  EXPECT_EQ(difference.relativeL2, 0);
  EXPECT_EQ(difference.robustL2, 0);
  EXPECT_EQ(difference.worst, -1);
  EXPECT_EQ(difference.finite, 2);
}

TEST(Difference, MeasuresTheWorstElement) {
  Difference difference = differenceOf(f32({3, 4.0000004f, 0}), f32({3, 4, 0}));
  EXPECT_NEAR(difference.relativeL2, 4.7683716e-7 / 5, 1e-12);
  EXPECT_NEAR(difference.maxAbs, 4.7683716e-7, 1e-12);
  EXPECT_EQ(difference.maxUlp, 1);
  EXPECT_EQ(difference.worst, 1);
  // The unit of the actual type, even against an exact value: f16 has 10 bits behind the point.
  HostTensor half = HostTensor::from(DType::F16, {1}, std::vector<uint16_t>{0x3c01}); // 1 + 2^-10
  EXPECT_EQ(differenceOf(half, f64({1})).maxUlp, 1);
  EXPECT_EQ(differenceOf(f32({0x1p-149f}), f64({0})).maxUlp, 1);
}

TEST(Difference, NanAndInfinityInOnePlaceOnlyAreInfinitelyFar) {
  for (float x : {NAN, INFINITY, -INFINITY})
    for (bool swapped : {false, true}) {
      Difference difference = differenceOf(f32({swapped ? 1 : x, 1}), f32({swapped ? x : 1, 1}));
      EXPECT_TRUE(std::isinf(difference.relativeL2)) << x;
      EXPECT_TRUE(std::isinf(difference.robustL2)) << x;
      EXPECT_EQ(difference.worst, 0);
    }
  EXPECT_TRUE(std::isinf(differenceOf(f32({INFINITY}), f32({-INFINITY})).maxAbs));
  // What is exact in a wider type may be beyond the largest number of the type.
  EXPECT_EQ(differenceOf(f32({INFINITY}), f64({1e39})).maxAbs, 0);
  EXPECT_TRUE(std::isinf(differenceOf(f32({INFINITY}), f64({1e30})).maxAbs));
}

TEST(Difference, MaskedElementsHideNothing) {
  std::vector<double> expected, actual;
  for (int i = 0; i < 100; ++i) {
    expected.push_back(i % 2 ? -3.4e38 : 1 + 0.01 * i);
    actual.push_back(i % 2 ? -3.4e38 : (1 + 0.01 * i) * 1.001);
  }
  Difference difference = differenceOf(f64(actual), f64(expected));
  EXPECT_LT(difference.relativeL2, 1e-30);
  EXPECT_GT(difference.robustL2, 1e-6);
  // Without outliers both are the same.
  std::erase_if(expected, [](double x) { return x < 0; });
  std::erase_if(actual, [](double x) { return x < 0; });
  difference = differenceOf(f64(actual), f64(expected));
  EXPECT_NEAR(difference.relativeL2, 1e-3, 1e-9);
  EXPECT_NEAR(difference.robustL2, difference.relativeL2, 1e-15);
}

TEST(Difference, AgainstZerosTheDifferenceItselfCounts) {
  EXPECT_EQ(differenceOf(f32({3, 4}), f32({0, 0})).relativeL2, 5);
  EXPECT_EQ(differenceOf(f32({3, 4}), f32({0, 0})).robustL2, 5);
  EXPECT_EQ(differenceOf(f32({}), f32({})).relativeL2, 0);
}

TEST(Difference, IntegersAreExact) {
  auto i64 = [](int64_t x) { return HostTensor::from(DType::I64, {1}, std::vector{x}); };
  int64_t large = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(differenceOf(i64(large), i64(large)).worst, -1);
  EXPECT_EQ(differenceOf(i64(large), i64(large - 1)).worst, 0); // equal as doubles
  EXPECT_GT(differenceOf(i64(large), i64(large - 1)).relativeL2, 0);
}

} // namespace
