// What the compiler's assembler makes of AMX instructions, and the decoder makes of that.
#include "test/amx_emulator/Decode.h"

#include <gtest/gtest.h>
#include <ostream>
#include <vector>

namespace mlc::amx {

static bool operator==(const Instruction &a, const Instruction &b) {
  return a.opcode == b.opcode && a.length == b.length && a.tile == b.tile && a.left == b.left && a.right == b.right &&
         a.base == b.base && a.index == b.index && a.scale == b.scale && a.displacement == b.displacement;
}

static std::ostream &operator<<(std::ostream &out, const Instruction &i) {
  return out << nameOf(i.opcode) << " of " << int(i.length) << " bytes; tiles " << int(i.tile) << " " << int(i.left)
             << " " << int(i.right) << "; base " << int(i.base) << " index " << int(i.index) << " << " << int(i.scale)
             << " displacement " << i.displacement;
}

namespace {

// Assembles one instruction in place; the code is never executed.
#define ASSEMBLED(text)                                                                                                \
  ([] {                                                                                                                \
    const uint8_t *begin, *end;                                                                                        \
    asm(".pushsection .rodata\n1: " text "\n2: .popsection\n"                                                          \
        "lea 1b(%%rip), %0\n"                                                                                          \
        "lea 2b(%%rip), %1\n"                                                                                          \
        : "=r"(begin), "=r"(end));                                                                                     \
    return std::vector<uint8_t>(begin, end);                                                                           \
  }())

enum : int8_t { no = kNoRegister, rax = 0, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r12 = 12, r13, r14, r15, rip };

Instruction onTiles(Opcode opcode, uint8_t tile, uint8_t left, uint8_t right) { return {opcode, 5, tile, left, right}; }

Instruction onMemory(Opcode opcode, uint8_t length, uint8_t tile, int8_t base, int8_t index, uint8_t scale,
                     int32_t displacement) {
  return {opcode, length, tile, 0, 0, base, index, scale, displacement};
}

void expectDecoded(const std::vector<uint8_t> &code, const Instruction &expected) {
  std::optional<Instruction> instruction = decode(code.data());
  ASSERT_TRUE(instruction) << expected;
  EXPECT_EQ(*instruction, expected);
  EXPECT_EQ(instruction->length, code.size());
}

// The assembler's order of operands is the reverse of the manual's: the tile of the sums is the last.
TEST(AmxDecode, Products) {
  expectDecoded(ASSEMBLED("tdpbf16ps %%tmm3, %%tmm2, %%tmm1"), onTiles(Opcode::tdpbf16ps, 1, 2, 3));
  expectDecoded(ASSEMBLED("tdpbf16ps %%tmm0, %%tmm7, %%tmm6"), onTiles(Opcode::tdpbf16ps, 6, 7, 0));
  expectDecoded(ASSEMBLED("tdpbf16ps %%tmm7, %%tmm5, %%tmm0"), onTiles(Opcode::tdpbf16ps, 0, 5, 7));
  expectDecoded(ASSEMBLED("tdpbssd %%tmm4, %%tmm3, %%tmm2"), onTiles(Opcode::tdpbssd, 2, 3, 4));
  expectDecoded(ASSEMBLED("tdpbsud %%tmm5, %%tmm4, %%tmm3"), onTiles(Opcode::tdpbsud, 3, 4, 5));
  expectDecoded(ASSEMBLED("tdpbusd %%tmm6, %%tmm5, %%tmm4"), onTiles(Opcode::tdpbusd, 4, 5, 6));
  expectDecoded(ASSEMBLED("tdpbuud %%tmm7, %%tmm6, %%tmm5"), onTiles(Opcode::tdpbuud, 5, 6, 7));
}

TEST(AmxDecode, ZeroAndRelease) {
  expectDecoded(ASSEMBLED("tilezero %%tmm0"), onTiles(Opcode::tilezero, 0, 0, 0));
  expectDecoded(ASSEMBLED("tilezero %%tmm7"), onTiles(Opcode::tilezero, 7, 0, 0));
  expectDecoded(ASSEMBLED("tilerelease"), onTiles(Opcode::tilerelease, 0, 0, 0));
}

TEST(AmxDecode, Configurations) {
  expectDecoded(ASSEMBLED("ldtilecfg (%%rax)"), onMemory(Opcode::ldtilecfg, 5, 0, rax, no, 0, 0));
  expectDecoded(ASSEMBLED("ldtilecfg -64(%%rsp)"), onMemory(Opcode::ldtilecfg, 7, 0, rsp, no, 0, -64));
  expectDecoded(ASSEMBLED("ldtilecfg 0x12345(%%rip)"), onMemory(Opcode::ldtilecfg, 9, 0, rip, no, 0, 0x12345));
  expectDecoded(ASSEMBLED("ldtilecfg (%%r13)"), onMemory(Opcode::ldtilecfg, 6, 0, r13, no, 0, 0));
  expectDecoded(ASSEMBLED("ldtilecfg 256(%%r12, %%r15, 4)"), onMemory(Opcode::ldtilecfg, 10, 0, r12, r15, 2, 256));
  expectDecoded(ASSEMBLED("sttilecfg 64(%%rdi)"), onMemory(Opcode::sttilecfg, 6, 0, rdi, no, 0, 64));
  expectDecoded(ASSEMBLED("sttilecfg (%%r8)"), onMemory(Opcode::sttilecfg, 5, 0, r8, no, 0, 0));
  expectDecoded(ASSEMBLED("sttilecfg -0x400(%%rbp)"), onMemory(Opcode::sttilecfg, 9, 0, rbp, no, 0, -0x400));
}

TEST(AmxDecode, LoadsAndStores) {
  expectDecoded(ASSEMBLED("tileloadd (%%rax, %%rcx), %%tmm0"), onMemory(Opcode::tileloadd, 6, 0, rax, rcx, 0, 0));
  expectDecoded(ASSEMBLED("tileloadd 64(%%rsi, %%rdx, 8), %%tmm7"), onMemory(Opcode::tileloadd, 7, 7, rsi, rdx, 3, 64));
  expectDecoded(ASSEMBLED("tileloadd (%%rbp, %%rbx, 2), %%tmm1"), onMemory(Opcode::tileloadd, 7, 1, rbp, rbx, 1, 0));
  expectDecoded(ASSEMBLED("tileloadd (%%r13, %%r12), %%tmm2"), onMemory(Opcode::tileloadd, 7, 2, r13, r12, 0, 0));
  expectDecoded(ASSEMBLED("tileloadd -1024(%%r15, %%r14), %%tmm3"),
                onMemory(Opcode::tileloadd, 10, 3, r15, r14, 0, -1024));
  expectDecoded(ASSEMBLED("tileloadd (%%rsp), %%tmm4"), onMemory(Opcode::tileloadd, 6, 4, rsp, no, 0, 0));
  expectDecoded(ASSEMBLED("tileloadd 16(, %%r8, 4), %%tmm5"), onMemory(Opcode::tileloadd, 10, 5, no, r8, 2, 16));
  expectDecoded(ASSEMBLED("tileloaddt1 (%%r8, %%rax), %%tmm6"), onMemory(Opcode::tileloaddt1, 6, 6, r8, rax, 0, 0));
  expectDecoded(ASSEMBLED("tilestored %%tmm1, (%%rdi, %%rsi)"), onMemory(Opcode::tilestored, 6, 1, rdi, rsi, 0, 0));
  expectDecoded(ASSEMBLED("tilestored %%tmm5, 128(%%r12, %%r13, 2)"),
                onMemory(Opcode::tilestored, 10, 5, r12, r13, 1, 128));
}

TEST(AmxDecode, NothingElse) {
  EXPECT_FALSE(decode(ASSEMBLED("ud2").data()));
  EXPECT_FALSE(decode(ASSEMBLED("vfmadd231ps %%ymm1, %%ymm2, %%ymm3").data())); // map 0F38
  EXPECT_FALSE(decode(ASSEMBLED("vpdpbusd %%xmm1, %%xmm2, %%xmm3").data()));
  EXPECT_FALSE(decode(ASSEMBLED("tdpfp16ps %%tmm3, %%tmm2, %%tmm1").data())); // AMX-FP16
  // As above, but a bit is not as the manual has it.
  auto changed = [](std::vector<uint8_t> code, size_t byte, uint8_t bits) {
    code[byte] ^= bits;
    return decode(code.data()).has_value();
  };
  const std::vector<uint8_t> product = ASSEMBLED("tdpbssd %%tmm4, %%tmm3, %%tmm2"),
                             load = ASSEMBLED("tileloadd (%%rax, %%rcx), %%tmm0"), zero = ASSEMBLED("tilezero %%tmm1"),
                             release = ASSEMBLED("tilerelease");
  for (const std::vector<uint8_t> &code : {product, load, zero, release}) {
    EXPECT_FALSE(changed(code, 1, 1));    // map
    EXPECT_FALSE(changed(code, 2, 4));    // 256 bits
    EXPECT_FALSE(changed(code, 2, 0x80)); // W1
    EXPECT_FALSE(changed(code, 2, 0x40)); // TMM8 and up; vvvv where there is none
  }
  EXPECT_FALSE(changed(product, 1, 0x80)); // TMM10 for the sums
  EXPECT_FALSE(changed(product, 1, 0x20)); // TMM11 on the left
  EXPECT_FALSE(changed(product, 4, 0xc0)); // memory
  EXPECT_FALSE(changed(load, 1, 0x80));
  EXPECT_FALSE(changed(load, 4, 4)); // no SIB
  EXPECT_FALSE(changed(zero, 4, 1)); // rm is not 0
  EXPECT_FALSE(changed(release, 4, 1));
}

} // namespace
} // namespace mlc::amx
