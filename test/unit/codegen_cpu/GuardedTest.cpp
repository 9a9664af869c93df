// Kernel functions in linalg, through the vector emitter, to code that runs between guard pages; for every x86-64
// level that this machine has, against loops written here.
#include "codegen/cpu/VectorEmitter.h"
#include "codegen/target/MachineCode.h"
#include "test/unit/codegen/Harness.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlc::codegen {
namespace {

using namespace test;

Floats run(const std::string &text, const std::vector<Floats> &inputs, const TargetDesc &target) {
  Kernel kernel(text, Kernel::Stage::Graph);
  auto emitter = createVectorEmitter();
  EXPECT_TRUE(emitter->accepts(kernel.function, target));
  LoadedKernel loaded(*emitter, kernel.function, target);
  return floatsOf(loaded.run(inputsOf(kernel.function, inputs)).front());
}

Floats run(const std::string &text, const std::vector<Floats> &inputs, const std::string &target) {
  return run(text, inputs, targetOf(target));
}

// [K,N] in panels [N/16][K][16], the last one filled with zeros.
Floats packed(const Floats &b, int64_t k, int64_t n) {
  int64_t panels = (n + 15) / 16;
  Floats result(size_t(panels * k * 16), 0);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      result[size_t((j / 16 * k + i) * 16 + j % 16)] = b[size_t(i * n + j)];
  return result;
}

Floats product(const Floats &a, const Floats &b, int64_t m, int64_t k, int64_t n) {
  Floats c(size_t(m * n));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l)
        sum += double(a[size_t(i * k + l)]) * b[size_t(l * n + j)];
      c[size_t(i * n + j)] = float(sum);
    }
  return c;
}

