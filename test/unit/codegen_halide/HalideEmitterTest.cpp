// Regions through the Halide emitter, against the loop emitter: odd shapes, NaN and infinity, buffers that end at a
// guard page, and the range of tiles cut in every place.
#include "codegen/Kernel.h"
#include "codegen/loops/LoopEmitter.h"
#include "codegen/lower/Lower.h"
#include "codegen/math/Math.h"
#include "codegen/target/MachineCode.h"
#include "codegen/target/Target.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlc/kernel_abi.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

namespace mlc::codegen {
namespace {

using Floats = std::vector<float>;

// Memory that ends at a page without access.
class Guarded {
public:
  explicit Guarded(size_t bytes) : size((bytes + 4095) / 4096 * 4096 + 4096) {
    base = static_cast<char *>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + size - 4096, 4096, PROT_NONE);
    data = reinterpret_cast<float *>(base + size - 4096 - bytes);
  }
  Guarded(const Guarded &) = delete;
  ~Guarded() { munmap(base, size); }
  float *data;

private:
  size_t size;
  char *base;
};

class Loaded {
public:
  Loaded(const Emitter &emitter, mlir::func::FuncOp kernel, const TargetDesc &target) {
    llvm::LLVMContext context;
    auto start = std::chrono::steady_clock::now();
    auto emitted = emitter.emit(kernel, target, context);
    emissionMs = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (failed(emitted)) {
      ADD_FAILURE() << "emission failed";
      return;
    }
    tiles = emitted->tiles;
    scratch.resize(emitted->scratch_bytes + 64);
    auto bytes = llvm::cantFail(compileToObject(*emitted->module, target));
    object.assign(bytes.begin(), bytes.end());
    auto shared = linkSharedObject(KernelObject{"k", bytes});
    if (!shared) {
      ADD_FAILURE() << llvm::toString(shared.takeError());
      return;
    }
    int file;
    llvm::SmallString<64> path;
    EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("kernel", "so", file, path));
    EXPECT_EQ(write(file, shared->data(), shared->size()), ssize_t(shared->size()));
    close(file);
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    llvm::sys::fs::remove(path);
    if (library)
      function = reinterpret_cast<mlc_kernel_fn>(dlsym(library, "k"));
  }
  ~Loaded() {
    if (library)
      dlclose(library);
  }
  void run(std::vector<void *> bindings, int64_t begin, int64_t end) {
    mlc_kernel_args args = {bindings.data(), nullptr};
    mlc_worker worker = {scratch.data(), scratch.size(), 0, 0};
    ASSERT_TRUE(function);
    EXPECT_EQ(function(&args, &worker, begin, end), MLC_KERNEL_OK);
  }
  int64_t tiles = 0;
  double emissionMs = 0;
  std::string object;

private:
  void *library = nullptr;
  mlc_kernel_fn function = nullptr;
  std::vector<char> scratch;
};

struct Kernel {
  explicit Kernel(const std::string &text) {
    mlir::DialectRegistry registry;
    registerLoopEmitter(registry);
    registry.insert<MlcDialect>();
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module) {
      ADD_FAILURE() << "does not parse: " << text;
      return;
    }
    function = module->lookupSymbol<mlir::func::FuncOp>("k");
    EXPECT_TRUE(succeeded(convertMlcToLinalg(function)));
    expandMath(function);
    EXPECT_TRUE(succeeded(mlir::verify(*module)));
  }
  static size_t count(mlir::Type type) { return mlir::cast<mlir::RankedTensorType>(type).getNumElements(); }
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
};

void expectClose(float got, float want, float tolerance, size_t at, const char *what) {
  if (std::isnan(want) || std::isinf(want))
    ASSERT_TRUE(std::isnan(want) ? std::isnan(got) : got == want)
        << what << " at " << at << ": " << got << ", not " << want;
  else
    ASSERT_LE(std::fabs(got - want), tolerance * (1 + std::fabs(want)))
        << what << " at " << at << ": " << got << ", not " << want;
}

