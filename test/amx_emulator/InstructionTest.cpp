// AMX instructions, executed by the CPU or by the emulator, against plain loops.
#include "mlc/runtime.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <gtest/gtest.h>
#include <immintrin.h>
#include <random>
#include <thread>
#include <vector>

namespace {

#define WITH_AMX __attribute__((target("amx-tile,amx-bf16,amx-int8"), noinline))

struct Configuration {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {};
  uint8_t rows[16] = {};
  void set(int tile, int tileRows, int bytes) {
    rows[tile] = uint8_t(tileRows);
    rowBytes[tile] = uint16_t(bytes);
  }
};

// C[m][n] += A[m][k] * B[k][n], counted in elements of 4 bytes.
struct Shape {
  int m, n, k;
};

enum class Product { bf16, ss, su, us, uu };

WITH_AMX void multiply(Product product, Shape shape, const void *a, int aStride, const void *b, int bStride, void *c,
                       int cStride) {
  Configuration configuration;
  configuration.set(5, shape.m, 4 * shape.n);
  configuration.set(0, shape.m, 4 * shape.k);
  configuration.set(7, shape.k, 4 * shape.n);
  _tile_loadconfig(&configuration);
  _tile_loadd(5, c, cStride);
  _tile_loadd(0, a, aStride);
  _tile_stream_loadd(7, b, bStride);
  switch (product) {
  case Product::bf16: _tile_dpbf16ps(5, 0, 7); break;
  case Product::ss: _tile_dpbssd(5, 0, 7); break;
  case Product::su: _tile_dpbsud(5, 0, 7); break;
  case Product::us: _tile_dpbusd(5, 0, 7); break;
  case Product::uu: _tile_dpbuud(5, 0, 7); break;
  }
  _tile_stored(5, c, cStride);
  _tile_release();
}

// Rows of 4-byte elements with a gap behind each, which nobody may touch.
struct Matrix {
  Matrix(int rows, int columns, int gap = 3)
      : columns(columns), pitch(columns + gap), words(size_t(rows) * pitch, 0xabababab) {}
  uint32_t &at(int row, int column) { return words[size_t(row) * pitch + column]; }
  int stride() const { return 4 * pitch; }
  int columns, pitch;
  std::vector<uint32_t> words;
};

float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }
float fma(float a, float b, float c) { return flushed(std::fma(flushed(a), flushed(b), flushed(c))); }
float add(float a, float b) { return flushed(flushed(a) + flushed(b)); }
float low(uint32_t pair) { return std::bit_cast<float>(pair << 16); }
float high(uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000); }

uint32_t sumOfBytes(Product product, uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (int i = 0; i < 32; i += 8) {
    const bool signedA = product == Product::ss || product == Product::su;
    const bool signedB = product == Product::ss || product == Product::us;
    const int32_t left = signedA ? int8_t(a >> i) : uint8_t(a >> i);
    const int32_t right = signedB ? int8_t(b >> i) : uint8_t(b >> i);
    sum += uint32_t(left * right);
  }
  return sum;
}

void multiplyByLoops(Product product, Shape shape, Matrix &a, Matrix &b, Matrix &c) {
  for (int m = 0; m < shape.m; ++m)
    for (int n = 0; n < shape.n; ++n) {
      if (product != Product::bf16) {
        for (int k = 0; k < shape.k; ++k)
          c.at(m, n) += sumOfBytes(product, a.at(m, k), b.at(k, n));
        continue;
      }
      float even = 0, odd = 0;
      for (int k = 0; k < shape.k; ++k) {
        even = fma(low(a.at(m, k)), low(b.at(k, n)), even);
        odd = fma(high(a.at(m, k)), high(b.at(k, n)), odd);
      }
      c.at(m, n) = std::bit_cast<uint32_t>(add(std::bit_cast<float>(c.at(m, n)), add(even, odd)));
    }
}

enum class Values { ordinary, wide, special };

class AmxInstructions : public testing::Test {
protected:
  void SetUp() override {
    // Asks for the tiles, too.
    if (!mlc_cpu_has_feature("amx_tile") || !mlc_cpu_has_feature("amx_bf16") || !mlc_cpu_has_feature("amx_int8"))
      GTEST_SKIP() << "needs AMX, or LD_PRELOAD=libmlc_amx_emulator.so";
  }
  static bool isEmulated() { return dlsym(RTLD_DEFAULT, "mlc_emulated_cpu_feature"); }

