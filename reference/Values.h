// What op models compute with: tensors widened to f64 or int64, and element movement on tensors of any type. Free of
// MLIR.
#pragma once

#include "support/HostTensor.h"

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace mlc::reference {

// Elements of a tensor as f64 (floating dtypes) or int64 (all others; u64 keeps its bits).
struct Values {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::vector<double> reals;
  std::vector<int64_t> ints;

  // Zeros.
  Values() = default;
  Values(DType dtype, std::vector<int64_t> shape);
  int64_t size() const { return static_cast<int64_t>(isFloat(dtype) ? reals.size() : ints.size()); }
};

Values unpack(const HostTensor &tensor);
// Rounds f64 to the dtype (nearest even, once), wraps integers. i1 is `x != 0`.
HostTensor pack(const Values &values);
// `tensor` with elements converted as mlc.cast says.
HostTensor convert(const HostTensor &tensor, DType to);
// f64 to an integer: toward zero, saturating; NaN gives 0.
template <typename T> T toInteger(double x) {
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min());
  constexpr double high = static_cast<double>(std::numeric_limits<T>::max()); // may round up to one above
  if (x != x)
    return 0;
  return x <= low ? std::numeric_limits<T>::min() : x >= high ? std::numeric_limits<T>::max() : static_cast<T>(x);
}

int64_t product(std::span<const int64_t> sizes);
// Elements between neighbours of each dimension, row-major.
std::vector<int64_t> rowMajorStrides(std::span<const int64_t> shape);

// Result element i is source element `base + dot(i, strides)`.
HostTensor copyStrided(const HostTensor &source, std::vector<int64_t> shape, int64_t base,
                       std::span<const int64_t> strides);
// The inverse: source element i goes to element `base + dot(i, strides)` of `target`.
void pasteStrided(HostTensor &target, const HostTensor &source, int64_t base, std::span<const int64_t> strides);
HostTensor transpose(const HostTensor &source, std::span<const int64_t> permutation);
HostTensor broadcast(const HostTensor &source, const std::vector<int64_t> &shape);
HostTensor reshape(const HostTensor &source, std::vector<int64_t> shape);
// [D..., N] -> [ceil(N / lanes), D..., lanes] and back.
HostTensor packPanels(const HostTensor &source, int64_t lanes);
HostTensor unpackPanels(const HostTensor &source, int64_t size);
// [D..., K, lanes] -> [D..., ceil(K / interleave), lanes, interleave] and back.
HostTensor interleaveRows(const HostTensor &source, int64_t interleave);
HostTensor separateRows(const HostTensor &source, int64_t depth);

} // namespace mlc::reference
