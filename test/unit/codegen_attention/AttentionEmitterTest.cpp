// Attention kernels against the reference interpreter: sizes off every multiple, both head layouts, masks that stretch
// in every dimension, shared keys, several blocks of keys, rows without a visible key, NaN and infinities.
#include "codegen/attention/AttentionEmitter.h"
#include "codegen/attention/DecomposeAttention.h"
#include "test/unit/codegen/Harness.h"

#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlc::codegen {
namespace {

using namespace test;
using Shape = std::vector<int64_t>;

struct Case {
  int64_t batches, heads, keyHeads, queries, keys, size, valueSize;
  bool bshd = true, causal = false;
  Shape mask = {};
  bool zeroNanRows = false;
};

std::string tensor(const Shape &shape) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + "f32>";
}

std::string kernel(const Case &c) {
  auto shape = [&](int64_t heads, int64_t sequence, int64_t size) {
    return tensor(c.bshd ? Shape{c.batches, sequence, heads, size} : Shape{c.batches, heads, sequence, size});
  };
  std::string q = shape(c.heads, c.queries, c.size), k = shape(c.keyHeads, c.keys, c.size),
              v = shape(c.keyHeads, c.keys, c.valueSize), r = shape(c.heads, c.queries, c.valueSize);
  std::string m = c.mask.empty() ? "" : tensor(c.mask);
  return "func.func @k(%q: " + q + ", %k: " + k + ", %v: " + v + (m.empty() ? "" : ", %m: " + m) + ") -> " + r +
         " { %r = mlc.attention %q, %k, %v" + (m.empty() ? "" : ", %m") + " {scale = 0.375 : f64" +
         (c.causal ? ", causal" : "") + (c.zeroNanRows ? ", zero_nan_rows" : "") + ", layout = #mlc<head_layout " +
         (c.bshd ? "bshd" : "bhsd") + ">} : (" + q + ", " + k + ", " + v + (m.empty() ? "" : ", " + m) + ") -> " + r +
         " return %r : " + r + " }";
}

void check(const Case &c) { checkAgainstReference(*createAttentionEmitter(), kernel(c), {.tolerance = 4e-6}); }

TEST(Attention, SizesOffEveryMultiple) {
  for (bool bshd : {false, true}) {
    check({1, 1, 1, 1, 1, 1, 1, bshd});
    check({2, 3, 3, 5, 7, 3, 2, bshd});
    check({1, 2, 2, 6, 64, 64, 64, bshd});
    check({1, 2, 2, 13, 65, 17, 33, bshd});
    check({2, 1, 1, 31, 50, 16, 100, bshd});
    check({1, 2, 2, 1, 130, 65, 1, bshd});
    check({1, 1, 1, 131, 19, 8, 64, bshd});
  }
}

TEST(Attention, MasksStretch) {
  for (const Shape &mask : {Shape{2, 1, 1, 21}, Shape{1, 1, 11, 21}, Shape{2, 4, 11, 21}, Shape{1, 4, 1, 1},
                            Shape{11, 1}, Shape{21}, Shape{1}, Shape{}})
    if (!mask.empty())
      check({2, 4, 4, 11, 21, 5, 6, true, false, mask});
  check({2, 4, 4, 70, 70, 20, 20, false, false, {2, 1, 70, 70}});
}

TEST(Attention, Causal) {
  check({1, 2, 2, 70, 70, 9, 9, true, true});
  check({1, 1, 1, 5, 40, 4, 4, false, true});
  check({1, 1, 1, 40, 5, 4, 4, false, true, {1, 1, 1, 5}});
}

TEST(Attention, HeadsShareKeys) {
  check({2, 6, 2, 9, 18, 7, 5, true});
  check({1, 4, 1, 9, 18, 7, 5, false, true});
}

// Large heads, so that few keys fill the cache.
TEST(Attention, BlocksOfKeys) {
  check({1, 2, 2, 9, 300, 512, 520, true});
  check({1, 2, 1, 40, 257, 600, 500, false, true, {40, 257}});
}

