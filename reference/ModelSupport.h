// How a function becomes an op's model. Internal to reference/.
#pragma once

#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/MlcDialect.h"
#include "reference/Values.h"

namespace mlc::reference {

using Operands = llvm::ArrayRef<HostTensor>;

// One per family.
void attachContractionModels(mlir::MLIRContext &context);
void attachElementwiseModels(mlir::MLIRContext &context);
void attachNormalizationModels(mlir::MLIRContext &context);
void attachReductionModels(mlir::MLIRContext &context);
void attachShapeModels(mlir::MLIRContext &context);
void attachStrassenModels(mlir::MLIRContext &context);
void attachVarlenModels(mlir::MLIRContext &context);

// `compute(op, operands)` returns the only result, as a Result<HostTensor> or what converts to one.
template <typename Op, auto compute> class Model : public ReferenceOp::ExternalModel<Model<Op, compute>, Op> {
public:
  mlir::LogicalResult evaluate(mlir::Operation *op, Operands operands, llvm::SmallVectorImpl<HostTensor> &results,
                               std::string &error) const {
    Result<HostTensor> result = compute(llvm::cast<Op>(op), operands);
    if (!result.ok()) {
      error = result.message();
      return mlir::failure();
    }
    results.push_back(std::move(*result));
    return mlir::success();
  }
};

template <typename Op, auto compute> void attach(mlir::MLIRContext &context) {
  Op::template attachInterface<Model<Op, compute>>(context);
}

// The IR's result dtype, but f64 where it is floating and the values are f64 while the IR's operands are not.
inline DType resultType(mlir::Operation *op, Operands operands) {
  DType dtype = dtypeOf(op->getResult(0).getType());
  for (auto [type, value] : llvm::zip_equal(op->getOperandTypes(), operands))
    if (isFloat(dtype) && value.dtype() == DType::F64 && dtypeOf(type) != DType::F64)
      return DType::F64;
  return dtype;
}

// Zeros of the op's result.
inline Values emptyResult(mlir::Operation *op, Operands operands) {
  return Values(resultType(op, operands), shapeOf(op->getResult(0).getType()));
}

// Calls `visit` with the offset of the first element of each line along `axis`; elements of a line are
// `lineStride(shape, axis)` apart.
inline int64_t lineStride(const std::vector<int64_t> &shape, int64_t axis) {
  return product(std::span(shape).subspan(static_cast<size_t>(axis) + 1));
}
inline void forEachLine(const std::vector<int64_t> &shape, int64_t axis, llvm::function_ref<void(int64_t)> visit) {
  int64_t inner = lineStride(shape, axis), outer = product(std::span(shape).first(static_cast<size_t>(axis)));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i)
      visit(o * shape[static_cast<size_t>(axis)] * inner + i);
}

// Maximum and minimum as IEEE 754-2019 `maximum`, `minimum`: NaN if either is.
template <typename T> T maximum(T a, T b) { return a != a ? a : b != b ? b : a > b ? a : b; }
template <typename T> T minimum(T a, T b) { return a != a ? a : b != b ? b : a < b ? a : b; }
// Two's complement arithmetic for integers, IEEE for f64.
template <typename T> T add(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <typename T> T multiply(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}
// What the minimum, or with `highest` the maximum, of the dtype's numbers is.
template <typename T> T extreme(DType dtype, bool highest) {
  if constexpr (std::is_floating_point_v<T>)
    return highest ? std::numeric_limits<T>::infinity() : -std::numeric_limits<T>::infinity();
  else
    switch (dtype) {
    case DType::I1: return highest;
    case DType::I8: return static_cast<T>(highest ? INT8_MAX : INT8_MIN);
    case DType::I16: return static_cast<T>(highest ? INT16_MAX : INT16_MIN);
    case DType::I32: return static_cast<T>(highest ? INT32_MAX : INT32_MIN);
    case DType::I64: return static_cast<T>(highest ? INT64_MAX : INT64_MIN);
    case DType::U8: return static_cast<T>(highest ? UINT8_MAX : 0);
    case DType::U16: return static_cast<T>(highest ? UINT16_MAX : 0);
    case DType::U32: return static_cast<T>(highest ? UINT32_MAX : 0);
    default: return static_cast<T>(highest ? UINT64_MAX : 0);
    }
}

// Calls `visit(elements as T)` with T = double, int64_t, or uint64_t for u64.
template <typename Visit> void dispatch(const Values &values, Visit visit) {
  if (isFloat(values.dtype))
    visit(values.reals.data());
  else if (values.dtype == DType::U64)
    visit(reinterpret_cast<const uint64_t *>(values.ints.data()));
  else
    visit(values.ints.data());
}
template <typename T> const T *elements(const Values &values) {
  if constexpr (std::is_floating_point_v<T>)
    return values.reals.data();
  else
    return reinterpret_cast<const T *>(values.ints.data());
}
template <typename T> T *elements(Values &values) { return const_cast<T *>(elements<T>(std::as_const(values))); }

} // namespace mlc::reference
