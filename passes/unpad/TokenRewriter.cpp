#include "passes/unpad/TokenRewriter.h"

#include "mlir/IR/IRMapping.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {

TokenRewriter::TokenRewriter(func::FuncOp function, BlockArgument mask, int64_t capacity)
    : function(function), mask(mask), probe(mask), sequences(shapeOfTensor(mask)[0]), length(shapeOfTensor(mask)[1]),
      capacity(capacity), builder(function.getContext()) {}

LogicalResult TokenRewriter::run() {
  Block &body = function.getBody().front();
  SmallVector<Operation *> ops;
  for (Operation &op : body)
    ops.push_back(&op);
  builder.setInsertionPointToStart(&body);
  OpMaker m(builder, function.getLoc());
  offsets = m.make<CuSeqlensOp>(mask, m.integer("capacity", capacity));
  for (Operation *op : ops)
    if (failed(rewrite(op)))
      return failure();
  // What was packed is no longer computed for every position.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      op.erase();
  return success();
}

LogicalResult TokenRewriter::rewrite(Operation *op) {
  if (auto attention = dyn_cast<AttentionOp>(op))
    return packAttention(attention);
  Value first;
  for (Value operand : op->getOperands())
    if (!first && isPacked(operand))
      first = operand;
  if (!first)
    return success();
  auto readPadded = [&] {
    builder.setInsertionPoint(op);
    for (OpOperand &operand : op->getOpOperands())
      if (isPacked(operand.get()))
        operand.set(repad(operand.get()));
    return success();
  };
  if (isa<func::ReturnOp>(op) || hidesPadding(op))
    return readPadded();
  if (op->getNumResults() == 1 && op->getNumRegions() == 0) {
    int64_t dims = tokenDims.lookup(first);
    if (isa<ReshapeOp>(op))
      dims = tokenDimsOf(shapeOfTensor(op->getResult(0)));
    builder.setInsertionPointAfter(op);
    if (Value packed = dims ? packResult(op, dims) : Value()) {
      rows[op->getResult(0)] = packed;
      tokenDims[op->getResult(0)] = dims;
      return success();
    }
    if (takesPositions(op))
      return readPadded();
  }
  return op->emitError("--unpad: '") << op->getName()
                                     << "' mixes tokens, so that it would see padding, which is not computed; "
                                     << "multiply what it reads by the mask, or compile without --unpad";
}

LogicalResult TokenRewriter::packAttention(AttentionOp op) {
  if (elementOfTensor(op.getResult()).isF64())
    return op.emitError("--unpad: attention in f64 has no packed form; compile without --unpad");
  bool causal = op.getCausal();
  switch (op.getMask() ? probe.hides(op.getMask()) : MaskProbe::Hiding::None) {
  case MaskProbe::Hiding::Padding: break;
  case MaskProbe::Hiding::PaddingAndLater: causal = true; break;
  case MaskProbe::Hiding::None:
    return op.emitError(
        "--unpad: this attention does not hide exactly the keys at which the mask is 0, as another does; "
        "compile without --unpad");
  }
  builder.setInsertionPoint(op);
  OpMaker m(builder, op.getLoc());
  bool isSequenceFirst = op.getLayout() == HeadLayout::BSHD;
  SmallVector<Value> operands;
  for (Value operand : {op.getQuery(), op.getKey(), op.getValue()}) {
    if (!isSequenceFirst) {
      auto swap = operand.getDefiningOp<TransposeOp>();
      bool isSwap = swap && swap.getPermutation() == ArrayRef<int64_t>{0, 2, 1, 3};
      if (!isSwap && isPacked(operand))
        return op.emitError("--unpad: an operand of this attention is no transpose of [batch, sequence, heads, size]");
      operand = isSwap ? swap.getOperand() : m.transpose(operand, {0, 2, 1, 3});
    }
    operands.push_back(pack(operand, 2));
    builder.setInsertionPoint(op);
  }
  operands.push_back(offsets);
  SmallVector<NamedAttribute> attributes{builder.getNamedAttr("scale", op.getScaleAttr()),
                                         m.integer("max_seqlen", length)};
  if (causal)
    attributes.push_back(m.unit("causal"));
  if (op.getZeroNanRows())
    attributes.push_back(m.unit("zero_nan_rows"));
  Value packed = m.make<VarlenAttentionOp>(operands, attributes);
  Value result = op.getResult();
  if (!isSequenceFirst) {
    // Readers transpose it back; for others it is transposed as it was.
    builder.setInsertionPointAfter(op);
    Value swapped = m.transpose(result, {0, 2, 1, 3});
    result = swapped;
    for (OpOperand &use : llvm::make_early_inc_range(op.getResult().getUses())) {
      auto transpose = dyn_cast<TransposeOp>(use.getOwner());
      if (transpose == swapped.getDefiningOp())
        continue;
      if (!transpose || transpose.getPermutation() != ArrayRef<int64_t>{0, 2, 1, 3})
        return use.getOwner()->emitError("--unpad: '")
               << use.getOwner()->getName() << "' reads attention's heads before sequences; compile without --unpad";
      transpose.replaceAllUsesWith(swapped);
    }
  }
  rows[result] = packed;
  tokenDims[result] = 2;
  return success();
}

