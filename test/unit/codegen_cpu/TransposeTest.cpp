// Transpositions in squares: sides that a square divides and others, tiles and their rests, neighbours that stay
// together.
#include "codegen/cpu/Transpose.h"
#include "test/unit/codegen/Harness.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlc::codegen {
namespace {

using namespace test;

std::string transpose(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> permutation, const std::string &type) {
  std::string from, to, order;
  for (size_t i = 0; i < shape.size(); ++i) {
    from += std::to_string(shape[i]) + "x";
    to += std::to_string(shape[permutation[i]]) + "x";
    order += (i ? ", " : "") + std::to_string(permutation[i]);
  }
  return llvm::formatv("func.func @k(%x: tensor<{0}{2}>) -> tensor<{1}{2}> {{ %0 = mlc.transpose %x {{permutation = "
                       "array<i64: {3}>} : (tensor<{0}{2}>) -> tensor<{1}{2}> return %0 : tensor<{1}{2}> }",
                       from, to, type, order)
      .str();
}

bool isInSquares(const std::string &text) {
  Kernel kernel(text);
  return cpu::matchTransposition(kernel.function).has_value();
}

TEST(Transpose, Matrices) {
  for (std::string type : {"f32", "bf16", "f16", "i32", "i8", "i1"})
    for (auto [rows, columns] : {std::pair{16, 16}, {4, 4}, {17, 33}, {5, 70}, {70, 300}, {130, 65}}) {
      std::string text = transpose({rows, columns}, {1, 0}, type);
      EXPECT_TRUE(isInSquares(text)) << text;
      checkAgainstReference(*createVectorEmitter(), text, {.tolerance = 0});
    }
}

TEST(Transpose, Images) {
  for (std::string type : {"f32", "bf16"}) {
    checkAgainstReference(*createVectorEmitter(), transpose({2, 19, 7, 9}, {0, 2, 3, 1}, type), {.tolerance = 0});
    checkAgainstReference(*createVectorEmitter(), transpose({2, 7, 9, 19}, {0, 3, 1, 2}, type), {.tolerance = 0});
    checkAgainstReference(*createVectorEmitter(), transpose({5, 3, 7, 9}, {3, 1, 0, 2}, type), {.tolerance = 0});
  }
}

// Where whole vectors move, or a side is too short, or elements are wide, there are no squares.
TEST(Transpose, LeavesTheRest) {
  EXPECT_FALSE(isInSquares(transpose({3, 5, 64}, {1, 0, 2}, "f32")));
  EXPECT_FALSE(isInSquares(transpose({3, 64}, {1, 0}, "f32")));
  EXPECT_FALSE(isInSquares(transpose({1, 64}, {1, 0}, "f32")));
  EXPECT_FALSE(isInSquares(transpose({64, 64}, {1, 0}, "f64")));
}

} // namespace
} // namespace mlc::codegen
