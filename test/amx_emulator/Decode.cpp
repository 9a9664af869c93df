// Encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, "VEX Prefix", "ModR/M and SIB",
// and the pages of the instructions. All are VEX.128 with a prefix of three bytes, map 0F38, W0.
#include "test/amx_emulator/Decode.h"

#include <cstring>
#include <iterator>

namespace mlc::amx {
namespace {

// VEX.pp
enum Prefix : uint8_t { none, p66, pF3, pF2 };

struct Vex {
  bool r, x, b; // as they extend registers: the encoding inverts them
  uint8_t v;
  Prefix prefix;
};

// What follows the opcode.
struct ModRM {
  uint8_t mod, reg, rm;
};

std::optional<Opcode> productOf(uint8_t code, Prefix prefix) {
  if (code == 0x5c)
    return prefix == pF3 ? std::optional(Opcode::tdpbf16ps) : std::nullopt;
  switch (prefix) {
  case none: return Opcode::tdpbuud;
  case p66: return Opcode::tdpbusd;
  case pF3: return Opcode::tdpbsud;
  case pF2: return Opcode::tdpbssd;
  }
  return std::nullopt;
}

// 49: configuration and zero; 4B: loads and stores; 5C, 5E: products.
std::optional<Opcode> opcodeOf(uint8_t code, const Vex &vex, ModRM m) {
  const bool isRegister = m.mod == 3;
  if (code == 0x5c || code == 0x5e) // TMM8 and up do not exist
    return isRegister && !vex.r && !vex.b && vex.v < 8 ? productOf(code, vex.prefix) : std::nullopt;
  if (vex.v != 0)
    return std::nullopt;
  if (code == 0x4b && !isRegister && m.rm == 4 && !vex.r) { // a SIB byte is demanded
    if (vex.prefix == pF2)
      return Opcode::tileloadd;
    if (vex.prefix == p66)
      return Opcode::tileloaddt1;
    if (vex.prefix == pF3)
      return Opcode::tilestored;
  }
  if (code == 0x49 && isRegister) {
    if (vex.prefix == none && m.reg == 0 && m.rm == 0)
      return Opcode::tilerelease;
    if (vex.prefix == pF2 && m.rm == 0 && !vex.r)
      return Opcode::tilezero;
  }
  if (code == 0x49 && !isRegister && m.reg == 0) {
    if (vex.prefix == none)
      return Opcode::ldtilecfg;
    if (vex.prefix == p66)
      return Opcode::sttilecfg;
  }
  return std::nullopt;
}

// `at` is behind the ModR/M byte. Returns where the instruction ends.
const uint8_t *readAddress(const uint8_t *at, ModRM m, const Vex &vex, Instruction &out) {
  bool wide = m.mod == 2;
  out.base = int8_t(m.rm | vex.b << 3);
  if (m.rm == 4) {
    const uint8_t sib = *at++;
    const int8_t index = int8_t((sib >> 3 & 7) | vex.x << 3);
    out.index = index == 4 ? kNoRegister : index;
    out.scale = sib >> 6;
    out.base = int8_t((sib & 7) | vex.b << 3);
    if (m.mod == 0 && (sib & 7) == 5) {
      out.base = kNoRegister;
      wide = true;
    }
  } else if (m.mod == 0 && m.rm == 5) {
    out.base = kInstructionPointer;
    wide = true;
  }
  if (wide) {
    std::memcpy(&out.displacement, at, 4);
    return at + 4;
  }
  if (m.mod == 1)
    out.displacement = int8_t(*at++);
  return at;
}

} // namespace

const char *nameOf(Opcode opcode) {
  constexpr const char *names[] = {"ldtilecfg",  "sttilecfg", "tilerelease", "tilezero", "tileloadd", "tileloaddt1",
                                   "tilestored", "tdpbf16ps", "tdpbssd",     "tdpbsud",  "tdpbusd",   "tdpbuud"};
  static_assert(std::size(names) == size_t(Opcode::tdpbuud) + 1);
  return names[size_t(opcode)];
}

std::optional<Instruction> decode(const uint8_t *code) {
  constexpr uint8_t map0F38 = 2;
  if (code[0] != 0xc4 || (code[1] & 0x1f) != map0F38)
    return std::nullopt;
  if (code[2] & 0x84) // W1, or vectors of 256 bits
    return std::nullopt;
  if (code[3] != 0x49 && code[3] != 0x4b && code[3] != 0x5c && code[3] != 0x5e)
    return std::nullopt;
  const Vex vex = {!(code[1] & 0x80), !(code[1] & 0x40), !(code[1] & 0x20), uint8_t(~code[2] >> 3 & 15),
                   Prefix(code[2] & 3)};
  const ModRM m = {uint8_t(code[4] >> 6), uint8_t(code[4] >> 3 & 7), uint8_t(code[4] & 7)};
  std::optional<Opcode> opcode = opcodeOf(code[3], vex, m);
  if (!opcode)
    return std::nullopt;
  Instruction out{*opcode};
  out.tile = m.reg;
  out.left = m.rm;
  out.right = vex.v;
  const uint8_t *end = code + 5;
  if (m.mod != 3) {
    end = readAddress(end, m, vex, out);
    out.left = 0; // the byte names a register of the address
  }
  out.length = uint8_t(end - code);
  return out;
}

} // namespace mlc::amx