int64_t TokenRewriter::tokenDimsOf(ArrayRef<int64_t> shape) const {
  if (shape.size() >= 2 && shape[0] == sequences && shape[1] == length)
    return 2;
  return !shape.empty() && shape[0] == sequences * length ? 1 : 0;
}

int64_t TokenRewriter::tokenDimsOf(Value value) const {
  auto known = tokenDims.find(value);
  return known != tokenDims.end() ? known->second : tokenDimsOf(shapeOfTensor(value));
}

Value TokenRewriter::pack(Value value, int64_t dims) {
  if (Value known = rows.lookup(value))
    return known;
  OpBuilder::InsertionGuard guard(builder);
  Value packed;
  // Parameters and constants that have rows for every position are packed as they are.
  if (Operation *op = value.getDefiningOp(); op && !isParameterOnly(value)) {
    builder.setInsertionPointAfter(op);
    if (op->getNumResults() == 1 && op->getNumRegions() == 0)
      packed = packResult(op, dims);
  }
  if (!packed)
    packed = unpad(value);
  return rows[value] = packed;
}

Value TokenRewriter::unpad(Value value) {
  OpBuilder::InsertionGuard guard(builder);
  if (Operation *op = value.getDefiningOp(); op && offsets.getDefiningOp()->isBeforeInBlock(op))
    builder.setInsertionPointAfter(op);
  else
    builder.setInsertionPointAfterValue(offsets);
  OpMaker m(builder, value.getLoc());
  ArrayRef<int64_t> shape = shapeOfTensor(value);
  if (shape.size() < 2 || (shape[0] != sequences && shape[0] != 1) || (shape[1] != length && shape[1] != 1)) {
    SmallVector<int64_t> split{sequences, length};
    llvm::append_range(split, shape.drop_front());
    value = m.reshape(value, split);
  }
  return m.make<UnpadOp>({value, mask, offsets}, m.integer("capacity", capacity));
}

Value TokenRewriter::packStretched(Value value, int64_t rank, int64_t dims) {
  ArrayRef<int64_t> shape = shapeOfTensor(value);
  int64_t missing = rank - static_cast<int64_t>(shape.size());
  if (missing < 0)
    return {};
  if (isPacked(value))
    return missing == 0 && tokenDims.lookup(value) == dims ? rows.lookup(value) : Value();
  if (missing >= dims)
    return value;
  SmallVector<int64_t> positions(missing, 1);
  llvm::append_range(positions, shape.take_front(dims - missing));
  ArrayRef<int64_t> rest = shape.drop_front(dims - missing);
  OpBuilder::InsertionGuard guard(builder);
  if (Operation *op = value.getDefiningOp())
    builder.setInsertionPointAfter(op);
  OpMaker m(builder, value.getLoc());
  if (llvm::all_of(positions, [](int64_t size) { return size == 1; }))
    return m.reshape(value, rest);
  if (missing == 0 && tokenDimsOf(shape) == dims)
    return pack(value, dims);
  if (dims != 2)
    return {};
  llvm::append_range(positions, rest);
  return unpad(m.reshape(value, positions));
}

Operation *TokenRewriter::cloneOnRows(Operation *op, int64_t dims, ValueRange operands) {
  if (!llvm::all_of(operands, [](Value operand) { return bool(operand); }))
    return nullptr;
  Operation *clone = builder.clone(*op);
  clone->setOperands(operands);
  SmallVector<int64_t> shape{capacity};
  llvm::append_range(shape, shapeOfTensor(op->getResult(0)).drop_front(dims));
  clone->getResult(0).setType(RankedTensorType::get(shape, elementOfTensor(op->getResult(0))));
  return clone;
}

