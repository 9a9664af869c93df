// What the lowerings share: generics, fills, reshapes.
#include "codegen/lower/Families.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/APSInt.h"

using namespace mlir;

namespace mlc::codegen {

Value scalar(OpBuilder &b, Location loc, Type type, double value, bool isUnsigned) {
  if (auto floating = dyn_cast<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(floating, value));
  if (type.isInteger(1))
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value != 0));
  llvm::APSInt integer(type.getIntOrFloatBitWidth(), isUnsigned);
  bool exact;
  llvm::APFloat(value).convertToInteger(integer, llvm::APFloat::rmTowardZero, &exact);
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, integer));
}

Value filled(OpBuilder &b, Location loc, ArrayRef<int64_t> shape, Value value) {
  Value empty = tensor::EmptyOp::create(b, loc, shape, value.getType());
  return linalg::FillOp::create(b, loc, value, empty).getResult(0);
}

AffineMap broadcastMap(MLIRContext *context, ArrayRef<int64_t> shape, ArrayRef<int64_t> result) {
  SmallVector<AffineExpr> exprs;
  for (auto [i, size] : llvm::enumerate(shape)) {
    size_t dim = result.size() - shape.size() + i;
    exprs.push_back(size == 1 && result[dim] != 1 ? getAffineConstantExpr(0, context) : getAffineDimExpr(dim, context));
  }
  return AffineMap::get(result.size(), 0, exprs, context);
}

Value mapElements(OpBuilder &b, Location loc, ValueRange operands, RankedTensorType type, Body body) {
  SmallVector<AffineMap> maps;
  for (Value operand : operands)
    maps.push_back(broadcastMap(b.getContext(), cast<RankedTensorType>(operand.getType()).getShape(), type.getShape()));
  return mapElements(b, loc, operands, maps, type, body);
}

Value mapElements(OpBuilder &b, Location loc, ValueRange operands, ArrayRef<AffineMap> maps, RankedTensorType type,
                  Body body) {
  // A splat constant is a scalar of the body, no operand.
  SmallVector<Value> inputs;
  SmallVector<AffineMap> inputMaps;
  SmallVector<Attribute> splats(operands.size());
  for (auto [i, operand] : llvm::enumerate(operands)) {
    DenseElementsAttr constant;
    if (matchPattern(operand, m_Constant(&constant)) && constant.isSplat()) {
      splats[i] = constant.getSplatValue<Attribute>();
      continue;
    }
    inputs.push_back(operand);
    inputMaps.push_back(maps[i]);
  }
  inputMaps.push_back(b.getMultiDimIdentityMap(type.getRank()));
  Value empty = tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{type}, inputs, ValueRange{empty}, inputMaps, iterators,
      [&](OpBuilder &nested, Location where, ValueRange arguments) {
        SmallVector<Value> elements;
        size_t next = 0;
        for (Attribute splat : splats) {
          Value element =
              splat ? arith::ConstantOp::create(nested, where, cast<TypedAttr>(splat)).getResult() : arguments[next++];
          elements.push_back(convertElement(nested, where, element, computeType(element.getType())));
        }
        Value result = body(nested, where, elements);
        linalg::YieldOp::create(nested, where, convertElement(nested, where, result, type.getElementType()));
      });
  return generic.getResult(0);
}

Value reduceElements(OpBuilder &b, Location loc, Value operand, ArrayRef<int64_t> axes, Value initial, Body body) {
  auto type = cast<RankedTensorType>(operand.getType());
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  SmallVector<AffineExpr> kept;
  SmallVector<int64_t> shape;
  for (int64_t axis : axes)
    iterators[axis] = utils::IteratorType::reduction;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (iterators[i] == utils::IteratorType::parallel) {
      kept.push_back(b.getAffineDimExpr(i));
      shape.push_back(type.getDimSize(i));
    }
  Value init = filled(b, loc, shape, initial);
  AffineMap maps[] = {b.getMultiDimIdentityMap(type.getRank()),
                      AffineMap::get(type.getRank(), 0, kept, b.getContext())};
  auto generic =
      linalg::GenericOp::create(b, loc, TypeRange{init.getType()}, ValueRange{operand}, ValueRange{init}, maps,
                                iterators, [&](OpBuilder &nested, Location where, ValueRange arguments) {
                                  Value element = convertElement(nested, where, arguments[0], initial.getType());
                                  linalg::YieldOp::create(nested, where, body(nested, where, {element, arguments[1]}));
                                });
  return generic.getResult(0);
}