// What convert-mlc-to-linalg makes of a packed matmul, up to the crop; then `epilogue` maps %y to %r.
std::string packedMatmul(int64_t m, int64_t k, int64_t n, const std::string &arguments = "",
                         const std::string &epilogue = "") {
  int64_t panels = (n + 15) / 16;
  return llvm::formatv(R"(
func.func @k(%a: tensor<{0}x{1}xf32>, %b: tensor<{3}x{1}x16xf32>{4}) -> tensor<{0}x{2}xf32> {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{0}x{3}x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<{0}x{3}x16xf32>) -> tensor<{0}x{3}x16xf32>
  %c = linalg.generic {{indexing_maps = [affine_map<(m, p, l, k) -> (m, k)>, affine_map<(m, p, l, k) -> (p, k, l)>,
      affine_map<(m, p, l, k) -> (m, p, l)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<{0}x{1}xf32>, tensor<{3}x{1}x16xf32>) outs(%f : tensor<{0}x{3}x16xf32>) {{
    ^bb0(%x: f32, %w: f32, %s: f32):
      %0 = arith.mulf %x, %w : f32
      %1 = arith.addf %s, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<{0}x{3}x16xf32>
  %flat = tensor.collapse_shape %c [[0], [1, 2]] : tensor<{0}x{3}x16xf32> into tensor<{0}x{5}xf32>
  %y = tensor.extract_slice %flat[0, 0] [{0}, {2}] [1, 1] : tensor<{0}x{5}xf32> to tensor<{0}x{2}xf32>
  {6}
  return {7} : tensor<{0}x{2}xf32>
})",
                       m, k, n, panels, arguments, panels * 16, epilogue, epilogue.empty() ? "%y" : "%r")
      .str();
}

TEST(GuardedContraction, PackedMatmulOfOddShapes) {
  int64_t shapes[][3] = {{1, 1, 1},   {1, 768, 48}, {3, 17, 50},  {8, 4, 48},    {17, 50, 129}, {9, 3, 16},
                         {13, 5, 64}, {129, 33, 7}, {200, 8, 96}, {6, 1027, 64}, {9, 2051, 33}, {300, 2, 17}};
  for (const std::string &target : runnableTargets())
    for (auto [m, k, n] : shapes) {
      Floats a = noise(size_t(m * k), 1), b = noise(size_t(k * n), 2);
      SCOPED_TRACE(llvm::formatv("{0} {1}x{2}x{3}", target, m, k, n).str());
      expectClose(run(packedMatmul(m, k, n), {a, packed(b, k, n)}, target), product(a, b, m, k, n),
                  1e-6 * double(k) + 1e-6);
    }
}

// The columns that are not those of whole vectors, by vectors of half the width.
TEST(GuardedContraction, FewColumnsInHalfVectors) {
  int64_t shapes[][3] = {{1, 3, 1}, {9, 33, 8}, {50, 7, 24}, {17, 600, 40}, {20, 16, 19}, {8, 5, 56}};
  for (const std::string &name : runnableTargets())
    for (auto [m, k, n] : shapes) {
      TargetDesc target = targetOf(name);
      target.halves_vectors = true;
      Floats a = noise(size_t(m * k), 1), b = noise(size_t(k * n), 2);
      SCOPED_TRACE(llvm::formatv("{0} {1}x{2}x{3}", name, m, k, n).str());
      expectClose(run(packedMatmul(m, k, n), {a, packed(b, k, n)}, target), product(a, b, m, k, n),
                  1e-6 * double(k) + 1e-6);
    }
}

TEST(GuardedContraction, BiasResidualReluEpilogue) {
  int64_t shapes[][3] = {{1, 5, 3}, {17, 20, 50}, {16, 8, 48}, {130, 7, 96}, {11, 1100, 70}};
  for (const std::string &target : runnableTargets())
    for (auto [m, k, n] : shapes) {
      std::string text =
          packedMatmul(m, k, n, llvm::formatv(", %bias: tensor<{1}xf32>, %res: tensor<{0}x{1}xf32>", m, n),
                       llvm::formatv(R"(%o = tensor.empty() : tensor<{0}x{1}xf32>
  %r = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
      affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias, %res : tensor<{0}x{1}xf32>, tensor<{1}xf32>, tensor<{0}x{1}xf32>) outs(%o : tensor<{0}x{1}xf32>) {{
    ^bb0(%x: f32, %w: f32, %q: f32, %d: f32):
      %10 = arith.addf %x, %w : f32
      %11 = arith.addf %10, %q : f32
      %12 = arith.maximumf %11, %zero : f32
      linalg.yield %12 : f32
  } -> tensor<{0}x{1}xf32>)",
                                     m, n));
      Floats a = noise(size_t(m * k), 1), b = noise(size_t(k * n), 2), bias = noise(size_t(n), 3),
             residual = noise(size_t(m * n), 4), expected = product(a, b, m, k, n);
      for (int64_t i = 0; i < m * n; ++i)
        expected[size_t(i)] = std::max(0.0f, expected[size_t(i)] + bias[size_t(i % n)] + residual[size_t(i)]);
      SCOPED_TRACE(llvm::formatv("{0} {1}x{2}x{3}", target, m, k, n).str());
      expectClose(run(text, {a, packed(b, k, n), bias, residual}, target), expected, 1e-6 * double(k) + 1e-6);
    }
}

// Convolutions with loops (n, h, w, o, kh, kw, c) or, with depthwise weights, (n, h, w, c, kh, kw).
std::string generic(const std::string &loops, const std::string &in, const std::string &weight, const std::string &out,
                    const std::string &kinds, const std::string &x, const std::string &w, const std::string &y) {
  return llvm::formatv(R"(
func.func @k(%a: tensor<{5}xf32>, %b: tensor<{6}xf32>) -> tensor<{7}xf32> {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{7}xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<{7}xf32>) -> tensor<{7}xf32>
  %c = linalg.generic {{indexing_maps = [affine_map<({0}) -> ({1})>, affine_map<({0}) -> ({2})>,
      affine_map<({0}) -> ({3})>], iterator_types = [{4}]}
      ins(%a, %b : tensor<{5}xf32>, tensor<{6}xf32>) outs(%f : tensor<{7}xf32>) {{
    ^bb0(%p: f32, %q: f32, %s: f32):
      %0 = arith.mulf %p, %q : f32
      %1 = arith.addf %s, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<{7}xf32>
  return %c : tensor<{7}xf32>
})",
                       loops, in, weight, out, kinds, x, w, y)
      .str();
}

TEST(GuardedContraction, StridedDilatedConvolution) {
  const char *p = "\"parallel\"", *r = "\"reduction\"";
  int64_t h = 5, w = 9, o = 19, c = 6, kh = 2, kw = 3; // input 10 x 21: stride 2, dilations 1 and 2
  Floats x = noise(size_t(2 * 10 * 21 * c), 1), f = noise(size_t(kh * kw * c * o), 2);
  Floats expected;
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t i = 0; i < h; ++i)
      for (int64_t j = 0; j < w; ++j)
        for (int64_t q = 0; q < o; ++q) {
          double sum = 0;
          for (int64_t u = 0; u < kh; ++u)
            for (int64_t v = 0; v < kw; ++v)
              for (int64_t l = 0; l < c; ++l)
                sum += double(x[size_t(((n * 10 + 2 * i + u) * 21 + 2 * j + 2 * v) * c + l)]) *
                       f[size_t(((u * kw + v) * c + l) * o + q)];
          expected.push_back(float(sum));
        }
  std::string text =
      generic("n, i, j, o, u, v, c", "n, i * 2 + u, j * 2 + v * 2, c", "u, v, c, o", "n, i, j, o",
              llvm::formatv("{0}, {0}, {0}, {0}, {1}, {1}, {1}", p, r), "2x10x21x6", "2x3x6x19", "2x5x9x19");
  for (const std::string &target : runnableTargets())
    expectClose(run(text, {x, f}, target), expected, 1e-4);
}

TEST(GuardedContraction, DepthwiseConvolution) {
  const char *p = "\"parallel\"", *r = "\"reduction\"";
  int64_t c = 37;
  Floats x = noise(size_t(7 * 8 * c), 1), f = noise(size_t(9 * c), 2), expected;
  for (int64_t i = 0; i < 5; ++i)
    for (int64_t j = 0; j < 6; ++j)
      for (int64_t l = 0; l < c; ++l) {
        double sum = 0;
        for (int64_t u = 0; u < 3; ++u)
          for (int64_t v = 0; v < 3; ++v)
            sum += double(x[size_t(((i + u) * 8 + j + v) * c + l)]) * f[size_t((u * 3 + v) * c + l)];
        expected.push_back(float(sum));
      }
  std::string text = generic("i, j, c, u, v", "i + u, j + v, c", "u, v, c", "i, j, c",
                             llvm::formatv("{0}, {0}, {0}, {1}, {1}", p, r), "7x8x37", "3x3x37", "5x6x37");
  for (const std::string &target : runnableTargets())
    expectClose(run(text, {x, f}, target), expected, 1e-5);
}

// The image lies between guard pages, and nothing of its padding does.
TEST(GuardedContraction, PaddedDepthwiseConvolution) {
  struct Shape {
    int64_t h, w, c, window, stride, low, high;
  };
  for (auto [h, w, c, window, stride, low, high] : std::vector<Shape>{
           {5, 29, 37, 3, 1, 1, 1}, {6, 40, 16, 3, 2, 1, 1}, {4, 19, 3, 5, 2, 1, 2}, {1, 1, 48, 3, 1, 1, 1}}) {
    int64_t i1 = (h + low + high - window) / stride + 1, j1 = (w + low + high - window) / stride + 1;
    Floats x = noise(size_t(h * w * c), 1), f = noise(size_t(window * window * c), 2), expected;
    for (int64_t i = 0; i < i1; ++i)
      for (int64_t j = 0; j < j1; ++j)
        for (int64_t l = 0; l < c; ++l) {
          double sum = 0;
          for (int64_t u = 0; u < window; ++u)
            for (int64_t v = 0; v < window; ++v) {
              int64_t y = i * stride + u - low, z = j * stride + v - low;
              if (y >= 0 && y < h && z >= 0 && z < w)
                sum += double(x[size_t((y * w + z) * c + l)]) * f[size_t((u * window + v) * c + l)];
            }
          expected.push_back(float(sum));
        }
    std::string text = llvm::formatv(R"(
func.func @k(%a: tensor<{0}x{1}x{2}xf32>, %b: tensor<{3}x{3}x{2}xf32>) -> tensor<{7}x{8}x{2}xf32> {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{7}x{8}x{2}xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<{7}x{8}x{2}xf32>) -> tensor<{7}x{8}x{2}xf32>
  %p = tensor.pad %a low[{5}, {5}, 0] high[{6}, {6}, 0] {{
    ^bb0(%i: index, %j: index, %l: index):
      tensor.yield %zero : f32
  } : tensor<{0}x{1}x{2}xf32> to tensor<{9}x{10}x{2}xf32>
  %c = linalg.generic {{indexing_maps = [affine_map<(i, j, c, u, v) -> (i * {4} + u, j * {4} + v, c)>,
      affine_map<(i, j, c, u, v) -> (u, v, c)>, affine_map<(i, j, c, u, v) -> (i, j, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%p, %b : tensor<{9}x{10}x{2}xf32>, tensor<{3}x{3}x{2}xf32>) outs(%f : tensor<{7}x{8}x{2}xf32>) {{
    ^bb0(%x: f32, %w: f32, %s: f32):
      %0 = arith.mulf %x, %w : f32
      %1 = arith.addf %s, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<{7}x{8}x{2}xf32>
  return %c : tensor<{7}x{8}x{2}xf32>
})",
                                     h, w, c, window, stride, low, high, i1, j1, h + low + high, w + low + high)
                           .str();
    for (const std::string &target : runnableTargets())
      expectClose(run(text, {x, f}, target), expected, 1e-5);
  }
}

TEST(GuardedContraction, BatchedMatmul) {
  const char *p = "\"parallel\"", *r = "\"reduction\"";
  int64_t batch = 3, m = 10, k = 21, n = 35;
  Floats a = noise(size_t(batch * m * k), 1), b = noise(size_t(batch * k * n), 2), expected;
  for (int64_t i = 0; i < batch; ++i) {
    Floats c = product({a.begin() + i * m * k, a.begin() + (i + 1) * m * k},
                       {b.begin() + i * k * n, b.begin() + (i + 1) * k * n}, m, k, n);
    expected.insert(expected.end(), c.begin(), c.end());
  }
  std::string text = generic("g, m, n, k", "g, m, k", "g, k, n", "g, m, n", llvm::formatv("{0}, {0}, {0}, {1}", p, r),
                             "3x10x21", "3x21x35", "3x10x35");
  for (const std::string &target : runnableTargets())
    expectClose(run(text, {a, b}, target), expected, 1e-4);
}

TEST(GuardedContraction, BatchedMatmulWithTransposedRhs) {
  const char *p = "\"parallel\"", *r = "\"reduction\"";
  int64_t batch = 2, m = 11, k = 21, n = 59;
  Floats a = noise(size_t(batch * m * k), 1), b = noise(size_t(batch * n * k), 2), expected;
  for (int64_t i = 0; i < batch; ++i)
    for (int64_t x = 0; x < m; ++x)
      for (int64_t y = 0; y < n; ++y) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += double(a[size_t((i * m + x) * k + l)]) * b[size_t((i * n + y) * k + l)];
        expected.push_back(float(sum));
      }
  std::string text = generic("g, m, n, k", "g, m, k", "g, n, k", "g, m, n", llvm::formatv("{0}, {0}, {0}, {1}", p, r),
                             "2x11x21", "2x59x21", "2x11x59");
  for (const std::string &target : runnableTargets())
    expectClose(run(text, {a, b}, target), expected, 1e-4);
}

TEST(GuardedElementwise, TransposePadAndBroadcast) {
  std::string text = R"(
func.func @k(%a: tensor<5x3xf32>, %b: tensor<21xf32>) -> tensor<4x21xf32> {
  %zero = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<3x5xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%a : tensor<5x3xf32>) outs(%e : tensor<3x5xf32>) {
    ^bb0(%x: f32, %o: f32):
      linalg.yield %x : f32
  } -> tensor<3x5xf32>
  %p = tensor.pad %t low[1, 14] high[0, 2] {
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : f32
  } : tensor<3x5xf32> to tensor<4x21xf32>
  %o = tensor.empty() : tensor<4x21xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : tensor<4x21xf32>, tensor<21xf32>) outs(%o : tensor<4x21xf32>) {
    ^bb0(%x: f32, %y: f32, %d: f32):
      %s = arith.addf %x, %y : f32
      linalg.yield %s : f32
  } -> tensor<4x21xf32>
  return %r : tensor<4x21xf32>
})";
  Floats a = noise(15, 1), b = noise(21, 2), expected;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 21; ++j)
      expected.push_back((i >= 1 && j >= 14 && j < 19 ? a[size_t((j - 14) * 3 + i - 1)] : 2.0f) + b[size_t(j)]);
  for (const std::string &target : runnableTargets())
    EXPECT_EQ(run(text, {a, b}, target), expected) << target;
}

