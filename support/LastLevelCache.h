// The size of this machine's last-level cache: what measurements must leave to see memory.
#pragma once

#include <cstdint>

namespace mlc {

// In bytes; 32 MiB where the system does not say.
uint64_t lastLevelCacheBytes();

} // namespace mlc
