#include "dialects/mlc/ConstantTensor.h"

using namespace mlir;

namespace mlc {

std::optional<DType> dtypeOfElement(Type element) {
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

std::optional<HostTensor> toHostTensor(DenseElementsAttr values) {
  auto type = dyn_cast<RankedTensorType>(values.getType());
  std::optional<DType> dtype = type ? dtypeOfElement(type.getElementType()) : std::nullopt;
  if (!dtype)
    return std::nullopt;
  HostTensor tensor(*dtype, type.getShape().vec());
  std::byte *out = tensor.mutableBytes();
  if (*dtype == DType::I1) { // a byte in memory
    for (bool value : values.getValues<bool>())
      *out++ = std::byte(value);
    return tensor;
  }
  ArrayRef<char> raw = values.getRawData(); // of one element where all are equal
  size_t step = sizeOf(*dtype);
  for (size_t offset = 0; offset < tensor.sizeBytes(); offset += step)
    std::memcpy(out + offset, raw.data() + (values.isSplat() ? 0 : offset), step);
  return tensor;
}

DenseElementsAttr toDenseElements(RankedTensorType type, const HostTensor &tensor) {
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