Value TokenRewriter::packElementwise(Operation *op, int64_t dims) {
  int64_t rank = shapeOfTensor(op->getResult(0)).size();
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(packStretched(operand, rank, dims));
  Operation *clone = cloneOnRows(op, dims, operands);
  return clone ? clone->getResult(0) : Value();
}

Value TokenRewriter::packReshape(ReshapeOp op, int64_t dims) {
  int64_t from = tokenDimsOf(op.getOperand());
  if (!from)
    return {};
  Value source = pack(op.getOperand(), from);
  SmallVector<int64_t> shape{capacity};
  llvm::append_range(shape, shapeOfTensor(op.getResult()).drop_front(dims));
  return OpMaker(builder, op.getLoc()).reshape(source, shape);
}

// Rows times one matrix.
Value TokenRewriter::packMatmul(MatmulOp op, int64_t dims) {
  ArrayRef<int64_t> lhs = shapeOfTensor(op.getLhs()), rhs = shapeOfTensor(op.getRhs());
  bool transposesRows = op.getTransposeLhs() && static_cast<int64_t>(lhs.size()) < dims + 2;
  bool isMatrix = llvm::all_of(rhs.drop_back(2), [](int64_t size) { return size == 1; });
  if (lhs.size() != shapeOfTensor(op.getResult()).size() || static_cast<int64_t>(lhs.size()) <= dims ||
      transposesRows || !isMatrix || isPacked(op.getRhs()) || tokenDimsOf(op.getLhs()) != dims)
    return {};
  OpMaker m(builder, op.getLoc());
  Value matrix = m.reshape(op.getRhs(), rhs.take_back(2));
  return cloneOnRows(op, dims, {pack(op.getLhs(), dims), matrix})->getResult(0);
}

// A row of a table for each token, or the same elements of each token's.
Value TokenRewriter::packGather(GatherOp op, int64_t dims) {
  bool isOfTable = op.getAxis() == 0 && !isPacked(op.getData()) && tokenDimsOf(op.getIndices()) == dims;
  if (isOfTable)
    return cloneOnRows(op, dims, {op.getData(), pack(op.getIndices(), dims)})->getResult(0);
  int64_t axis = op.getAxis();
  if (axis < dims || isPacked(op.getIndices()) || tokenDimsOf(op.getData()) != dims)
    return {};
  auto clone = cast<GatherOp>(cloneOnRows(op, dims, {pack(op.getData(), dims), op.getIndices()}));
  clone.setAxis(axis - dims + 1);
  return clone.getResult();
}

