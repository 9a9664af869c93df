// Semantics: the sections "Operation" and "Exceptions" of the instructions in Intel's Software Developer's Manual,
// volume 2, in the order that they give.
//
// TDPBF16PS, for each row m and column n of the sums: even and odd elements of the pairs have a sum each, from zero, by
// fused multiply-adds in the order of k; the two are added; the result is added to the tile. All of it rounds to
// nearest even, takes subnormal operands as zeros and flushes subnormal results to zero, whatever MXCSR says, whose
// flags stay as they are. A result that is NaN has no promised sign or payload. Sums of bytes wrap around.
#include "test/amx_emulator/Tiles.h"

#include <algorithm>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <immintrin.h>
#include <iterator>

namespace mlc::amx {
namespace {

[[gnu::format(printf, 2, 3)]] Fault fault(int signal, const char *format, ...) {
  Fault out;
  out.signal = signal;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(out.why, sizeof(out.why), format, arguments);
  va_end(arguments);
  return out;
}

float asFloat(uint32_t bits) {
  float out;
  std::memcpy(&out, &bits, sizeof(out));
  return out;
}

constexpr uint32_t kNearestDAZFTZ = 0x9fc0; // all exceptions masked

// One row of sums. Not inlined: arithmetic must not move out of where MXCSR is set.
[[gnu::noinline]] void addBF16Row(float *sums, const uint32_t *left, const std::byte (*right)[kMostRowBytes],
                                  int columns, int pairs) {
  float even[16] = {}, odd[16] = {};
  for (int k = 0; k < pairs; ++k) {
    uint32_t row[16];
    std::memcpy(row, right[k], sizeof(row));
    const float leftEven = asFloat(left[k] << 16), leftOdd = asFloat(left[k] & 0xffff0000);
    for (int n = 0; n < 16; ++n) {
      even[n] = __builtin_fmaf(leftEven, asFloat(row[n] << 16), even[n]);
      odd[n] = __builtin_fmaf(leftOdd, asFloat(row[n] & 0xffff0000), odd[n]);
    }
  }
  for (int n = 0; n < columns; ++n)
    sums[n] += even[n] + odd[n];
}

} // namespace

Fault Tiles::configure(const Configuration &wanted) {
  if (wanted.palette > 1)
    return fault(SIGSEGV, "palette %d does not exist", wanted.palette);
  if (wanted.palette == 0) {
    *this = Tiles();
    return {};
  }
  auto isZero = [](auto byte) { return byte == 0; };
  if (!std::all_of(std::begin(wanted.reserved), std::end(wanted.reserved), isZero) ||
      !std::all_of(wanted.rowBytes + kTiles, std::end(wanted.rowBytes), isZero) ||
      !std::all_of(wanted.rows + kTiles, std::end(wanted.rows), isZero))
    return fault(SIGSEGV, "reserved bytes of the configuration are not 0");
  for (int i = 0; i < kTiles; ++i)
    if (wanted.rows[i] > kMostRows || wanted.rowBytes[i] > kMostRowBytes ||
        (wanted.rows[i] == 0) != (wanted.rowBytes[i] == 0))
      return fault(SIGSEGV, "tmm%d cannot have %d rows of %d bytes", i, wanted.rows[i], wanted.rowBytes[i]);
  *this = Tiles();
  configuration = wanted;
  return {};
}

// A tile that can be used at all.
Fault Tiles::check(uint8_t tile) const {
  if (configuration.palette == 0)
    return fault(SIGILL, "no tiles are configured");
  if (configuration.rows[tile] == 0)
    return fault(SIGILL, "the configuration has no tmm%d", tile);
  return {};
}

Fault Tiles::checkProduct(const Instruction &instruction) const {
  const uint8_t c = instruction.tile, a = instruction.left, b = instruction.right;
  if (c == a || c == b || a == b)
    return fault(SIGILL, "its three tiles must be different ones");
  for (uint8_t tile : {c, a, b}) {
    if (Fault wrong = check(tile))
      return wrong;
    if (configuration.rowBytes[tile] % 4)
      return fault(SIGILL, "rows of tmm%d have %d bytes, which is not a multiple of 4", tile,
                   configuration.rowBytes[tile]);
  }
  if (configuration.rows[c] != configuration.rows[a])
    return fault(SIGILL, "tmm%d has %d rows, but tmm%d has %d", c, configuration.rows[c], a, configuration.rows[a]);
  if (configuration.rowBytes[c] != configuration.rowBytes[b])
    return fault(SIGILL, "rows of tmm%d have %d bytes, but those of tmm%d %d", c, configuration.rowBytes[c], b,
                 configuration.rowBytes[b]);
  if (configuration.rowBytes[a] != 4 * configuration.rows[b])
    return fault(SIGILL, "rows of tmm%d have %d bytes, which is not 4 times the %d rows of tmm%d", a,
                 configuration.rowBytes[a], configuration.rows[b], b);
  return {};
}

// Both begin with startRow: an instruction that an interrupt stopped goes on there.
void Tiles::load(uint8_t tile, const std::byte *memory, ptrdiff_t stride) {
  Tile loaded{}; // in one go: memory that is not there leaves the tile as it was
  std::memcpy(loaded.row, tiles[tile].row, size_t(configuration.startRow) * kMostRowBytes);
  for (int row = configuration.startRow; row < configuration.rows[tile]; ++row)
    std::memcpy(loaded.row[row], memory + row * stride, configuration.rowBytes[tile]);
  tiles[tile] = loaded;
}

void Tiles::store(uint8_t tile, std::byte *memory, ptrdiff_t stride) const {
  for (int row = configuration.startRow; row < configuration.rows[tile]; ++row)
    std::memcpy(memory + row * stride, tiles[tile].row[row], configuration.rowBytes[tile]);
}

void Tiles::multiplyBF16(const Instruction &instruction) {
  Tile &sums = tiles[instruction.tile];
  const int columns = configuration.rowBytes[instruction.tile] / 4;
  const unsigned before = _mm_getcsr();
  _mm_setcsr(kNearestDAZFTZ);
  for (int m = 0; m < configuration.rows[instruction.tile]; ++m) {
    float row[16];
    uint32_t left[16];
    std::memcpy(row, sums.row[m], sizeof(row));
    std::memcpy(left, tiles[instruction.left].row[m], sizeof(left));
    addBF16Row(row, left, tiles[instruction.right].row, columns, configuration.rows[instruction.right]);
    std::memcpy(sums.row[m], row, sizeof(row));
  }
  _mm_setcsr(before);
}

template <typename Left, typename Right> void Tiles::multiplyBytes(const Instruction &instruction) {
  Tile &sums = tiles[instruction.tile];
  const int columns = configuration.rowBytes[instruction.tile] / 4;
  for (int m = 0; m < configuration.rows[instruction.tile]; ++m) {
    uint32_t row[16];
    Left left[kMostRowBytes];
    std::memcpy(row, sums.row[m], sizeof(row));
    std::memcpy(left, tiles[instruction.left].row[m], sizeof(left));
    for (int k = 0; k < configuration.rows[instruction.right]; ++k) {
      Right right[kMostRowBytes];
      std::memcpy(right, tiles[instruction.right].row[k], sizeof(right));
      for (int n = 0; n < columns; ++n)
        for (int i = 0; i < 4; ++i)
          row[n] += uint32_t(int32_t(left[4 * k + i]) * int32_t(right[4 * n + i]));
    }
    std::memcpy(sums.row[m], row, sizeof(row));
  }
}

Fault Tiles::execute(const Instruction &instruction, std::byte *memory, ptrdiff_t stride) {
  const uint8_t tile = instruction.tile;
  switch (instruction.opcode) {
  case Opcode::ldtilecfg: {
    Configuration wanted;
    std::memcpy(&wanted, memory, sizeof(wanted));
    return configure(wanted);
  }
  case Opcode::sttilecfg: std::memcpy(memory, &configuration, sizeof(configuration)); return {};
  case Opcode::tilerelease: *this = Tiles(); return {};
  case Opcode::tilezero:
    if (Fault wrong = check(tile))
      return wrong;
    tiles[tile] = Tile();
    break;
  case Opcode::tileloadd:
  case Opcode::tileloaddt1:
  case Opcode::tilestored:
    if (Fault wrong = check(tile))
      return wrong;
    if (configuration.rowBytes[tile] % 4)
      return fault(SIGILL, "rows of tmm%d have %d bytes, which is not a multiple of 4", tile,
                   configuration.rowBytes[tile]);
    if (configuration.startRow >= configuration.rows[tile])
      return fault(SIGILL, "the configuration's start row, %d, is behind the %d rows of tmm%d", configuration.startRow,
                   configuration.rows[tile], tile);
    if (instruction.opcode == Opcode::tilestored)
      store(tile, memory, stride);
    else
      load(tile, memory, stride);
    break;
  default:
    if (Fault wrong = checkProduct(instruction))
      return wrong;
    switch (instruction.opcode) {
    case Opcode::tdpbf16ps: multiplyBF16(instruction); break;
    case Opcode::tdpbssd: multiplyBytes<int8_t, int8_t>(instruction); break;
    case Opcode::tdpbsud: multiplyBytes<int8_t, uint8_t>(instruction); break;
    case Opcode::tdpbusd: multiplyBytes<uint8_t, int8_t>(instruction); break;
    default: multiplyBytes<uint8_t, uint8_t>(instruction); break;
    }
  }
  configuration.startRow = 0;
  return {};
}

} // namespace mlc::amx
