// Matrix product in f64, blocked and threaded, and the loops around it that want an optimiser. Free of MLIR.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace mlc::reference {

struct ConstMatrix {
  const double *data;
  int64_t rowStride, columnStride;
  double operator()(int64_t row, int64_t column) const { return data[row * rowStride + column * columnStride]; }
};

// Calls `body` with 0 ... count - 1 on all CPUs.
void parallelFor(int64_t count, const std::function<void(int64_t)> &body);

// c[m, n] = a[m, k] * b[k, n]; rows of c are `rowStride` apart.
void gemm(int64_t m, int64_t n, int64_t k, ConstMatrix a, ConstMatrix b, double *c, int64_t rowStride);

struct ConvWindow {
  std::span<const int64_t> input, window, output; // spatial sizes
  std::span<const int64_t> strides, padLow, dilations;
};
// One image [channels, spatial...] to columns [channels * window..., output...]; zeros where the window is outside.
std::vector<double> imageToColumns(const double *image, int64_t channels, const ConvWindow &conv);

} // namespace mlc::reference
