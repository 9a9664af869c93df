// Contractions of interleaved rows (codegen/cpu/DotProduct) against the reference interpreter: on targets with dot
// product instructions, and on those that take words apart.
#include "test/unit/codegen/Harness.h"
#include "test/unit/codegen_cpu/PackedConv.h"

#include "llvm/Support/FormatVariadic.h"

namespace mlc::codegen {
namespace {

using namespace test;

CheckOptions options(double tolerance) {
  CheckOptions result;
  result.tolerance = tolerance;
  result.subnormals = false; // are 0 to the instruction
  result.moreTargets = {"x86-64-v4+avx512bf16", "x86-64-v4+avx512bf16+amx-tile+amx-bf16"};
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
  const int64_t shapes[][3] = {{1, 1, 2},     {1, 768, 64}, {3, 15, 6},   {7, 16, 300},  {8, 17, 4},    {9, 100, 2},
                               {128, 1, 30},  {12, 65, 10}, {17, 49, 6},  {6, 64, 128},  {13, 130, 22}, {1, 16, 2},
                               {5, 48, 1030}, {2, 33, 770}, {33, 40, 96}, {100, 70, 48}, {47, 80, 1600}};
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

TEST(DotProduct, Convolution) {
  for (const std::string &kernel : packedConvolutions("bf16", "bf16", "f32", 2))
    checkAgainstReference(*createVectorEmitter(), kernel, options(1e-4));
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
