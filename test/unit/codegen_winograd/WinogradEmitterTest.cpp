// Winograd kernels against the plain convolution in f64: sizes off every multiple of tiles, vectors, panels and blocks,
// borders on all sides, epilogues.
#include "codegen/winograd/WinogradEmitter.h"
#include "dialects/mlc/Winograd.h"
#include "test/unit/codegen/Schedules.h"

#include <cmath>

namespace mlc::codegen {
namespace {

using namespace test;
using Shape = std::vector<int64_t>;

struct Case {
  int64_t tile, images, height, width, channels, outputs;
  Shape low = {1, 1}, high = {1, 1};
  std::string epilogue = {}; // of %s, with the residual %z and the bias %b, to %r
  int64_t interleave = 1;    // 2: image and filter are bf16
};

constexpr int64_t kLanes = 16;

std::string tensor(const Shape &shape, const std::string &element = "f32") {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + element + ">";
}

std::string ints(const Shape &values) {
  return "array<i64: " + std::to_string(values[0]) + ", " + std::to_string(values[1]) + ">";
}

int64_t wordsOf(const Case &c) { return (c.channels + c.interleave - 1) / c.interleave; }

Shape resultOf(const Case &c) {
  return {c.images, c.height + c.low[0] + c.high[0] - 2, c.width + c.low[1] + c.high[1] - 2, c.outputs};
}

// The convolution in one form or the other, and what comes behind it.
std::string kernel(const Case &c, bool winograd) {
  int64_t taps = c.tile + 2, panels = (c.outputs + kLanes - 1) / kLanes;
  bool narrow = c.interleave > 1;
  std::string element = narrow ? "bf16" : "f32";
  Shape packed{panels, taps * taps, wordsOf(c), kLanes};
  if (narrow)
    packed.push_back(c.interleave);
  std::string x = tensor({c.images, c.height, c.width, c.channels}, element), r = tensor(resultOf(c)),
              b = tensor({c.outputs}), f = tensor(winograd ? packed : Shape{3, 3, c.channels, c.outputs}, element);
  std::string pads = "pad_low = " + ints(c.low) + ", pad_high = " + ints(c.high) + (narrow ? ", wide_result" : "");
  std::string conv = winograd ? "mlc.winograd_conv %x, %f {" + pads + ", tile = " + std::to_string(c.tile) +
                                    " : i64, out_channels = " + std::to_string(c.outputs) + " : i64}"
                              : "mlc.conv %x, %f {" + pads +
                                    ", strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout "
                                    "channels_last>}";
  std::string epilogue = c.epilogue;
  for (const auto &[name, type] : {std::pair("RESULT", r), std::pair("BIAS", b)})
    for (size_t at; (at = epilogue.find(name)) != std::string::npos;)
      epilogue.replace(at, std::string(name).size(), type);
  std::string last = epilogue.empty() ? "%s" : "%r";
  return "func.func @k(%x: " + x + ", %f: " + f + ", %z: " + r + ", %b: " + b + ") -> " + r + " { %s = " + conv +
         " : (" + x + ", " + f + ") -> " + r + " " + epilogue + " return " + last + " : " + r + " }";
}

// [9][channels][outputs] to panels of the transform.
Floats transformed(const Case &c, const Floats &filter) {
  Winograd w(c.tile);
  int64_t taps = w.taps * w.taps, panels = (c.outputs + kLanes - 1) / kLanes, words = wordsOf(c);
  Floats result(size_t(panels * taps * words * kLanes * c.interleave));
  for (int64_t t = 0; t < taps; ++t)
    for (int64_t i = 0; i < c.channels; ++i)
      for (int64_t o = 0; o < c.outputs; ++o) {
        double sum = 0;
        for (int64_t k = 0; k < 9; ++k)
          sum += w.squareFilter[size_t(t * 9 + k)] * filter[size_t((k * c.channels + i) * c.outputs + o)];
        int64_t word = ((o / kLanes * taps + t) * words + i / c.interleave) * kLanes + o % kLanes;
        result[size_t(word * c.interleave + i % c.interleave)] = float(sum);
      }
  return result;
}

// Results are of about 1: the filter's elements are small.
void check(const Case &c, double tolerance = 2e-5) {
  std::string text = kernel(c, true), plain = kernel(c, false);
  SCOPED_TRACE(text);
  Kernel parsed(text);
  ASSERT_TRUE(parsed.function);
  Shape result = resultOf(c);
  Floats filter = noise(size_t(9 * c.channels * c.outputs), 2);
  for (float &value : filter)
    value *= float(1 / std::sqrt(double(c.channels)));
  Floats panels = transformed(c, filter);
  Floats x = noise(size_t(c.images * c.height * c.width * c.channels), 1),
         z = noise(size_t(result[0] * result[1] * result[2] * result[3]), 3), b = noise(size_t(c.outputs), 4);
  auto inputs = inputsOf(parsed.function, {x, panels, z, b});
  Kernel direct(plain, Kernel::Stage::Graph);
  ASSERT_TRUE(direct.function);
  std::vector<HostTensor> expected = interpret(plain, inputsOf(direct.function, {x, filter, z, b}), /*inF64=*/true);
  // The op's own definition, whose filter is rounded.
  expectClose(interpret(text, inputs, /*inF64=*/true)[0], expected[0], tolerance);
  for (const std::string &name : runnableTargets()) {
    SCOPED_TRACE(name);
    TargetDesc target = targetOf(name);
    auto emitter = createWinogradEmitter();
    ASSERT_TRUE(emitter->accepts(parsed.function, target));
    LoadedKernel loaded(*emitter, parsed.function, target);
    ASSERT_TRUE(loaded.loaded());
    expectClose(loaded.run(inputs)[0], expected[0], tolerance);
  }
}

// In bf16: close to the op's own definition, which rounds the same, and near the plain convolution.
void checkNarrow(Case c) {
  c.interleave = 2;
  std::string text = kernel(c, true), plain = kernel(c, false);
  SCOPED_TRACE(text);
  Kernel parsed(text), direct(plain, Kernel::Stage::Graph);
  ASSERT_TRUE(parsed.function && direct.function);
  Shape result = resultOf(c);
  Floats filter = noise(size_t(9 * c.channels * c.outputs), 2);
  for (float &value : filter)
    value *= float(1 / std::sqrt(double(c.channels)));
  Floats x = noise(size_t(c.images * c.height * c.width * c.channels), 1),
         z = noise(size_t(result[0] * result[1] * result[2] * result[3]), 3), b = noise(size_t(c.outputs), 4);
  auto inputs = inputsOf(parsed.function, {x, transformed(c, filter), z, b});
  std::vector<HostTensor> expected = interpret(text, inputs);
  // Results are of about 1, and factors are rounded to 8 bits.
  expectClose(expected[0], interpret(plain, inputsOf(direct.function, {x, filter, z, b}), /*inF64=*/true)[0],
              c.tile == 2 ? 3e-2 : 0.2);
  for (const std::string &name : runnableTargets({"x86-64-v4+avx512bf16"})) {
    SCOPED_TRACE(name);
    TargetDesc target = targetOf(name);
    auto emitter = createWinogradEmitter();
    Kernel expanded(text, Kernel::Stage::ExpandedMath, &target);
    ASSERT_TRUE(emitter->accepts(expanded.function, target));
    LoadedKernel loaded(*emitter, expanded.function, target);
    ASSERT_TRUE(loaded.loaded());
    expectClose(loaded.run(inputs)[0], expected[0], 1e-4);
  }
}

// Every schedule gives the bits of the cost model's.
void checkSchedules(const Case &c) {
  std::string text = kernel(c, true);
  SCOPED_TRACE(text);
  Kernel parsed(text);
  ASSERT_TRUE(parsed.function);
  for (const std::string &name : runnableTargets()) {
    SCOPED_TRACE(name);
    auto emitter = createWinogradEmitter();
    EXPECT_GT(emitter->schedules(parsed.function, targetOf(name)).size(), 1u);
    expectSameBits(*emitter, parsed.function, targetOf(name), randomInputs(parsed.function, 1));
  }
}

TEST(Winograd, Schedules) {
  const std::string behind = "%r = mlc.add %s, %z : (RESULT, RESULT) -> RESULT";
  for (int64_t tile : {2, 4}) {
    checkSchedules({tile, 1, 14, 13, 20, 70, {1, 1}, {1, 1}, behind});
    checkSchedules({tile, 3, 31, 30, 40, 100});
  }
}

TEST(Winograd, SizesOffEveryMultiple) {
  for (int64_t tile : {2, 4})
    for (int64_t channels : {1, 3, 17, 64})
      for (int64_t size : {1, 2, 5, 8}) {
        check({tile, 1, size, size + 1, channels, 16});
        check({tile, 2, size + 3, size, channels, 70});
      }
}

TEST(Winograd, Outputs) {
  for (int64_t tile : {2, 4})
    for (int64_t outputs : {1, 7, 16, 20, 33, 64, 65, 80, 96, 130, 200})
      check({tile, 1, 6, 7, 5, outputs});
}

TEST(Winograd, Images) {
  for (int64_t tile : {2, 4})
    for (int64_t images : {2, 5})
      check({tile, images, 7, 9, 8, 24});
}

TEST(Winograd, Padding) {
  for (int64_t tile : {2, 4}) {
    check({tile, 1, 6, 6, 4, 16, {0, 0}, {0, 0}});
    check({tile, 1, 3, 3, 4, 16, {0, 0}, {0, 0}});
    check({tile, 2, 5, 6, 4, 16, {0, 1}, {2, 0}});
    check({tile, 1, 4, 4, 4, 16, {5, 6}, {7, 5}}); // tiles without a pixel of the image
    check({tile, 1, 2, 9, 4, 16, {1, 0}, {0, 3}});
  }
}

// More tiles than a block has, blocks of two sizes, several groups.
TEST(Winograd, Blocks) {
  check({4, 1, 57, 55, 64, 64});
  check({4, 3, 31, 30, 40, 100});
  check({2, 2, 29, 33, 96, 130});
}

// Sums of more than 512 channels are made of parts.
TEST(Winograd, ManyChannels) {
  check({4, 1, 5, 5, 512, 16});
  check({4, 1, 5, 5, 515, 16});
  check({2, 1, 5, 5, 1030, 16});
}

const char *const kBias = "%d = mlc.add %s, %b : (RESULT, BIAS) -> RESULT ";

TEST(Winograd, Epilogues) {
  for (int64_t tile : {2, 4})
    for (const Shape &size : {Shape{8, 8}, Shape{7, 10}, Shape{9, 5}}) {
      Case c{tile, 2, size[0], size[1], 6, 40};
      c.epilogue = std::string(kBias) + "%r = mlc.relu %d : (RESULT) -> RESULT ";
      check(c);
      c.epilogue = std::string(kBias) +
                   "%e = mlc.add %d, %z : (RESULT, RESULT) -> RESULT %r = mlc.relu %e : (RESULT) -> "
                   "RESULT ";
      check(c);
      // Long ones run over the results in scratch.
      c.epilogue = std::string(kBias) +
                   "%e = mlc.gelu %d : (RESULT) -> RESULT %r = mlc.add %e, %z : (RESULT, RESULT) -> "
                   "RESULT ";
      check(c);
    }
}

// Odd channels leave half of the last word to zeros.
TEST(Winograd, PairsOfBF16) {
  for (int64_t channels : {1, 2, 17, 64})
    for (int64_t size : {1, 2, 5}) {
      checkNarrow({2, 1, size, size + 1, channels, 16});
      checkNarrow({2, 2, size + 3, size, channels, 70});
    }
  for (int64_t tile : {2, 4}) {
    checkNarrow({tile, 1, 6, 7, 5, 200});
    checkNarrow({tile, 2, 5, 6, 4, 16, {0, 1}, {2, 0}});
    checkNarrow({tile, 1, 4, 4, 4, 16, {5, 6}, {7, 5}});
  }
  checkNarrow({2, 2, 29, 23, 33, 130});
  checkNarrow({2, 1, 5, 5, 1030, 16});
}

TEST(Winograd, EpiloguesOfBF16) {
  Case c{2, 2, 7, 10, 6, 40};
  c.epilogue = std::string(kBias) + "%e = mlc.add %d, %z : (RESULT, RESULT) -> RESULT %r = mlc.relu %e : (RESULT) -> "
                                    "RESULT ";
  checkNarrow(c);
  c.epilogue = std::string(kBias) + "%e = mlc.gelu %d : (RESULT) -> RESULT %r = mlc.add %e, %z : (RESULT, RESULT) -> "
                                    "RESULT ";
  checkNarrow(c);
}

TEST(Winograd, OthersAreRefused) {
  auto accepts = [&](const std::string &text) {
    Kernel parsed(text);
    return parsed.function && createWinogradEmitter()->accepts(parsed.function, targetOf("x86-64-v3"));
  };
  Case c{4, 1, 5, 5, 3, 16};
  EXPECT_TRUE(accepts(kernel(c, true)));
  EXPECT_FALSE(accepts(kernel(c, false)));
  std::string wide = kernel(c, true);
  for (size_t at; (at = wide.find("xf32")) != std::string::npos;)
    wide.replace(at, 4, "xf64");
  EXPECT_FALSE(accepts(wide));
  // bf16 comes in pairs, whose sums stay f32.
  c.interleave = 2;
  std::string narrow = kernel(c, true);
  EXPECT_TRUE(accepts(narrow));
  c.interleave = 1;
  c.images = 0;
  EXPECT_FALSE(accepts(kernel(c, true)));
}

} // namespace
} // namespace mlc::codegen
