// The kernel taken apart: one mlc.attention, whose operands are views of the kernel's arguments.
#include "codegen/attention/Attention.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

// A tensor in memory, in elements.
struct View {
  Value buffer;
  int64_t offset;
  SmallVector<int64_t> sizes, strides;
};

std::optional<View> viewOf(Value value);

std::optional<View> viewOfSlice(tensor::ExtractSliceOp op) {
  auto view = viewOf(op.getSource());
  if (!view)
    return std::nullopt;
  auto offsets = getConstantIntValues(op.getMixedOffsets()), sizes = getConstantIntValues(op.getMixedSizes()),
       strides = getConstantIntValues(op.getMixedStrides());
  if (!offsets || !sizes || !strides)
    return std::nullopt;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  View result{view->buffer, view->offset, {}, {}};
  for (size_t i = 0; i < sizes->size(); ++i) {
    result.offset += (*offsets)[i] * view->strides[i];
    if (dropped.test(i))
      continue;
    result.sizes.push_back((*sizes)[i]);
    result.strides.push_back((*strides)[i] * view->strides[i]);
  }
  return result;
}

std::optional<View> viewOfExpansion(tensor::ExpandShapeOp op) {
  auto view = viewOf(op.getSrc());
  if (!view)
    return std::nullopt;
  ArrayRef<int64_t> shape = op.getResultType().getShape();
  View result{view->buffer, view->offset, SmallVector<int64_t>(shape), SmallVector<int64_t>(shape.size(), 1)};
  for (auto [i, group] : llvm::enumerate(op.getReassociationIndices())) {
    int64_t stride = view->strides[i];
    for (int64_t dim : llvm::reverse(group)) {
      result.strides[dim] = stride;
      stride *= shape[dim];
    }
  }
  return result;
}

// Dimensions become one only where elements lie evenly across them.
std::optional<View> viewOfCollapse(tensor::CollapseShapeOp op) {
  auto view = viewOf(op.getSrc());
  if (!view)
    return std::nullopt;
  View result{view->buffer, view->offset, {}, {}};
  for (ArrayRef<int64_t> group : op.getReassociationIndices()) {
    int64_t size = 1, stride = 1;
    for (int64_t dim : llvm::reverse(group)) {
      if (view->sizes[dim] == 1)
        continue;
      if (size != 1 && view->strides[dim] != size * stride)
        return std::nullopt;
      if (size == 1)
        stride = view->strides[dim];
      size *= view->sizes[dim];
    }
    result.sizes.push_back(size);
    result.strides.push_back(stride);
  }
  return result;
}

std::optional<View> viewOf(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(value.getType()).getShape();
    View view{argument, 0, SmallVector<int64_t>(shape), SmallVector<int64_t>(shape.size(), 1)};
    for (size_t i = shape.size(); i-- > 1;)
      view.strides[i - 1] = view.strides[i] * shape[i];
    return view;
  }
  if (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>())
    return viewOfSlice(slice);
  if (auto expansion = value.getDefiningOp<tensor::ExpandShapeOp>())
    return viewOfExpansion(expansion);
  if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>())
    return viewOfCollapse(collapse);
  return std::nullopt;
}

// The view of a four-dimensional operand. Elements of a row are contiguous: they are read as vectors.
std::optional<HeadView> headViewOf(Value operand, bool bshd) {
  auto view = viewOf(operand);
  if (!view || (view->sizes[3] != 1 && view->strides[3] != 1))
    return std::nullopt;
  return HeadView{view->buffer, view->offset, view->strides[0], view->strides[bshd ? 2 : 1],
                  view->strides[bshd ? 1 : 2]};
}

} // namespace

static ArrayRef<int64_t> shapeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

