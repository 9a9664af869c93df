/* A kernel as the compiler makes them, with AMX: y[t] = x[t] * w for each tile t of the launch; x[t] is i8[16][64], w
 * the packed i8[16][64], y[t] i32[16][16]. */
#include "mlc/kernel_abi.h"

#include <immintrin.h>

static const struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} squares = {1, 0, {0}, {64, 64, 64}, {16, 16, 16}};

__attribute__((visibility("default"))) int32_t multiply_tiles(const mlc_kernel_args *args, const mlc_worker *worker,
                                                              int64_t begin, int64_t end) {
  const int8_t *x = args->bindings[0], *w = args->bindings[1];
  int32_t *y = args->bindings[2];
  _tile_loadconfig(&squares);
  _tile_loadd(2, w, 64);
  for (int64_t t = begin; t < end; ++t) {
    _tile_zero(0);
    _tile_loadd(1, x + t * 16 * 64, 64);
    _tile_dpbssd(0, 1, 2);
    _tile_stored(0, y + t * 16 * 16, 64);
  }
  _tile_release();
  return MLC_KERNEL_OK;
}