Value contract(OpBuilder &b, Operation *op, Value lhs, AffineMap lhsMap, Value rhs, AffineMap rhsMap,
               ArrayRef<int64_t> outShape, AffineMap outMap) {
  Location loc = op->getLoc();
  Type compute = computeType(getElementTypeOrSelf(op->getResult(0)));
  Value init = filled(b, loc, outShape, scalar(b, loc, compute, 0));
  SmallVector<utils::IteratorType> iterators(outMap.getNumDims(), utils::IteratorType::reduction);
  for (AffineExpr expr : outMap.getResults())
    iterators[cast<AffineDimExpr>(expr).getPosition()] = utils::IteratorType::parallel;
  AffineMap maps[] = {lhsMap, rhsMap, outMap};
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{init.getType()}, ValueRange{lhs, rhs}, ValueRange{init}, maps, iterators,
      [&](OpBuilder &nested, Location where, ValueRange arguments) {
        Value left = castElement(nested, where, arguments[0], compute, isUnsigned(op, 0), false);
        Value right = castElement(nested, where, arguments[1], compute, isUnsigned(op, 1), false);
        Value sum;
        if (isa<FloatType>(compute))
          sum = arith::AddFOp::create(nested, where, arguments[2], arith::MulFOp::create(nested, where, left, right));
        else
          sum = arith::AddIOp::create(nested, where, arguments[2], arith::MulIOp::create(nested, where, left, right));
        linalg::YieldOp::create(nested, where, sum);
      });
  return generic.getResult(0);
}

Value reshaped(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> shape) {
  auto from = cast<RankedTensorType>(value.getType());
  auto to = RankedTensorType::get(shape, from.getElementType());
  if (from == to)
    return value;
  if (from.getRank() != to.getRank())
    if (auto groups = getReassociationIndicesForReshape(from, to))
      return from.getRank() < to.getRank() ? tensor::ExpandShapeOp::create(b, loc, to, value, *groups).getResult()
                                           : tensor::CollapseShapeOp::create(b, loc, to, value, *groups).getResult();
  auto all = [](int64_t rank) {
    SmallVector<ReassociationIndices> groups;
    if (rank > 0)
      groups.push_back(llvm::to_vector(llvm::seq<int64_t>(0, rank)));
    return groups;
  };
  auto flat = RankedTensorType::get({from.getNumElements()}, from.getElementType());
  if (from.getRank() == 0)
    value = tensor::ExpandShapeOp::create(b, loc, flat, value, ArrayRef<ReassociationIndices>{});
  else if (from.getRank() > 1)
    value = tensor::CollapseShapeOp::create(b, loc, flat, value, all(from.getRank()));
  if (to.getRank() == 0)
    return tensor::CollapseShapeOp::create(b, loc, to, value, ArrayRef<ReassociationIndices>{});
  if (to.getRank() > 1)
    return tensor::ExpandShapeOp::create(b, loc, to, value, all(to.getRank()));
  return value;
}

Value padded(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> low, ArrayRef<int64_t> high, double with,
             bool isUnsigned) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<OpFoldResult> lows, highs;
  for (size_t i = 0; i < shape.size(); ++i) {
    shape[i] += low[i] + high[i];
    lows.push_back(b.getIndexAttr(low[i]));
    highs.push_back(b.getIndexAttr(high[i]));
  }
  auto to = RankedTensorType::get(shape, type.getElementType());
  if (to == type)
    return value;
  Value filling = scalar(b, loc, type.getElementType(), with, isUnsigned);
  // A slice at the end of a dimension, of nothing, is no slice to the verifier of memrefs.
  if (type.getNumElements() == 0)
    return filled(b, loc, shape, filling);
  return tensor::PadOp::create(b, loc, to, value, lows, highs, filling);
}

Value cropped(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> sizes) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape() == sizes)
    return value;
  if (llvm::is_contained(sizes, 0)) // extract_slice refuses an offset at the end
    return tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)), strides(sizes.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, loc, value, offsets, getAsIndexOpFoldResult(b.getContext(), sizes), strides);
}

Value transposed(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> permutation) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> exprs(permutation.size());
  for (auto [i, from] : llvm::enumerate(permutation)) {
    shape.push_back(type.getDimSize(from));
    exprs[from] = b.getAffineDimExpr(i);
  }
  AffineMap map = AffineMap::get(permutation.size(), 0, exprs, b.getContext());
  return mapElements(b, loc, value, map, RankedTensorType::get(shape, type.getElementType()),
                     [](OpBuilder &, Location, ValueRange values) { return values[0]; });
}

} // namespace mlc::codegen
