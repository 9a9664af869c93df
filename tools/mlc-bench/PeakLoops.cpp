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

} // namespace

PeakLoop f32Loop() {
  if (mlc_cpu_has_feature("avx512f"))
    return {fma512, kChains * 16 * 2};
  if (mlc_cpu_has_feature("avx2") && mlc_cpu_has_feature("fma"))
    return {fma256, kChains * 8 * 2};
  return {};
}

PeakLoop bf16Loop() { return mlc_cpu_has_feature("avx512_bf16") ? PeakLoop{dot_bf16, kChains * 32 * 2} : PeakLoop{}; }

PeakLoop int8Loop() { return mlc_cpu_has_feature("avx512_vnni") ? PeakLoop{dot_int8, kChains * 64 * 2} : PeakLoop{}; }
#else
PeakLoop f32Loop() { return {}; }
PeakLoop bf16Loop() { return {}; }
PeakLoop int8Loop() { return {}; }
#endif

} // namespace mlc::tools
