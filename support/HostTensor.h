// A dense, row-major tensor in host memory whose bytes it owns or shares (for instance with a file mapping).
#pragma once

#include "support/DType.h"
#include "support/Status.h"

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mlc {

// Number of elements of a shape, or nothing where it is negative or overflows.
std::optional<int64_t> elementCount(std::span<const int64_t> shape);
// "f32[2,3]"
std::string describe(DType type, std::span<const int64_t> shape);

class HostTensor {
public:
  HostTensor() = default;
  // Owned and zeroed.
  HostTensor(DType type, std::vector<int64_t> shape);
  // Shares `bytes`; `owner` keeps them alive.
  static HostTensor borrow(DType type, std::vector<int64_t> shape, const std::byte *bytes,
                           std::shared_ptr<const void> owner);
  template <typename T> static HostTensor from(DType type, std::vector<int64_t> shape, const std::vector<T> &values) {
    HostTensor tensor(type, std::move(shape));
    MLC_CHECK(values.size() * sizeof(T) == tensor.sizeBytes(), "values fill the tensor");
    if (!values.empty())
      std::memcpy(tensor.mutableBytes(), values.data(), tensor.sizeBytes());
    return tensor;
  }

  DType dtype() const { return type; }
  const std::vector<int64_t> &shape() const { return dims; }
  int64_t numElements() const { return count; }
  size_t sizeBytes() const { return static_cast<size_t>(count) * sizeOf(type); }
  const std::byte *bytes() const { return data; }
  // Only of an owned tensor.
  std::byte *mutableBytes();
  // T must have the size of the element type. Bytes may be unaligned where they are borrowed from a file: use `at`.
  template <typename T> T at(int64_t index) const {
    MLC_CHECK(sizeof(T) == sizeOf(type) && index >= 0 && index < count, "element access");
    T value;
    std::memcpy(&value, data + static_cast<size_t>(index) * sizeof(T), sizeof(T));
    return value;
  }
  // Any element type, converted.
  int64_t intAt(int64_t index) const;
  double floatAt(int64_t index) const;

private:
  DType type = DType::F32;
  std::vector<int64_t> dims{0};
  int64_t count = 0;
  const std::byte *data = nullptr;
  std::shared_ptr<const void> owner;
  bool owned = false;
};

} // namespace mlc
