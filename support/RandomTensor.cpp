#include "support/RandomTensor.h"

#include <algorithm>
#include <limits>
#include <random>

namespace mlc {
namespace {

template <typename T> void fill(HostTensor &tensor, uint64_t seed, auto make) {
  std::mt19937_64 random(seed); // specified bit for bit, unlike the library's distributions
  std::byte *bytes = tensor.mutableBytes();
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    T value = make(random());
    std::memcpy(bytes + static_cast<size_t>(i) * sizeof(T), &value, sizeof(T));
  }
}

// 24 random bits to [-1, 1): exact in f32.
float unit(uint64_t bits) { return static_cast<float>(bits >> 40) * 0x1p-23f - 1.0f; }

template <typename T> void fillIntegers(HostTensor &tensor, uint64_t seed, int64_t bound) {
  uint64_t range = static_cast<uint64_t>(std::max<int64_t>(bound, 1));
  if (sizeof(T) < sizeof(bound))
    range = std::min(range, static_cast<uint64_t>(std::numeric_limits<T>::max()) + 1);
  // The product's upper word (Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29(1), 2019).
  fill<T>(tensor, seed, [range](uint64_t bits) {
    return static_cast<T>(static_cast<uint64_t>(static_cast<unsigned __int128>(bits) * range >> 64));
  });
}

} // namespace

HostTensor randomTensor(DType type, std::vector<int64_t> shape, uint64_t seed, int64_t bound) {
  HostTensor tensor(type, std::move(shape));
  switch (type) {
  case DType::F32: fill<float>(tensor, seed, unit); break;
  case DType::F64: fill<double>(tensor, seed, [](uint64_t bits) { return static_cast<double>(unit(bits)); }); break;
  case DType::F16: fill<_Float16>(tensor, seed, [](uint64_t bits) { return static_cast<_Float16>(unit(bits)); }); break;
  case DType::BF16: // the upper half of an f32, truncated
    fill<uint16_t>(tensor, seed, [](uint64_t bits) {
      float value = unit(bits);
      uint32_t word;
      std::memcpy(&word, &value, sizeof(word));
      return static_cast<uint16_t>(word >> 16);
    });
    break;
  case DType::I1: fillIntegers<uint8_t>(tensor, seed, 2); break;
  case DType::I8: fillIntegers<int8_t>(tensor, seed, bound); break;
  case DType::U8: fillIntegers<uint8_t>(tensor, seed, bound); break;
  case DType::I16: fillIntegers<int16_t>(tensor, seed, bound); break;
  case DType::U16: fillIntegers<uint16_t>(tensor, seed, bound); break;
  case DType::I32: fillIntegers<int32_t>(tensor, seed, bound); break;
  case DType::U32: fillIntegers<uint32_t>(tensor, seed, bound); break;
  case DType::I64:
  case DType::U64: fillIntegers<int64_t>(tensor, seed, bound); break;
  }
  return tensor;
}

} // namespace mlc
