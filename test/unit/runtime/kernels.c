/* Kernels for the runtime's tests, by the ABI and without imports, as the compiler makes them. Tensors are f32. */
#include "mlc/kernel_abi.h"

/* c[i] = a[i] + b[i]; a tile is `constants[0]` elements. */
__attribute__((visibility("default"))) int32_t add(const mlc_kernel_args *args, const mlc_worker *worker, int64_t begin,
                                                   int64_t end) {
  const float *a = args->bindings[0], *b = args->bindings[1];
  float *c = args->bindings[2];
  for (int64_t i = begin * args->constants[0]; i < end * args->constants[0]; ++i)
    c[i] = a[i] + b[i];
  return MLC_KERNEL_OK;
}

/* b[i] = table[a[i]]; a tile is one element; the table has constants[0] entries. */
__attribute__((visibility("default"))) int32_t lookup(const mlc_kernel_args *args, const mlc_worker *worker,
                                                      int64_t begin, int64_t end) {
  const int64_t *a = args->bindings[0];
  const float *table = args->bindings[1];
  float *b = args->bindings[2];
  for (int64_t i = begin; i < end; ++i) {
    if (a[i] < 0 || a[i] >= args->constants[0])
      return MLC_KERNEL_INDEX_OUT_OF_RANGE;
    b[i] = table[a[i]];
  }
  return MLC_KERNEL_OK;
}

/* Fails with a code that the ABI does not have. */
__attribute__((visibility("default"))) int32_t fail_unknown(const mlc_kernel_args *args, const mlc_worker *worker,
                                                            int64_t begin, int64_t end) {
  return 77;
}

/* Writes all of its scratch, then b[i] = a[i] through it; a tile is one element. */
__attribute__((visibility("default"))) int32_t through_scratch(const mlc_kernel_args *args, const mlc_worker *worker,
                                                               int64_t begin, int64_t end) {
  const float *a = args->bindings[0];
  float *b = args->bindings[1], *scratch = worker->scratch;
  uint64_t count = worker->scratch_bytes / sizeof(float);
  for (int64_t i = begin; i < end; ++i) {
    for (uint64_t j = 0; j < count; ++j)
      scratch[j] = a[i];
    b[i] = scratch[count - 1];
  }
  return MLC_KERNEL_OK;
}
