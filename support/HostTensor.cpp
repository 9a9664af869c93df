#include "support/HostTensor.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mlc {

std::optional<int64_t> elementCount(std::span<const int64_t> shape) {
  // 128 TiB, what a process can address on x86-64, of the largest elements: byte sizes fit as well. Dimensions of 0 do
  // not make room for others: the product of any of them, which a reshape may have, fits, too.
  constexpr int64_t kMost = int64_t{1} << 44;
  int64_t count = 1;
  bool isEmpty = false;
  for (int64_t dim : shape) {
    isEmpty |= dim == 0;
    if (dim < 0 || __builtin_mul_overflow(count, std::max<int64_t>(dim, 1), &count) || count > kMost)
      return std::nullopt;
  }
  return isEmpty ? 0 : count;
}

std::string describe(DType type, std::span<const int64_t> shape) {
  std::string text(nameOf(type));
  text += '[';
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? "," : "") + std::to_string(shape[i]);
  return text + ']';
}

HostTensor::HostTensor(DType type, std::vector<int64_t> shape) : type(type), dims(std::move(shape)), owned(true) {
  std::optional<int64_t> elements = elementCount(dims);
  MLC_CHECK(elements, "a shape has non-negative dims");
  count = *elements;
  // operator new[] aligns enough for every element type.
  std::shared_ptr<std::byte[]> storage(new std::byte[sizeBytes() + 1]());
  data = storage.get();
  owner = storage;
}

HostTensor HostTensor::borrow(DType type, std::vector<int64_t> shape, const std::byte *bytes,
                              std::shared_ptr<const void> owner) {
  HostTensor tensor;
  std::optional<int64_t> elements = elementCount(shape);
  MLC_CHECK(elements, "a shape has non-negative dims");
  tensor.type = type;
  tensor.dims = std::move(shape);
  tensor.count = *elements;
  tensor.data = bytes;
  tensor.owner = std::move(owner);
  return tensor;
}

std::byte *HostTensor::mutableBytes() {
  MLC_CHECK(owned, "borrowed bytes are read-only");
  return const_cast<std::byte *>(data);
}

static double halfToDouble(uint16_t bits) {
  int exponent = (bits >> 10) & 31;
  int mantissa = bits & 1023;
  double magnitude = exponent == 31 ? (mantissa ? NAN : INFINITY)
                     : exponent     ? std::ldexp(1024 + mantissa, exponent - 25)
                                    : std::ldexp(mantissa, -24);
  return bits & 0x8000 ? -magnitude : magnitude;
}

double HostTensor::floatAt(int64_t index) const {
  switch (type) {
  case DType::F32: return at<float>(index);
  case DType::F64: return at<double>(index);
  case DType::F16: return halfToDouble(at<uint16_t>(index));
  case DType::BF16: return std::bit_cast<float>(static_cast<uint32_t>(at<uint16_t>(index)) << 16);
  case DType::U64: return static_cast<double>(at<uint64_t>(index));
  default: return static_cast<double>(intAt(index));
  }
}

int64_t HostTensor::intAt(int64_t index) const {
  switch (type) {
  case DType::I1: return at<uint8_t>(index) != 0;
  case DType::I8: return at<int8_t>(index);
  case DType::U8: return at<uint8_t>(index);
  case DType::I16: return at<int16_t>(index);
  case DType::U16: return at<uint16_t>(index);
  case DType::I32: return at<int32_t>(index);
  case DType::U32: return at<uint32_t>(index);
  case DType::I64: return at<int64_t>(index);
  case DType::U64: return static_cast<int64_t>(at<uint64_t>(index));
  default: return static_cast<int64_t>(floatAt(index));
  }
}

} // namespace mlc
