// Amounts as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace mlc {

std::string formatted(const char *format, double value);
std::string bytesText(int64_t bytes); // "1.5 MB"
std::string flopsText(int64_t flops); // "1.50 GFLOP"

} // namespace mlc