// The op that the kernel consists of, between views of its arguments and of its result.
template <typename Op> static Op onlyOp(func::FuncOp kernel) {
  if (!kernel.getBody().hasOneBlock() || kernel.getNumResults() != 1)
    return {};
  auto ops = kernel.getBody().front().getOps<Op>();
  if (!llvm::hasSingleElement(ops))
    return {};
  // What is behind it is the same bytes.
  Value returned = kernel.getBody().front().getTerminator()->getOperand(0);
  while (returned.getDefiningOp() && isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(returned.getDefiningOp()))
    returned = returned.getDefiningOp()->getOperand(0);
  Op op = *ops.begin();
  return returned == op.getResult() ? op : Op();
}

static std::optional<Attention> matchBatched(AttentionOp op) {
  bool bshd = op.getLayout() == HeadLayout::BSHD;
  auto query = headViewOf(op.getQuery(), bshd), key = headViewOf(op.getKey(), bshd),
       value = headViewOf(op.getValue(), bshd);
  if (!query || !key || !value)
    return std::nullopt;
  ArrayRef<int64_t> q = shapeOf(op.getQuery()), k = shapeOf(op.getKey()), v = shapeOf(op.getValue());
  int heads = bshd ? 2 : 1, sequence = bshd ? 1 : 2;
  Attention a;
  a.op = op;
  a.mask = op.getMask();
  a.rows = 0;
  a.scale = op.getScale().convertToDouble();
  a.causal = op.getCausal();
  a.zeroNanRows = op.getZeroNanRows();
  a.query = *query;
  a.key = *key;
  a.value = *value;
  a.batches = q[0];
  a.heads = q[heads];
  a.keyHeads = k[heads];
  a.queries = q[sequence];
  a.keys = k[sequence];
  a.size = q[3];
  a.valueSize = v[3];
  a.result.batch = a.heads * a.queries * a.valueSize;
  a.result.head = bshd ? a.valueSize : a.queries * a.valueSize;
  a.result.sequence = bshd ? a.heads * a.valueSize : a.valueSize;
  return a;
}

// The view of [tokens, heads, size]. A sequence begins at a row, so that the stride of a batch is that of a row.
static std::optional<HeadView> packedViewOf(Value operand) {
  auto view = viewOf(operand);
  if (!view || (view->sizes[2] != 1 && view->strides[2] != 1))
    return std::nullopt;
  return HeadView{view->buffer, view->offset, view->strides[0], view->strides[1], view->strides[0]};
}

static std::optional<Attention> matchPacked(VarlenAttentionOp op) {
  auto query = packedViewOf(op.getQuery()), key = packedViewOf(op.getKey()), value = packedViewOf(op.getValue());
  if (!query || !key || !value || !isa<BlockArgument>(op.getCuSeqlens()))
    return std::nullopt;
  Attention a;
  a.op = op;
  a.cuSeqlens = op.getCuSeqlens();
  a.scale = op.getScale().convertToDouble();
  a.causal = op.getCausal();
  a.zeroNanRows = op.getZeroNanRows();
  a.query = *query;
  a.key = *key;
  a.value = *value;
  a.rows = shapeOf(op.getQuery())[0];
  a.batches = shapeOf(op.getCuSeqlens())[0] - 1;
  a.heads = shapeOf(op.getQuery())[1];
  a.keyHeads = shapeOf(op.getKey())[1];
  a.queries = a.keys = std::min<int64_t>(op.getMaxSeqlen(), a.rows);
  a.size = shapeOf(op.getQuery())[2];
  a.valueSize = shapeOf(op.getValue())[2];
  a.result.head = a.valueSize;
  a.result.batch = a.result.sequence = a.heads * a.valueSize;
  return a;
}

std::optional<Attention> matchAttention(func::FuncOp kernel) {
  if (auto op = onlyOp<AttentionOp>(kernel))
    return matchBatched(op);
  if (auto op = onlyOp<VarlenAttentionOp>(kernel))
    return matchPacked(op);
  return std::nullopt;
}

} // namespace mlc::codegen