size_t count(const std::string &text, const std::string &word) {
  size_t result = 0;
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size())
    ++result;
  return result;
}

// The accumulators stay in registers, and the loop holds MR x NV FMAs four times. K is one part: the loop over further
// parts of a longer sum has the same FMAs again.
// As images are enlarged: a vector holds copies of several elements, the last one fewer.
TEST(GuardedElementwise, CopiesOfEachElement) {
  for (int64_t copies : {2, 3, 4, 8, 16})
    for (int64_t columns : {1, 5, 8, 21, 64}) {
      Floats x = noise(size_t(3 * columns), 1), expected;
      for (float value : x)
        expected.insert(expected.end(), size_t(copies), 2 * value);
      std::string text = llvm::formatv(R"(
func.func @k(%a: tensor<3x{0}x1xf32>) -> tensor<3x{0}x{1}xf32> {{
  %e = tensor.empty() : tensor<3x{0}x{1}xf32>
  %y = linalg.generic {{indexing_maps = [affine_map<(i, j, l) -> (i, j, 0)>, affine_map<(i, j, l) -> (i, j, l)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%a : tensor<3x{0}x1xf32>)
      outs(%e : tensor<3x{0}x{1}xf32>) {{
    ^bb0(%x: f32, %o: f32):
      %0 = arith.addf %x, %x : f32
      linalg.yield %0 : f32
  } -> tensor<3x{0}x{1}xf32>
  return %y : tensor<3x{0}x{1}xf32>
})",
                                       columns, copies)
                             .str();
      for (const std::string &target : runnableTargets())
        EXPECT_EQ(run(text, {x}, target), expected) << target << " " << columns << " x " << copies;
    }
}

TEST(GuardedContraction, KeepsAccumulatorsInRegisters) {
  struct {
    const char *target, *registers;
    size_t fmas;
  } cases[] = {{"x86-64-v3", "ymm", 6 * 2 * 4}, {"x86-64-v4", "zmm", 8 * 3 * 4}};
  for (auto [name, registers, fmas] : cases) {
    Kernel kernel(packedMatmul(48, 512, 96), Kernel::Stage::Graph);
    TargetDesc target = targetOf(name);
    llvm::LLVMContext context;
    auto emitted = createVectorEmitter()->emit(kernel.function, target, context);
    ASSERT_TRUE(succeeded(emitted));
    std::string assembly = llvm::cantFail(compileToAssembly(*emitted->module, target));
    EXPECT_EQ(count(assembly, "vfmadd"), fmas) << name;
    // Labels and jumps end a basic block; the inner loop is the one with the FMAs.
    size_t stackAccesses = 0, fmasOfBlock = 0, accessesOfBlock = 0;
    auto endBlock = [&] {
      stackAccesses += fmasOfBlock ? accessesOfBlock : 0;
      fmasOfBlock = accessesOfBlock = 0;
    };
    for (llvm::StringRef line : llvm::split(llvm::StringRef(assembly), '\n')) {
      if (line.contains(':') || line.ltrim().starts_with("j"))
        endBlock();
      fmasOfBlock += line.contains("vfmadd");
      accessesOfBlock += line.contains("(%rsp)") && line.contains(registers);
    }
    endBlock();
    // LLVM's scheduler may load three rhs vectors too early; accumulators on the stack would be dozens.
    EXPECT_LE(stackAccesses, 6u) << name;
  }
}

TEST(GuardedEmitter, RefusesWhatWouldCallALibrary) {
  Kernel kernel(R"(
func.func @k(%a: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%x: f32, %o: f32):
      %s = math.exp %x : f32
      linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
})",
                Kernel::Stage::Graph);
  EXPECT_FALSE(createVectorEmitter()->accepts(kernel.function, targetOf("x86-64-v3")));
}

} // namespace
} // namespace mlc::codegen
