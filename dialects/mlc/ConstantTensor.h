// The one conversion between what IR says of tensors (element types, dense attributes) and tensors in host memory.
#ifndef MLC_DIALECTS_MLC_CONSTANTTENSOR_H
#define MLC_DIALECTS_MLC_CONSTANTTENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "support/HostTensor.h"

namespace mlc {

// Nothing for an element type of no mlc tensor.
std::optional<DType> toDType(mlir::Type element);
mlir::Type toElementType(mlir::MLIRContext *context, DType dtype);
mlir::RankedTensorType toTensorType(mlir::MLIRContext *context, DType dtype, llvm::ArrayRef<int64_t> shape);

// Of tensor types of the dialect only: static shape, an element type that is stored.
DType dtypeOf(mlir::Type tensorType);
std::vector<int64_t> shapeOf(mlir::Type tensorType);

// Dense values and dense resources; an error for other attributes. Copies the elements.
Result<HostTensor> toHostTensor(mlir::Attribute attribute);
// Copies the elements: for small tensors only.
mlir::DenseElementsAttr toDenseElements(mlir::MLIRContext *context, const HostTensor &tensor);

} // namespace mlc

#endif // MLC_DIALECTS_MLC_CONSTANTTENSOR_H