  static uint16_t drawBF16(std::mt19937 &random, Values values) {
    auto draw = [&](int from, int to) { return std::uniform_int_distribution<int>(from, to)(random); };
    const uint16_t sign = uint16_t(draw(0, 1) << 15), mantissa = uint16_t(draw(0, 127));
    if (values == Values::special && draw(0, 19) == 0) {
      constexpr uint16_t all[] = {0, 0x7f80, 0x7fc0, 0x7f81, 1, 0x7f}; // zero, inf, NaNs, subnormals
      return sign | all[draw(0, 5)];
    }
    const int exponent = values == Values::ordinary ? draw(120, 130) : draw(1, 160);
    return sign | uint16_t(exponent << 7) | mantissa;
  }

  static void fill(Matrix &matrix, int rows, std::mt19937 &random, Product product, Values values) {
    for (int row = 0; row < rows; ++row)
      for (int column = 0; column < matrix.columns; ++column)
        matrix.at(row, column) = product == Product::bf16
                                     ? drawBF16(random, values) | uint32_t(drawBF16(random, values)) << 16
                                     : uint32_t(random());
  }

  static void compare(Product product, Shape shape, Values values, std::mt19937 &random) {
    Matrix a(shape.m, shape.k), b(shape.k, shape.n, 0), c(shape.m, shape.n, 5);
    fill(a, shape.m, random, product, values);
    fill(b, shape.k, random, product, values);
    fill(c, shape.m, random, product, values); // pairs of bf16 are good f32
    Matrix expected = c;
    multiplyByLoops(product, shape, a, b, expected);
    multiply(product, shape, a.words.data(), a.stride(), b.words.data(), b.stride(), c.words.data(), c.stride());
    for (size_t i = 0; i < c.words.size(); ++i) {
      if (product == Product::bf16 && std::isnan(std::bit_cast<float>(expected.words[i])) &&
          std::isnan(std::bit_cast<float>(c.words[i])))
        continue;
      ASSERT_EQ(c.words[i], expected.words[i])
          << "product " << int(product) << ", " << shape.m << "x" << shape.n << "x" << shape.k << ", element " << i;
    }
  }
};

TEST_F(AmxInstructions, ProductsOfManyShapes) {
  std::mt19937 random(1);
  auto draw = [&] { return std::uniform_int_distribution<int>(1, 16)(random); };
  for (int i = 0; i < 150; ++i) {
    const Shape shape = i == 0 ? Shape{16, 16, 16} : i == 1 ? Shape{1, 1, 1} : Shape{draw(), draw(), draw()};
    for (Product product : {Product::ss, Product::su, Product::us, Product::uu})
      compare(product, shape, Values::ordinary, random);
    for (Values values : {Values::ordinary, Values::wide, Values::special})
      compare(Product::bf16, shape, values, random);
  }
}

TEST_F(AmxInstructions, BytesWrapAround) {
  uint32_t a[16], b[16], c = 0x7fffffff;
  std::fill_n(a, 16, 0xffffffff);
  std::fill_n(b, 16, 0xffffffff);
  multiply(Product::uu, {1, 1, 16}, a, 64, b, 4, &c, 4);
  EXPECT_EQ(c, 0x7fffffff + 64u * 255 * 255);
  c = 0;
  multiply(Product::su, {1, 1, 16}, a, 64, b, 4, &c, 4);
  EXPECT_EQ(int32_t(c), -64 * 255);
  c = 0;
  multiply(Product::us, {1, 1, 16}, a, 64, b, 4, &c, 4);
  EXPECT_EQ(int32_t(c), -64 * 255);
  c = 0;
  multiply(Product::ss, {1, 1, 16}, a, 64, b, 4, &c, 4);
  EXPECT_EQ(int32_t(c), 64);
}

TEST_F(AmxInstructions, SubnormalsAreZeros) {
  auto product = [](uint16_t x, uint16_t y, float sum) {
    uint32_t a = x, b = y;
    multiply(Product::bf16, {1, 1, 1}, &a, 4, &b, 4, &sum, 4);
    return std::bit_cast<uint32_t>(sum);
  };
  EXPECT_EQ(product(0x007f, 0x7f00, 1), std::bit_cast<uint32_t>(1.0f));    // operand: 1e-38 * 1.7e38
  EXPECT_EQ(product(0x0080, 0x3f00, 0), 0u);                               // result: FLT_MIN / 2
  EXPECT_EQ(product(0x0080, 0x3f80, 0), std::bit_cast<uint32_t>(FLT_MIN)); // the smallest that stays
  EXPECT_EQ(product(0, 0, std::bit_cast<float>(0x007fffffu)), 0u);         // the sum's operand
  EXPECT_EQ(product(0x7f80, 0x007f, 0), 0x7fc00000u | (product(0x7f80, 0x007f, 0) & 0x80000000)); // inf * 0
}

