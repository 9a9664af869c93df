// Ops that move elements: inference and constraints, folders, canonicalisers.
#include "dialects/mlc/Inference.h"
#include "dialects/mlc/MlcDialect.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlc;

#define GET_OP_CLASSES
#include "dialects/mlc/MlcShapeOps.cpp.inc"

void MlcDialect::registerShapeOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/mlc/MlcShapeOps.cpp.inc"
      >();
}

static RankedTensorType withShape(Value like, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, elementOf(like));
}

//===-- transpose
//---------------------------------------------------------------------------------------------------===//

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(adaptor.getOperand()), permutation = adaptor.getPermutation();
  SmallVector<int64_t> sorted(permutation), result;
  llvm::sort(sorted);
  for (size_t i = 0; i < shape.size() || i < sorted.size(); ++i)
    if (sorted.size() != shape.size() || sorted[i] != static_cast<int64_t>(i))
      return inferenceError(
          location, getOperationName(),
          "(C1) expects a permutation of [0, " + Twine(shape.size()) + "), got [" +
              llvm::join(llvm::map_range(permutation, [](int64_t p) { return std::to_string(p); }), ", ") + "]");
  for (int64_t p : permutation)
    result.push_back(shape[p]);
  results.push_back(withShape(adaptor.getOperand(), result));
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (llvm::equal(getPermutation(), llvm::seq<int64_t>(0, getPermutation().size())))
    return getOperand();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getOperand()))
    return splat.resizeSplat(getType());
  return {};
}

namespace {

// transpose(transpose(x, p), q) -> transpose(x, p[q])
struct ComposeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<TransposeOp>();
    if (!inner)
      return failure();
    SmallVector<int64_t> permutation;
    for (int64_t p : op.getPermutation())
      permutation.push_back(inner.getPermutation()[p]);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, inner.getOperand(), permutation);
    return success();
  }
};

// A transpose that moves only dimensions of size 1 leaves the elements in place: it is a reshape.
struct TransposeToReshape : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    ArrayRef<int64_t> shape = shapeOf(op.getOperand());
    SmallVector<int64_t> order;
    for (int64_t p : op.getPermutation())
      if (shape[p] != 1)
        order.push_back(p);
    if (!llvm::is_sorted(order))
      return failure();
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getOperand(), op.getType().getShape());
    return success();
  }
};

// reshape(reshape(x)) -> reshape(x)
struct ComposeReshapes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getOperand().getDefiningOp<ReshapeOp>();
    if (!inner)
      return failure();
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, inner.getOperand(), op.getShape());
    return success();
  }
};

// Matrices of several batch dimensions, transposed as matrices of one: they need not be made one and split again.
// reshape(transpose(reshape(x, [A*B, M, N]), {0, 2, 1}), [A, B, N, M]) -> transpose(x, {0, 1, 3, 2})
struct TransposeInBatches : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getOperand().getDefiningOp<TransposeOp>();
    auto merged = transpose ? transpose.getOperand().getDefiningOp<ReshapeOp>() : ReshapeOp();
    if (!merged || !transpose->hasOneUse() || transpose.getPermutation() != ArrayRef<int64_t>{0, 2, 1})
      return failure();
    ArrayRef<int64_t> source = shapeOf(merged.getOperand()), middle = merged.getShape(), target = op.getShape();
    if (source.size() < 4 || target.size() != source.size() || source.drop_back(2) != target.drop_back(2) ||
        source.take_back(2) != middle.take_back(2))
      return failure();
    auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, source.size()));
    std::swap(permutation.back(), permutation[permutation.size() - 2]);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, merged.getOperand(), permutation);
    return success();
  }
};

} // namespace

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ComposeTransposes, TransposeToReshape>(context);
}

//===-- reshape, broadcast
//--------------------------------------------------------------------------------------------===//

LogicalResult ReshapeOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &results) {
  for (int64_t size : adaptor.getShape())
    if (size < 0)
      return inferenceError(location, getOperationName(), "(C1) expects sizes of at least 0, got " + Twine(size));
  RankedTensorType result = withShape(adaptor.getOperand(), adaptor.getShape());
  if (result.getNumElements() != countElements(adaptor.getOperand().getType()))
    return inferenceError(location, getOperationName(),
                          "(C1) expects a shape of " + Twine(countElements(adaptor.getOperand().getType())) +
                              " elements, got " + formatShape(adaptor.getShape()));
  results.push_back(result);
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  if (auto elements = dyn_cast_or_null<DenseElementsAttr>(adaptor.getOperand()))
    return elements.reshape(getType());
  return {};
}

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ComposeReshapes, TransposeInBatches>(context);
}

