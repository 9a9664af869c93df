// Attention of packed sequences against the reference interpreter: lengths of 0, 1 and all around the blocks of rows,
// the vectors and the panels; room to spare, shared keys, causal, several blocks of keys, and offsets that are wrong.
#include "codegen/attention/AttentionEmitter.h"
#include "test/unit/codegen/Harness.h"

#include <cmath>
#include <numeric>

namespace mlc::codegen {
namespace {

using namespace test;

struct Case {
  std::vector<int32_t> lengths;
  int64_t rows, longest, heads = 2, keyHeads = 2, size = 16, valueSize = 16;
  bool causal = false;
  const char *element = "f32";
  bool zeroNanRows = false;
};

std::string kernel(const Case &c) {
  auto tensor = [&](int64_t heads, int64_t size) {
    return "tensor<" + std::to_string(c.rows) + "x" + std::to_string(heads) + "x" + std::to_string(size) + "x" +
           c.element + ">";
  };
  std::string q = tensor(c.heads, c.size), k = tensor(c.keyHeads, c.size), v = tensor(c.keyHeads, c.valueSize),
              r = tensor(c.heads, c.valueSize), o = "tensor<" + std::to_string(c.lengths.size() + 1) + "xi32>";
  return "func.func @k(%q: " + q + ", %k: " + k + ", %v: " + v + ", %o: " + o + ") -> " + r +
         " { %r = mlc.varlen_attention %q, %k, %v, %o {scale = 0.375 : f64, max_seqlen = " + std::to_string(c.longest) +
         " : i64" + (c.causal ? ", causal" : "") + (c.zeroNanRows ? ", zero_nan_rows" : "") + "} : (" + q + ", " + k +
         ", " + v + ", " + o + ") -> " + r + " return %r : " + r + " }";
}

HostTensor offsetsOf(const std::vector<int32_t> &lengths) {
  std::vector<int32_t> offsets{0};
  for (int32_t length : lengths)
    offsets.push_back(offsets.back() + length);
  return HostTensor::from(DType::I32, {int64_t(offsets.size())}, offsets);
}

void check(const Case &c, double tolerance = 4e-6, bool special = false) {
  std::string text = kernel(c);
  SCOPED_TRACE(text);
  Kernel parsed(text);
  std::vector<HostTensor> inputs = randomInputs(parsed.function, 3, special);
  inputs[3] = offsetsOf(c.lengths);
  std::vector<HostTensor> expected = interpret(text, inputs, /*inF64=*/!special);
  for (const std::string &name : runnableTargets()) {
    SCOPED_TRACE(name);
    LoadedKernel loaded(*createAttentionEmitter(), parsed.function, targetOf(name));
    ASSERT_TRUE(loaded.loaded());
    expectClose(loaded.run(inputs)[0], expected[0], tolerance);
  }
}

// One kernel runs with any lengths.
TEST(VarlenAttention, LengthsAroundBlocks) {
  Case c{{}, 150, 70, 3, 3, 17, 33};
  c.lengths = {0, 0};
  std::string text = kernel(c);
  Kernel parsed(text);
  std::vector<HostTensor> inputs = randomInputs(parsed.function, 5);
  for (const std::string &name : runnableTargets()) {
    SCOPED_TRACE(name);
    LoadedKernel loaded(*createAttentionEmitter(), parsed.function, targetOf(name));
    ASSERT_TRUE(loaded.loaded());
    for (int32_t length : {0, 1, 2, 5, 6, 7, 8, 11, 12, 13, 15, 16, 17, 31, 32, 33, 48, 49, 63, 64, 65, 70}) {
      SCOPED_TRACE(length);
      inputs[3] = offsetsOf({length, (length * 13) % 71});
      expectClose(loaded.run(inputs)[0], interpret(text, inputs, /*inF64=*/true)[0], 4e-6);
    }
  }
}

TEST(VarlenAttention, ManySequences) {
  check({{5, 0, 1, 7, 64, 0, 31, 2, 0}, 128, 64});
  check({{1}, 1, 1, 1, 1, 1, 1});
  check({{0}, 3, 2});
  check({{0, 0, 0}, 7, 4});
  check({{4, 4, 4}, 12, 4});        // all of it
  check({{128, 3}, 200, 128});      // a whole tile
  check({{300, 9, 131}, 440, 300}); // several tiles of a sequence
}

TEST(VarlenAttention, HeadsShareKeys) {
  check({{9, 18, 0, 3}, 40, 20, 6, 2, 7, 5});
  check({{9, 18, 0, 3}, 40, 20, 4, 1, 7, 5});
}

TEST(VarlenAttention, Causal) {
  check({{70, 1, 0, 13}, 90, 70, 2, 2, 9, 9, true});
  check({{300, 40}, 350, 300, 1, 1, 512, 520, true});
}

// Large heads, so that few keys fill the cache.
TEST(VarlenAttention, BlocksOfKeys) { check({{300, 0, 1, 257, 129, 64}, 800, 300, 2, 1, 512, 520}); }

TEST(VarlenAttention, NarrowTypes) {
  for (auto [element, tolerance] : {std::pair("f16", 0x1p-11), std::pair("bf16", 0x1p-8)}) {
    check({{13, 0, 65, 1}, 100, 65, 4, 2, 17, 33, false, element}, tolerance);
    check({{300, 7}, 310, 300, 1, 1, 512, 512, true, element}, tolerance);
  }
}

// A NaN stays in its sequence.
TEST(VarlenAttention, SpecialValues) {
  Case c{{5, 0, 40, 1, 7}, 60, 40};
  check(c, 4e-6, /*special=*/true);
  c.zeroNanRows = true;
  check(c, 4e-6, /*special=*/true);
}

TEST(VarlenAttention, WrongOffsetsAreReported) {
  Case c{{2, 2}, 6, 4, 1, 1, 4, 4};
  Kernel parsed(kernel(c));
  LoadedKernel loaded(*createAttentionEmitter(), parsed.function, targetOf("x86-64-v3"));
  ASSERT_TRUE(loaded.loaded());
  Floats q(24), k(24), v(24), r(24);
  for (auto [offsets, code] : {std::pair(std::vector<int32_t>{0, 2, 4}, MLC_KERNEL_OK),
                               {{0, 4, 6}, MLC_KERNEL_OK},
                               {{0, 5, 6}, MLC_KERNEL_INDEX_OUT_OF_RANGE}, // longer than the longest
                               {{0, 3, 7}, MLC_KERNEL_INDEX_OUT_OF_RANGE}, // beyond the rows
                               {{0, 3, 2}, MLC_KERNEL_INDEX_OUT_OF_RANGE},
                               {{1, 2, 3}, MLC_KERNEL_INDEX_OUT_OF_RANGE},
                               {{0, -1, 2}, MLC_KERNEL_INDEX_OUT_OF_RANGE},
                               {{INT32_MIN, 0, INT32_MAX}, MLC_KERNEL_INDEX_OUT_OF_RANGE}}) {
    std::vector<int32_t> given = offsets;
    EXPECT_EQ(loaded.launch({q.data(), k.data(), v.data(), given.data(), r.data()}, 0, loaded.tiles()), code)
        << given[0] << " " << given[1] << " " << given[2];
  }
}

} // namespace
} // namespace mlc::codegen
