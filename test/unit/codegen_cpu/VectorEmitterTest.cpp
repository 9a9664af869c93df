// Packed contractions through convert-mlc-to-linalg and the vector emitter, compared with sums in double.
#include "test/unit/codegen/Harness.h"

#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlc::codegen {
namespace {

using namespace test;

// [depth, columns] as panels of 16 columns.
Floats pack(const Floats &from, int64_t depth, int64_t columns) {
  int64_t panels = (columns + 15) / 16;
  Floats to(panels * depth * 16, 0);
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < columns; ++n)
      to[(n / 16 * depth + k) * 16 + n % 16] = from[k * columns + n];
  return to;
}

// Compiles @k of `text` for every target, runs it whole and cut into ranges, and compares with `expected`.
void check(const std::string &text, const std::vector<Floats> &inputs, const Floats &expected, double tolerance) {
  SCOPED_TRACE(text);
  Kernel kernel(text);
  ASSERT_TRUE(kernel.function);
  auto emitter = createVectorEmitter();
  for (const std::string &target : runnableTargets()) {
    ASSERT_TRUE(emitter->accepts(kernel.function, targetOf(target)));
    LoadedKernel loaded(*emitter, kernel.function, targetOf(target));
    SCOPED_TRACE(target + ", schedule " + loaded.schedule());
    expectClose(floatsOf(loaded.run(inputsOf(kernel.function, inputs)).front()), expected, tolerance);
  }
}

Floats product(const Floats &a, const Floats &b, int64_t rows, int64_t columns, int64_t depth) {
  Floats result(rows * columns);
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < columns; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k)
        sum += double(a[m * depth + k]) * b[k * columns + n];
      result[m * columns + n] = float(sum);
    }
  return result;
}

void checkMatmul(int64_t m, int64_t n, int64_t k) {
  Floats a = noise(m * k, 1), w = noise(k * n, 2);
  check(llvm::formatv(R"(func.func @k(%a: tensor<{0}x{2}xf32>, %p: tensor<{3}x{2}x16xf32>) -> tensor<{0}x{1}xf32> {{
    %0 = mlc.packed_matmul %a, %p {{n = {1} : i64}
      : (tensor<{0}x{2}xf32>, tensor<{3}x{2}x16xf32>) -> tensor<{0}x{1}xf32>
    return %0 : tensor<{0}x{1}xf32>
  })",
                      m, n, k, (n + 15) / 16),
        {a, pack(w, k, n)}, product(a, w, m, n, k), 1e-6 * (k + 4));
}

TEST(VectorEmitter, MatmulOfOddShapes) {
  const int64_t shapes[][3] = {{1, 1, 1},    {1, 768, 64},  {3, 15, 5},  {7, 16, 300},   {8, 17, 5},     {9, 48, 64},
                               {9, 100, 1},  {128, 1, 300}, {8, 48, 64}, {7, 100, 5},    {128, 100, 64}, {3, 768, 5},
                               {12, 65, 30}, {1, 33, 3},    {17, 49, 6}, {128, 768, 300}};
  for (auto [m, n, k] : shapes)
    checkMatmul(m, n, k);
}

TEST(VectorEmitter, BiasReluResidual) {
  for (int64_t n : {30, 64}) {
    int64_t m = 10, k = 20;
    Floats a = noise(m * k, 1), w = noise(k * n, 2);
    Floats bias = noise(n, 3), residual = noise(m * n, 4), scale = noise(5, 5);
    Floats expected = product(a, w, m, n, k);
    for (int64_t i = 0; i < m * n; ++i) // the rows are 2x5; the scale is that of the inner five
      expected[i] = (std::max(expected[i] + bias[i % n], 0.0f) + residual[i]) * scale[i / n % 5];
    check(llvm::formatv(R"(func.func @k(%a: tensor<2x5x{1}xf32>, %p: tensor<{2}x{1}x16xf32>, %bias: tensor<{0}xf32>,
        %r: tensor<2x5x{0}xf32>, %s: tensor<5x1xf32>) -> tensor<2x5x{0}xf32> {{
      %0 = mlc.packed_matmul %a, %p {{n = {0} : i64}
        : (tensor<2x5x{1}xf32>, tensor<{2}x{1}x16xf32>) -> tensor<2x5x{0}xf32>
      %1 = mlc.add %0, %bias : (tensor<2x5x{0}xf32>, tensor<{0}xf32>) -> tensor<2x5x{0}xf32>
      %2 = mlc.relu %1 : (tensor<2x5x{0}xf32>) -> tensor<2x5x{0}xf32>
      %3 = mlc.add %2, %r : (tensor<2x5x{0}xf32>, tensor<2x5x{0}xf32>) -> tensor<2x5x{0}xf32>
      %4 = mlc.mul %3, %s : (tensor<2x5x{0}xf32>, tensor<5x1xf32>) -> tensor<2x5x{0}xf32>
      return %4 : tensor<2x5x{0}xf32>
    })",
                        n, k, (n + 15) / 16),
          {a, pack(w, k, n), bias, residual, scale}, expected, 1e-5);
  }
}

