#include "codegen/cpu/AmxTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace mlc::codegen::cpu {

std::optional<int64_t> wordsOfAmxTile(int64_t words) {
  constexpr int64_t fewest = 6, most = 16;
  for (int64_t size = std::min(words, most); size > 0; --size)
    if (words % size == 0)
      return size >= std::min(words, fewest) ? std::optional(size) : std::nullopt;
  return std::nullopt;
}

void AmxTiles::configure(ArrayRef<AmxTileShape> shapes, Value memory) {
  // Byte 0: palette 1; from byte 16 on the tiles' bytes in a row, two bytes each; from byte 48 on their rows.
  SmallVector<int8_t> config(configBytes, 0);
  config[0] = 1;
  for (auto [i, shape] : llvm::enumerate(shapes)) {
    config[16 + 2 * i] = int8_t(4 * shape.words);
    config[48 + i] = int8_t(shape.rows);
  }
  auto type = VectorType::get({configBytes}, b.getI8Type());
  Value constant = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, ArrayRef<int8_t>(config)));
  LLVM::StoreOp::create(b, loc, constant, memory, 1);
  call("llvm.x86.ldtilecfg", memory);
}

void AmxTiles::release() { call("llvm.x86.tilerelease", {}); }

void AmxTiles::zero(int64_t tile) { call("llvm.x86.tilezero", number(tile)); }

void AmxTiles::load(int64_t tile, Value from, int64_t stride) {
  Value bytes = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(stride));
  call("llvm.x86.tileloadd64", {number(tile), from, bytes});
}

void AmxTiles::store(int64_t tile, Value to, int64_t stride) {
  Value bytes = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(stride));
  call("llvm.x86.tilestored64", {number(tile), to, bytes});
}

void AmxTiles::multiply(StringRef instruction, int64_t sums, int64_t left, int64_t right) {
  call(instruction, {number(sums), number(left), number(right)});
}

Value AmxTiles::number(int64_t tile) {
  return LLVM::ConstantOp::create(b, loc, b.getI8Type(), b.getI8IntegerAttr(int8_t(tile)));
}

void AmxTiles::call(StringRef intrinsic, ValueRange operands) {
  LLVM::CallIntrinsicOp::create(b, loc, b.getStringAttr(intrinsic), operands);
}

} // namespace mlc::codegen::cpu
