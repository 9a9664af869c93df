// Contractions of interleaved rows (codegen/cpu/DotProduct) against the reference interpreter: on targets with dot
// product instructions, and on those that take words apart.
#include "test/unit/codegen/Harness.h"

#include "llvm/Support/FormatVariadic.h"

namespace mlc::codegen {
namespace {

using namespace test;

CheckOptions options(double tolerance) {
  CheckOptions result;
  result.tolerance = tolerance;
  result.subnormals = false; // are 0 to the instruction
  result.moreTargets = {"x86-64-v4+avx512bf16"};
  return result;
}

// lhs `[m, k]`, rhs interleaved panels; sums as they are, or rounded.
void checkMatmul(int64_t m, int64_t n, int64_t k, bool wide) {
  auto lhs = llvm::formatv("tensor<{0}x{1}xbf16>", m, k).str();
  auto rhs = llvm::formatv("tensor<{0}x{1}x16x2xbf16>", (n + 15) / 16, k / 2).str();
  auto out = llvm::formatv("tensor<{0}x{1}x{2}>", m, n, wide ? "f32" : "bf16").str();
  checkAgainstReference(*createVectorEmitter(),
                        llvm::formatv(R"(func.func @k(%a: {0}, %p: {1}) -> {2} {{
    %0 = mlc.packed_matmul %a, %p {{n = {3} : i64{4}} : ({0}, {1}) -> {2}
    return %0 : {2}
  })",
                                      lhs, rhs, out, n, wide ? ", wide_result" : ""),
                        options(wide ? 1e-6 * double(k + 4) : 0x1p-8));
}

TEST(DotProduct, MatmulOfOddShapes) {
  const int64_t shapes[][3] = {{1, 1, 2},     {1, 768, 64}, {3, 15, 6},    {7, 16, 300}, {8, 17, 4},
                               {9, 100, 2},   {128, 1, 30}, {12, 65, 10},  {17, 49, 6},  {6, 64, 128},
                               {13, 130, 22}, {1, 16, 2},   {5, 48, 1030}, {2, 33, 770}};
  for (auto [m, n, k] : shapes)
    for (bool wide : {true, false})
      checkMatmul(m, n, k, wide);
}

// The sum is biased and activated as it is, and rounded at the store.
TEST(DotProduct, Epilogue) {
  for (const char *activation : {"relu", "gelu"})
    for (int64_t n : {30, 64})
      checkAgainstReference(
          *createVectorEmitter(),
          llvm::formatv(R"(func.func @k(%a: tensor<10x20xbf16>, %p: tensor<{0}x10x16x2xbf16>, %bias: tensor<{1}xf32>,
        %r: tensor<10x{1}xbf16>) -> tensor<10x{1}xbf16> {{
      %0 = mlc.packed_matmul %a, %p {{n = {1} : i64, wide_result}
        : (tensor<10x20xbf16>, tensor<{0}x10x16x2xbf16>) -> tensor<10x{1}xf32>
      %1 = mlc.add %0, %bias : (tensor<10x{1}xf32>, tensor<{1}xf32>) -> tensor<10x{1}xf32>
      %2 = mlc.{2} %1 : (tensor<10x{1}xf32>) -> tensor<10x{1}xf32>
      %3 = mlc.cast %r to f32 : tensor<10x{1}xbf16> -> tensor<10x{1}xf32>
      %4 = mlc.add %2, %3 : (tensor<10x{1}xf32>, tensor<10x{1}xf32>) -> tensor<10x{1}xf32>
      %5 = mlc.cast %4 to bf16 : tensor<10x{1}xf32> -> tensor<10x{1}xbf16>
      return %5 : tensor<10x{1}xbf16>
    })",
                        (n + 15) / 16, n, activation),
          options(0x1p-8));
}

struct ConvCase {
  int64_t batch, height, width, channels, outputs, window, stride, dilation, groups;
};

TEST(DotProduct, Convolution) {
  const ConvCase cases[] = {{2, 7, 9, 20, 33, 1, 2, 1, 1}, {1, 8, 9, 6, 17, 3, 1, 1, 1},
                            {2, 9, 7, 16, 64, 3, 2, 1, 1}, {1, 15, 17, 4, 64, 7, 2, 1, 1},
                            {1, 9, 9, 4, 20, 3, 1, 2, 1},  {1, 6, 7, 24, 32, 3, 1, 1, 2}};
  for (const ConvCase &c : cases) {
    int64_t span = (c.window - 1) * c.dilation + 1;
    int64_t oh = (c.height - span) / c.stride + 1, ow = (c.width - span) / c.stride + 1;
    auto in = llvm::formatv("tensor<{0}x{1}x{2}x{3}xbf16>", c.batch, c.height, c.width, c.channels).str();
    auto filter =
        llvm::formatv("tensor<{0}x{1}x{1}x{2}x16x2xbf16>", (c.outputs + 15) / 16, c.window, c.channels / c.groups / 2)
            .str();
    auto sum = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", c.batch, oh, ow, c.outputs).str();
    checkAgainstReference(*createVectorEmitter(),
                          llvm::formatv(R"(func.func @k(%x: {0}, %p: {1}) -> {2} {{
      %0 = mlc.packed_conv %x, %p {{strides = array<i64: {4}, {4}>, dilations = array<i64: {5}, {5}>,
        out_channels = {3} : i64, groups = {6} : i64, wide_result} : ({0}, {1}) -> {2}
      %1 = mlc.relu %0 : ({2}) -> {2}
      return %1 : {2}
    })",
                                        in, filter, sum, c.outputs, c.stride, c.dilation, c.groups),
                          options(1e-4));
  }
}

// A batch whose right-hand sides are no weights, and numbers of f16 and integers that are a word: other ways to words.
TEST(DotProduct, ShortRowsOfOtherTypes) {
  for (const char *type : {"bf16", "f16", "i16", "i8"}) {
    int64_t k = type == std::string("i8") ? 4 : 2;
    checkAgainstReference(
        *createVectorEmitter(),
        llvm::formatv(R"(func.func @k(%a: tensor<7x{1}x{0}>, %w: tensor<20x{1}x{0}>) -> tensor<7x20x{0}> {{
      %0 = mlc.matmul %a, %w {{transpose_rhs} : (tensor<7x{1}x{0}>, tensor<20x{1}x{0}>) -> tensor<7x20x{0}>
      return %0 : tensor<7x20x{0}>
    })",
                      type, k),
        options(0x1p-8));
  }
}

} // namespace
} // namespace mlc::codegen
