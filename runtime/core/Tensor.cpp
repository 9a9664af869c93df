#include "runtime/core/Tensor.h"

#include "runtime/core/Error.h"
#include <cstring>

namespace mlc::runtime {
namespace {

struct TypeInfo {
  const char *name;
  uint8_t size;
};

constexpr TypeInfo typeInfos[] = {{"?", 0},   {"f32", 4}, {"f64", 8}, {"f16", 2}, {"bf16", 2}, {"i8", 1},  {"u8", 1},
                                  {"i16", 2}, {"u16", 2}, {"i32", 4}, {"u32", 4}, {"i64", 8},  {"u64", 8}, {"i1", 1}};

const TypeInfo &typeInfo(int dtype) {
  bool known = dtype > 0 && dtype < int(std::size(typeInfos));
  return typeInfos[known ? dtype : 0];
}

// Copies one dimension after the other; the innermost run is one memcpy where it is contiguous.
template <bool gather>
void copyStrided(char *dense, const mlc_tensor &view, char *data, int axis, size_t elementSize, size_t blockElements) {
  if (axis == view.rank) {
    gather ? memcpy(dense, data, elementSize) : memcpy(data, dense, elementSize);
    return;
  }
  const int64_t length = view.shape[axis], stride = view.strides[axis];
  if (axis == view.rank - 1 && stride == 1) {
    gather ? memcpy(dense, data, length * elementSize) : memcpy(data, dense, length * elementSize);
    return;
  }
  const size_t innerElements = length ? blockElements / length : 0;
  for (int64_t i = 0; i < length; ++i)
    copyStrided<gather>(dense + i * innerElements * elementSize, view, data + i * stride * int64_t(elementSize),
                        axis + 1, elementSize, innerElements);
}

int64_t strideOf(const mlc_tensor &view, int axis) {
  if (view.strides)
    return view.strides[axis];
  int64_t stride = 1;
  for (int i = axis + 1; i < view.rank; ++i)
    stride *= view.shape[i];
  return stride;
}

// As copyStrided, where a dimension of the dense tensor may be longer; `blockBytes` are those of it from `axis` on.
template <bool gather>
void copyFront(char *dense, const int64_t *shape, size_t blockBytes, const mlc_tensor &view, char *data, int axis) {
  const size_t size = typeInfo(view.dtype).size;
  if (axis == view.rank) {
    gather ? memcpy(dense, data, size) : memcpy(data, dense, size);
    return;
  }
  const int64_t length = view.shape[axis], stride = strideOf(view, axis);
  const size_t innerBytes = blockBytes / size_t(shape[axis]);
  if (axis == view.rank - 1 && stride == 1)
    gather ? memcpy(dense, data, length * size) : memcpy(data, dense, length * size);
  else
    for (int64_t i = 0; i < length; ++i)
      copyFront<gather>(dense + i * innerBytes, shape, innerBytes, view, data + i * stride * int64_t(size), axis + 1);
  if (gather)
    memset(dense + length * innerBytes, 0, size_t(shape[axis] - length) * innerBytes);
}

size_t bytesOf(mlc_dtype dtype, const int64_t *shape, int32_t rank) {
  size_t bytes = typeInfo(dtype).size;
  for (int32_t i = 0; i < rank; ++i)
    bytes *= size_t(shape[i]);
  return bytes;
}

// `sign` is the bit that does not count, of a floating-point type.
template <typename T> uint64_t countNonZeros(const char *data, const mlc_tensor &view, int axis, T sign) {
  uint64_t count = 0;
  if (axis == view.rank) {
    T element;
    memcpy(&element, data, sizeof(T));
    return T(element & ~sign) != 0;
  }
  const int64_t length = view.shape[axis], stride = strideOf(view, axis);
  if (axis == view.rank - 1 && stride == 1) {
    const T *elements = reinterpret_cast<const T *>(data);
    for (int64_t i = 0; i < length; ++i)
      count += T(elements[i] & ~sign) != 0;
    return count;
  }
  for (int64_t i = 0; i < length; ++i)
    count += countNonZeros<T>(data + i * stride * int64_t(sizeof(T)), view, axis + 1, sign);
  return count;
}

} // namespace

bool denseBytes(program::DType dtype, const flatbuffers::Vector<int64_t> *shape, uint64_t &bytes) {
  bytes = typeInfo(int(dtype)).size;
  if (bytes == 0 || (shape && !isAligned(*shape)))
    return false;
  for (size_t i = 0, rank = shape ? shape->size() : 0; i < rank; ++i) {
    int64_t dim = shape->Get(i);
    if (dim < 0 || __builtin_mul_overflow(bytes, uint64_t(dim), &bytes))
      return false;
  }
  return bytes <= uint64_t(INT64_MAX);
}

std::string describe(mlc_dtype dtype, const int64_t *shape, size_t rank) {
  std::string text = typeInfo(dtype).name;
  text += '[';
  for (size_t i = 0; i < rank; ++i)
    text += (i ? "x" : "") + std::to_string(shape[i]);
  return text + ']';
}

std::string describe(const program::TensorSpec &spec) {
  if (spec.padded() && spec.padded()->size()) {
    std::string text = std::string(typeInfo(int(spec.dtype())).name) + "[";
    for (uint32_t i = 0; i < spec.padded()->size(); ++i) {
      const flatbuffers::String &name = *spec.padded()->Get(i);
      text += (i ? " x " : "") + (name.size() ? name.str() + "<=" : "") + std::to_string(spec.shape()->Get(i));
    }
    return text + "]";
  }
  return describe(mlc_dtype(spec.dtype()), spec.shape() ? spec.shape()->data() : nullptr,
                  spec.shape() ? spec.shape()->size() : 0);
}

std::string describe(const mlc_tensor &tensor) { return describe(tensor.dtype, tensor.shape, tensor.rank); }

bool sameShapeAndType(const program::TensorSpec &spec, const mlc_tensor &tensor) {
  size_t rank = spec.shape() ? spec.shape()->size() : 0;
  if (int(spec.dtype()) != int(tensor.dtype) || size_t(tensor.rank) != rank)
    return false;
  return rank == 0 || memcmp(spec.shape()->data(), tensor.shape, rank * sizeof(int64_t)) == 0;
}

size_t byteSize(const mlc_tensor &tensor) { return bytesOf(tensor.dtype, tensor.shape, tensor.rank); }

bool isDense(const mlc_tensor &tensor) {
  if (!tensor.strides)
    return true;
  int64_t expected = 1;
  for (int32_t i = tensor.rank - 1; i >= 0; --i) {
    if (tensor.shape[i] == 0)
      return true;
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected)
      return false;
    expected *= tensor.shape[i];
  }
  return true;
}