// A value of the epilogue used twice, a comparison, and a constant.
TEST(VectorEmitter, LeakyReluTimesItsInput) {
  int64_t m = 5, n = 20, k = 7;
  Floats a = noise(m * k, 1), w = noise(k * n, 2), expected = product(a, w, m, n, k);
  for (float &x : expected)
    x *= x >= 0 ? x : 0.25f * x;
  check(R"(func.func @k(%a: tensor<5x7xf32>, %p: tensor<2x7x16xf32>) -> tensor<5x20xf32> {
    %0 = mlc.packed_matmul %a, %p {n = 20 : i64} : (tensor<5x7xf32>, tensor<2x7x16xf32>) -> tensor<5x20xf32>
    %1 = mlc.leaky_relu %0 {alpha = 0.25 : f64} : (tensor<5x20xf32>) -> tensor<5x20xf32>
    %2 = mlc.mul %0, %1 : (tensor<5x20xf32>, tensor<5x20xf32>) -> tensor<5x20xf32>
    return %2 : tensor<5x20xf32>
  })",
        {a, pack(w, k, n)}, expected, 1e-5);
}

TEST(VectorEmitter, GeluAndSigmoid) {
  int64_t m = 9, n = 50, k = 12;
  Floats a = noise(m * k, 1), w = noise(k * n, 2), expected = product(a, w, m, n, k);
  for (float &x : expected) {
    double gelu = 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    x = float(gelu / (1 + std::exp(-gelu)));
  }
  check(R"(func.func @k(%a: tensor<9x12xf32>, %p: tensor<4x12x16xf32>) -> tensor<9x50xf32> {
    %0 = mlc.packed_matmul %a, %p {n = 50 : i64} : (tensor<9x12xf32>, tensor<4x12x16xf32>) -> tensor<9x50xf32>
    %1 = mlc.gelu %0 : (tensor<9x50xf32>) -> tensor<9x50xf32>
    %2 = mlc.sigmoid %1 : (tensor<9x50xf32>) -> tensor<9x50xf32>
    %3 = mlc.mul %1, %2 : (tensor<9x50xf32>, tensor<9x50xf32>) -> tensor<9x50xf32>
    return %3 : tensor<9x50xf32>
  })",
        {a, pack(w, k, n)}, expected, 1e-5);
}

// Products of a batch whose right-hand sides are plain, straight and transposed, as in attention. The outer dimension
// of the batch shares its matrices.
TEST(VectorEmitter, BatchedMatmul) {
  const int64_t shapes[][3] = {{9, 50, 12}, {1, 20, 9}, {4, 16, 7}, {16, 100, 5}, {13, 13, 64}, {30, 33, 130}};
  for (auto [m, n, k] : shapes)
    for (bool transposed : {false, true}) {
      Floats a = noise(6 * m * k, 1), w = noise(3 * k * n, 2), stored(w.size()), expected;
      for (int64_t batch = 0; batch < 6; ++batch) {
        Floats left(a.begin() + batch * m * k, a.begin() + (batch + 1) * m * k);
        Floats right(w.begin() + batch % 3 * k * n, w.begin() + (batch % 3 + 1) * k * n);
        Floats part = product(left, right, m, n, k);
        expected.insert(expected.end(), part.begin(), part.end());
      }
      for (float &x : expected)
        x *= 0.125f;
      for (int64_t batch = 0; batch < 3; ++batch)
        for (int64_t i = 0; i < k; ++i)
          for (int64_t j = 0; j < n; ++j)
            stored[batch * k * n + (transposed ? j * k + i : i * n + j)] = w[batch * k * n + i * n + j];
      auto rhs = llvm::formatv("tensor<3x{0}x{1}xf32>", transposed ? n : k, transposed ? k : n).str();
      auto lhs = llvm::formatv("tensor<2x3x{0}x{1}xf32>", m, k).str();
      auto out = llvm::formatv("tensor<2x3x{0}x{1}xf32>", m, n).str();
      check(llvm::formatv(R"(func.func @k(%a: {0}, %b: {1}) -> {2} {{
        %scale = mlc.constant dense<0.125> : tensor<f32>
        %0 = mlc.matmul %a, %b {3} : ({0}, {1}) -> {2}
        %1 = mlc.mul %0, %scale : ({2}, tensor<f32>) -> {2}
        return %1 : {2}
      })",
                          lhs, rhs, out, transposed ? "{transpose_rhs}" : ""),
            {a, stored}, expected, 1e-5);
    }
}

