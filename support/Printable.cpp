#include "support/Printable.h"

#include <cstdint>

namespace mlc {

// Bytes of the UTF-8 character at the beginning; 0 where there is none (RFC 3629).
static size_t characterSize(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  const auto continues = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i)
      if ((byte(i) & 0xc0) != 0x80)
        return false;
    return true;
  };
  const int first = byte(0), second = byte(1);
  if (first < 0x80)
    return 1;
  if (first >= 0xc2 && first <= 0xdf)
    return continues(1, 2) ? 2 : 0;
  // Neither longer than need be nor half of a surrogate pair.
  if (first >= 0xe0 && first <= 0xef)
    return continues(1, 3) && !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second > 0x9f) ? 3 : 0;
  if (first >= 0xf0 && first <= 0xf4)
    return continues(1, 4) && !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second > 0x8f) ? 4 : 0;
  return 0;
}

static bool isControl(std::string_view character) {
  const uint8_t first = static_cast<uint8_t>(character[0]);
  if (character.size() == 1)
    return (first < 0x20 && first != '\n') || first == 0x7f;
  return character.size() == 2 && first == 0xc2 && static_cast<uint8_t>(character[1]) < 0xa0; // C1
}

std::string printable(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const size_t size = characterSize(text);
    const std::string_view character = text.substr(0, size ? size : 1);
    if (size && !isControl(character))
      result += character;
    else
      for (char c : character) {
        const uint8_t byte = static_cast<uint8_t>(c);
        result += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
      }
    text.remove_prefix(character.size());
  }
  return result;
}

} // namespace mlc
