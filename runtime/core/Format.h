// Numbers and checksum of the module container, used by its reader and its writer. docs/module-format.md explains them.
#ifndef MLC_RUNTIME_CORE_FORMAT_H
#define MLC_RUNTIME_CORE_FORMAT_H

#include "runtime/program_generated.h"
#include <cstdint>

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

namespace mlc::format {

inline constexpr uint64_t magic = 0x4c55444f4d434c4d; // "MLCMODUL", little-endian
inline constexpr uint16_t majorVersion = 1;
inline constexpr uint16_t minorVersion = 2; // 1: TensorSpec.capacity, 2: TensorSpec.padded
inline constexpr uint64_t sectionAlignment = 4096;
inline constexpr uint64_t paramAlignment = 64;
inline constexpr uint32_t maxSections = 1024;
inline constexpr uint32_t maxSlots = 8;       // nesting depth of Repeat
inline constexpr uint32_t maxPaddedDims = 16; // symbolic dimensions of a bucket that runs may be smaller in

// `sections` points to header.section_count() headers.
inline uint64_t headerChecksum(program::FileHeader header, const program::SectionHeader *sections) {
  header.mutate_header_checksum(0);
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, &header, sizeof(header));
  XXH3_64bits_update(&state, sections, header.section_count() * sizeof(program::SectionHeader));
  return XXH3_64bits_digest(&state);
}

} // namespace mlc::format

#endif // MLC_RUNTIME_CORE_FORMAT_H