LogicalResult BroadcastOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  auto shape = broadcastShapes(shapeOf(adaptor.getOperand()), adaptor.getShape());
  if (!shape || ArrayRef(*shape) != adaptor.getShape())
    return inferenceError(location, getOperationName(),
                          "(C1) expects an operand that broadcasts to " + formatShape(adaptor.getShape()) + ", got " +
                              formatShape(shapeOf(adaptor.getOperand())));
  results.push_back(withShape(adaptor.getOperand(), *shape));
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getOperand().getType() == getType())
    return getOperand();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getOperand()))
    return splat.resizeSplat(getType());
  return {};
}

//===-- slice, concat, pad
//----------------------------------------------------------------------------------------------===//

LogicalResult SliceOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                        SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  ArrayRef<int64_t> shape = shapeOf(adaptor.getOperand());
  ArrayRef<int64_t> offsets = adaptor.getOffsets(), sizes = adaptor.getSizes(), strides = adaptor.getStrides();
  if (offsets.size() != shape.size() || sizes.size() != shape.size() || strides.size() != shape.size())
    return inferenceError(location, name,
                          "(C1) expects offsets, sizes and strides with " + Twine(shape.size()) + " entries, got " +
                              Twine(offsets.size()) + ", " + Twine(sizes.size()) + " and " + Twine(strides.size()));
  for (size_t i = 0; i < shape.size(); ++i) {
    if (sizes[i] < 0 || strides[i] == 0)
      return inferenceError(location, name,
                            "(C1) expects sizes of at least 0 and strides that are not 0, got size " + Twine(sizes[i]) +
                                " and stride " + Twine(strides[i]) + " in dimension " + Twine(i));
    int64_t last = offsets[i] + (sizes[i] - 1) * strides[i];
    bool inside = offsets[i] >= 0 && offsets[i] < shape[i] && last >= 0 && last < shape[i];
    if (sizes[i] > 0 && !inside)
      return inferenceError(location, name,
                            "(C2) expects elements inside [0, " + Twine(shape[i]) + "), got " + Twine(offsets[i]) +
                                " to " + Twine(last) + " in dimension " + Twine(i));
  }
  results.push_back(withShape(adaptor.getOperand(), sizes));
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  bool forward = llvm::all_of(llvm::zip(getSizes(), getStrides()),
                              [](auto pair) { return std::get<0>(pair) <= 1 || std::get<1>(pair) == 1; });
  if (getOperand().getType() == getType() && forward)
    return getOperand();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getOperand()))
    return splat.resizeSplat(getType());
  return {};
}

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  ValueRange inputs = adaptor.getInputs();
  if (inputs.empty())
    return inferenceError(location, name, "(C1) expects an operand");
  if (failed(checkSameElementType(location, name, "(C2)", inputs)))
    return failure();
  SmallVector<int64_t> shape(shapeOf(inputs.front()));
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(location, name, "(C3)", axis, shape.size())))
    return failure();
  for (Value input : inputs.drop_front()) {
    SmallVector<int64_t> other(shapeOf(input));
    bool sameRank = other.size() == shape.size();
    int64_t size = sameRank ? other[axis] : 0;
    if (sameRank)
      other[axis] = shape[axis];
    if (other != shape)
      return inferenceError(location, name,
                            "(C4) expects shapes that differ in dimension " + Twine(axis) + " only, got " +
                                formatShape(shapeOf(inputs.front())) + " and " + formatShape(shapeOf(input)));
    shape[axis] += size;
  }
  results.push_back(withShape(inputs.front(), shape));
  return success();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  if (getInputs().size() == 1)
    return getInputs().front();
  // An operand without elements adds nothing; one is kept where all are empty.
  for (size_t i = 0; i < getInputs().size(); ++i)
    if (shapeOf(getInputs()[i])[getAxis()] == 0) {
      getInputsMutable().erase(i);
      return getResult();
    }
  return {};
}

LogicalResult PadOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                      SmallVectorImpl<Type> &results) {
  SmallVector<int64_t> shape(shapeOf(adaptor.getOperand()));
  if (adaptor.getLow().size() != shape.size() || adaptor.getHigh().size() != shape.size())
    return inferenceError(location, getOperationName(),
                          "(C1) expects low and high with " + Twine(shape.size()) + " entries, got " +
                              Twine(adaptor.getLow().size()) + " and " + Twine(adaptor.getHigh().size()));
  for (size_t i = 0; i < shape.size(); ++i) {
    if (adaptor.getLow()[i] < 0 || adaptor.getHigh()[i] < 0)
      return inferenceError(location, getOperationName(),
                            "(C1) expects low and high of at least 0, got " + Twine(adaptor.getLow()[i]) + " and " +
                                Twine(adaptor.getHigh()[i]) + " in dimension " + Twine(i));
    shape[i] += adaptor.getLow()[i] + adaptor.getHigh()[i];
  }
  results.push_back(withShape(adaptor.getOperand(), shape));
  return success();
}

