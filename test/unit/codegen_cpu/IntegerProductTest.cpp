// Products of 8-bit integers, summed in i32 (codegen/cpu/DotProduct), and what they are quantised with, against the
// reference interpreter: exact, with vpdpbusd and without.
#include "test/unit/codegen/Harness.h"
#include "test/unit/codegen_cpu/PackedConv.h"

#include "llvm/Support/FormatVariadic.h"

namespace mlc::codegen {
namespace {

using namespace test;

CheckOptions exact() {
  CheckOptions result;
  result.tolerance = 0;
  result.bound = 256; // all elements of 8 bits, the extreme ones among them
  result.moreTargets = {"x86-64-v4+avx512vnni", "x86-64-v4+avx512vnni+amx-tile+amx-int8"};
  return result;
}

TEST(IntegerProduct, MatmulOfOddShapes) {
  const int64_t shapes[][3] = {{1, 1, 4},     {1, 768, 64}, {3, 15, 12},   {7, 16, 300},  {8, 17, 8},
                               {9, 100, 4},   {17, 49, 8},  {6, 64, 256},  {128, 1, 4},   {13, 130, 20},
                               {5, 48, 1028}, {33, 40, 64}, {100, 70, 96}, {47, 80, 1600}};
  for (auto [m, n, k] : shapes)
    for (const char *types : {"ui8,i8", "i8,i8", "i8,ui8", "ui8,ui8"}) {
      auto [left, right] = llvm::StringRef(types).split(',');
      auto lhs = llvm::formatv("tensor<{0}x{1}x{2}>", m, k, left).str();
      auto rhs = llvm::formatv("tensor<{0}x{1}x16x4x{2}>", (n + 15) / 16, k / 4, right).str();
      auto out = llvm::formatv("tensor<{0}x{1}xi32>", m, n).str();
      checkAgainstReference(*createVectorEmitter(),
                            llvm::formatv(R"(func.func @k(%a: {0}, %p: {1}) -> {2} {{
        %0 = mlc.packed_matmul %a, %p {{n = {3} : i64, wide_result} : ({0}, {1}) -> {2}
        return %0 : {2}
      })",
                                          lhs, rhs, out, n),
                            exact());
    }
}

// Scales are powers of two times small integers: what is not saturated is exact, halves among it.
// Sums less those of the columns, scaled, quantised: the whole of a quantised layer, with a residual.
TEST(IntegerProduct, Requantised) {
  for (const char *type : {"ui8", "i8"})
    for (int64_t n : {30, 64})
      checkAgainstReference(
          *createVectorEmitter(),
          llvm::formatv(R"(func.func @k(%a: tensor<10x20xui8>, %p: tensor<{0}x5x16x4xi8>, %columns: tensor<{1}xi32>,
        %scales: tensor<{1}xi8>, %zero: tensor<{2}>, %r: tensor<10x{1}x{2}>) -> tensor<10x{1}x{2}> {{
      %0 = mlc.packed_matmul %a, %p {{n = {1} : i64, wide_result}
        : (tensor<10x20xui8>, tensor<{0}x5x16x4xi8>) -> tensor<10x{1}xi32>
      %1 = mlc.sub %0, %columns : (tensor<10x{1}xi32>, tensor<{1}xi32>) -> tensor<10x{1}xi32>
      %2 = mlc.cast %1 to f32 : tensor<10x{1}xi32> -> tensor<10x{1}xf32>
      %half = mlc.constant dense<0.5> : tensor<f32>
      %step = mlc.constant dense<0x39800000> : tensor<f32>
      %s = mlc.cast %scales to f32 : tensor<{1}xi8> -> tensor<{1}xf32>
      %t = mlc.mul %s, %step : (tensor<{1}xf32>, tensor<f32>) -> tensor<{1}xf32>
      %3 = mlc.mul %2, %t : (tensor<10x{1}xf32>, tensor<{1}xf32>) -> tensor<10x{1}xf32>
      %4 = mlc.quantize %3, %zero : (tensor<10x{1}xf32>, tensor<{2}>) -> tensor<10x{1}x{2}>
      %5 = mlc.cast %4 to f32 : tensor<10x{1}x{2}> -> tensor<10x{1}xf32>
      %6 = mlc.cast %r to f32 : tensor<10x{1}x{2}> -> tensor<10x{1}xf32>
      %7 = mlc.add %5, %6 : (tensor<10x{1}xf32>, tensor<10x{1}xf32>) -> tensor<10x{1}xf32>
      %8 = mlc.mul %7, %half : (tensor<10x{1}xf32>, tensor<f32>) -> tensor<10x{1}xf32>
      %9 = mlc.quantize %8, %zero : (tensor<10x{1}xf32>, tensor<{2}>) -> tensor<10x{1}x{2}>
      return %9 : tensor<10x{1}x{2}>
    })",
                        (n + 15) / 16, n, type),
          exact());
}

TEST(IntegerProduct, Convolution) {
  for (const std::string &kernel : packedConvolutions("ui8", "i8", "i32", 4))
    checkAgainstReference(*createVectorEmitter(), kernel, exact());
}

// Lanes in both operands: one channel in, one out.
TEST(IntegerProduct, Depthwise) {
  for (const char *type : {"ui8", "i8"})
    for (int64_t channels : {16, 24, 3})
      checkAgainstReference(
          *createVectorEmitter(),
          llvm::formatv(R"(func.func @k(%x: tensor<2x9x7x{0}x{1}>, %w: tensor<3x3x1x{0}xi8>) -> tensor<2x4x3x{0}xi32> {{
      %0 = mlc.conv %x, %w {{strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>,
        dilations = array<i64: 1, 1>, groups = {0} : i64, layout = #mlc<layout channels_last>, wide_result}
        : (tensor<2x9x7x{0}x{1}>, tensor<3x3x1x{0}xi8>) -> tensor<2x4x3x{0}xi32>
      return %0 : tensor<2x4x3x{0}xi32>
    })",
                        channels, type),
          exact());
}

// Halves, both ends of the range, and numbers that are none.
TEST(IntegerProduct, Quantize) {
  for (const char *type : {"ui8", "i8", "ui16", "i16"})
    for (const char *from : {"f32", "f64"})
      checkAgainstReference(
          *createVectorEmitter(),
          llvm::formatv(R"(func.func @k(%x: tensor<3x50x{0}>, %f: tensor<i8>, %z: tensor<50x{1}>) -> tensor<3x50x{1}> {{
      %0 = mlc.cast %f to {0} : tensor<i8> -> tensor<{0}>
      %1 = mlc.mul %x, %0 : (tensor<3x50x{0}>, tensor<{0}>) -> tensor<3x50x{0}>
      %2 = mlc.quantize %1, %z : (tensor<3x50x{0}>, tensor<50x{1}>) -> tensor<3x50x{1}>
      return %2 : tensor<3x50x{1}>
    })",
                        from, type),
          exact());
}

} // namespace
} // namespace mlc::codegen
