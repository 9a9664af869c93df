// Elementwise models against values computed by hand or by another formula.
#include "test/unit/reference/Evaluate.h"

#include <numbers>

namespace mlc::reference {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

struct UnaryCase {
  const char *op;
  std::vector<double> x, expected;
};

class Unary : public Reference, public testing::WithParamInterface<UnaryCase> {};

TEST_P(Unary, Values) {
  const UnaryCase &c = GetParam();
  std::string type = "tensor<" + std::to_string(c.x.size()) + "xf64>";
  int64_t size = static_cast<int64_t>(c.x.size());
  expectValues(runPlain(c.op, "(" + type + ") -> " + type, {f64({size}, c.x)}), {size}, c.expected, 1e-15);
}

INSTANTIATE_TEST_SUITE_P(
    All, Unary,
    testing::Values(
        UnaryCase{"mlc.abs %0", {-2, 0, kNan}, {2, 0, kNan}}, UnaryCase{"mlc.neg %0", {-2, 3}, {2, -3}},
        UnaryCase{"mlc.sign %0", {-2, 0, 7, kNan}, {-1, 0, 1, kNan}},
        UnaryCase{"mlc.exp %0", {0, 1, -kInf}, {1, std::numbers::e, 0}},
        UnaryCase{"mlc.log %0", {1, std::numbers::e, 0, -1}, {0, 1, -kInf, kNan}},
        UnaryCase{"mlc.sqrt %0", {4, 2, -1}, {2, std::numbers::sqrt2, kNan}},
        UnaryCase{"mlc.rsqrt %0", {4, 0}, {0.5, kInf}}, UnaryCase{"mlc.reciprocal %0", {4, -0.5}, {0.25, -2}},
        UnaryCase{"mlc.sin %0", {0, std::numbers::pi / 6}, {0, 0.5}},
        UnaryCase{"mlc.cos %0", {0, std::numbers::pi / 3}, {1, 0.5}},
        UnaryCase{"mlc.tanh %0", {0, std::log(2.0), kInf}, {0, 0.6, 1}},
        UnaryCase{"mlc.erf %0", {0, 1, -kInf}, {0, 0.8427007929497149, -1}},
        UnaryCase{"mlc.sigmoid %0", {0, std::log(3.0), -kInf}, {0.5, 0.75, 0}},
        UnaryCase{"mlc.softplus %0", {0, 1000, -kInf, kNan}, {std::numbers::ln2, 1000, 0, kNan}},
        UnaryCase{"mlc.floor %0", {1.5, -1.5}, {1, -2}}, UnaryCase{"mlc.ceil %0", {1.5, -1.5}, {2, -1}},
        UnaryCase{"mlc.round %0", {0.5, 1.5, 2.5, -0.6}, {0, 2, 2, -1}},
        UnaryCase{"mlc.relu %0", {-1, 2, kNan}, {0, 2, kNan}},
        UnaryCase{"mlc.gelu %0", {0, 1, -1}, {0, 0.8413447460685429, -0.15865525393145707}},
        UnaryCase{"mlc.gelu %0 {tanh_approximation}", {0, 1}, {0, 0.8411919906082768}},
        UnaryCase{"mlc.leaky_relu %0 {alpha = 0.25 : f64}", {-4, 4, kNan}, {-1, 4, kNan}},
        UnaryCase{"mlc.elu %0 {alpha = 2.0 : f64}", {-std::numbers::ln2, 3, -kInf}, {-1, 3, -2}},
        UnaryCase{"mlc.hard_sigmoid %0 {alpha = 0.25 : f64, beta = 0.5 : f64}", {-9, 1, 9, kNan}, {0, 0.75, 1, kNan}},
        UnaryCase{"mlc.clamp %0 {low = 0.0 : f64, high = 6.0 : f64}", {-1, 3, 7, kNan}, {0, 3, 6, kNan}},
        UnaryCase{"mlc.clamp %0 {high = 6.0 : f64}", {-100, 7}, {-100, 6}}));

struct BinaryCase {
  const char *op;
  std::vector<double> reals; // of {7, -7, 6, NaN} and {2, 2, 4, 1}
  std::vector<double> ints;  // of {7, -7, 6, 5} and {2, 2, 4, 0}
};

class Binary : public Reference, public testing::WithParamInterface<BinaryCase> {};

TEST_P(Binary, Values) {
  const BinaryCase &c = GetParam();
  std::string op = std::string(c.op) + " %0, %1";
  expectValues(runPlain(op, "(tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>",
                        {f64({4}, {7, -7, 6, kNan}), f64({4}, {2, 2, 4, 1})}),
               {4}, c.reals, 1e-12);
  if (!c.ints.empty())
    expectValues(runPlain(op, "(tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>",
                          {i32({4}, {7, -7, 6, 5}), i32({4}, {2, 2, 4, 0})}),
                 {4}, c.ints);
}

INSTANTIATE_TEST_SUITE_P(All, Binary,
                         testing::Values(BinaryCase{"mlc.add", {9, -5, 10, kNan}, {9, -5, 10, 5}},
                                         BinaryCase{"mlc.sub", {5, -9, 2, kNan}, {5, -9, 2, 5}},
                                         BinaryCase{"mlc.mul", {14, -14, 24, kNan}, {14, -14, 24, 0}},
                                         BinaryCase{"mlc.div", {3.5, -3.5, 1.5, kNan}, {3, -3, 1, -1}},
                                         BinaryCase{"mlc.rem", {1, -1, 2, kNan}, {1, -1, 2, 5}},
                                         BinaryCase{"mlc.pow", {49, 49, 1296, kNan}, {}},
                                         BinaryCase{"mlc.max", {7, 2, 6, kNan}, {7, 2, 6, 5}},
                                         BinaryCase{"mlc.min", {2, -7, 4, kNan}, {2, -7, 4, 0}}));

TEST_F(Reference, BinaryBroadcastsBothOperands) {
  expectValues(runPlain("mlc.sub %0, %1", "(tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x3xf32>",
                        {f32({2, 1}, {10, 20}), f32({3}, {1, 2, 3})}),
               {2, 3}, {9, 8, 7, 19, 18, 17});
}

TEST_F(Reference, LogicalOps) {
  HostTensor a = i1({4}, {0, 0, 1, 1}), b = i1({4}, {0, 1, 0, 1});
  const char *type = "(tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>";
  expectValues(runPlain("mlc.and %0, %1", type, {a, b}), {4}, {0, 0, 0, 1});
  expectValues(runPlain("mlc.or %0, %1", type, {a, b}), {4}, {0, 1, 1, 1});
  expectValues(runPlain("mlc.xor %0, %1", type, {a, b}), {4}, {0, 1, 1, 0});
  expectValues(runPlain("mlc.not %0", "(tensor<4xi1>) -> tensor<4xi1>", {b}), {4}, {1, 0, 1, 0});
}

TEST_F(Reference, BitsOfIntegers) {
  HostTensor a = i32({4}, {12, -1, 0, 7}), b = i32({4}, {10, 6, -8, 7});
  const char *type = "(tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>";
  expectValues(runPlain("mlc.and %0, %1", type, {a, b}), {4}, {8, 6, 0, 7});
  expectValues(runPlain("mlc.or %0, %1", type, {a, b}), {4}, {14, -1, -8, 7});
  expectValues(runPlain("mlc.xor %0, %1", type, {a, b}), {4}, {6, -7, -8, 0});
  expectValues(runPlain("mlc.not %0", "(tensor<4xi32>) -> tensor<4xi32>", {a}), {4}, {-13, 0, -1, -8});
}

TEST_F(Reference, ShiftsByTheWidthOrMoreLeaveTheSign) {
  HostTensor a = i32({6}, {1, -8, -8, 5, 3, -1}), b = i32({6}, {31, 1, 32, 33, -1, 0});
  const char *type = "(tensor<6xi32>, tensor<6xi32>) -> tensor<6xi32>";
  expectValues(runPlain("mlc.shift_left %0, %1", type, {a, b}), {6}, {-2147483648.0, -16, 0, 0, 0, -1});
  expectValues(runPlain("mlc.shift_right %0, %1", type, {a, b}), {6}, {0, -4, -1, 0, 0, -1});
}

TEST_F(Reference, CompareWithNan) {
  HostTensor a = f64({4}, {1, 2, 3, kNan}), b = f64({4}, {2, 2, 2, kNan});
  const char *type = "(tensor<4xf64>, tensor<4xf64>) -> tensor<4xi1>";
  expectValues(runPlain("mlc.compare eq %0, %1", type, {a, b}), {4}, {0, 1, 0, 0});
  expectValues(runPlain("mlc.compare ne %0, %1", type, {a, b}), {4}, {1, 0, 1, 1});
  expectValues(runPlain("mlc.compare lt %0, %1", type, {a, b}), {4}, {1, 0, 0, 0});
  expectValues(runPlain("mlc.compare le %0, %1", type, {a, b}), {4}, {1, 1, 0, 0});
  expectValues(runPlain("mlc.compare gt %0, %1", type, {a, b}), {4}, {0, 0, 1, 0});
  expectValues(runPlain("mlc.compare ge %0, %1", type, {a, b}), {4}, {0, 1, 1, 0});
}

TEST_F(Reference, CompareOfUnsigned64) {
  HostTensor big = HostTensor::from(DType::U64, {1}, std::vector<uint64_t>{~uint64_t{0}});
  HostTensor one = HostTensor::from(DType::U64, {1}, std::vector<uint64_t>{1});
  expectValues(runPlain("mlc.compare gt %0, %1", "(tensor<1xui64>, tensor<1xui64>) -> tensor<1xi1>", {big, one}), {1},
               {1});
}

TEST_F(Reference, SelectBroadcastsAllOperands) {
  expectValues(runPlain("mlc.select %0, %1, %2", "(tensor<2x1xi1>, tensor<2xf32>, tensor<f32>) -> tensor<2x2xf32>",
                        {i1({2, 1}, {1, 0}), f32({2}, {1, 2}), f32({}, {-5})}),
               {2, 2}, {1, 2, -5, -5});
}

TEST_F(Reference, Classification) {
  HostTensor x = f64({4}, {1, kNan, kInf, -kInf});
  expectValues(runPlain("mlc.is_nan %0", "(tensor<4xf64>) -> tensor<4xi1>", {x}), {4}, {0, 1, 0, 0});
  expectValues(runPlain("mlc.is_inf %0", "(tensor<4xf64>) -> tensor<4xi1>", {x}), {4}, {0, 0, 1, 1});
}

TEST_F(Reference, IntegersWrap) {
  HostTensor high = HostTensor::from(DType::I8, {1}, std::vector<int8_t>{127});
  expectValues(
      run("mlc.add %0, %0 : (tensor<1xi8>, tensor<1xi8>) -> tensor<1xi8>", "(tensor<1xi8>) -> tensor<1xi8>", {high}),
      {1}, {-2});
}

TEST_F(Reference, Casts) {
  auto cast = [&](const char *to, int64_t size, HostTensor x, const char *from) {
    std::string in = "tensor<" + std::to_string(size) + "x" + from + ">";
    std::string out = "tensor<" + std::to_string(size) + "x" + to + ">";
    return run(std::string("mlc.cast %0 to ") + to + " : " + in + " -> " + out, "(" + in + ") -> " + out, {x});
  };
  expectValues(cast("i32", 3, f64({3}, {1.9, -1.9, 3}), "f64"), {3}, {1, -1, 3});
  expectValues(cast("i1", 3, f64({3}, {0, -0.5, kNan}), "f64"), {3}, {0, 1, 1});
  expectValues(cast("i8", 2, i64({2}, {300, -129}), "i64"), {2}, {44, 127});
  expectValues(cast("f32", 1, i64({1}, {16777217}), "i64"), {1}, {16777216});
  // bf16 keeps 8 bits: ties go to even; what f32 would round to a tie first does not.
  expectValues(cast("bf16", 3, f64({3}, {1 + 0x1p-8, 1 + 3 * 0x1p-8, 1 + 0x1p-8 + 0x1p-40}), "f64"), {3},
               {1, 1 + 0x1p-6, 1 + 0x1p-7});
  // f16: overflow, the smallest subnormal, zero and its sign.
  Result<HostTensor> half = cast("f16", 6, f64({6}, {65519, 65520, 0x1p-24, 0x1p-26, -0.0, kNan}), "f64");
  expectValues(half, {6}, {65504, kInf, 0x1p-24, 0, 0, kNan});
  EXPECT_EQ(half->at<uint16_t>(4), 0x8000);
}

TEST_F(Reference, EveryHalfSurvivesItsRoundTrip) {
  for (DType type : {DType::F16, DType::BF16}) {
    std::vector<uint16_t> bits(65536);
    for (size_t i = 0; i < bits.size(); ++i)
      bits[i] = static_cast<uint16_t>(i);
    HostTensor all = HostTensor::from(type, {65536}, bits);
    HostTensor back = pack(unpack(all));
    for (int64_t i = 0; i < 65536; ++i)
      if (double x = all.floatAt(i); x == x)
        ASSERT_EQ(back.at<uint16_t>(i), i) << nameOf(type);
  }
}

} // namespace
} // namespace mlc::reference
