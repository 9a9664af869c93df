#include "support/Units.h"

#include <cstdio>

namespace mlc {

std::string formatted(const char *format, double value) {
  char text[64];
  snprintf(text, sizeof(text), format, value);
  return text;
}

std::string bytesText(int64_t bytes) {
  if (bytes < 1000)
    return std::to_string(bytes) + " B";
  return bytes < 1'000'000 ? formatted("%.1f kB", bytes * 1e-3) : formatted("%.1f MB", bytes * 1e-6);
}

std::string flopsText(int64_t flops) {
  if (flops < 1'000'000)
    return formatted("%.1f kFLOP", flops * 1e-3);
  return flops < 1'000'000'000 ? formatted("%.1f MFLOP", flops * 1e-6) : formatted("%.2f GFLOP", flops * 1e-9);
}

} // namespace mlc