OpFoldResult PadOp::fold(FoldAdaptor) { return getOperand().getType() == getType() ? getOperand() : OpFoldResult(); }

//===-- gather
//------------------------------------------------------------------------------------------------------------===//

// Reads only the rows that are taken, not the table.
int64_t GatherOp::bytes() { return 2 * countBytes(getType()) + countBytes(getIndices().getType()); }

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> data = shapeOf(adaptor.getData());
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(location, getOperationName(), "(C1)", axis, data.size())))
    return failure();
  if (data[axis] == 0)
    return inferenceError(location, getOperationName(), "(C2) expects a dimension that is not empty, got size 0");
  SmallVector<int64_t> shape(data.take_front(axis));
  llvm::append_range(shape, shapeOf(adaptor.getIndices()));
  llvm::append_range(shape, data.drop_front(axis + 1));
  results.push_back(withShape(adaptor.getData(), shape));
  return success();
}

namespace {

// gather(x, [b, b + s, b + 2 s, ...]) with indices that are constant and inside of the dimension -> slice(x). Exporters
// select a row, or one of query, key and value, by such a gather. Equal indices repeat a slice of one.
struct GatherToSlice : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    DenseIntElementsAttr indices;
    if (!matchPattern(op.getIndices(), m_Constant(&indices)) || indices.empty())
      return failure();
    ArrayRef<int64_t> data = shapeOf(op.getData());
    int64_t axis = op.getAxis(), size = data[axis];
    SmallVector<int64_t> places;
    for (const APInt &index : indices.getValues<APInt>()) {
      int64_t place = index.getSExtValue();
      places.push_back(place < 0 ? place + size : place);
      if (places.back() < 0 || places.back() >= size)
        return failure(); // For the run to report.
    }
    int64_t count = places.size(), step = count > 1 ? places[1] - places[0] : 1;
    for (int64_t i = 1; i < count; ++i)
      if (places[i] - places[i - 1] != step)
        return failure();
    SmallVector<int64_t> offsets(data.size(), 0), sizes(data), strides(data.size(), 1);
    offsets[axis] = places[0];
    sizes[axis] = step == 0 ? 1 : count;
    strides[axis] = step == 0 ? 1 : step;
    Value value = SliceOp::create(rewriter, op.getLoc(), op.getData(), offsets, sizes, strides);
    if (step == 0) {
      sizes[axis] = count;
      value = BroadcastOp::create(rewriter, op.getLoc(), value, sizes);
    }
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, value, op.getType().getShape());
    return success();
  }
};

} // namespace

void GatherOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<GatherToSlice>(context);
}

//===-- scatter
//-----------------------------------------------------------------------------------------------------------===//

int64_t ScatterOp::flops() { return getKind() == ScatterKind::Set ? 0 : countElements(getUpdates().getType()); }

LogicalResult ScatterOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  ArrayRef<int64_t> data = shapeOf(adaptor.getData());
  if (data.empty())
    return inferenceError(location, name, "(C1) expects data of rank 1 or more, got a scalar");
  Type element = elementOf(adaptor.getData());
  if (failed(checkSameElementType(location, name, "(C2)", {adaptor.getData(), adaptor.getUpdates()})))
    return failure();
  SmallVector<int64_t> updates(shapeOf(adaptor.getIndices()));
  llvm::append_range(updates, data.drop_front());
  if (shapeOf(adaptor.getUpdates()) != ArrayRef<int64_t>(updates))
    return inferenceError(location, name,
                          "(C3) expects updates of shape " + formatShape(updates) + ", got " +
                              formatShape(shapeOf(adaptor.getUpdates())));
  if (adaptor.getKind() != ScatterKind::Set && !element.isF32() && !element.isF64() &&
      (!isa<IntegerType>(element) || element.isInteger(1)))
    return inferenceError(location, name,
                          "(C4) expects elements of f64, f32, or integers of 8 to 64 bits for kind '" +
                              stringifyScatterKind(adaptor.getKind()) + "'");
  results.push_back(adaptor.getData().getType());
  return success();
}
