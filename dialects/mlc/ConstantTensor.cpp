#include "dialects/mlc/ConstantTensor.h"

#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace mlc {

std::optional<DType> toDType(Type element) {
  if (element.isF32())
    return DType::F32;
  if (element.isF64())
    return DType::F64;
  if (element.isF16())
    return DType::F16;
  if (element.isBF16())
    return DType::BF16;
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer || integer.isSigned())
    return std::nullopt;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1: return isUnsigned ? std::nullopt : std::optional(DType::I1);
  case 8: return isUnsigned ? DType::U8 : DType::I8;
  case 16: return isUnsigned ? DType::U16 : DType::I16;
  case 32: return isUnsigned ? DType::U32 : DType::I32;
  case 64: return isUnsigned ? DType::U64 : DType::I64;
  default: return std::nullopt;
  }
}

Type toElementType(MLIRContext *context, DType dtype) {
  switch (dtype) {
  case DType::F32: return Float32Type::get(context);
  case DType::F64: return Float64Type::get(context);
  case DType::F16: return Float16Type::get(context);
  case DType::BF16: return BFloat16Type::get(context);
  case DType::I1: return IntegerType::get(context, 1);
  case DType::U8:
  case DType::U16:
  case DType::U32:
  case DType::U64: return IntegerType::get(context, static_cast<unsigned>(sizeOf(dtype) * 8), IntegerType::Unsigned);
  case DType::I8:
  case DType::I16:
  case DType::I32:
  case DType::I64: break;
  }
  return IntegerType::get(context, static_cast<unsigned>(sizeOf(dtype) * 8));
}

RankedTensorType toTensorType(MLIRContext *context, DType dtype, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, toElementType(context, dtype));
}

DType dtypeOf(Type tensorType) {
  std::optional<DType> dtype = toDType(cast<ShapedType>(tensorType).getElementType());
  MLC_CHECK(dtype, "tensors of the dialect have an element type that is stored");
  return *dtype;
}

std::vector<int64_t> shapeOf(Type tensorType) { return cast<ShapedType>(tensorType).getShape().vec(); }

Result<HostTensor> toHostTensor(Attribute attribute) {
  auto elements = dyn_cast<ElementsAttr>(attribute);
  if (!elements || !toDType(elements.getShapedType().getElementType()))
    return Status::error("the value is no dense attribute of an element type that mlc stores; write dense<...>");
  HostTensor tensor(dtypeOf(elements.getShapedType()), shapeOf(elements.getShapedType()));
  std::byte *out = tensor.mutableBytes();
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute)) {
    if (tensor.dtype() == DType::I1) { // a byte in memory
      for (bool value : dense.getValues<bool>())
        *out++ = std::byte{value};
      return tensor;
    }
    ArrayRef<char> raw = dense.getRawData(); // of one element where all are equal
    size_t step = sizeOf(tensor.dtype());
    for (size_t offset = 0; offset < tensor.sizeBytes(); offset += step)
      std::memcpy(out + offset, raw.data() + (dense.isSplat() ? 0 : offset), step);
    return tensor;
  }
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || blob->getData().size() != tensor.sizeBytes())
      return Status::error("the dense resource '" + resource.getRawHandle().getKey().str() + "' does not hold the " +
                           std::to_string(tensor.sizeBytes()) + " bytes of its type");
    std::memcpy(out, blob->getData().data(), tensor.sizeBytes());
    return tensor;
  }
  return Status::error("the value is neither dense<...> nor dense_resource<...>");
}

DenseElementsAttr toDenseElements(MLIRContext *context, const HostTensor &tensor) {
  RankedTensorType type = toTensorType(context, tensor.dtype(), tensor.shape());
  if (tensor.numElements() == 0)
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  if (tensor.dtype() == DType::I1) {
    SmallVector<bool> values;
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      values.push_back(tensor.intAt(i) != 0);
    return DenseElementsAttr::get(type, values);
  }
  // The attribute wants aligned bytes; those of a tensor that shares a file's may not be.
  std::vector<char> bytes(tensor.sizeBytes());
  std::memcpy(bytes.data(), tensor.bytes(), bytes.size());
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

} // namespace mlc