// A mask that hides keys with `low`; with `badValue`, one value is that.
void checkMasked(int64_t queries, int64_t keys, int64_t size, double low,
                 const std::function<bool(int64_t, int64_t)> &hidden, bool zeroNanRows = false, float badValue = 0) {
  Case c{1, 2, 2, queries, keys, size, size, true, false, {1, 1, queries, keys}, zeroNanRows};
  std::string text = kernel(c);
  SCOPED_TRACE(text);
  Kernel parsed(text);
  std::vector<HostTensor> inputs = randomInputs(parsed.function, 3);
  Floats mask(size_t(queries * keys));
  for (int64_t i = 0; i < queries * keys; ++i)
    mask[size_t(i)] = hidden(i / keys, i % keys) ? float(low) : 0;
  inputs[3] = HostTensor::from(DType::F32, {1, 1, queries, keys}, mask);
  if (badValue != 0)
    reinterpret_cast<float *>(inputs[2].mutableBytes())[size_t(size + 1)] = badValue;
  std::vector<HostTensor> expected = interpret(text, inputs, /*inF64=*/true);
  for (const std::string &name : runnableTargets()) {
    SCOPED_TRACE(name);
    LoadedKernel loaded(*createAttentionEmitter(), parsed.function, targetOf(name));
    ASSERT_TRUE(loaded.loaded());
    expectClose(loaded.run(inputs)[0], expected[0], 4e-6);
  }
}

TEST(Attention, HiddenKeys) {
  auto nothing = [](int64_t q, int64_t) { return q % 3 == 1; };                      // a row without a visible key
  auto early = [](int64_t q, int64_t k) { return k < 200 || (q == 2 && k != 290); }; // the first block of keys
  for (double low : {-double(INFINITY), -3.4028234663852886e38}) {
    checkMasked(7, 35, 16, low, nothing);
    checkMasked(7, 300, 512, low, nothing);
    checkMasked(7, 300, 512, low, early);
  }
  // With no visible key, scores are near -10000, where f32 has a step of 1e-3; the interpreter works in f64.
  checkMasked(7, 300, 512, -10000, early);
}

// Rows without a visible key, with an infinite score, and with a NaN have weights of 0, which still meet the values.
TEST(Attention, ZeroNanRows) {
  auto everything = [](int64_t q, int64_t) { return q % 3 == 1; };
  auto early = [](int64_t q, int64_t k) { return q == 3 || k < 200; };
  auto once = [](int64_t q, int64_t k) { return q % 2 == 1 && k == 30; };
  auto late = [](int64_t q, int64_t k) { return q % 2 == 1 && (k == 150 || k == 290); };
  for (float bad : {0.f, INFINITY, NAN})
    for (double low : {-double(INFINITY), double(INFINITY), double(NAN)}) {
      checkMasked(7, 35, 16, low, everything, true, bad);
      checkMasked(7, 35, 16, low, once, true, bad);
      checkMasked(7, 300, 512, low, everything, true, bad);
      checkMasked(7, 300, 512, low, early, true, bad);
      checkMasked(7, 300, 512, low, late, true, bad);
    }
  Case c{2, 4, 2, 13, 65, 17, 33, false, true};
  c.zeroNanRows = true;
  check(c);
}

// Slices of one projection of queries, keys and values, read in place.
TEST(Attention, ReadsSlicesInPlace) {
  auto slice = [](const char *name, int64_t offset, int64_t size) {
    return llvm::formatv("%{0}s = mlc.slice %x {{offsets = array<i64: 0, 0, {1}>, sizes = array<i64: 2, 7, {2}>, "
                         "strides = array<i64: 1, 1, 1>} : (tensor<2x7x84xf32>) -> tensor<2x7x{2}xf32> "
                         "%{0} = mlc.reshape %{0}s {{shape = array<i64: 2, 7, {3}, 9>} : (tensor<2x7x{2}xf32>) -> "
                         "tensor<2x7x{3}x9xf32> ",
                         name, offset, size, size / 9)
        .str();
  };
  std::string text = "func.func @k(%x: tensor<2x7x84xf32>) -> tensor<2x7x36xf32> { " + slice("q", 0, 36) +
                     slice("k", 36, 18) + slice("v", 57, 18) +
                     "%a = mlc.attention %q, %k, %v {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : "
                     "(tensor<2x7x4x9xf32>, tensor<2x7x2x9xf32>, tensor<2x7x2x9xf32>) -> tensor<2x7x4x9xf32> "
                     "%r = mlc.reshape %a {shape = array<i64: 2, 7, 36>} : (tensor<2x7x4x9xf32>) -> tensor<2x7x36xf32> "
                     "return %r : tensor<2x7x36xf32> }";
  checkAgainstReference(*createAttentionEmitter(), text, {.tolerance = 4e-6});
}

