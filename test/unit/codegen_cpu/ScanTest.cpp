// Running sums along lanes and in columns: special values, elementwise ops on both sides, the error of long sums.
#include "codegen/cpu/Scan.h"
#include "test/unit/codegen/Harness.h"

#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlc::codegen {
namespace {

using namespace test;

std::string runningSum(const std::string &shape, int64_t axis, const std::string &flags, const std::string &type) {
  return llvm::formatv("func.func @k(%x: tensor<{0}x{3}>) -> tensor<{0}x{3}> {{ %0 = mlc.cum_sum %x {{axis = {1} : "
                       "i64{2}} : (tensor<{0}x{3}>) -> tensor<{0}x{3}> return %0 : tensor<{0}x{3}> }",
                       shape, axis, flags, type)
      .str();
}

TEST(Scan, EveryDirectionAndType) {
  for (std::string type : {"f32", "f64", "f16", "bf16", "i64", "i8"})
    for (std::string flags : {"", ", exclusive", ", reverse", ", exclusive, reverse"})
      for (auto [shape, axis] :
           {std::pair{"1", 0}, {"3x8", 1}, {"2x31", 1}, {"2x300", 1}, {"300x2x5", 0}, {"3x9x70", 1}})
        checkAgainstReference(*createVectorEmitter(), runningSum(shape, axis, flags, type),
                              {.tolerance = type == "f16"    ? 1e-3
                                            : type == "bf16" ? 8e-3
                                                             : 1e-5});
}

// A mask in integers before the sum, a product behind it; and what is cast on both sides.
TEST(Scan, ElementwiseOpsAround) {
  for (int axis : {0, 1}) {
    checkAgainstReference(*createVectorEmitter(), llvm::formatv(R"(
        func.func @k(%x: tensor<21x50xi64>, %m: tensor<50xi64>) -> tensor<21x50xi64> {{
          %0 = mlc.mul %x, %m : (tensor<21x50xi64>, tensor<50xi64>) -> tensor<21x50xi64>
          %1 = mlc.cum_sum %0 {{axis = {0} : i64} : (tensor<21x50xi64>) -> tensor<21x50xi64>
          %2 = mlc.mul %1, %x : (tensor<21x50xi64>, tensor<21x50xi64>) -> tensor<21x50xi64>
          return %2 : tensor<21x50xi64>
        })",
                                                                axis));
    checkAgainstReference(*createVectorEmitter(), llvm::formatv(R"(
        func.func @k(%x: tensor<21x50xi8>) -> tensor<21x50xf64> {{
          %0 = mlc.cast %x to f32 : tensor<21x50xi8> -> tensor<21x50xf32>
          %1 = mlc.cum_sum %0 {{axis = {0} : i64} : (tensor<21x50xf32>) -> tensor<21x50xf32>
          %2 = mlc.cast %1 to f64 : tensor<21x50xf32> -> tensor<21x50xf64>
          return %2 : tensor<21x50xf64>
        })",
                                                                axis));
  }
}

// One running sum of 65536 numbers in [0, 1) has an error of 1e-5.
TEST(Scan, LongSumsAreMadeOfParts) {
  constexpr int64_t size = 65536;
  Floats x = noise(size, 1);
  for (float &value : x)
    value = std::abs(value);
  for (std::string shape : {"65536", "65536x1x2"}) {
    Kernel kernel(runningSum(shape, 0, "", "f32"));
    ASSERT_TRUE(cpu::matchScan(kernel.function));
    int64_t columns = shape == "65536" ? 1 : 2;
    Floats input(size * columns);
    for (int64_t i = 0; i < size * columns; ++i)
      input[i] = x[i / columns];
    for (const std::string &target : runnableTargets()) {
      auto emitter = createVectorEmitter();
      LoadedKernel loaded(*emitter, kernel.function, targetOf(target));
      Floats got = floatsOf(loaded.run(inputsOf(kernel.function, {input})).front());
      double sum = 0, error = 0, norm = 0;
      for (int64_t i = 0; i < size; ++i) {
        sum += x[i];
        error += std::pow(got[i * columns] - sum, 2);
        norm += sum * sum;
      }
      EXPECT_LT(std::sqrt(error / norm), 1e-6) << shape << " " << target;
    }
  }
}

} // namespace
} // namespace mlc::codegen