Value TokenRewriter::packResult(Operation *op, int64_t dims) {
  ArrayRef<int64_t> shape = shapeOfTensor(op->getResult(0));
  if (tokenDimsOf(shape) != dims && !(dims == 1 && !shape.empty() && shape[0] == sequences * length))
    return {};
  auto fusible = dyn_cast<FusibleOp>(op);
  if (fusible && fusible.fusionClass() == FusionClass::Elementwise)
    return packElementwise(op, dims);
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return packReshape(reshape, dims);
  if (auto matmul = dyn_cast<MatmulOp>(op))
    return packMatmul(matmul, dims);
  if (auto gather = dyn_cast<GatherOp>(op))
    return packGather(gather, dims);
  // `fewer` is by how many the dimensions behind the tokens move.
  int64_t fewer = dims - 1;
  auto isToken = [&](int64_t dim) { return dim < dims; };
  auto onRows = [&](auto typed) {
    using Op = decltype(typed);
    SmallVector<Value> operands(op->getOperands());
    operands[0] = pack(operands[0], dims);
    return cast<Op>(cloneOnRows(op, dims, operands));
  };
  // Of all below the first operand has the tokens where the result has them.
  if (auto concat = dyn_cast<ConcatOp>(op)) {
    if (isToken(concat.getAxis()))
      return {};
    SmallVector<Value> operands;
    for (Value operand : concat.getInputs())
      operands.push_back(pack(operand, dims));
    auto clone = cast<ConcatOp>(cloneOnRows(op, dims, operands));
    clone.setAxis(concat.getAxis() - fewer);
    return clone.getResult();
  }
  if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
    Operation *clone = cloneOnRows(op, dims, packStretched(broadcast.getOperand(), shape.size(), dims));
    if (!clone)
      return {};
    cast<BroadcastOp>(clone).setShape(shapeOfTensor(clone->getResult(0)));
    return clone->getResult(0);
  }
  if (op->getNumOperands() == 0 || tokenDimsOf(op->getOperand(0)) != dims ||
      llvm::any_of(op->getOperands().drop_front(), [&](Value operand) { return isPacked(operand); }))
    return {};
  auto alongAxis = [&](auto typed) -> Value {
    int64_t axis = typed.getAxis();
    if (isToken(axis))
      return {};
    auto clone = onRows(typed);
    clone.setAxis(axis - fewer);
    return clone.getResult();
  };
  if (auto norm = dyn_cast<LayerNormOp>(op))
    return alongAxis(norm);
  if (auto softmax = dyn_cast<SoftmaxOp>(op))
    return alongAxis(softmax);
  if (auto softmax = dyn_cast<LogSoftmaxOp>(op))
    return alongAxis(softmax);
  if (auto arg = dyn_cast<ArgMaxOp>(op))
    return alongAxis(arg);
  if (auto arg = dyn_cast<ArgMinOp>(op))
    return alongAxis(arg);
  if (auto reduce = dyn_cast<ReduceOp>(op)) {
    SmallVector<int64_t> axes(reduce.getAxes());
    if (llvm::any_of(axes, isToken))
      return {};
    for (int64_t &axis : axes)
      axis -= fewer;
    auto clone = onRows(reduce);
    clone.setAxes(axes);
    return clone.getResult();
  }
  if (auto transpose = dyn_cast<TransposeOp>(op)) {
    SmallVector<int64_t> permutation{0};
    for (auto [i, dim] : llvm::enumerate(transpose.getPermutation())) {
      if (static_cast<int64_t>(i) < dims && dim != static_cast<int64_t>(i))
        return {};
      if (static_cast<int64_t>(i) >= dims)
        permutation.push_back(dim - fewer);
    }
    auto clone = onRows(transpose);
    clone.setPermutation(permutation);
    return clone.getResult();
  }
  if (auto slice = dyn_cast<SliceOp>(op)) {
    if (slice.getOffsets().take_front(dims) != ArrayRef(SmallVector<int64_t>(dims, 0)) ||
        slice.getStrides().take_front(dims) != ArrayRef(SmallVector<int64_t>(dims, 1)))
      return {};
    auto clone = onRows(slice);
    auto behind = [&](ArrayRef<int64_t> values, int64_t first) {
      SmallVector<int64_t> result{first};
      llvm::append_range(result, values.drop_front(dims));
      return result;
    };
    clone.setOffsets(behind(slice.getOffsets(), 0));
    clone.setSizes(behind(slice.getSizes(), capacity));
    clone.setStrides(behind(slice.getStrides(), 1));
    return clone.getResult();
  }
  return {};
}

Value TokenRewriter::repad(Value value) {
  Value &known = padded[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfterValue(rows.lookup(value));
    OpMaker m(builder, value.getLoc());
    Value result = m.make<RepadOp>({rows.lookup(value), mask, offsets});
    known = m.reshape(result, shapeOfTensor(value));
  }
  return known;
}

// Does `op` give at padding what does not depend on what is read there: a product with 0, or the other choice?
bool TokenRewriter::hidesPadding(Operation *op) {
  auto isAtPadding = [&](Value value, int64_t dims, double wanted) {
    if (isPacked(value) || tokenDimsOf(shapeOfTensor(value)) != dims ||
        shapeOfTensor(value).size() != shapeOfTensor(op->getResult(0)).size())
      return false;
    std::optional<double> constant = probe.constantAtPadding(value, dims);
    return constant && *constant == wanted;
  };
  if (auto mul = dyn_cast<MulOp>(op)) {
    for (auto [x, factor] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())})
      if (isPacked(x) && isAtPadding(factor, tokenDims.lookup(x), 0))
        return true;
  }
  if (auto select = dyn_cast<SelectOp>(op)) {
    for (auto [x, other, chosen] : {std::tuple(select.getOnTrue(), select.getOnFalse(), 0),
                                    std::tuple(select.getOnFalse(), select.getOnTrue(), 1)})
      if (isPacked(x) && !isPacked(other) && isAtPadding(select.getCondition(), tokenDims.lookup(x), chosen))
        return true;
  }
  return false;
}

// Does every element of the result come from one position?
bool TokenRewriter::takesPositions(Operation *op) { return isa<SliceOp, GatherOp>(op); }

} // namespace mlc
