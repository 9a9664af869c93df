// Ops that move elements: on bytes, whatever their type.
#include "reference/ModelSupport.h"

using namespace mlir;

namespace mlc::reference {
namespace {

HostTensor evaluateSlice(SliceOp op, Operands operands) {
  std::vector<int64_t> from = rowMajorStrides(operands[0].shape()), strides;
  int64_t base = 0;
  for (size_t d = 0; d < from.size(); ++d) {
    base += op.getOffsets()[d] * from[d];
    strides.push_back(op.getStrides()[d] * from[d]);
  }
  return copyStrided(operands[0], op.getSizes().vec(), base, strides);
}

HostTensor evaluateConcat(ConcatOp op, Operands operands) {
  HostTensor result(resultType(op, operands), shapeOf(op.getType()));
  std::vector<int64_t> strides = rowMajorStrides(result.shape());
  size_t axis = static_cast<size_t>(op.getAxis());
  int64_t base = 0;
  for (const HostTensor &operand : operands) {
    // f64 where another operand is.
    pasteStrided(result, convert(operand, result.dtype()), base, strides);
    base += operand.shape()[axis] * strides[axis];
  }
  return result;
}

HostTensor evaluatePad(PadOp op, Operands operands) {
  const HostTensor &x = operands[0];
  std::vector<int64_t> shape = shapeOf(op.getType()), strides = rowMajorStrides(shape);
  HostTensor value = convert(HostTensor::from(DType::F64, {}, std::vector{op.getValue().convertToDouble()}), x.dtype());
  HostTensor result = copyStrided(value, shape, 0, std::vector<int64_t>(shape.size(), 0));
  int64_t base = 0;
  for (size_t d = 0; d < shape.size(); ++d)
    base += op.getLow()[d] * strides[d];
  pasteStrided(result, x, base, strides);
  return result;
}

Result<HostTensor> evaluateGather(GatherOp op, Operands operands) {
  const HostTensor &data = operands[0], &indices = operands[1];
  int64_t axis = static_cast<int64_t>(op.getAxis()), size = data.shape()[static_cast<size_t>(axis)];
  HostTensor result(data.dtype(), shapeOf(op.getType()));
  size_t slice = static_cast<size_t>(lineStride(data.shape(), axis)) * sizeOf(data.dtype());
  int64_t outer = product(std::span(data.shape()).first(static_cast<size_t>(axis)));
  std::byte *out = result.mutableBytes();
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < indices.numElements(); ++i, out += slice) {
      int64_t index = indices.intAt(i);
      if (index < -size || index >= size)
        return Status::error("index " + std::to_string(index) + " at position " + std::to_string(i) +
                             " is outside of [" + std::to_string(-size) + ", " + std::to_string(size) +
                             "), the indices of dimension " + std::to_string(axis) + " of the data");
      std::memcpy(out, data.bytes() + static_cast<size_t>(o * size + (index < 0 ? index + size : index)) * slice,
                  slice);
    }
  return result;
}

template <typename T> T combine(ScatterKind kind, T element, T update) {
  switch (kind) {
  case ScatterKind::Set: return update;
  case ScatterKind::Add: return add(element, update);
  case ScatterKind::Mul: return multiply(element, update);
  case ScatterKind::Max: return maximum(element, update);
  case ScatterKind::Min: return minimum(element, update);
  }
  llvm_unreachable("a kind of scatter");
}

Result<HostTensor> evaluateScatter(ScatterOp op, Operands operands) {
  const HostTensor &indices = operands[1];
  DType dtype = resultType(op, operands); // f64 where one of the tensors is
  Values result = unpack(convert(operands[0], dtype)), updates = unpack(convert(operands[2], dtype));
  int64_t size = result.shape[0], slice = lineStride(result.shape, 0);
  std::string error;
  auto rounded = [&](auto value) { // every step, to the element type
    return dtype == DType::F32 ? static_cast<decltype(value)>(static_cast<float>(value)) : value;
  };
  dispatch(updates, [&](auto *from) {
    using T = std::remove_cv_t<std::remove_pointer_t<decltype(from)>>;
    T *to = elements<T>(result);
    for (int64_t i = 0; i < indices.numElements(); ++i) {
      int64_t index = indices.intAt(i);
      if (index < -size || index >= size) {
        error = "index " + std::to_string(index) + " at position " + std::to_string(i) + " is outside of [" +
                std::to_string(-size) + ", " + std::to_string(size) + "), the indices of dimension 0 of the data";
        return;
      }
      T *row = to + (index < 0 ? index + size : index) * slice;
      for (int64_t b = 0; b < slice; ++b)
        row[b] = rounded(combine<T>(op.getKind(), row[b], from[i * slice + b]));
    }
  });
  if (!error.empty())
    return Status::error(error);
  return pack(result);
}

} // namespace

void attachShapeModels(MLIRContext &c) {
  attach<TransposeOp, [](TransposeOp op, Operands x) { return transpose(x[0], op.getPermutation()); }>(c);
  attach<ReshapeOp, [](ReshapeOp op, Operands x) { return reshape(x[0], shapeOf(op.getType())); }>(c);
  attach<BroadcastOp, [](BroadcastOp op, Operands x) { return broadcast(x[0], shapeOf(op.getType())); }>(c);
  attach<SliceOp, evaluateSlice>(c);
  attach<ConcatOp, evaluateConcat>(c);
  attach<PadOp, evaluatePad>(c);
  attach<GatherOp, evaluateGather>(c);
  attach<ScatterOp, evaluateScatter>(c);
}

} // namespace mlc::reference
