#include "runtime/core/Checks.h"

#include "runtime/core/Error.h"
#include "runtime/core/Tensor.h"
#include <algorithm>
#include <cstdint>

namespace mlc::runtime {
namespace {

bool isEmpty(const mlc_tensor &tensor) {
  return std::any_of(tensor.shape, tensor.shape + tensor.rank, [](int64_t dim) { return dim == 0; });
}

// A stride may be negative or 0. In 128 bits nothing wraps: the product of all dimensions fits 63.
void checkStrides(const mlc_tensor &tensor, Access access, const char *what, const char *name) {
  __int128 first = 0, last = 0;
  for (int32_t i = 0; i < tensor.rank; ++i) {
    const int64_t dim = tensor.shape[i], stride = tensor.strides[i];
    if (dim > 1 && stride == 0 && access == Access::write)
      fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' has stride 0 in dimension ", i,
                                        ": its elements would be written over each other"));
    (stride < 0 ? first : last) += __int128(dim - 1) * stride;
  }
  const __int128 size = mlc_dtype_size(tensor.dtype), base = reinterpret_cast<uintptr_t>(tensor.data);
  if (base + first * size < 0 || base + (last + 1) * size > INT64_MAX)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' has strides that lead out of the address space"));
}

} // namespace

void checkShape(const mlc_tensor &tensor, size_t rank, const char *what, const char *name) {
  if (mlc_dtype_size(tensor.dtype) == 0)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "': dtype ", int(tensor.dtype), " does not exist"));
  if (tensor.rank < 0 || size_t(tensor.rank) != rank)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' has rank ", tensor.rank, ", expected ", rank));
  if (rank > 0 && !tensor.shape)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' has rank ", tensor.rank, " but no shape"));
}

void checkData(const mlc_tensor &tensor, Access access, const char *what, const char *name) {
  const size_t elementSize = mlc_dtype_size(tensor.dtype);
  if (isEmpty(tensor))
    return;
  if (!tensor.data)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' has no data"));
  if (reinterpret_cast<uintptr_t>(tensor.data) % elementSize)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' is not aligned to its elements of ", elementSize, " bytes"));
  if (tensor.strides)
    checkStrides(tensor, access, what, name);
}

bool overlap(const mlc_tensor &a, const mlc_tensor &b) {
  if (!isDense(a) || !isDense(b))
    return false;
  const uintptr_t beginA = reinterpret_cast<uintptr_t>(a.data), beginB = reinterpret_cast<uintptr_t>(b.data);
  const size_t sizeA = byteSize(a), sizeB = byteSize(b);
  return sizeA && sizeB && beginA < beginB + sizeB && beginB < beginA + sizeA;
}

} // namespace mlc::runtime
