// Every schedule that the vector emitter lists for a contraction: against the reference interpreter, and the same bits.
#include "test/unit/codegen/Schedules.h"
#include "codegen/cpu/VectorEmitter.h"
#include "test/unit/codegen_cpu/PackedConv.h"

#include "llvm/Support/FormatVariadic.h"

namespace mlc::codegen {
namespace {

using namespace test;

std::string matmul(int64_t m, int64_t n, int64_t k) {
  return llvm::formatv(R"(func.func @k(%a: tensor<{0}x{2}xf32>, %p: tensor<{3}x{2}x16xf32>, %b: tensor<{1}xf32>)
      -> tensor<{0}x{1}xf32> {{
    %0 = mlc.packed_matmul %a, %p {{n = {1} : i64}
      : (tensor<{0}x{2}xf32>, tensor<{3}x{2}x16xf32>) -> tensor<{0}x{1}xf32>
    %1 = mlc.add %0, %b : (tensor<{0}x{1}xf32>, tensor<{1}xf32>) -> tensor<{0}x{1}xf32>
    %2 = mlc.gelu %1 : (tensor<{0}x{1}xf32>) -> tensor<{0}x{1}xf32>
    return %2 : tensor<{0}x{1}xf32>
  })",
                       m, n, k, (n + 15) / 16);
}

TEST(Schedules, PackedProducts) {
  const int64_t shapes[][3] = {{1, 1, 1}, {1, 100, 64}, {3, 15, 5}, {33, 40, 64}, {129, 50, 33}};
  for (auto [m, n, k] : shapes)
    checkSchedules(*createVectorEmitter(), matmul(m, n, k), {.tolerance = 1e-6 * double(k + 4)});
}

// Rows that do not fit into a part of L2, and columns that do not.
TEST(Schedules, LargeOperands) {
  checkSchedules(*createVectorEmitter(), matmul(270, 50, 1100), {.tolerance = 1e-3, .finite = true});
  checkSchedules(*createVectorEmitter(), matmul(40, 270, 1100), {.tolerance = 1e-3, .finite = true});
}

TEST(Schedules, PlainProducts) {
  for (const char *transpose : {"", "{transpose_rhs}"}) {
    bool transposed = *transpose;
    for (auto [m, n, k] : {std::tuple(9, 50, 12), std::tuple(30, 33, 130)})
      checkSchedules(*createVectorEmitter(),
                     llvm::formatv(R"(func.func @k(%a: tensor<6x{0}x{2}xf32>, %b: tensor<6x{3}x{4}xf32>)
          -> tensor<6x{0}x{1}xf32> {{
        %0 = mlc.matmul %a, %b {5}
          : (tensor<6x{0}x{2}xf32>, tensor<6x{3}x{4}xf32>) -> tensor<6x{0}x{1}xf32>
        return %0 : tensor<6x{0}x{1}xf32>
      })",
                                   m, n, k, transposed ? n : k, transposed ? k : n, transpose),
                     {.tolerance = 1e-4});
  }
}

TEST(Schedules, Convolutions) {
  for (const std::string &text : packedConvolutions("bf16", "bf16", "f32", 2))
    checkSchedules(*createVectorEmitter(), text,
                   {.tolerance = 1e-4,
                    .moreTargets = {"x86-64-v4+avx512bf16", "x86-64-v4+avx512bf16+amx-tile+amx-bf16"},
                    .subnormals = false});
  const std::vector<std::string> ofIntegers = packedConvolutions("ui8", "i8", "i32", 4);
  for (const std::string &text : llvm::ArrayRef(ofIntegers).take_front(2))
    checkSchedules(*createVectorEmitter(), text,
                   {.tolerance = 0,
                    .bound = 256,
                    .moreTargets = {"x86-64-v4+avx512vnni", "x86-64-v4+avx512vnni+amx-tile+amx-int8"}});
}

// One that there is not is an error with its name, and those that there are.
TEST(Schedules, UnknownName) {
  Kernel kernel(matmul(33, 48, 64));
  ASSERT_TRUE(kernel.function);
  mlir::MLIRContext *context = kernel.function.getContext();
  kernel.function->setAttr(kScheduleAttr, mlir::StringAttr::get(context, "9x9"));
  std::string said;
  mlir::ScopedDiagnosticHandler handler(context, [&](mlir::Diagnostic &diagnostic) {
    said += diagnostic.str();
    return mlir::success();
  });
  llvm::LLVMContext llvmContext;
  EXPECT_TRUE(failed(createVectorEmitter()->emit(kernel.function, targetOf("x86-64-v3"), llvmContext)));
  EXPECT_NE(said.find("the vector emitter has no schedule '9x9' for this kernel; it has '6x16,"), std::string::npos)
      << said;
}

} // namespace
} // namespace mlc::codegen