// Even and odd elements are summed apart, and the tile's own number comes last.
TEST_F(AmxInstructions, OrderOfSums) {
  const uint32_t one = 0x3f80, big = 0x4b80, minus = 0xcb80; // 1, 2^24, -2^24
  const uint32_t a[2] = {one | one << 16, one | one << 16}, b[2] = {big | minus << 16, one | one << 16};
  float c = 0.5f;
  multiply(Product::bf16, {1, 1, 2}, a, 8, b, 4, &c, 4);
  // 2^24 + 1 is 2^24 by ties to even; -2^24 + 1 is exact.
  EXPECT_EQ(c, 1.5f);
}

TEST_F(AmxInstructions, MxcsrIsNeitherReadNorWritten) {
  std::mt19937 random(3);
  for (unsigned rounding : {0x2000u, 0x4000u, 0x6000u}) {
    uint32_t a = 0x3f81 | 0x3f81u << 16, b = 0x3f83 | 0x3eabu << 16;
    float c = 1e-9f, expected = 1e-9f;
    multiply(Product::bf16, {1, 1, 1}, &a, 4, &b, 4, &expected, 4);
    const unsigned before = _mm_getcsr(), set = (before & ~0x603fu) | rounding;
    _mm_setcsr(set);
    multiply(Product::bf16, {1, 1, 1}, &a, 4, &b, 4, &c, 4);
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    EXPECT_EQ(after, set);
    EXPECT_EQ(c, expected);
  }
}

TEST_F(AmxInstructions, ThreadsHaveTilesOfTheirOwn) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([i] {
      std::mt19937 random(10 + i);
      for (int turn = 0; turn < 40; ++turn)
        compare(turn % 2 ? Product::bf16 : Product::us, {1 + (i * 5 + turn) % 16, 16 - i, 1 + turn % 16},
                Values::ordinary, random);
    });
  for (std::thread &thread : threads)
    thread.join();
}

WITH_AMX void storeConfiguration(Configuration &out) { _tile_storeconfig(&out); }
WITH_AMX void loadConfiguration(const Configuration &from) { _tile_loadconfig(&from); }
WITH_AMX void release() { _tile_release(); }

TEST_F(AmxInstructions, Configurations) {
  Configuration wanted, found;
  wanted.set(0, 16, 64);
  wanted.set(3, 2, 12);
  wanted.set(7, 1, 4);
  loadConfiguration(wanted);
  storeConfiguration(found);
  EXPECT_EQ(std::memcmp(&found, &wanted, sizeof(found)), 0);
  std::thread([&] {
    storeConfiguration(found);
    EXPECT_EQ(found.palette, 0);
    EXPECT_EQ(found.rows[0], 0);
  }).join();
  release();
  storeConfiguration(found);
  EXPECT_EQ(found.palette, 0);
  EXPECT_EQ(found.rowBytes[0], 0);
}

// Addresses: base + displacement + row * (index << scale), with registers of both halves; an index of 0, and none.
WITH_AMX void copyRows(const uint8_t *from, uint8_t *to) {
  asm volatile("mov $10, %%r13\n"
               "lea 40(%0), %%r12\n"
               "tileloadd -40(%%r12, %%r13, 8), %%tmm2\n"
               "mov $-8, %%rbx\n"
               "lea 24(%1), %%r15\n"
               "tilestored %%tmm2, (%%r15, %%rbx)\n"
               "tilezero %%tmm2\n"
               "tileloadd (%0), %%tmm2\n"
               "mov $32, %%rcx\n"
               "tilestored %%tmm2, (%1, %%rcx)\n"
               :
               : "r"(from), "r"(to)
               : "r12", "r13", "r15", "rbx", "rcx", "memory");
}

TEST_F(AmxInstructions, Addresses) {
  Configuration configuration;
  configuration.set(2, 3, 8);
  uint8_t from[256], to[128];
  for (int i = 0; i < 256; ++i)
    from[i] = uint8_t(i);
  loadConfiguration(configuration);
  std::memset(to, 0xee, sizeof(to));
  copyRows(from, to);
  release();
  for (int row = 0; row < 3; ++row)
    for (int i = 0; i < 8; ++i) {
      if (row) // of the first copy, row 0 is at 24, 1 at 16, 2 at 8
        EXPECT_EQ(to[24 - 8 * row + i], row * 80 + i);
      EXPECT_EQ(to[32 * row + i], i);
    }
}

