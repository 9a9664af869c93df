#include "tools/mlc-bench/PeakLoops.h"

#include "mlc/runtime.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlc::tools {

#if defined(__x86_64__)
namespace {

// Independent accumulators: more than latency times issue rate of any x86 core (5 cycles, 2 a cycle).
constexpr unsigned kChains = 12;

// One loop for each instruction set; the operands are opaque to the optimiser, which would else compute the result.
#define MLC_PEAK_LOOP(name, features, vector, zero, step)                                                              \
  [[gnu::target(features)]] void name(uint64_t rounds) {                                                               \
    vector sum[kChains], x = zero, y = zero;                                                                           \
    for (vector &one : sum)                                                                                            \
      one = zero;                                                                                                      \
    asm volatile("" : "+v"(x), "+v"(y));                                                                               \
    for (uint64_t round = 0; round < rounds; ++round)                                                                  \
      _Pragma("unroll") for (vector &one : sum) one = step;                                                            \
    for (vector &one : sum)                                                                                            \
      asm volatile("" ::"v"(one));                                                                                     \
  }

MLC_PEAK_LOOP(fma256, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_fmadd_ps(x, y, one))
MLC_PEAK_LOOP(fma512, "avx512f", __m512, _mm512_setzero_ps(), _mm512_fmadd_ps(x, y, one))
MLC_PEAK_LOOP(dot_bf16, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(),
              _mm512_dpbf16_ps(one, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(y)))
MLC_PEAK_LOOP(dot_int8, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(), _mm512_dpbusd_epi32(one, x, y))
#undef MLC_PEAK_LOOP

// Tiles of zeros; four of sums are as many as a product's latency asks for (52 cycles, one in 16).
constexpr unsigned kTileProducts = 4;

struct alignas(64) TileConfig {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

#define MLC_TILE_LOOP(name, features, product)                                                                         \
  [[gnu::target(features)]] void name(uint64_t rounds) {                                                               \
    const TileConfig config;                                                                                           \
    _tile_loadconfig(&config);                                                                                         \
    for (uint64_t round = 0; round < rounds; ++round) {                                                                \
      product(0, 4, 6);                                                                                                \
      product(1, 4, 7);                                                                                                \
      product(2, 5, 6);                                                                                                \
      product(3, 5, 7);                                                                                                \
    }                                                                                                                  \
    _tile_release();                                                                                                   \
  }

MLC_TILE_LOOP(tiles_bf16, "amx-tile,amx-bf16", _tile_dpbf16ps)
MLC_TILE_LOOP(tiles_int8, "amx-tile,amx-int8", _tile_dpbusd)
#undef MLC_TILE_LOOP

} // namespace

PeakLoop f32Loop() {
  if (mlc_cpu_has_feature("avx512f"))
    return {fma512, kChains * 16 * 2};
  if (mlc_cpu_has_feature("avx2") && mlc_cpu_has_feature("fma"))
    return {fma256, kChains * 8 * 2};
  return {};
}

PeakLoop bf16Loop() {
  if (mlc_cpu_has_feature("amx_bf16"))
    return {tiles_bf16, kTileProducts * 16 * 16 * 32 * 2};
  return mlc_cpu_has_feature("avx512_bf16") ? PeakLoop{dot_bf16, kChains * 32 * 2} : PeakLoop{};
}

PeakLoop int8Loop() {
  if (mlc_cpu_has_feature("amx_int8"))
    return {tiles_int8, kTileProducts * 16 * 16 * 64 * 2};
  return mlc_cpu_has_feature("avx512_vnni") ? PeakLoop{dot_int8, kChains * 64 * 2} : PeakLoop{};
}
#else
PeakLoop f32Loop() { return {}; }
PeakLoop bf16Loop() { return {}; }
PeakLoop int8Loop() { return {}; }
#endif

} // namespace mlc::tools
