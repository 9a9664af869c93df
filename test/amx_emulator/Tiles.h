// The tiles of a thread, and what instructions do to them.
#ifndef MLC_TEST_AMX_EMULATOR_TILES_H
#define MLC_TEST_AMX_EMULATOR_TILES_H

#include "test/amx_emulator/Decode.h"
#include <cstddef>
#include <cstdint>

namespace mlc::amx {

// Why an instruction cannot be executed: the signal that Linux makes of its exception, and a message.
struct Fault {
  int signal = 0; // 0: none. SIGILL: #UD, SIGSEGV: #GP
  char why[120] = "";
  explicit operator bool() const { return signal != 0; }
};

// Memory operand of LDTILECFG and STTILECFG.
struct Configuration {
  uint8_t palette; // 0: no tiles; 1: eight of at most 16 rows of 64 bytes
  uint8_t startRow;
  uint8_t reserved[14];
  uint16_t rowBytes[16]; // those from 8 on are reserved, and so below
  uint8_t rows[16];
};
static_assert(sizeof(Configuration) == 64);

constexpr int kTiles = 8, kMostRows = 16, kMostRowBytes = 64;

// All zero, which is the state of a new thread, is the state without tiles.
class Tiles {
public:
  // `memory` is the address of the operand in memory, and `stride` the bytes from one row to the next. What faults
  // changes nothing.
  Fault execute(const Instruction &instruction, std::byte *memory, ptrdiff_t stride);

private:
  struct alignas(64) Tile {
    std::byte row[kMostRows][kMostRowBytes];
  };

  Fault configure(const Configuration &wanted);
  Fault check(uint8_t tile) const;
  Fault checkProduct(const Instruction &instruction) const;
  void load(uint8_t tile, const std::byte *memory, ptrdiff_t stride);
  void store(uint8_t tile, std::byte *memory, ptrdiff_t stride) const;
  void multiplyBF16(const Instruction &instruction);
  template <typename Left, typename Right> void multiplyBytes(const Instruction &instruction);

  Configuration configuration{};
  Tile tiles[kTiles]{};
};

} // namespace mlc::amx

#endif // MLC_TEST_AMX_EMULATOR_TILES_H
