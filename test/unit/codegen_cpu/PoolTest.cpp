// Maxima of windows: borders, strides, dilations, vectors of channels side by side and their rests, NaNs.
#include "codegen/cpu/Pool.h"
#include "test/unit/codegen/Harness.h"

#include "llvm/Support/FormatVariadic.h"

namespace mlc::codegen {
namespace {

using namespace test;

struct Window {
  int64_t size, stride, low, high, dilation;
};

std::string pool(const std::string &kind, int64_t size, int64_t channels, Window w, const std::string &type) {
  int64_t result = (size + w.low + w.high - (w.size - 1) * w.dilation - 1) / w.stride + 1;
  return llvm::formatv("func.func @k(%x: tensor<2x{0}x{0}x{1}x{8}>) -> tensor<2x{7}x{7}x{1}x{8}> {{ %0 = mlc.pool {9} "
                       "%x {{window = array<i64: {2}, {2}>, strides = array<i64: {3}, {3}>, pad_low = array<i64: {4}, "
                       "{4}>, pad_high = array<i64: {5}, {5}>, dilations = array<i64: {6}, {6}>, layout = #mlc<layout "
                       "channels_last>} : (tensor<2x{0}x{0}x{1}x{8}>) -> tensor<2x{7}x{7}x{1}x{8}> return %0 : "
                       "tensor<2x{7}x{7}x{1}x{8}> }",
                       size, channels, w.size, w.stride, w.low, w.high, w.dilation, result, type, kind)
      .str();
}

bool isMatched(const std::string &text, const std::string &target) {
  Kernel kernel(text);
  return cpu::matchPool(kernel.function, targetOf(target)).has_value();
}

TEST(Pool, Windows) {
  for (Window window : {Window{3, 2, 1, 1, 1}, {2, 2, 0, 0, 1}, {5, 1, 2, 2, 1}, {3, 1, 2, 1, 2}, {2, 3, 1, 0, 1}})
    for (int64_t channels : {1, 16, 40, 71}) {
      std::string text = pool("max", 13, channels, window, "f32");
      EXPECT_TRUE(isMatched(text, "x86-64-v3")) << text;
      checkAgainstReference(*createVectorEmitter(), text, {.tolerance = 0});
    }
}

TEST(Pool, ElementTypes) {
  for (std::string type : {"f64", "f16", "bf16", "i32", "i8"})
    checkAgainstReference(*createVectorEmitter(), pool("max", 11, 21, {3, 2, 1, 1, 1}, type), {.tolerance = 0});
}

// A bias for each channel and a clamp behind the maxima.
TEST(Pool, Epilogue) {
  checkAgainstReference(*createVectorEmitter(), R"(
    func.func @k(%x: tensor<1x9x9x20xf32>, %y: tensor<20xf32>) -> tensor<1x5x5x20xf32> {
      %0 = mlc.pool max %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pad_low = array<i64: 1, 1>,
        pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>}
        : (tensor<1x9x9x20xf32>) -> tensor<1x5x5x20xf32>
      %1 = mlc.add %0, %y : (tensor<1x5x5x20xf32>, tensor<20xf32>) -> tensor<1x5x5x20xf32>
      %2 = mlc.relu %1 : (tensor<1x5x5x20xf32>) -> tensor<1x5x5x20xf32>
      return %2 : tensor<1x5x5x20xf32>
    })");
}

// Averages are another emitter's, and so are windows with more columns than registers.
TEST(Pool, LeavesTheRest) {
  EXPECT_FALSE(isMatched(pool("average", 9, 16, {3, 1, 1, 1, 1}, "f32"), "x86-64-v3"));
  EXPECT_FALSE(isMatched(pool("max", 40, 16, {33, 1, 0, 0, 1}, "f32"), "x86-64-v4"));
}

} // namespace
} // namespace mlc::codegen