void check(const std::string &text, const char *targetName, float tolerance = 2e-6f) {
  SCOPED_TRACE(text + " for " + targetName);
  Kernel kernel(text);
  TargetDesc target = llvm::cantFail(resolveTarget(targetName));
  auto halide = createHalideEmitter();
  ASSERT_TRUE(halide->accepts(kernel.function, target));
  Loaded fast(*halide, kernel.function, target), plain(*createLoopEmitter(), kernel.function, target);
  ASSERT_GE(fast.tiles, 1);
  for (bool special : {false, true}) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    std::vector<std::unique_ptr<Guarded>> buffers;
    std::vector<void *> bindings;
    for (mlir::Type type : kernel.function.getArgumentTypes()) {
      size_t n = Kernel::count(type);
      buffers.push_back(std::make_unique<Guarded>(4 * n));
      for (size_t i = 0; i < n; ++i)
        buffers.back()->data[i] = normal(random);
      if (special && buffers.size() == 1) {
        const float values[] = {NAN, INFINITY, -INFINITY, -0.f, 1e-40f};
        for (size_t i = 0; i < n; i += 37)
          buffers.back()->data[i] = values[i / 37 % 5];
      }
      bindings.push_back(buffers.back()->data);
    }
    size_t n = Kernel::count(kernel.function.getResultTypes()[0]);
    Guarded result(4 * n), cut(4 * n);
    Floats want(n, 99);
    std::fill_n(result.data, n, 98.f);
    std::fill_n(cut.data, n, 97.f);
    bindings.push_back(want.data());
    plain.run(bindings, 0, plain.tiles);
    bindings.back() = result.data;
    fast.run(bindings, 0, fast.tiles);
    for (size_t i = 0; i < n; ++i)
      expectClose(result.data[i], want[i], tolerance, i, "element");
    bindings.back() = cut.data;
    for (int64_t begin = fast.tiles; begin > 0; begin -= std::min<int64_t>(begin, 3))
      fast.run(bindings, std::max<int64_t>(0, begin - 3), begin);
    ASSERT_EQ(std::memcmp(cut.data, result.data, 4 * n), 0) << "the bits depend on how the range is cut";
  }
}

std::string tensor(std::initializer_list<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + "f32>";
}

std::string softmax(int64_t rows, int64_t columns) {
  std::string t = tensor({rows, columns});
  return "func.func @k(%a: " + t + ") -> " + t + " { %0 = mlc.softmax %a {axis = 1 : i64} : (" + t + ") -> " + t +
         " return %0 : " + t + " }";
}

std::string layerNorm(int64_t rows, int64_t columns, bool residual) {
  std::string t = tensor({rows, columns}), c = tensor({columns});
  return "func.func @k(%a: " + t + ", %r: " + t + ", %s: " + c + ", %b: " + c + ") -> " + t + " { " +
         (residual ? "%x = mlc.add %a, %r : (" + t + ", " + t + ") -> " + t
                   : "%x = mlc.mul %a, %a : (" + t + ", " + t + ") -> " + t) +
         " %0 = mlc.layer_norm %x scale(%s) bias(%b) {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (" + t + ", " + c +
         ", " + c + ") -> " + t + " return %0 : " + t + " }";
}

const char *kTargets[] = {"x86-64-v3", "x86-64-v4"};

bool runsHere(const char *target) {
  return llvm::StringRef(target) != "x86-64-v4" || __builtin_cpu_supports("avx512vl");
}

class Rows : public testing::TestWithParam<std::tuple<const char *, int64_t>> {};

TEST_P(Rows, Softmax) {
  auto [target, columns] = GetParam();
  if (!runsHere(target))
    GTEST_SKIP();
  check(softmax(columns < 100 ? 5 : 3, columns), target);
}

TEST_P(Rows, LayerNorm) {
  auto [target, columns] = GetParam();
  if (!runsHere(target))
    GTEST_SKIP();
  check(layerNorm(5, columns, true), target, 2e-5f);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Rows,
                         testing::Combine(testing::ValuesIn(kTargets), testing::Values(1, 3, 17, 64, 100, 768)));

class Kernels : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (!runsHere(GetParam()))
      GTEST_SKIP();
  }
};
INSTANTIATE_TEST_SUITE_P(Targets, Kernels, testing::ValuesIn(kTargets));

TEST_P(Kernels, SoftmaxOfOneRow) {
  check("func.func @k(%a: tensor<1000xf32>) -> tensor<1000xf32> { %0 = mlc.softmax %a {axis = 0 : i64} : "
        "(tensor<1000xf32>) -> tensor<1000xf32> return %0 : tensor<1000xf32> }",
        GetParam());
}

TEST_P(Kernels, SoftmaxOfHeads) {
  check("func.func @k(%a: tensor<1x12x17x17xf32>) -> tensor<1x12x17x17xf32> { %0 = mlc.softmax %a {axis = 3 : i64} : "
        "(tensor<1x12x17x17xf32>) -> tensor<1x12x17x17xf32> return %0 : tensor<1x12x17x17xf32> }",
        GetParam());
}

