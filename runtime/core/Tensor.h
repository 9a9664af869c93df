// Shapes, types, and strided copies of tensor views.
#ifndef MLC_RUNTIME_CORE_TENSOR_H
#define MLC_RUNTIME_CORE_TENSOR_H

#include "mlc/runtime.h"
#include "runtime/program_generated.h"
#include <string>

namespace mlc::runtime {

// Whether the elements, if there are any, lie where their type asks: FlatBuffers' verifier looks at the length in front
// of them alone.
template <typename T> bool isAligned(const flatbuffers::Vector<T> &vector) {
  return vector.size() == 0 || reinterpret_cast<uintptr_t>(vector.Data()) % alignof(T) == 0;
}

// Bytes of a dense tensor. False when a dimension is negative, the type is unknown, the size does not fit, or the shape
// is not aligned.
bool denseBytes(program::DType dtype, const flatbuffers::Vector<int64_t> *shape, uint64_t &bytes);

// "f32[8x128]"
std::string describe(mlc_dtype dtype, const int64_t *shape, size_t rank);
// With the names of dimensions that may be smaller: "i64[batch<=8 x 128]"
std::string describe(const program::TensorSpec &spec);
std::string describe(const mlc_tensor &tensor);

bool sameShapeAndType(const program::TensorSpec &spec, const mlc_tensor &tensor);

// Bytes of the elements, without gaps between them.
size_t byteSize(const mlc_tensor &tensor);

// Whether elements lie in row-major order without gaps.
bool isDense(const mlc_tensor &tensor);

// How many elements are not 0; a NaN is not. The data was checked.
uint64_t countNonZeros(const mlc_tensor &tensor);

// Copies between a strided view and dense memory of the same shape.
void gatherToDense(const mlc_tensor &source, void *dense);
void scatterFromDense(const void *dense, const mlc_tensor &destination);

// The same where the dense tensor has `shape`, which is as large as the view's or larger: the view is at its front,
// zeros fill up what is behind.
void padToDense(const mlc_tensor &source, void *dense, const int64_t *shape);
void cutFromDense(const void *dense, const int64_t *shape, const mlc_tensor &destination);

} // namespace mlc::runtime

#endif // MLC_RUNTIME_CORE_TENSOR_H
