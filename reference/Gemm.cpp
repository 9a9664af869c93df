// Blocking after Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008:
// panels of b stay in the outer caches, a block of a in L2, a tile of c in registers.
#include "reference/Gemm.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace mlc::reference {

void parallelFor(int64_t count, const std::function<void(int64_t)> &body) {
  int64_t threads = std::min<int64_t>(count, std::max(1u, std::thread::hardware_concurrency()));
  std::atomic<int64_t> next = 0;
  auto work = [&] {
    for (int64_t i; (i = next.fetch_add(1)) < count;)
      body(i);
  };
  std::vector<std::thread> workers;
  for (int64_t t = 1; t < threads; ++t)
    workers.emplace_back(work);
  work();
  for (std::thread &worker : workers)
    worker.join();
}

namespace {

constexpr int64_t kTileRows = 6, kTileColumns = 8, kBlockRows = 96, kBlockDepth = 256;
using Vector = double __attribute__((vector_size(32)));
constexpr int64_t kVectors = kTileColumns / 4;

// tile[6][8] = sum over depth of a[depth][6] * b[depth][8].
[[gnu::always_inline]] inline void multiplyTile(int64_t depth, const double *a, const double *b, double *tile) {
  Vector sums[kTileRows][kVectors] = {};
  for (int64_t p = 0; p < depth; ++p, a += kTileRows, b += kTileColumns) {
    Vector row[kVectors];
    __builtin_memcpy(row, b, sizeof row);
    for (int64_t i = 0; i < kTileRows; ++i)
      for (int64_t j = 0; j < kVectors; ++j)
        sums[i][j] += a[i] * row[j];
  }
  __builtin_memcpy(tile, sums, sizeof sums);
}

void multiplyTileBaseline(int64_t depth, const double *a, const double *b, double *tile) {
  multiplyTile(depth, a, b, tile);
}
#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] void multiplyTileAvx2(int64_t depth, const double *a, const double *b, double *tile) {
  multiplyTile(depth, a, b, tile);
}
#endif

using TileKernel = void (*)(int64_t, const double *, const double *, double *);
TileKernel tileKernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return multiplyTileAvx2;
#endif
  return multiplyTileBaseline;
}

// A block of `matrix` as panels of `width` rows (of its transpose, for b), zeros behind the last.
void packPanels(ConstMatrix matrix, int64_t rows, int64_t depth, int64_t width, std::vector<double> &panels) {
  panels.assign(static_cast<size_t>((rows + width - 1) / width * width * depth), 0);
  double *out = panels.data();
  for (int64_t i = 0; i < rows; i += width, out += width * depth)
    for (int64_t p = 0; p < depth; ++p)
      for (int64_t r = 0; r < std::min(width, rows - i); ++r)
        out[p * width + r] = matrix(i + r, p);
}

void addTile(const double *tile, int64_t rows, int64_t columns, double *c, int64_t rowStride) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      c[i * rowStride + j] += tile[i * kTileColumns + j];
}

} // namespace

void gemm(int64_t m, int64_t n, int64_t k, ConstMatrix a, ConstMatrix b, double *c, int64_t rowStride) {
  TileKernel kernel = tileKernel();
  for (int64_t i = 0; i < m; ++i)
    std::fill_n(c + i * rowStride, n, 0.0);
  std::vector<double> panelsOfB;
  for (int64_t p = 0; p < k; p += kBlockDepth) {
    int64_t depth = std::min(kBlockDepth, k - p);
    packPanels({b.data + p * b.rowStride, b.columnStride, b.rowStride}, n, depth, kTileColumns, panelsOfB);
    auto block = [&](int64_t index) {
      int64_t i0 = index * kBlockRows, rows = std::min(kBlockRows, m - i0);
      std::vector<double> panelsOfA;
      packPanels({a.data + i0 * a.rowStride + p * a.columnStride, a.rowStride, a.columnStride}, rows, depth, kTileRows,
                 panelsOfA);
      for (int64_t j = 0; j < n; j += kTileColumns)
        for (int64_t i = 0; i < rows; i += kTileRows) {
          double tile[kTileRows * kTileColumns];
          kernel(depth, panelsOfA.data() + i * depth, panelsOfB.data() + j * depth, tile);
          addTile(tile, std::min(kTileRows, rows - i), std::min(kTileColumns, n - j), c + (i0 + i) * rowStride + j,
                  rowStride);
        }
    };
    int64_t blocks = (m + kBlockRows - 1) / kBlockRows;
    // Starting threads costs more than a small product.
    if (m * n * depth < (int64_t{1} << 21))
      for (int64_t index = 0; index < blocks; ++index)
        block(index);
    else
      parallelFor(blocks, block);
  }
}

std::vector<double> imageToColumns(const double *image, int64_t channels, const ConvWindow &conv) {
  size_t rank = conv.input.size();
  auto count = [](std::span<const int64_t> sizes) {
    int64_t result = 1;
    for (int64_t size : sizes)
      result *= size;
    return result;
  };
  int64_t inputs = count(conv.input), taps = count(conv.window), outputs = count(conv.output);
  std::vector<double> columns(static_cast<size_t>(channels * taps * outputs));
  double *out = columns.data();
  std::vector<int64_t> tap(rank), place(rank);
  auto advance = [](std::vector<int64_t> &index, std::span<const int64_t> sizes) {
    for (size_t d = sizes.size(); d-- > 0; index[d] = 0)
      if (++index[d] < sizes[d])
        return;
  };
  for (int64_t channel = 0; channel < channels; ++channel, image += inputs)
    for (int64_t t = 0; t < taps; ++t, advance(tap, conv.window))
      for (int64_t o = 0; o < outputs; ++o, advance(place, conv.output), ++out) {
        int64_t offset = 0;
        bool inside = true;
        for (size_t d = 0; d < rank; ++d) {
          int64_t position = place[d] * conv.strides[d] + tap[d] * conv.dilations[d] - conv.padLow[d];
          inside &= position >= 0 && position < conv.input[d];
          offset = offset * conv.input[d] + position;
        }
        *out = inside ? image[offset] : 0;
      }
  return columns;
}

} // namespace mlc::reference
