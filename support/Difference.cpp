#include "support/Difference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mlc {

// Stored mantissa bits and the smallest exponent of a normal number.
static std::pair<int, int> precisionOf(DType type) {
  switch (type) {
  case DType::F32: return {23, -126};
  case DType::F16: return {10, -14};
  case DType::BF16: return {7, -126};
  default: return {52, -1022};
  }
}

// The distance between neighbours of the type's numbers around x.
static double unitInLastPlace(double x, DType type) {
  auto [mantissa, lowest] = precisionOf(type);
  int exponent = x == 0 ? lowest : std::max(std::ilogb(x), lowest);
  return std::ldexp(1.0, exponent - mantissa);
}

// What "far larger than most" begins at: 100 times the magnitude that a tenth of the elements (but zeros) stay below.
// No element of normally distributed values is as large as that.
static double outlierBound(const HostTensor &tensor) {
  std::vector<double> magnitudes;
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    if (double x = std::fabs(tensor.floatAt(i)); std::isfinite(x) && x > 0)
      magnitudes.push_back(x);
  if (magnitudes.empty())
    return std::numeric_limits<double>::infinity();
  auto tenth = magnitudes.begin() + static_cast<ptrdiff_t>(magnitudes.size() / 10);
  std::nth_element(magnitudes.begin(), tenth, magnitudes.end());
  return 100 * *tenth;
}

Difference differenceOf(const HostTensor &actual, const HostTensor &expected) {
  MLC_CHECK(actual.shape() == expected.shape(), "tensors that are compared have one shape");
  bool isReal = isFloat(actual.dtype());
  // Squares of f64 values overflow f64.
  long double squaredDifference = 0, squaredExpected = 0, robustDifference = 0, robustExpected = 0;
  double bound = outlierBound(expected);
  Difference result;
  for (int64_t i = 0; i < actual.numElements(); ++i) {
    double a = actual.floatAt(i), e = expected.floatAt(i);
    if (std::isfinite(e)) {
      ++result.finite;
      squaredExpected += static_cast<long double>(e) * e;
      robustExpected += std::pow(std::min(std::fabs(e), bound), 2);
    }
    bool inIntegers = !isReal && !isFloat(expected.dtype());
    bool equal = !inIntegers ? a == e || (std::isnan(a) && std::isnan(e)) : actual.intAt(i) == expected.intAt(i);
    if (equal)
      continue;
    double off = inIntegers ? std::max(std::fabs(a - e), 1.0) : std::fabs(a - e); // large ones are equal as doubles
    // An exact result beyond the type's largest number is infinity in it.
    if (std::isinf(a) && std::isfinite(e) && std::signbit(a) == std::signbit(e) &&
        std::fabs(e) > 0.99 * std::ldexp(1.0, actual.dtype() == DType::F16 ? 16 : 128) && actual.dtype() != DType::F64)
      continue;
    if (!std::isfinite(off))
      off = std::numeric_limits<double>::infinity();
    squaredDifference += static_cast<long double>(off) * off;
    robustDifference += std::pow(std::isfinite(e) && std::fabs(e) > bound ? off * (bound / std::fabs(e)) : off, 2);
    if (result.worst < 0 || off > result.maxAbs)
      result.worst = i;
    result.maxAbs = std::max(result.maxAbs, off);
    if (isReal)
      result.maxUlp = std::max(result.maxUlp, std::isfinite(off) ? off / unitInLastPlace(e, actual.dtype()) : off);
  }
  auto relative = [](double off, double size) { return std::sqrt(off) / (size > 0 ? std::sqrt(size) : 1.0); };
  result.relativeL2 = relative(squaredDifference, squaredExpected);
  result.robustL2 = relative(robustDifference, robustExpected);
  return result;
}

double defaultTolerance(DType type) {
  switch (type) {
  case DType::F64: return 1e-13;
  case DType::F32: return 1e-5;
  case DType::F16: return 4e-3;
  case DType::BF16: return 3e-2;
  default: return 0;
  }
}

} // namespace mlc