struct ConvCase {
  int64_t batch, height, width, channels, outputs, window, stride, dilation;
};

TEST(VectorEmitter, Convolution) {
  const ConvCase cases[] = {{2, 7, 9, 20, 33, 1, 2, 1},
                            {1, 8, 9, 5, 17, 3, 1, 1},
                            {2, 9, 7, 16, 64, 3, 2, 1},
                            {1, 15, 17, 3, 64, 7, 2, 1},
                            {1, 9, 9, 4, 20, 3, 1, 2}};
  for (const ConvCase &c : cases) {
    int64_t span = (c.window - 1) * c.dilation + 1, depth = c.window * c.window * c.channels;
    int64_t oh = (c.height - span) / c.stride + 1, ow = (c.width - span) / c.stride + 1;
    Floats x = noise(c.batch * c.height * c.width * c.channels, 1), w = noise(depth * c.outputs, 2);
    Floats bias = noise(c.outputs, 3), patches;
    for (int64_t n = 0; n < c.batch; ++n)
      for (int64_t y = 0; y < oh; ++y)
        for (int64_t z = 0; z < ow; ++z)
          for (int64_t i = 0; i < c.window; ++i)
            for (int64_t j = 0; j < c.window; ++j)
              for (int64_t k = 0; k < c.channels; ++k)
                patches.push_back(
                    x[((n * c.height + y * c.stride + i * c.dilation) * c.width + z * c.stride + j * c.dilation) *
                          c.channels +
                      k]);
    Floats expected = product(patches, w, c.batch * oh * ow, c.outputs, depth);
    for (size_t i = 0; i < expected.size(); ++i)
      expected[i] = std::max(expected[i] + bias[i % c.outputs], 0.0f);
    auto in = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", c.batch, c.height, c.width, c.channels).str();
    auto filter = llvm::formatv("tensor<{0}x{1}x{1}x{2}x16xf32>", (c.outputs + 15) / 16, c.window, c.channels).str();
    auto out = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", c.batch, oh, ow, c.outputs).str();
    check(llvm::formatv(R"(func.func @k(%x: {0}, %p: {1}, %bias: tensor<{3}xf32>) -> {2} {{
      %0 = mlc.packed_conv %x, %p {{strides = array<i64: {4}, {4}>, dilations = array<i64: {5}, {5}>,
        out_channels = {3} : i64} : ({0}, {1}) -> {2}
      %1 = mlc.add %0, %bias : ({2}, tensor<{3}xf32>) -> {2}
      %2 = mlc.relu %1 : ({2}) -> {2}
      return %2 : {2}
    })",
                        in, filter, out, c.outputs, c.stride, c.dilation),
          {x, pack(w, depth, c.outputs), bias}, expected, 1e-4);
  }
}

struct GroupCase {
  int64_t groups, inputs, outputs; // of each group
  int64_t lanes;                   // of a panel
};

