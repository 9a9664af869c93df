// Instructions of Intel AMX at the builder. Tile registers are named by number: LLVM allocates none.
#ifndef MLC_CODEGEN_CPU_AMXTILES_H
#define MLC_CODEGEN_CPU_AMXTILES_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include <optional>

namespace mlc::codegen::cpu {

struct AmxTileShape {
  int64_t rows, words; // words of four bytes in a row; at most 16 of each
};

// The words of a tile of lhs by which steps of one length make up all of k; nothing where they are so few that most of
// the multipliers are idle.
std::optional<int64_t> wordsOfAmxTile(int64_t words);

class AmxTiles {
public:
  static constexpr int64_t count = 8, configBytes = 64;
  AmxTiles(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  // Gives the registers their shapes; `memory` has room for configBytes.
  void configure(llvm::ArrayRef<AmxTileShape> shapes, mlir::Value memory);
  void release();
  void zero(int64_t tile);
  void load(int64_t tile, mlir::Value from, int64_t stride); // bytes from row to row
  void store(int64_t tile, mlir::Value to, int64_t stride);
  // sums += left * right by one of amxInstruction's.
  void multiply(llvm::StringRef instruction, int64_t sums, int64_t left, int64_t right);

private:
  mlir::Value number(int64_t tile);
  void call(llvm::StringRef intrinsic, mlir::ValueRange operands);

  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_AMXTILES_H
