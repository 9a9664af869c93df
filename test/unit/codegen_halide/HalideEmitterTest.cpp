// Regions through the Halide emitter against the reference interpreter: odd shapes, NaN and infinity, buffers that end
// at a guard page, and the range of tiles cut in every place.
#include "codegen/loops/LoopEmitter.h"
#include "test/unit/codegen/Harness.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"

#include <chrono>
#include <cmath>
#include <cstdio>

namespace mlc::codegen {
namespace {

using namespace test;

void check(const std::string &text, double tolerance = 2e-6) {
  checkAgainstReference(*createHalideEmitter(), text, {.tolerance = tolerance});
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

const int64_t kColumns[] = {1, 3, 17, 64, 100, 768};

TEST(Rows, Softmax) {
  for (int64_t columns : kColumns)
    check(softmax(columns < 100 ? 5 : 3, columns));
}

TEST(Rows, LayerNorm) {
  for (int64_t columns : kColumns)
    check(layerNorm(5, columns, true), 2e-5);
}

// Rows of more than 16 KiB, where Halide takes the heap for what it calls the stack.
TEST(Rows, Long) {
  check(softmax(2, 6625));
  check(softmax(1, 50257));
  check(layerNorm(2, 16641, true), 2e-5);
}

TEST(Kernels, SoftmaxOfOneRow) {
  check("func.func @k(%a: tensor<1000xf32>) -> tensor<1000xf32> { %0 = mlc.softmax %a {axis = 0 : i64} : "
        "(tensor<1000xf32>) -> tensor<1000xf32> return %0 : tensor<1000xf32> }");
}

TEST(Kernels, SoftmaxOfHeads) {
  check("func.func @k(%a: tensor<1x12x17x17xf32>) -> tensor<1x12x17x17xf32> { %0 = mlc.softmax %a {axis = 3 : i64} : "
        "(tensor<1x12x17x17xf32>) -> tensor<1x12x17x17xf32> return %0 : tensor<1x12x17x17xf32> }");
}

TEST(Kernels, ElementwiseChain) {
  check("func.func @k(%a: tensor<7x33xf32>, %b: tensor<33xf32>) -> tensor<7x33xf32> { "
        "%0 = mlc.add %a, %b : (tensor<7x33xf32>, tensor<33xf32>) -> tensor<7x33xf32> "
        "%1 = mlc.tanh %0 : (tensor<7x33xf32>) -> tensor<7x33xf32> "
        "%2 = mlc.erf %1 : (tensor<7x33xf32>) -> tensor<7x33xf32> "
        "%3 = mlc.relu %2 : (tensor<7x33xf32>) -> tensor<7x33xf32> return %3 : tensor<7x33xf32> }");
}

TEST(Kernels, MaxPool) {
  check("func.func @k(%x: tensor<1x20x9x11xf32>) -> tensor<1x20x5x6xf32> { "
        "%0 = mlc.pool max %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, "
        "pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : "
        "(tensor<1x20x9x11xf32>) -> tensor<1x20x5x6xf32> return %0 : tensor<1x20x5x6xf32> }");
}

TEST(Kernels, GlobalMean) {
  check("func.func @k(%x: tensor<2x7x7x100xf32>) -> tensor<2x100xf32> { "
        "%0 = mlc.reduce mean %x {axes = array<i64: 1, 2>} : (tensor<2x7x7x100xf32>) -> tensor<2x100xf32> "
        "return %0 : tensor<2x100xf32> }");
}

// Pooling as the layout phase leaves it; the average divides by what lies inside.
TEST(Kernels, PoolChannelsLast) {
  for (std::string kind : {"max", "average"})
    check("func.func @k(%x: tensor<1x9x11x20xf32>) -> tensor<1x5x6x20xf32> { %0 = mlc.pool " + kind +
          " %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pad_low = array<i64: 1, 1>, pad_high = "
          "array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : "
          "(tensor<1x9x11x20xf32>) -> tensor<1x5x6x20xf32> return %0 : tensor<1x5x6x20xf32> }");
}

// A result that is itself a reduction.
TEST(Kernels, ReductionsAlone) {
  for (std::string kind : {"sum", "max", "min", "mean"}) {
    check("func.func @k(%x: tensor<5x300xf32>) -> tensor<5xf32> { %0 = mlc.reduce " + kind +
              " %x {axes = array<i64: 1>} : (tensor<5x300xf32>) -> tensor<5xf32> return %0 : tensor<5xf32> }",
          1e-5);
    check("func.func @k(%x: tensor<2x17x33xf32>) -> tensor<2x1x33xf32> { %0 = mlc.reduce " + kind +
              " %x {axes = array<i64: 1>, keep_dims} : (tensor<2x17x33xf32>) -> tensor<2x1x33xf32> "
              "return %0 : tensor<2x1x33xf32> }",
          1e-5);
  }
}

// One result dimension, a stage for each of its elements, and one that needs all of them.
TEST(Kernels, VectorLessItsMaximum) {
  for (std::string rows : {"1", "7", "16", "33"}) {
    std::string matrix = "tensor<" + rows + "x8xf32>", vector = "tensor<" + rows + "xf32>";
    check("func.func @k(%x: " + matrix + ") -> " + vector + " { %s = mlc.reduce sum %x {axes = array<i64: 1>} : (" +
              matrix + ") -> " + vector + " %m = mlc.reduce max %x {axes = array<i64: 0, 1>} : (" + matrix +
              ") -> tensor<f32> %0 = mlc.sub %s, %m : (" + vector + ", tensor<f32>) -> " + vector +
              " return %0 : " + vector + " }",
          1e-5);
  }
}

TEST(Kernels, L2Normalise) {
  check("func.func @k(%0: tensor<3x384xf32>) -> tensor<3x384xf32> { "
        "%1 = mlc.mul %0, %0 : (tensor<3x384xf32>, tensor<3x384xf32>) -> tensor<3x384xf32> "
        "%2 = mlc.reduce sum %1 {axes = array<i64: 1>, keep_dims} : (tensor<3x384xf32>) -> tensor<3x1xf32> "
        "%3 = mlc.sqrt %2 : (tensor<3x1xf32>) -> tensor<3x1xf32> "
        "%4 = mlc.div %0, %3 : (tensor<3x384xf32>, tensor<3x1xf32>) -> tensor<3x384xf32> "
        "return %4 : tensor<3x384xf32> }",
        1e-5);
}

TEST(Kernels, MaskedMeanPooling) {
  check("func.func @k(%x: tensor<2x17x64xf32>, %m: tensor<2x17x1xf32>) -> tensor<2x64xf32> { "
        "%0 = mlc.mul %x, %m : (tensor<2x17x64xf32>, tensor<2x17x1xf32>) -> tensor<2x17x64xf32> "
        "%1 = mlc.reduce sum %0 {axes = array<i64: 1>} : (tensor<2x17x64xf32>) -> tensor<2x64xf32> "
        "%2 = mlc.abs %m : (tensor<2x17x1xf32>) -> tensor<2x17x1xf32> "
        "%3 = mlc.reduce sum %2 {axes = array<i64: 1>} : (tensor<2x17x1xf32>) -> tensor<2x1xf32> "
        "%4 = mlc.div %1, %3 : (tensor<2x64xf32>, tensor<2x1xf32>) -> tensor<2x64xf32> "
        "return %4 : tensor<2x64xf32> }",
        1e-5);
}

// A negative number becomes an integer of its sign before that is narrowed: Halide would cast floats to unsigned ones.
TEST(Kernels, NegativeMeansAsIntegers) {
  for (std::string type : {"i8", "ui8"})
    checkAgainstReference(*createHalideEmitter(),
                          "func.func @k(%x: tensor<6x20xf32>) -> tensor<6x" + type +
                              "> {"
                              " %z = mlc.constant dense<90> : tensor<" +
                              type +
                              ">"
                              " %s = mlc.constant dense<1.5e-2> : tensor<f32>"
                              " %0 = mlc.reduce mean %x {axes = array<i64: 1>} : (tensor<6x20xf32>) -> tensor<6xf32>"
                              " %1 = mlc.div %0, %s : (tensor<6xf32>, tensor<f32>) -> tensor<6xf32>"
                              " %2 = mlc.quantize %1, %z : (tensor<6xf32>, tensor<" +
                              type + ">) -> tensor<6x" + type +
                              ">"
                              " return %2 : tensor<6x" +
                              type + "> }");
}

// Integers are signed between ops, whatever they were; a cast must know.
TEST(Kernels, CastsOfUnsigned) {
  for (std::string bits : {"8", "32", "64"}) {
    std::string x = "tensor<5x36xi" + bits + ">", u = "tensor<5x36xui" + bits + ">", t = "tensor<5x36xf32>";
    checkAgainstReference(*createHalideEmitter(),
                          "func.func @k(%x: " + x + ") -> tensor<5xf32> { %u = mlc.cast %x to ui" + bits + " : " + x +
                              " -> " + u + " %0 = mlc.cast %u to f32 : " + u + " -> " + t +
                              " %1 = mlc.reduce max %0 {axes = array<i64: 1>} : (" + t +
                              ") -> tensor<5xf32> return %1 : tensor<5xf32> }",
                          {.bound = std::numeric_limits<int64_t>::max()});
  }
}

// Where the range is cut must not decide which product of a sum is rounded: lengths that are no multiple of a vector.
TEST(Kernels, ProductsBehindTheLastVector) {
  for (std::string n : {"5", "20", "21", "40", "100"}) {
    std::string t = "tensor<1x7x7x" + n + "xf32>", c = "tensor<" + n + "xf32>", r = "tensor<1x" + n + "xf32>";
    check("func.func @k(%x: " + t + ", %z: " + t + ", %a: " + c + ", %b: " + c + ") -> " + r +
              " { %0 = mlc.mul %x, %a : (" + t + ", " + c + ") -> " + t + " %1 = mlc.mul %z, %b : (" + t + ", " + c +
              ") -> " + t + " %2 = mlc.add %0, %1 : (" + t + ", " + t + ") -> " + t +
              " %3 = mlc.reduce mean %2 {axes = array<i64: 1, 2>} : (" + t + ") -> " + r + " return %3 : " + r + " }",
          1e-5);
  }
}

// Squares of differences read their operand twice, at one place.
TEST(Kernels, VarianceOverAnOuterDimension) {
  for (auto [rows, columns] : {std::pair{160, 17}, {300, 40}, {7, 5}}) {
    std::string x = tensor({rows, columns}), m = tensor({1, columns});
    check("func.func @k(%x: " + x + ", %m: " + m + ") -> " + m + " { %0 = mlc.sub %x, %m : (" + x + ", " + m + ") -> " +
              x + " %1 = mlc.mul %0, %0 : (" + x + ", " + x + ") -> " + x +
              " %2 = mlc.reduce mean %1 {axes = array<i64: 0>, keep_dims} : (" + x + ") -> " + m + " return %2 : " + m +
              " }",
          1e-5);
  }
}

// A NaN is the best of all; of equal ones the first counts, or the last.
TEST(Kernels, PositionsOfTheBest) {
  for (std::string op : {"arg_max", "arg_min"})
    for (std::string last : {"", ", select_last"})
      for (std::string axis : {"0", "1"}) {
        std::string out = axis == "0" ? "tensor<70xi64>" : "tensor<37xi64>";
        check("func.func @k(%x: tensor<37x70xf32>) -> " + out + " { %0 = mlc." + op + " %x {axis = " + axis + " : i64" +
              last + "} : (tensor<37x70xf32>) -> " + out + " return %0 : " + out + " }");
      }
}

std::string in(const std::string &type, std::string text) {
  for (size_t at = 0; (at = text.find("f32>", at)) != std::string::npos; at += type.size())
    text.replace(at, 3, type);
  return text;
}

// f32 inside, rounded once an op: NaN and subnormal numbers too.
TEST(Kernels, Halves) {
  for (std::string type : {"f16", "bf16"}) {
    double tolerance = type == "f16" ? 2e-3 : 1.6e-2;
    for (int64_t columns : kColumns) {
      check(in(type, softmax(5, columns)), tolerance);
      check(in(type, layerNorm(5, columns, true)), 3 * tolerance); // of a sum that is rounded
    }
    for (std::string kind : {"max", "average"})
      check(in(type, "func.func @k(%x: tensor<1x9x11x20xf32>) -> tensor<1x5x6x20xf32> { %0 = mlc.pool " + kind +
                         " %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pad_low = array<i64: 1, 1>, "
                         "pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout "
                         "channels_last>} : (tensor<1x9x11x20xf32>) -> tensor<1x5x6x20xf32> return %0 : "
                         "tensor<1x5x6x20xf32> }"),
            tolerance);
    for (std::string axis : {"0", "1"}) {
      std::string reduced = axis == "0" ? "tensor<33xf32>" : "tensor<70xf32>";
      check(in(type, "func.func @k(%x: tensor<70x33xf32>) -> " + reduced +
                         " { %0 = mlc.reduce mean %x {axes = array<i64: " + axis + ">} : (tensor<70x33xf32>) -> " +
                         reduced + " return %0 : " + reduced + " }"),
            tolerance);
    }
  }
}

// The shapes of the models: three-dimensional activations, the stem's pool, the last pool.
TEST(Kernels, ModelShapes) {
  std::string t = tensor({1, 16, 384}), c = tensor({384});
  check("func.func @k(%a: " + t + ", %r: " + t + ", %s: " + c + ", %b: " + c + ") -> " + t +
            " { %x = mlc.add %a, %r : (" + t + ", " + t + ") -> " + t +
            " %0 = mlc.layer_norm %x scale(%s) bias(%b) {axis = 2 : i64, epsilon = 1.0e-12 : "
            "f64} : (" +
            t + ", " + c + ", " + c + ") -> " + t + " return %0 : " + t + " }",
        2e-5);
  check(
      "func.func @k(%x: tensor<1x12x12x64xf32>) -> tensor<1x6x6x64xf32> { %0 = mlc.pool max %x {window = array<i64: 3, "
      "3>, strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 1, 1>, dilations = array<i64: "
      "1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x12x12x64xf32>) -> tensor<1x6x6x64xf32> "
      "return %0 : tensor<1x6x6x64xf32> }");
  check("func.func @k(%x: tensor<1x7x7x512xf32>) -> tensor<1x1x1x512xf32> { %0 = mlc.reduce mean %x {axes = array<i64: "
        "1, "
        "2>, keep_dims} : (tensor<1x7x7x512xf32>) -> tensor<1x1x1x512xf32> return %0 : tensor<1x1x1x512xf32> }",
        1e-5);
  check("func.func @k(%x: tensor<1x300xf32>) -> tensor<1xf32> { %0 = mlc.reduce sum %x {axes = array<i64: 1>} : "
        "(tensor<1x300xf32>) -> tensor<1xf32> return %0 : tensor<1xf32> }",
        1e-5);
}

TEST(Halide, RefusesContractions) {
  Kernel kernel("func.func @k(%a: tensor<4x4xf32>, %b: tensor<4x4xf32>) -> tensor<4x4xf32> { %0 = mlc.matmul %a, %b : "
                "(tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> return %0 : tensor<4x4xf32> }");
  EXPECT_FALSE(createHalideEmitter()->accepts(kernel.function, targetOf("x86-64-v3")));
}

TEST(Halide, SameKernelTwiceIsTheSameObject) {
  TargetDesc target = targetOf("x86-64-v3");
  Kernel first(softmax(4, 100)), second(softmax(4, 100));
  LoadedKernel a(*createHalideEmitter(), first.function, target), b(*createHalideEmitter(), second.function, target);
  ASSERT_FALSE(a.object().empty());
  EXPECT_EQ(a.object(), b.object());
}

// math.fma goes through Halide in f64: none of that may be left, whatever Halide's LLVM made of it.
TEST(Halide, NothingInDoublePrecision) {
  for (const std::string &text :
       {softmax(5, 17), softmax(5, 36), softmax(5, 112), layerNorm(5, 7, true), layerNorm(5, 17, false),
        layerNorm(5, 36, false), layerNorm(5, 36, true), layerNorm(5, 100, false), layerNorm(5, 768, true)})
    for (std::string name : {"x86-64-v3", "x86-64-v4"}) {
      SCOPED_TRACE(text + " for " + name);
      Kernel kernel(text);
      llvm::LLVMContext context;
      auto emitted = createHalideEmitter()->emit(kernel.function, targetOf(name), context);
      ASSERT_TRUE(succeeded(emitted));
      for (llvm::Function &function : *emitted->module)
        for (llvm::Instruction &instruction : llvm::instructions(function))
          EXPECT_FALSE(instruction.getType()->getScalarType()->isDoubleTy());
    }
}

// Halves of vectors are shuffles, and a maximum that keeps a NaN is the intrinsic, whatever Halide's LLVM made of them.
// That of softmax need not keep it.
TEST(Halide, VectorsStayVectors) {
  auto maximaOf = [](const std::string &text, const std::string &target) {
    Kernel kernel(text);
    llvm::LLVMContext context;
    auto emitted = createHalideEmitter()->emit(kernel.function, targetOf(target), context);
    EXPECT_TRUE(succeeded(emitted));
    unsigned maxima = 0;
    for (llvm::Function &function : *emitted->module)
      for (llvm::Instruction &instruction : llvm::instructions(function)) {
        auto *integer = llvm::dyn_cast<llvm::IntegerType>(instruction.getType()->getScalarType());
        EXPECT_FALSE(integer && integer->getBitWidth() > 64);
        auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
        maxima += call && call->getIntrinsicID() == llvm::Intrinsic::maximum;
      }
    return maxima;
  };
  for (std::string target : {"x86-64-v3", "x86-64-v4"}) {
    SCOPED_TRACE(target);
    EXPECT_EQ(maximaOf(softmax(5, 384), target), 0u);
    EXPECT_GT(
        maximaOf("func.func @k(%x: tensor<5x384xf32>) -> tensor<5xf32> { %0 = mlc.reduce max %x {axes = array<i64: "
                 "1>} : (tensor<5x384xf32>) -> tensor<5xf32> return %0 : tensor<5xf32> }",
                 target),
        4u);
  }
}

// Prints times; fails only where a kernel is slower than the plain loops.
TEST(HalideSpeed, SoftmaxAndLayerNorm) {
  std::string name = runnableTargets().back();
  for (const std::string &text : {softmax(4096, 768), layerNorm(4096, 768, true)}) {
    Kernel kernel(text);
    LoadedKernel fast(*createHalideEmitter(), kernel.function, targetOf(name)),
        plain(*createLoopEmitter(), kernel.function, targetOf(name));
    std::vector<Floats> buffers;
    std::vector<void *> bindings;
    for (const HostTensor &input : randomInputs(kernel.function, 1))
      buffers.emplace_back(input.numElements(), 0.5f);
    buffers.emplace_back(4096 * 768);
    for (Floats &buffer : buffers)
      bindings.push_back(buffer.data());
    auto milliseconds = [&](LoadedKernel &kernel) {
      double best = INFINITY;
      for (int i = 0; i < 5; ++i) {
        auto start = std::chrono::steady_clock::now();
        EXPECT_EQ(kernel.launch(bindings, 0, kernel.tiles()), MLC_KERNEL_OK);
        best =
            std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
      }
      return best;
    };
    double fastTime = milliseconds(fast), plainTime = milliseconds(plain);
    std::printf("%s [4096,768], %s: halide %.2f ms, loops %.2f ms; emitted in %.0f ms\n",
                text.find("softmax") != std::string::npos ? "softmax" : "residual + layer norm", name.c_str(), fastTime,
                plainTime, fast.emissionMs());
    EXPECT_LT(fastTime, plainTime);
  }
}

} // namespace
} // namespace mlc::codegen
