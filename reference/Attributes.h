// Attributes of the IR to tensors in host memory and back.
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "support/HostTensor.h"

namespace mlc::reference {

std::optional<DType> toDType(mlir::Type elementType);
mlir::Type toElementType(mlir::MLIRContext *context, DType dtype);
// Tensor types of the dialect only: static shape, an element type that is stored.
DType dtypeOf(mlir::Type tensorType);
std::vector<int64_t> shapeOf(mlir::Type tensorType);

// Dense values and dense resources; an error for other attributes.
Result<HostTensor> toHostTensor(mlir::Attribute attribute);
mlir::DenseElementsAttr toDenseElements(mlir::MLIRContext *context, const HostTensor &tensor);

} // namespace mlc::reference
