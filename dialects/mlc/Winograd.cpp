#include "dialects/mlc/Winograd.h"

#include "llvm/ADT/STLExtras.h"
#include <cmath>

namespace mlc {

static constexpr int64_t kTiles[] = {2, 4};

llvm::ArrayRef<int64_t> Winograd::tiles() { return kTiles; }
bool Winograd::hasTile(int64_t tile) { return llvm::is_contained(kTiles, tile); }

// Coefficients, from the constant one, of the product of x - p over all points but number `without`.
static std::vector<double> productWithout(llvm::ArrayRef<double> points, int64_t without) {
  std::vector<double> polynomial{1};
  for (auto [k, point] : llvm::enumerate(points)) {
    if (int64_t(k) == without)
      continue;
    polynomial.push_back(0);
    for (size_t i = polynomial.size(); i-- > 0;)
      polynomial[i] = (i ? polynomial[i - 1] : 0) - point * polynomial[i];
  }
  return polynomial;
}

Winograd::Winograd(int64_t tile) : tile(tile), taps(tile + window - 1), points{0} {
  for (double p : tile == 2 ? std::vector<double>{1} : std::vector<double>{0.75, 1.5}) {
    points.push_back(p);
    points.push_back(-p);
  }
  input.assign(size_t(taps * taps), 0);
  filter.assign(size_t(taps * window), 0);
  output.assign(size_t(tile * taps), 0);
  // The last row and column are the point at infinity.
  for (int64_t j = 0; j < taps; ++j) {
    bool isFinite = j + 1 < taps;
    llvm::copy(productWithout(points, isFinite ? j : -1), input.begin() + j * taps);
    double divisor = 1;
    for (int64_t k = 0; isFinite && k + 1 < taps; ++k)
      divisor *= k == j ? 1 : points[size_t(j)] - points[size_t(k)];
    auto power = [&](int64_t i, int64_t last) {
      return isFinite ? std::pow(points[size_t(j)], double(i)) : double(i == last);
    };
    for (int64_t i = 0; i < window; ++i)
      filter[size_t(j * window + i)] = power(i, window - 1) / divisor;
    for (int64_t i = 0; i < tile; ++i)
      output[size_t(i * taps + j)] = power(i, tile - 1);
  }
  for (int64_t a = 0; a < taps; ++a)
    for (int64_t b = 0; b < taps; ++b)
      for (int64_t i = 0; i < window; ++i)
        for (int64_t j = 0; j < window; ++j)
          squareFilter.push_back(filter[size_t(a * window + i)] * filter[size_t(b * window + j)]);
}

} // namespace mlc