// The mask may be computed in the kernel.
TEST(Attention, MaskFromBooleans) {
  checkAgainstReference(*createAttentionEmitter(), R"(
func.func @k(%q: tensor<1x9x2x8xf32>, %k: tensor<1x20x2x8xf32>, %v: tensor<1x20x2x8xf32>, %m: tensor<1x1x1x20xi1>) -> tensor<1x9x2x8xf32> {
  %zero = mlc.constant dense<0.0> : tensor<f32>
  %low = mlc.constant dense<-1.0e30> : tensor<f32>
  %mask = mlc.select %m, %zero, %low : (tensor<1x1x1x20xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x20xf32>
  %r = mlc.attention %q, %k, %v, %mask {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : (tensor<1x9x2x8xf32>, tensor<1x20x2x8xf32>, tensor<1x20x2x8xf32>, tensor<1x1x1x20xf32>) -> tensor<1x9x2x8xf32>
  return %r : tensor<1x9x2x8xf32>
})",
                        {.tolerance = 4e-6});
}

std::string inElementType(std::string text, const std::string &type) {
  for (size_t at; (at = text.find("xf32")) != std::string::npos;)
    text.replace(at, 4, "x" + type);
  return text;
}

// Scores and weights are f32; the result is rounded once. Several blocks of keys, too.
TEST(Attention, NarrowTypes) {
  for (const Case &c : {Case{1, 1, 1, 1, 1, 1, 1}, Case{2, 4, 2, 13, 65, 17, 33, false, true},
                        Case{1, 2, 2, 9, 31, 16, 100, true, false, {1, 1, 1, 31}}, Case{1, 1, 1, 7, 300, 512, 512}}) {
    checkAgainstReference(*createAttentionEmitter(), inElementType(kernel(c), "f16"), {.tolerance = 0x1p-11});
    checkAgainstReference(*createAttentionEmitter(), inElementType(kernel(c), "bf16"), {.tolerance = 0x1p-8});
  }
}

// Products of pairs, whose weights are rounded: by vectors, and by tiles, of whole and of overlapping blocks of rows,
// keys that fill no tile, and elements of values that fill no vector.
TEST(Attention, PairsOfBF16) {
  for (const Case &c : {Case{1, 2, 2, 32, 128, 64, 64}, Case{2, 4, 2, 13, 65, 16, 33, false, true},
                        Case{1, 2, 2, 100, 31, 32, 100, true, false, {1, 1, 1, 31}}, Case{2, 1, 1, 17, 17, 64, 16},
                        Case{1, 1, 1, 4, 1, 2, 1}, Case{1, 2, 1, 47, 70, 80, 24, true, true, {1, 2, 47, 70}, true},
                        Case{1, 1, 1, 16, 40, 22, 16}})
    checkAgainstReference(*createAttentionEmitter(), inElementType(kernel(c), "bf16"),
                          {.tolerance = 0x1p-6,
                           .finite = !c.zeroNanRows,
                           .moreTargets = {"x86-64-v4+avx512bf16", "x86-64-v4+avx512bf16+amx-tile+amx-bf16"},
                           .subnormals = false});
}

TEST(Attention, OthersAreRefused) {
  auto emitter = createAttentionEmitter();
  auto accepts = [&](const std::string &text) {
    Kernel parsed(text);
    return parsed.function && emitter->accepts(parsed.function, targetOf("x86-64-v3"));
  };
  Case c{1, 2, 2, 3, 4, 5, 6};
  EXPECT_TRUE(accepts(kernel(c)));
  EXPECT_FALSE(accepts(inElementType(kernel(c), "f64")));
  c.keys = 0;
  EXPECT_FALSE(accepts(kernel(c)));
}

// What has no kernel becomes matrix products and a softmax of the same value.
TEST(Attention, Decomposition) {
  for (const Case &c : {Case{1, 4, 2, 3, 5, 8, 6, true, true}, Case{2, 3, 3, 4, 5, 2, 7, false, false, {2, 1, 1, 5}}}) {
    std::string text = inElementType(kernel(c), "f64");
    SCOPED_TRACE(text);
    Kernel parsed(text, Kernel::Stage::Graph);
    std::vector<HostTensor> inputs = randomInputs(parsed.function, 1);
    std::vector<HostTensor> expected = interpret(text, inputs);
    decomposeAttention(parsed.function);
    int attentions = 0;
    parsed.function.walk([&](AttentionOp) { ++attentions; });
    EXPECT_EQ(attentions, 0);
    std::string decomposed;
    llvm::raw_string_ostream(decomposed) << parsed.function;
    expectClose(interpret(decomposed, inputs)[0], expected[0], 1e-12);
  }
  Kernel left(kernel({1, 2, 2, 3, 4, 5, 6}), Kernel::Stage::Graph);
  decomposeAttention(left.function);
  EXPECT_FALSE(left.function.getOps<AttentionOp>().empty());
}

} // namespace
} // namespace mlc::codegen
