#include "reference/Values.h"

#include <bit>
#include <cmath>
#include <numeric>

namespace mlc::reference {

Values::Values(DType dtype, std::vector<int64_t> shape) : dtype(dtype), shape(std::move(shape)) {
  size_t count = static_cast<size_t>(product(this->shape));
  if (isFloat(dtype))
    reals.resize(count);
  else
    ints.resize(count);
}

int64_t product(std::span<const int64_t> sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

std::vector<int64_t> rowMajorStrides(std::span<const int64_t> shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0; stride *= shape[d])
    strides[d] = stride;
  return strides;
}

template <typename Stored, typename Wide> static void widen(const HostTensor &tensor, std::vector<Wide> &out) {
  for (size_t i = 0; i < out.size(); ++i) {
    Stored value; // bytes of a file may be unaligned
    std::memcpy(&value, tensor.bytes() + i * sizeof(Stored), sizeof(Stored));
    out[i] = static_cast<Wide>(value);
  }
}

Values unpack(const HostTensor &tensor) {
  Values values(tensor.dtype(), tensor.shape());
  switch (tensor.dtype()) {
  case DType::F32: widen<float>(tensor, values.reals); break;
  case DType::F64: widen<double>(tensor, values.reals); break;
  case DType::I64:
  case DType::U64: widen<int64_t>(tensor, values.ints); break;
  case DType::I32: widen<int32_t>(tensor, values.ints); break;
  case DType::F16:
  case DType::BF16:
    for (size_t i = 0; i < values.reals.size(); ++i)
      values.reals[i] = tensor.floatAt(static_cast<int64_t>(i));
    break;
  default:
    for (size_t i = 0; i < values.ints.size(); ++i)
      values.ints[i] = tensor.intAt(static_cast<int64_t>(i));
  }
  return values;
}

// A 16-bit IEEE-style format with `mantissa` stored bits, rounded to nearest even straight from f64 (by way of f32 it
// would round twice).
template <int mantissa> static uint16_t roundTo16Bits(double x) {
  constexpr int exponentBits = 15 - mantissa, bias = (1 << (exponentBits - 1)) - 1;
  constexpr int infinity = ((1 << exponentBits) - 1) << mantissa;
  uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x))
    return static_cast<uint16_t>(sign | infinity | (1 << (mantissa - 1)));
  if (std::isinf(x))
    return static_cast<uint16_t>(sign | infinity);
  if (x == 0)
    return sign;
  int exponent = 0;
  std::frexp(x, &exponent);
  // The exponent of the number's last bit; subnormals share one.
  int last = std::max(exponent - 1, 1 - bias) - mantissa;
  int64_t steps = static_cast<int64_t>(std::nearbyint(std::ldexp(std::fabs(x), -last)));
  // Steps carry into the exponent field by themselves: 2^(mantissa + 1) steps are the next exponent.
  int64_t bits = steps + (static_cast<int64_t>(last + mantissa + bias - 1) << mantissa);
  return static_cast<uint16_t>(sign | std::min<int64_t>(bits, infinity));
}

template <typename Stored, typename Wide, typename Function>
static void narrow(HostTensor &tensor, const std::vector<Wide> &values, Function function) {
  std::byte *out = tensor.mutableBytes();
  for (size_t i = 0; i < values.size(); ++i) {
    Stored value = function(values[i]);
    std::memcpy(out + i * sizeof(Stored), &value, sizeof(Stored));
  }
}

template <typename Stored> static void narrowInts(HostTensor &tensor, const std::vector<int64_t> &values) {
  narrow<Stored>(tensor, values, [](int64_t x) { return static_cast<Stored>(x); });
}

HostTensor pack(const Values &values) {
  HostTensor tensor(values.dtype, values.shape);
  switch (values.dtype) {
  case DType::F64: narrow<double>(tensor, values.reals, [](double x) { return x; }); break;
  case DType::F32: narrow<float>(tensor, values.reals, [](double x) { return static_cast<float>(x); }); break;
  case DType::F16: narrow<uint16_t>(tensor, values.reals, roundTo16Bits<10>); break;
  case DType::BF16: narrow<uint16_t>(tensor, values.reals, roundTo16Bits<7>); break;
  case DType::I1: narrow<uint8_t>(tensor, values.ints, [](int64_t x) { return uint8_t{x != 0}; }); break;
  case DType::I8:
  case DType::U8: narrowInts<int8_t>(tensor, values.ints); break;
  case DType::I16:
  case DType::U16: narrowInts<int16_t>(tensor, values.ints); break;
  case DType::I32:
  case DType::U32: narrowInts<int32_t>(tensor, values.ints); break;
  case DType::I64:
  case DType::U64: narrowInts<int64_t>(tensor, values.ints); break;
  }
  return tensor;
}

