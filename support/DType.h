// Element types of stored tensors: names, sizes. Free of MLIR, so that tools without LLVM can use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mlc {

enum class DType : uint8_t { F32, F64, F16, BF16, I1, I8, U8, I16, U16, I32, U32, I64, U64 };

// In bytes; i1 is stored as one byte, 0 or 1.
constexpr size_t sizeOf(DType type) {
  switch (type) {
  case DType::F64:
  case DType::I64:
  case DType::U64: return 8;
  case DType::F32:
  case DType::I32:
  case DType::U32: return 4;
  case DType::F16:
  case DType::BF16:
  case DType::I16:
  case DType::U16: return 2;
  case DType::I1:
  case DType::I8:
  case DType::U8: return 1;
  }
  return 0;
}

constexpr bool isFloat(DType type) {
  return type == DType::F32 || type == DType::F64 || type == DType::F16 || type == DType::BF16;
}

// "f32", "bf16", "u8", ...
std::string_view nameOf(DType type);
std::optional<DType> parseDType(std::string_view name);

} // namespace mlc