uint64_t countNonZeros(const mlc_tensor &tensor) {
  const char *data = static_cast<const char *>(tensor.data);
  const bool isFloat = tensor.dtype >= MLC_F32 && tensor.dtype <= MLC_BF16;
  switch (byteSize(tensor) ? typeInfo(tensor.dtype).size : 0) {
  case 1: return countNonZeros<uint8_t>(data, tensor, 0, 0);
  case 2: return countNonZeros<uint16_t>(data, tensor, 0, isFloat ? 0x8000 : 0);
  case 4: return countNonZeros<uint32_t>(data, tensor, 0, isFloat ? 0x8000'0000 : 0);
  case 8: return countNonZeros<uint64_t>(data, tensor, 0, isFloat ? uint64_t(1) << 63 : 0);
  default: return 0;
  }
}

void gatherToDense(const mlc_tensor &source, void *dense) {
  const size_t bytes = byteSize(source), size = typeInfo(source.dtype).size;
  if (bytes == 0)
    return;
  if (isDense(source))
    memcpy(dense, source.data, bytes);
  else
    copyStrided<true>(static_cast<char *>(dense), source, static_cast<char *>(source.data), 0, size, bytes / size);
}

void scatterFromDense(const void *dense, const mlc_tensor &destination) {
  const size_t bytes = byteSize(destination), size = typeInfo(destination.dtype).size;
  if (bytes == 0)
    return;
  char *source = const_cast<char *>(static_cast<const char *>(dense));
  if (isDense(destination))
    memcpy(destination.data, dense, bytes);
  else
    copyStrided<false>(source, destination, static_cast<char *>(destination.data), 0, size, bytes / size);
}

void padToDense(const mlc_tensor &source, void *dense, const int64_t *shape) {
  const size_t bytes = bytesOf(source.dtype, shape, source.rank);
  if (bytes)
    copyFront<true>(static_cast<char *>(dense), shape, bytes, source, static_cast<char *>(source.data), 0);
}

void cutFromDense(const void *dense, const int64_t *shape, const mlc_tensor &destination) {
  char *source = const_cast<char *>(static_cast<const char *>(dense));
  const size_t bytes = bytesOf(destination.dtype, shape, destination.rank);
  if (bytes)
    copyFront<false>(source, shape, bytes, destination, static_cast<char *>(destination.data), 0);
}

} // namespace mlc::runtime

extern "C" size_t mlc_dtype_size(mlc_dtype dtype) { return mlc::runtime::typeInfo(dtype).size; }
extern "C" const char *mlc_dtype_name(mlc_dtype dtype) { return mlc::runtime::typeInfo(dtype).name; }
