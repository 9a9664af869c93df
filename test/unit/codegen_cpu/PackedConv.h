// Kernels of packed convolutions for tests of products by words: strides, dilations, groups, windows of 1 to 7.
#ifndef MLC_TEST_UNIT_CODEGEN_CPU_PACKEDCONV_H
#define MLC_TEST_UNIT_CODEGEN_CPU_PACKEDCONV_H

#include "llvm/Support/FormatVariadic.h"
#include <string>
#include <vector>

namespace mlc::codegen::test {

// `image` times `filter` elements, `interleave` of them in a word, summed in `sum` and behind that max(0, x).
inline std::vector<std::string> packedConvolutions(const std::string &image, const std::string &filter,
                                                   const std::string &sum, int64_t interleave) {
  struct Case {
    int64_t batch, height, width, words, outputs, window, stride, dilation, groups;
  };
  const Case cases[] = {{2, 7, 9, 5, 33, 1, 2, 1, 1},   {1, 8, 9, 3, 17, 3, 1, 1, 1}, {2, 9, 7, 4, 64, 3, 2, 1, 1},
                        {1, 15, 17, 1, 64, 7, 2, 1, 1}, {1, 9, 9, 2, 20, 3, 1, 2, 1}, {1, 6, 7, 6, 32, 3, 1, 1, 2}};
  std::vector<std::string> kernels;
  for (const Case &c : cases) {
    int64_t span = (c.window - 1) * c.dilation + 1;
    int64_t oh = (c.height - span) / c.stride + 1, ow = (c.width - span) / c.stride + 1;
    auto in =
        llvm::formatv("tensor<{0}x{1}x{2}x{3}x{4}>", c.batch, c.height, c.width, c.words * interleave, image).str();
    auto panels = llvm::formatv("tensor<{0}x{1}x{1}x{2}x16x{3}x{4}>", (c.outputs + 15) / 16, c.window,
                                c.words / c.groups, interleave, filter)
                      .str();
    auto out = llvm::formatv("tensor<{0}x{1}x{2}x{3}x{4}>", c.batch, oh, ow, c.outputs, sum).str();
    kernels.push_back(llvm::formatv(R"(func.func @k(%x: {0}, %p: {1}) -> {2} {{
      %0 = mlc.packed_conv %x, %p {{strides = array<i64: {4}, {4}>, dilations = array<i64: {5}, {5}>,
        out_channels = {3} : i64, groups = {6} : i64, wide_result} : ({0}, {1}) -> {2}
      %1 = mlc.relu %0 : ({2}) -> {2}
      return %1 : {2}
    })",
                                    in, panels, out, c.outputs, c.stride, c.dilation, c.groups));
  }
  return kernels;
}

} // namespace mlc::codegen::test

#endif // MLC_TEST_UNIT_CODEGEN_CPU_PACKEDCONV_H
