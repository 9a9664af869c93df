#include "test/sweep/Draw.h"
#include "reference/Values.h"
#include <cmath>
#include <random>

namespace mlc::sweep {
namespace {

// What a floating-point type can hold.
struct Format {
  int mantissa, lowestExponent; // stored bits; exponent of the smallest normal number
  double highest;
};

Format formatOf(DType dtype) {
  switch (dtype) {
  case DType::F64: return {52, -1022, std::numeric_limits<double>::max()};
  case DType::F32: return {23, -126, double(std::numeric_limits<float>::max())};
  case DType::F16: return {10, -14, 65504};
  default: return {7, -126, std::ldexp(255.0, 120)}; // bf16
  }
}

double ulpOf(double x, const Format &format) {
  int exponent = format.lowestExponent;
  if (x != 0)
    exponent = std::max(std::ilogb(std::fabs(x)), exponent);
  return std::ldexp(1.0, exponent - format.mantissa);
}

double drawReal(std::mt19937_64 &random, const Fill &fill, DType dtype) {
  Format format = formatOf(dtype);
  auto uniform = [&](double low, double high) { return std::uniform_real_distribution<double>(low, high)(random); };
  double smallest = std::ldexp(1.0, format.lowestExponent - format.mantissa);
  double normal = std::ldexp(1.0, format.lowestExponent);
  const double special[] = {0.0,
                            -0.0,
                            1,
                            -1,
                            INFINITY,
                            -INFINITY,
                            NAN,
                            -NAN,
                            smallest,
                            -smallest,
                            normal,
                            -(normal - smallest),
                            format.highest,
                            -format.highest,
                            0.5,
                            -0.5,
                            1.5,
                            -1.5,
                            2.5,
                            3,
                            -2,
                            1e-3,
                            87.5,
                            -87.5,
                            -103.5,
                            709.5,
                            -745.0,
                            255,
                            256,
                            32767.5,
                            -32769,
                            2147483648.0,
                            -2147483648.0,
                            9.3e18,
                            -9.3e18,
                            1.9e19,
                            std::numeric_limits<float>::max()};
  switch (fill.kind) {
  case Fill::Any:
    if (random() % 2)
      return special[random() % std::size(special)];
    if (random() % 2)
      return uniform(-4, 4);
    return std::ldexp(uniform(-2, 2), int(random() % 61) - 30);
  case Fill::Sparse:
    if (random() % 40 == 0)
      return random() % 3 ? NAN : random() % 2 ? INFINITY : -INFINITY;
    [[fallthrough]];
  case Fill::Moderate: return uniform(-2, 2);
  case Fill::Range: return double(fill.low + int64_t(random() % uint64_t(fill.high - fill.low + 1)));
  }
  return 0;
}

int64_t drawInteger(std::mt19937_64 &random, const Fill &fill, DType dtype) {
  if (fill.kind == Fill::Range)
    return fill.low + int64_t(random() % uint64_t(fill.high - fill.low + 1));
  // Of the type, and of the next narrower ones; `pack` wraps them.
  int bits = int(sizeOf(dtype)) * 8;
  const int64_t special[] = {0,
                             0,
                             1,
                             -1,
                             2,
                             -2,
                             3,
                             7,
                             int64_t(uint64_t(1) << (bits - 1)),
                             int64_t((uint64_t(1) << (bits - 1)) - 1),
                             int64_t((uint64_t(1) << (bits - 1)) + 1),
                             int64_t(uint64_t(1) << (bits / 2)),
                             -100,
                             127,
                             128,
                             255};
  return random() % 3 ? special[random() % std::size(special)] : int64_t(random());
}

} // namespace

HostTensor draw(const Input &input, uint64_t seed) {
  std::mt19937_64 random(seed);
  reference::Values values(input.dtype, input.shape);
  for (double &x : values.reals)
    x = drawReal(random, input.fill, input.dtype);
  for (int64_t &x : values.ints)
    x = input.dtype == DType::I1 ? int64_t(random() % 2) : drawInteger(random, input.fill, input.dtype);
  return reference::pack(values);
}

std::string difference(const HostTensor &got, const HostTensor &want, const Tolerance &tolerance) {
  auto report = [&](int64_t i, const std::string &g, const std::string &w) {
    return "element " + std::to_string(i) + " of " + describe(want.dtype(), want.shape()) + " is " + g + ", not " + w;
  };
  if (!isFloat(want.dtype())) {
    size_t size = sizeOf(want.dtype());
    for (int64_t i = 0; i < want.numElements(); ++i)
      if (std::memcmp(got.bytes() + size_t(i) * size, want.bytes() + size_t(i) * size, size) != 0)
        return report(i, std::to_string(got.intAt(i)), std::to_string(want.intAt(i)));
    return {};
  }
  Format format = formatOf(want.dtype());
  auto text = [](double x) {
    char buffer[40];
    snprintf(buffer, sizeof buffer, "%.17g", x);
    return std::string(buffer);
  };
  // Behind the largest number comes one more step, not a gap: rounding to infinity is an error of one ulp there.
  auto finite = [&](double x) {
    double next = format.highest + ulpOf(format.highest, format);
    return std::isinf(x) && std::isfinite(next) ? std::copysign(next, x) : x;
  };
  for (int64_t i = 0; i < want.numElements(); ++i) {
    double g = got.floatAt(i), w = want.floatAt(i);
    bool same = g == w || (std::isnan(g) && std::isnan(w));
    if (same && tolerance.ulps == 0 && tolerance.signedZeros && g == 0)
      same = std::signbit(g) == std::signbit(w);
    if (same)
      continue;
    double bound = tolerance.ulps * ulpOf(std::max(std::min(std::fabs(w), format.highest), tolerance.floor), format);
    if (std::isnan(g) || std::isnan(w) || !(std::fabs(finite(g) - finite(w)) <= bound))
      return report(i, text(g), text(w)) + " (" + text(std::fabs(g - w) / ulpOf(w, format)) + " ulp)";
  }
  return {};
}

} // namespace mlc::sweep