static int64_t realToInt(double x, DType to) {
  switch (to) {
  case DType::I1: return x != 0;
  case DType::I8: return toInteger<int8_t>(x);
  case DType::U8: return toInteger<uint8_t>(x);
  case DType::I16: return toInteger<int16_t>(x);
  case DType::U16: return toInteger<uint16_t>(x);
  case DType::I32: return toInteger<int32_t>(x);
  case DType::U32: return toInteger<uint32_t>(x);
  case DType::U64: return static_cast<int64_t>(toInteger<uint64_t>(x));
  default: return toInteger<int64_t>(x);
  }
}

// An integer as f64 whose later rounding to `to` is the only one: f64 itself holds 53 bits of 64. For narrower types
// what lies behind goes into the last kept bit (rounding to odd).
template <typename Int> static double intToReal(Int x, DType to) {
  constexpr Int behind = 0x7ff, exact = Int(1) << 53;
  bool fits = x < exact && (std::is_unsigned_v<Int> || x > Int(0) - exact);
  if (to == DType::F64 || fits)
    return static_cast<double>(x);
  return static_cast<double>((x & ~behind) | ((x & behind) ? behind + 1 : 0));
}

HostTensor convert(const HostTensor &tensor, DType to) {
  if (tensor.dtype() == to)
    return tensor;
  Values from = unpack(tensor), result(to, tensor.shape());
  for (size_t i = 0; i < static_cast<size_t>(from.size()); ++i)
    if (isFloat(from.dtype) && isFloat(to))
      result.reals[i] = from.reals[i];
    else if (isFloat(from.dtype))
      result.ints[i] = realToInt(from.reals[i], to);
    else if (!isFloat(to))
      result.ints[i] = from.ints[i];
    else
      result.reals[i] =
          from.dtype == DType::U64 ? intToReal(static_cast<uint64_t>(from.ints[i]), to) : intToReal(from.ints[i], to);
  return pack(result);
}

