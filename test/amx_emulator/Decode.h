// Which AMX instruction lies at an address, and its operands.
#ifndef MLC_TEST_AMX_EMULATOR_DECODE_H
#define MLC_TEST_AMX_EMULATOR_DECODE_H

#include <cstdint>
#include <optional>

namespace mlc::amx {

enum class Opcode : uint8_t {
  ldtilecfg,
  sttilecfg,
  tilerelease,
  tilezero,
  tileloadd,
  tileloaddt1,
  tilestored,
  tdpbf16ps,
  tdpbssd,
  tdpbsud,
  tdpbusd,
  tdpbuud,
};

const char *nameOf(Opcode opcode);

// General-purpose registers by their number in encodings: rax is 0, r15 is 15.
constexpr int8_t kNoRegister = -1, kInstructionPointer = 16;

struct Instruction {
  Opcode opcode;
  uint8_t length = 0; // bytes
  // Tiles: the only one, or that of the sums; then left and right factors.
  uint8_t tile = 0, left = 0, right = 0;
  // Memory at base + displacement. Rows of a tile are (index << scale) bytes apart.
  int8_t base = kNoRegister, index = kNoRegister;
  uint8_t scale = 0;
  int32_t displacement = 0;
};

// None for anything but an AMX instruction that is encoded as the manual has it. Reads no byte behind the instruction.
// Prefixes before VEX (segments, addresses of 32 bits) are not taken: compilers make none for tiles.
std::optional<Instruction> decode(const uint8_t *code);

} // namespace mlc::amx

#endif // MLC_TEST_AMX_EMULATOR_DECODE_H