TEST_P(Kernels, ElementwiseChain) {
  check("func.func @k(%a: tensor<7x33xf32>, %b: tensor<33xf32>) -> tensor<7x33xf32> { "
        "%0 = mlc.add %a, %b : (tensor<7x33xf32>, tensor<33xf32>) -> tensor<7x33xf32> "
        "%1 = mlc.tanh %0 : (tensor<7x33xf32>) -> tensor<7x33xf32> "
        "%2 = mlc.erf %1 : (tensor<7x33xf32>) -> tensor<7x33xf32> "
        "%3 = mlc.relu %2 : (tensor<7x33xf32>) -> tensor<7x33xf32> return %3 : tensor<7x33xf32> }",
        GetParam());
}

TEST_P(Kernels, MaxPool) {
  check("func.func @k(%x: tensor<1x20x9x11xf32>) -> tensor<1x20x5x6xf32> { "
        "%0 = mlc.pool max %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, "
        "pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : "
        "(tensor<1x20x9x11xf32>) -> tensor<1x20x5x6xf32> return %0 : tensor<1x20x5x6xf32> }",
        GetParam());
}

TEST_P(Kernels, GlobalMean) {
  check("func.func @k(%x: tensor<2x7x7x100xf32>) -> tensor<2x100xf32> { "
        "%0 = mlc.reduce mean %x {axes = array<i64: 1, 2>} : (tensor<2x7x7x100xf32>) -> tensor<2x100xf32> "
        "return %0 : tensor<2x100xf32> }",
        GetParam());
}

// Pooling as the layout phase leaves it; the average divides by what lies inside.
TEST_P(Kernels, PoolChannelsLast) {
  for (std::string kind : {"max", "average"})
    check("func.func @k(%x: tensor<1x9x11x20xf32>) -> tensor<1x5x6x20xf32> { %0 = mlc.pool " + kind +
              " %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pad_low = array<i64: 1, 1>, pad_high = "
              "array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : "
              "(tensor<1x9x11x20xf32>) -> tensor<1x5x6x20xf32> return %0 : tensor<1x5x6x20xf32> }",
          GetParam());
}

// A result that is itself a reduction.
TEST_P(Kernels, ReductionsAlone) {
  for (std::string kind : {"sum", "max", "min", "mean"}) {
    check("func.func @k(%x: tensor<5x300xf32>) -> tensor<5xf32> { %0 = mlc.reduce " + kind +
              " %x {axes = array<i64: 1>} : (tensor<5x300xf32>) -> tensor<5xf32> return %0 : tensor<5xf32> }",
          GetParam(), 1e-5f);
    check("func.func @k(%x: tensor<2x17x33xf32>) -> tensor<2x1x33xf32> { %0 = mlc.reduce " + kind +
              " %x {axes = array<i64: 1>, keep_dims} : (tensor<2x17x33xf32>) -> tensor<2x1x33xf32> "
              "return %0 : tensor<2x1x33xf32> }",
          GetParam(), 1e-5f);
  }
}

TEST_P(Kernels, L2Normalise) {
  check("func.func @k(%0: tensor<3x384xf32>) -> tensor<3x384xf32> { "
        "%1 = mlc.mul %0, %0 : (tensor<3x384xf32>, tensor<3x384xf32>) -> tensor<3x384xf32> "
        "%2 = mlc.reduce sum %1 {axes = array<i64: 1>, keep_dims} : (tensor<3x384xf32>) -> tensor<3x1xf32> "
        "%3 = mlc.sqrt %2 : (tensor<3x1xf32>) -> tensor<3x1xf32> "
        "%4 = mlc.div %0, %3 : (tensor<3x384xf32>, tensor<3x1xf32>) -> tensor<3x384xf32> "
        "return %4 : tensor<3x384xf32> }",
        GetParam(), 1e-5f);
}

TEST_P(Kernels, MaskedMeanPooling) {
  check("func.func @k(%x: tensor<2x17x64xf32>, %m: tensor<2x17x1xf32>) -> tensor<2x64xf32> { "
        "%0 = mlc.mul %x, %m : (tensor<2x17x64xf32>, tensor<2x17x1xf32>) -> tensor<2x17x64xf32> "
        "%1 = mlc.reduce sum %0 {axes = array<i64: 1>} : (tensor<2x17x64xf32>) -> tensor<2x64xf32> "
        "%2 = mlc.abs %m : (tensor<2x17x1xf32>) -> tensor<2x17x1xf32> "
        "%3 = mlc.reduce sum %2 {axes = array<i64: 1>} : (tensor<2x17x1xf32>) -> tensor<2x1xf32> "
        "%4 = mlc.div %1, %3 : (tensor<2x64xf32>, tensor<2x1xf32>) -> tensor<2x64xf32> "
        "return %4 : tensor<2x64xf32> }",
        GetParam(), 1e-5f);
}