// Calls `visit(linear index, strided offset)` for each element of `shape` in row-major order.
template <typename Visit>
static void walkStrided(std::span<const int64_t> shape, int64_t base, std::span<const int64_t> strides, Visit visit) {
  int64_t count = product(shape), offset = base;
  std::vector<int64_t> index(shape.size(), 0);
  for (int64_t linear = 0; linear < count; ++linear) {
    visit(linear, offset);
    for (size_t d = shape.size(); d-- > 0;) {
      offset += strides[d];
      if (++index[d] < shape[d])
        break;
      offset -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

template <typename Visit> static void dispatchOnSize(size_t size, Visit visit) {
  switch (size) {
  case 1: return visit(uint8_t{});
  case 2: return visit(uint16_t{});
  case 4: return visit(uint32_t{});
  default: return visit(uint64_t{});
  }
}

HostTensor copyStrided(const HostTensor &source, std::vector<int64_t> shape, int64_t base,
                       std::span<const int64_t> strides) {
  HostTensor result(source.dtype(), std::move(shape));
  std::byte *out = result.mutableBytes();
  dispatchOnSize(sizeOf(source.dtype()), [&](auto element) {
    walkStrided(result.shape(), base, strides, [&](int64_t linear, int64_t offset) {
      std::memcpy(out + linear * int64_t{sizeof(element)}, source.bytes() + offset * int64_t{sizeof(element)},
                  sizeof(element));
    });
  });
  return result;
}

void pasteStrided(HostTensor &target, const HostTensor &source, int64_t base, std::span<const int64_t> strides) {
  std::byte *out = target.mutableBytes();
  dispatchOnSize(sizeOf(source.dtype()), [&](auto element) {
    walkStrided(source.shape(), base, strides, [&](int64_t linear, int64_t offset) {
      std::memcpy(out + offset * int64_t{sizeof(element)}, source.bytes() + linear * int64_t{sizeof(element)},
                  sizeof(element));
    });
  });
}

HostTensor transpose(const HostTensor &source, std::span<const int64_t> permutation) {
  std::vector<int64_t> from = rowMajorStrides(source.shape()), shape, strides;
  for (int64_t dim : permutation) {
    shape.push_back(source.shape()[static_cast<size_t>(dim)]);
    strides.push_back(from[static_cast<size_t>(dim)]);
  }
  return copyStrided(source, std::move(shape), 0, strides);
}

HostTensor broadcast(const HostTensor &source, const std::vector<int64_t> &shape) {
  if (source.shape() == shape)
    return source;
  std::vector<int64_t> from = rowMajorStrides(source.shape()), strides(shape.size(), 0);
  size_t skip = shape.size() - source.shape().size();
  for (size_t d = 0; d < from.size(); ++d)
    strides[skip + d] = source.shape()[d] == 1 ? 0 : from[d];
  return copyStrided(source, shape, 0, strides);
}

HostTensor reshape(const HostTensor &source, std::vector<int64_t> shape) {
  // A copy of the handle keeps the bytes alive.
  return HostTensor::borrow(source.dtype(), std::move(shape), source.bytes(),
                            std::make_shared<const HostTensor>(source));
}

// Strides, in a tensor of panels [P, D..., lanes], of the same elements as [D..., P, lanes].
static std::vector<int64_t> panelStrides(std::span<const int64_t> panels) {
  std::vector<int64_t> from = rowMajorStrides(panels), strides(from.begin() + 1, from.end() - 1);
  strides.push_back(from.front());
  strides.push_back(1);
  return strides;
}

HostTensor packPanels(const HostTensor &source, int64_t lanes) {
  std::vector<int64_t> shape = source.shape(), padded = shape;
  int64_t size = shape.back(), panels = (size + lanes - 1) / lanes;
  padded.back() = panels * lanes;
  HostTensor full = source; // weights may be as large as memory: no copy where nothing is padded
  if (padded != shape) {
    full = HostTensor(source.dtype(), padded);
    pasteStrided(full, source, 0, rowMajorStrides(padded));
  }
  std::vector<int64_t> rows(shape.begin(), shape.end() - 1), split = rows, result = {panels};
  split.insert(split.end(), {panels, lanes});
  result.insert(result.end(), rows.begin(), rows.end());
  result.push_back(lanes);
  HostTensor packed(source.dtype(), result);
  pasteStrided(packed, reshape(full, split), 0, panelStrides(result));
  return packed;
}

HostTensor unpackPanels(const HostTensor &source, int64_t size) {
  const std::vector<int64_t> &shape = source.shape();
  std::vector<int64_t> split(shape.begin() + 1, shape.end() - 1), padded = split, result = split;
  split.insert(split.end(), {shape.front(), shape.back()});
  padded.push_back(shape.front() * shape.back());
  result.push_back(size);
  HostTensor full = reshape(copyStrided(source, split, 0, panelStrides(shape)), padded);
  return copyStrided(full, result, 0, rowMajorStrides(padded));
}

// Swaps the last two dimensions.
static HostTensor transposeLast(const HostTensor &source) {
  std::vector<int64_t> permutation(source.shape().size());
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation.back(), permutation.end()[-2]);
  return transpose(source, permutation);
}

HostTensor interleaveRows(const HostTensor &source, int64_t interleave) {
  std::vector<int64_t> padded = source.shape(), split(padded.begin(), padded.end() - 2);
  int64_t lanes = padded.back(), groups = (padded.end()[-2] + interleave - 1) / interleave;
  padded.end()[-2] = groups * interleave;
  HostTensor full = source;
  if (padded != source.shape()) {
    full = HostTensor(source.dtype(), padded);
    pasteStrided(full, source, 0, rowMajorStrides(padded));
  }
  split.insert(split.end(), {groups, interleave, lanes});
  return transposeLast(reshape(full, split));
}

HostTensor separateRows(const HostTensor &source, int64_t depth) {
  HostTensor rows = transposeLast(source);
  std::vector<int64_t> padded(rows.shape().begin(), rows.shape().end() - 2), result;
  padded.back() *= source.shape().back();
  padded.push_back(rows.shape().back());
  result = padded;
  result.end()[-2] = depth;
  return copyStrided(reshape(rows, padded), result, 0, rowMajorStrides(padded));
}

} // namespace mlc::reference
