#include "support/DType.h"

#include <array>

namespace mlc {

static constexpr std::array<std::string_view, 13> kNames = {"f32", "f64", "f16", "bf16", "i1",  "i8", "u8",
                                                            "i16", "u16", "i32", "u32",  "i64", "u64"};

std::string_view nameOf(DType type) { return kNames[static_cast<size_t>(type)]; }

std::optional<DType> parseDType(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name)
      return static_cast<DType>(i);
  return std::nullopt;
}

} // namespace mlc