// Groups side by side in a vector (by a shuffle of one load, of two, and by one load for each), and in panels of their
// own; a bias for each channel behind.
TEST(VectorEmitter, GroupedConvolution) {
  const GroupCase cases[] = {{8, 4, 4, 16},  {4, 8, 8, 16}, {4, 16, 8, 16}, {2, 40, 8, 16},  {8, 30, 2, 16},
                             {16, 1, 2, 16}, {5, 3, 3, 15}, {6, 3, 1, 6},   {2, 16, 16, 16}, {2, 5, 24, 16}};
  for (const GroupCase &c : cases) {
    int64_t batch = 2, height = 7, width = 9, window = 3, oh = height - 2, ow = width - 2;
    int64_t channels = c.groups * c.inputs, outputs = c.groups * c.outputs, depth = window * window * c.inputs;
    Floats x = noise(batch * height * width * channels, 1), w = noise(depth * outputs, 2), bias = noise(outputs, 3);
    Floats expected;
    for (int64_t at = 0; at < batch * oh * ow; ++at)
      for (int64_t o = 0; o < outputs; ++o) {
        double sum = bias[o];
        for (int64_t k = 0; k < depth; ++k) {
          int64_t y = at / ow % oh + k / c.inputs / window, z = at % ow + k / c.inputs % window;
          int64_t pixel = (at / ow / oh * height + y) * width + z;
          sum += double(x[pixel * channels + o / c.outputs * c.inputs + k % c.inputs]) * w[k * outputs + o];
        }
        expected.push_back(float(std::max(sum, 0.0)));
      }
    // Each group's outputs padded to whole panels, but for those that share one.
    int64_t padded = c.outputs < c.lanes ? c.outputs : (c.outputs + c.lanes - 1) / c.lanes * c.lanes;
    int64_t panels = c.groups * padded / c.lanes;
    Floats packed(panels * depth * c.lanes, 0);
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t o = 0; o < outputs; ++o) {
        int64_t column = o / c.outputs * padded + o % c.outputs;
        packed[(column / c.lanes * depth + k) * c.lanes + column % c.lanes] = w[k * outputs + o];
      }
    auto in = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", batch, height, width, channels).str();
    auto filter = llvm::formatv("tensor<{0}x{1}x{1}x{2}x{3}xf32>", panels, window, c.inputs, c.lanes).str();
    auto out = llvm::formatv("tensor<{0}x{1}x{2}x{3}xf32>", batch, oh, ow, outputs).str();
    check(llvm::formatv(R"(func.func @k(%x: {0}, %p: {1}, %bias: tensor<{3}xf32>) -> {2} {{
      %0 = mlc.packed_conv %x, %p {{strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>,
        groups = {4} : i64, out_channels = {3} : i64} : ({0}, {1}) -> {2}
      %1 = mlc.add %0, %bias : ({2}, tensor<{3}xf32>) -> {2}
      %2 = mlc.relu %1 : ({2}) -> {2}
      return %2 : {2}
    })",
                        in, filter, out, outputs, c.groups),
          {x, packed, bias}, expected, 1e-4);
  }
}

// The sum's rounding comes behind the crop of the panels, where it is an epilogue.
TEST(VectorEmitter, TakesNarrowTypes) {
  for (const char *type : {"f16", "bf16"}) {
    std::string text = llvm::formatv(R"(func.func @k(%a: tensor<5x7x{0}>, %p: tensor<2x7x16x{0}>, %bias: tensor<20x{0}>)
        -> tensor<5x20x{0}> {{
      %0 = mlc.packed_matmul %a, %p {{n = 20 : i64} : (tensor<5x7x{0}>, tensor<2x7x16x{0}>) -> tensor<5x20x{0}>
      %1 = mlc.add %0, %bias : (tensor<5x20x{0}>, tensor<20x{0}>) -> tensor<5x20x{0}>
      return %1 : tensor<5x20x{0}>
    })",
                                     type);
    SCOPED_TRACE(text);
    Kernel kernel(text);
    ASSERT_TRUE(kernel.function);
    EXPECT_TRUE(createVectorEmitter()->accepts(kernel.function, targetOf("x86-64-v3")));
  }
}

TEST(VectorEmitter, RefusesWhatItCannotDo) {
  const char *refused[] = {// a function that is no instruction, not expanded
                           R"(func.func @k(%a: tensor<5x7xf32>, %p: tensor<1x7x16xf32>) -> tensor<5x16xf32> {
        %0 = mlc.packed_matmul %a, %p {n = 16 : i64} : (tensor<5x7xf32>, tensor<1x7x16xf32>) -> tensor<5x16xf32>
        %1 = mlc.exp %0 : (tensor<5x16xf32>) -> tensor<5x16xf32>
        return %1 : tensor<5x16xf32>
      })",
                           // columns of the result are not those of the product
                           R"(func.func @k(%a: tensor<16x7xf32>, %p: tensor<1x7x16xf32>) -> tensor<16x16xf32> {
        %0 = mlc.packed_matmul %a, %p {n = 16 : i64} : (tensor<16x7xf32>, tensor<1x7x16xf32>) -> tensor<16x16xf32>
        %1 = mlc.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<16x16xf32>) -> tensor<16x16xf32>
        return %1 : tensor<16x16xf32>
      })"};
  for (const char *text : refused) {
    SCOPED_TRACE(text);
    Kernel kernel(text, Kernel::Stage::Linalg);
    ASSERT_TRUE(kernel.function);
    EXPECT_FALSE(createVectorEmitter()->accepts(kernel.function, targetOf("x86-64-v3")));
  }
}

} // namespace
} // namespace mlc::codegen