// The shapes of the models: three-dimensional activations, the stem's pool, the last pool.
TEST_P(Kernels, ModelShapes) {
  std::string t = tensor({1, 16, 384}), c = tensor({384});
  check("func.func @k(%a: " + t + ", %r: " + t + ", %s: " + c + ", %b: " + c + ") -> " + t +
            " { %x = mlc.add %a, %r : (" + t + ", " + t + ") -> " + t +
            " %0 = mlc.layer_norm %x scale(%s) bias(%b) {axis = 2 : i64, epsilon = 1.0e-12 : "
            "f64} : (" +
            t + ", " + c + ", " + c + ") -> " + t + " return %0 : " + t + " }",
        GetParam(), 2e-5f);
  check(
      "func.func @k(%x: tensor<1x12x12x64xf32>) -> tensor<1x6x6x64xf32> { %0 = mlc.pool max %x {window = array<i64: 3, "
      "3>, strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 1, 1>, dilations = array<i64: "
      "1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x12x12x64xf32>) -> tensor<1x6x6x64xf32> "
      "return %0 : tensor<1x6x6x64xf32> }",
      GetParam());
  check("func.func @k(%x: tensor<1x7x7x512xf32>) -> tensor<1x1x1x512xf32> { %0 = mlc.reduce mean %x {axes = array<i64: "
        "1, "
        "2>, keep_dims} : (tensor<1x7x7x512xf32>) -> tensor<1x1x1x512xf32> return %0 : tensor<1x1x1x512xf32> }",
        GetParam(), 1e-5f);
  check("func.func @k(%x: tensor<1x300xf32>) -> tensor<1xf32> { %0 = mlc.reduce sum %x {axes = array<i64: 1>} : "
        "(tensor<1x300xf32>) -> tensor<1xf32> return %0 : tensor<1xf32> }",
        GetParam(), 1e-5f);
}

TEST(Halide, RefusesContractions) {
  Kernel kernel("func.func @k(%a: tensor<4x4xf32>, %b: tensor<4x4xf32>) -> tensor<4x4xf32> { %0 = mlc.matmul %a, %b : "
                "(tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> return %0 : tensor<4x4xf32> }");
  EXPECT_FALSE(createHalideEmitter()->accepts(kernel.function, llvm::cantFail(resolveTarget("x86-64-v3"))));
}

TEST(Halide, SameKernelTwiceIsTheSameObject) {
  TargetDesc target = llvm::cantFail(resolveTarget("x86-64-v3"));
  Kernel first(softmax(4, 100)), second(softmax(4, 100));
  Loaded a(*createHalideEmitter(), first.function, target), b(*createHalideEmitter(), second.function, target);
  ASSERT_FALSE(a.object.empty());
  EXPECT_EQ(a.object, b.object);
}

// Prints times; fails only where a kernel is slower than the plain loops.
TEST(HalideSpeed, SoftmaxAndLayerNorm) {
  const char *name = runsHere("x86-64-v4") ? "x86-64-v4" : "x86-64-v3";
  TargetDesc target = llvm::cantFail(resolveTarget(name));
  for (const std::string &text : {softmax(4096, 768), layerNorm(4096, 768, true)}) {
    Kernel kernel(text);
    Loaded fast(*createHalideEmitter(), kernel.function, target), plain(*createLoopEmitter(), kernel.function, target);
    std::vector<Floats> buffers;
    std::vector<void *> bindings;
    for (mlir::Type type : kernel.function.getArgumentTypes())
      buffers.emplace_back(Kernel::count(type), 0.5f);
    buffers.emplace_back(4096 * 768);
    for (Floats &buffer : buffers)
      bindings.push_back(buffer.data());
    auto milliseconds = [&](Loaded &kernel) {
      double best = INFINITY;
      for (int i = 0; i < 5; ++i) {
        auto start = std::chrono::steady_clock::now();
        kernel.run(bindings, 0, kernel.tiles);
        best =
            std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
      }
      return best;
    };
    double fastTime = milliseconds(fast), plainTime = milliseconds(plain);
    std::printf("%s [4096,768], %s: halide %.2f ms, loops %.2f ms; emitted in %.0f ms\n",
                text.find("softmax") != std::string::npos ? "softmax" : "residual + layer norm", name, fastTime,
                plainTime, fast.emissionMs);
    EXPECT_LT(fastTime, plainTime);
  }
}

} // namespace
} // namespace mlc::codegen
