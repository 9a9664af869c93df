// Values of constants as tensors in host memory, and back.
#ifndef MLC_DIALECTS_MLC_CONSTANTTENSOR_H
#define MLC_DIALECTS_MLC_CONSTANTTENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "support/HostTensor.h"

namespace mlc {

// Nothing for an element type of no mlc tensor.
std::optional<DType> dtypeOfElement(mlir::Type element);
std::optional<HostTensor> toHostTensor(mlir::DenseElementsAttr values);
// `tensor` has the shape and the element type of `type`.
mlir::DenseElementsAttr toDenseElements(mlir::RankedTensorType type, const HostTensor &tensor);

} // namespace mlc

#endif // MLC_DIALECTS_MLC_CONSTANTTENSOR_H
