// Winograd's minimal filtering F(m x m, 3 x 3): the arithmetic of mlc.winograd_conv. Lavin and Gray,
// https://arxiv.org/abs/1509.09308:
//
//   Y = A^T [ (G g G^T) * (B^T d B) ] A
//
// gives m x m results from an n x n piece d of the image, n = m + 2, and a filter g; `*` is element by element. A
// convolution over channels sums the products, so that for each of the n x n positions there is one matrix product.
//
// The matrices are those of Toom and Cook for the points 0, p, -p, ... and infinity. With the usual points 0, +-1, +-2
// the error of F(4x4) is five times that of the plain sum; with 0, +-3/4, +-3/2 it is about twice (measured).
#ifndef MLC_DIALECTS_MLC_WINOGRAD_H
#define MLC_DIALECTS_MLC_WINOGRAD_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace mlc {

struct Winograd {
  static constexpr int64_t window = 3;
  // The tile sizes that there are.
  static llvm::ArrayRef<int64_t> tiles();
  static bool hasTile(int64_t tile);
  explicit Winograd(int64_t tile);

  int64_t tile, taps;               // m, n
  std::vector<double> points;       // n - 1 finite ones: 0, then pairs p, -p
  std::vector<double> input;        // B^T, n x n, row-major
  std::vector<double> filter;       // G, n x 3
  std::vector<double> output;       // A^T, m x n
  std::vector<double> squareFilter; // n^2 x 9: the transform of a filter as one product, rows (G row, G row)
};

} // namespace mlc

#endif // MLC_DIALECTS_MLC_WINOGRAD_H