// A handler that a program installs gets what is not AMX's, and only that.
TEST_F(AmxInstructions, OtherHandlersOfTheSignal) {
  static jmp_buf back;
  static volatile int calls;
  calls = 0;
  struct sigaction mine{}, before{}, found{};
  mine.sa_handler = [](int) {
    calls = calls + 1;
    siglongjmp(back, 1);
  };
  mine.sa_flags = SA_NODEFER;
  ASSERT_EQ(sigaction(SIGILL, &mine, &before), 0);
  if (!sigsetjmp(back, 1))
    asm volatile("ud2");
  EXPECT_EQ(calls, 1);
  std::mt19937 random(5);
  compare(Product::bf16, {7, 5, 3}, Values::ordinary, random); // no call of the handler
  EXPECT_EQ(calls, 1);
  if (!sigsetjmp(back, 1))
    raise(SIGILL);
  EXPECT_EQ(calls, 2);
  ASSERT_EQ(sigaction(SIGILL, &before, &found), 0);
  EXPECT_EQ(found.sa_handler, mine.sa_handler);
}

WITH_AMX void multiplyUnchecked(const Configuration &configuration) {
  _tile_loadconfig(&configuration);
  _tile_dpbf16ps(0, 1, 2);
}
WITH_AMX void multiplyOneTile(const Configuration &configuration) {
  _tile_loadconfig(&configuration);
  asm volatile(".byte 0xc4, 0xe2, 0x73, 0x5e, 0xc1"); // tdpbssd tmm0, tmm1, tmm1, which assemblers refuse
}
WITH_AMX void zeroUnconfigured() {
  _tile_release();
  _tile_zero(3);
}

class AmxFaults : public AmxInstructions {
protected:
  void expectDeath(int signal, const char *says, const std::function<void()> &run) {
    EXPECT_EXIT(run(), testing::KilledBySignal(signal), isEmulated() ? says : "");
  }
  static Configuration squares() {
    Configuration configuration;
    for (int tile : {0, 1, 2})
      configuration.set(tile, 16, 64);
    return configuration;
  }
};

TEST_F(AmxFaults, Shapes) {
  Configuration wrong = squares();
  wrong.set(2, 8, 64);
  expectDeath(SIGILL, "tdpbf16ps tmm0, tmm1, tmm2 .* rows of tmm1 have 64 bytes, .* not 4 times the 8 rows of tmm2",
              [&] { multiplyUnchecked(wrong); });
  wrong = squares();
  wrong.set(0, 8, 64);
  expectDeath(SIGILL, "tmm0 has 8 rows, but tmm1 has 16", [&] { multiplyUnchecked(wrong); });
  wrong = squares();
  wrong.set(2, 16, 32);
  expectDeath(SIGILL, "rows of tmm0 have 64 bytes, but those of tmm2 32", [&] { multiplyUnchecked(wrong); });
  wrong = squares();
  wrong.set(1, 16, 62);
  expectDeath(SIGILL, "rows of tmm1 have 62 bytes, which is not a multiple of 4", [&] { multiplyUnchecked(wrong); });
  expectDeath(SIGILL, "its three tiles must be different", [&] { multiplyOneTile(squares()); });
}

TEST_F(AmxFaults, Configurations) {
  expectDeath(SIGILL, "tilezero tmm3 .* no tiles are configured", zeroUnconfigured);
  Configuration wrong = squares();
  wrong.set(1, 0, 0);
  expectDeath(SIGILL, "the configuration has no tmm1", [&] { multiplyUnchecked(wrong); });
  wrong = squares();
  wrong.palette = 2;
  expectDeath(SIGSEGV, "ldtilecfg .* palette 2 does not exist", [&] { loadConfiguration(wrong); });
  wrong = squares();
  wrong.set(4, 17, 64);
  expectDeath(SIGSEGV, "tmm4 cannot have 17 rows of 64 bytes", [&] { loadConfiguration(wrong); });
  wrong = squares();
  wrong.set(8, 1, 4);
  expectDeath(SIGSEGV, "reserved bytes of the configuration are not 0", [&] { loadConfiguration(wrong); });
}

TEST_F(AmxFaults, OtherInstructionsKill) {
  expectDeath(SIGILL, "", [] { asm volatile("ud2"); });
  expectDeath(SIGILL, "", [] { raise(SIGILL); });
}

} // namespace
