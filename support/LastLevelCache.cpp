#include "support/LastLevelCache.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace mlc {

uint64_t lastLevelCacheBytes() {
  // Not sysconf(): in virtual machines it multiplies by CPUs that are not there.
  uint64_t largest = 0, kib;
  for (int index = 0; index < 8; ++index) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/size"); // "32768K"
    if (file >> kib)
      largest = std::max(largest, kib << 10);
  }
  return largest ? largest : uint64_t(32) << 20;
}

} // namespace mlc
