/* The calling convention between the command runtime and generated kernels.
 *
 * One of the exactly two contracts that compiler and runtime share (the other is runtime/program.fbs).
 * A kernel is a function of an ELF shared object without imports. It is launched over a range of tiles; tiles are
 * independent of each other, so the runtime may run disjoint ranges on any threads in any order, and the result's
 * bits do not depend on how the range was cut.
 */
#ifndef MLC_KERNEL_ABI_H
#define MLC_KERNEL_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Stored in every module that carries CPU code; a runtime refuses another number. */
#define MLC_KERNEL_ABI_VERSION 1

/* Alignment in bytes of every arena, parameter, and scratch block. Bindings into the middle of caller-owned tensors
 * are aligned to their element only. */
#define MLC_BUFFER_ALIGNMENT 64

typedef struct mlc_kernel_args {
  /* Operands in the order of the kernel's declaration: inputs first, then outputs. Dense, row-major unless the
   * kernel's declaration says otherwise. An output may alias an input only where the program says `tied`. */
  void *const *bindings;
  /* Integers that the program passes to this launch; NULL when the kernel declares none. */
  const int64_t *constants;
} mlc_kernel_args;

typedef struct mlc_worker {
  /* Private to this call, MLC_BUFFER_ALIGNMENT aligned, contents undefined at entry. */
  void *scratch;
  /* At least the scratch_bytes that the program gives for the kernel. */
  uint64_t scratch_bytes;
  /* In [0, number of workers); the caller's own thread is 0. */
  uint32_t worker_id;
  uint32_t reserved;
} mlc_worker;

/* What a kernel returns. Anything but MLC_KERNEL_OK ends the run with an error that names the kernel. */
typedef enum mlc_kernel_result {
  MLC_KERNEL_OK = 0,
  /* A gather or scatter index that came from an input lies outside of its axis. */
  MLC_KERNEL_INDEX_OUT_OF_RANGE = 1
} mlc_kernel_result;

/* Runs tiles [begin, end) of the launch. Returns a mlc_kernel_result. */
typedef int32_t (*mlc_kernel_fn)(const mlc_kernel_args *args, const mlc_worker *worker, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif

#endif /* MLC_KERNEL_ABI_H */
