// Movement: reshapes and slices become tensor ops, the rest a linalg.generic that copies.
#include "codegen/lower/Families.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Value identity(OpBuilder &, Location, ValueRange values) { return values[0]; }

Value lowerSlice(OpBuilder &b, SliceOp op) {
  Location loc = op.getLoc();
  if (typeOf(op.getResult()).getNumElements() == 0) // extract_slice refuses an offset at the end
    return tensor::EmptyOp::create(b, loc, typeOf(op.getResult()).getShape(), typeOf(op.getResult()).getElementType());
  if (llvm::all_of(op.getStrides(), [](int64_t stride) { return stride > 0; })) {
    MLIRContext *context = b.getContext();
    return tensor::ExtractSliceOp::create(b, loc, op.getOperand(), getAsIndexOpFoldResult(context, op.getOffsets()),
                                          getAsIndexOpFoldResult(context, op.getSizes()),
                                          getAsIndexOpFoldResult(context, op.getStrides()));
  }
  // Backwards: extract_slice has positive strides only, so elements are read by index.
  auto type = typeOf(op.getResult());
  Value source = op.getOperand();
  return mapElements(b, loc, ValueRange{}, type, [&](OpBuilder &nested, Location where, ValueRange) {
    SmallVector<Value> indices;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      Value index = linalg::IndexOp::create(nested, where, i);
      Value stride = arith::ConstantIndexOp::create(nested, where, op.getStrides()[i]);
      Value offset = arith::ConstantIndexOp::create(nested, where, op.getOffsets()[i]);
      indices.push_back(
          arith::AddIOp::create(nested, where, arith::MulIOp::create(nested, where, index, stride), offset));
    }
    Value element = tensor::ExtractOp::create(nested, where, source, indices);
    return convertElement(nested, where, element, computeType(type.getElementType()));
  });
}

Value lowerConcat(OpBuilder &b, ConcatOp op) {
  Location loc = op.getLoc();
  auto type = typeOf(op.getResult());
  Value result = tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), strides(type.getRank(), b.getIndexAttr(1));
  int64_t axis = op.getAxis(), position = 0;
  for (Value input : op.getInputs()) {
    if (typeOf(input).getNumElements() == 0)
      continue; // an insertion at the end is refused
    offsets[axis] = b.getIndexAttr(position);
    position += typeOf(input).getDimSize(axis);
    result = tensor::InsertSliceOp::create(b, loc, input, result, offsets,
                                           getAsIndexOpFoldResult(b.getContext(), typeOf(input).getShape()), strides);
  }
  return result;
}

// [D..., N] -> [D..., P, lanes] -> [P, D..., lanes]; interleaved [D..., G, i, P, lanes] -> [P, D..., G, lanes, i].
Value lowerPack(OpBuilder &b, PackOp op) {
  Location loc = op.getLoc();
  auto from = typeOf(op.getOperand());
  int64_t rank = from.getRank(), lanes = op.getLanes(), interleave = op.getInterleave();
  SmallVector<int64_t> low(rank, 0), high(rank, 0), shape(from.getShape().drop_back());
  high.back() = llvm::alignTo(from.getShape().back(), lanes) - from.getShape().back();
  if (interleave > 1) {
    high[rank - 2] = llvm::alignTo(shape.back(), interleave) - shape.back();
    shape.back() = llvm::divideCeil(shape.back(), interleave);
    shape.push_back(interleave);
  }
  Value value = padded(b, loc, op.getOperand(), low, high, 0);
  shape.append({typeOf(value).getShape().back() / lanes, lanes});
  int64_t last = shape.size() - 1;
  SmallVector<int64_t> permutation = {last - 1};
  for (int64_t i = 0; i < rank - 1; ++i)
    permutation.push_back(i);
  permutation.push_back(last);
  if (interleave > 1)
    permutation.push_back(last - 2);
  return transposed(b, loc, reshaped(b, loc, value, shape), permutation);
}

Value lowerUnpack(OpBuilder &b, UnpackOp op) {
  Location loc = op.getLoc();
  auto from = typeOf(op.getOperand());
  bool isInterleaved = op.getDepth().has_value();
  int64_t lane = from.getRank() - (isInterleaved ? 2 : 1); // the dimension
  SmallVector<int64_t> permutation;
  for (int64_t i = 1; i < lane; ++i)
    permutation.push_back(i);
  SmallVector<int64_t> shape(from.getShape().slice(1, lane - 1));
  if (isInterleaved) {
    permutation.push_back(lane + 1);
    shape.back() *= from.getDimSize(lane + 1);
  }
  permutation.append({0, lane});
  shape.push_back(from.getDimSize(0) * from.getDimSize(lane));
  Value value = reshaped(b, loc, transposed(b, loc, op.getOperand(), permutation), shape);
  return cropped(b, loc, value, typeOf(op.getResult()).getShape());
}

} // namespace

Value lowerShape(OpBuilder &b, Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](TransposeOp o) { return transposed(b, o.getLoc(), o.getOperand(), o.getPermutation()); })
      .Case([&](ReshapeOp o) { return reshaped(b, o.getLoc(), o.getOperand(), typeOf(o.getResult()).getShape()); })
      .Case([&](BroadcastOp o) { return mapElements(b, o.getLoc(), o.getOperand(), typeOf(o.getResult()), identity); })
      .Case([&](SliceOp o) { return lowerSlice(b, o); })
      .Case([&](ConcatOp o) { return lowerConcat(b, o); })
      .Case([&](PadOp o) {
        return padded(b, o.getLoc(), o.getOperand(), o.getLow(), o.getHigh(), o.getValue().convertToDouble(),
                      isUnsigned(o));
      })
      .Case([&](PackOp o) { return lowerPack(b, o); })
      .Case([&](UnpackOp o) { return lowerUnpack(b, o); })
      .Case([&](ConstantOp o) {
        return arith::ConstantOp::create(b, o.getLoc(), cast<TypedAttr>(o.getValue())).getResult();
      })
      .Default([](Operation *) { return Value(); });
}

} // namespace mlc::codegen
