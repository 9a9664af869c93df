#include "passes/simplify/Quantized.h"

using namespace mlir;

namespace mlc {
namespace {

bool isSmallInteger(Value value) { return elementOfTensor(value).isInteger(8); }

// The operand of a movement that all elements survive.
Value beforeMovement(Value value) {
  Operation *op = value.getDefiningOp();
  return isa_and_nonnull<TransposeOp, ReshapeOp>(op) ? op->getOperand(0) : Value();
}

// What a vector of zero points or scales along one dimension is behind a reshape is not worth knowing.
bool canMove(const Quantized &quantized) {
  bool hasReshape = llvm::any_of(quantized.movements, [](Operation *op) { return isa<ReshapeOp>(op); });
  return !hasReshape ||
         ((!quantized.zero || isOneElement(quantized.zero)) && (!quantized.scale || isOneElement(quantized.scale)));
}

std::optional<Quantized> matchElements(Value value, bool isFloat) {
  auto cast = value.getDefiningOp<CastOp>();
  if (!cast)
    return std::nullopt;
  if (isSmallInteger(cast.getOperand()))
    return Quantized{cast.getOperand(), {}, {}, {}};
  return isFloat ? matchCentred(cast.getOperand()) : std::nullopt;
}

// (x - a) - b = x - (a + b), and the same with sums, of integers; a and b are parameters.
template <typename Op> struct JoinParameters : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    auto inner = op.getLhs().template getDefiningOp<SubOp>();
    if (!inner || !inner->hasOneUse() || !op.getType().getElementType().isInteger() ||
        inner.getLhs().getType() != op.getType() || isParameterOnly(inner.getLhs()) ||
        !isParameterOnly(inner.getRhs()) || !isParameterOnly(op.getRhs()))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    constexpr bool isSum = std::is_same_v<Op, AddOp>;
    Value joined = isSum ? m.make<SubOp>({inner.getRhs(), op.getRhs()}) : m.make<AddOp>({inner.getRhs(), op.getRhs()});
    rewriter.replaceOp(op, m.make<SubOp>({inner.getLhs(), joined}));
    return success();
  }
};

SmallVector<int64_t> fullShape(ArrayRef<int64_t> shape, size_t rank) {
  SmallVector<int64_t> full(rank - shape.size(), 1);
  llvm::append_range(full, shape);
  return full;
}

} // namespace

std::optional<Quantized> matchCentred(Value value) {
  if (!elementOfTensor(value).isInteger(32))
    return std::nullopt;
  if (Value source = beforeMovement(value)) {
    std::optional<Quantized> inner = matchCentred(source);
    if (!inner)
      return std::nullopt;
    inner->movements.insert(inner->movements.begin(), value.getDefiningOp());
    return canMove(*inner) ? inner : std::nullopt;
  }
  auto sub = value.getDefiningOp<SubOp>();
  if (!sub)
    return matchElements(value, /*isFloat=*/false);
  if (sub.getLhs().getType() != sub.getType())
    return std::nullopt;
  std::optional<Quantized> inner = matchElements(sub.getLhs(), /*isFloat=*/false);
  if (inner)
    inner->zero = sub.getRhs();
  return inner;
}

std::optional<Quantized> matchDequantized(Value value) {
  if (!elementOfTensor(value).isF32())
    return std::nullopt;
  if (Value source = beforeMovement(value)) {
    std::optional<Quantized> inner = matchDequantized(source);
    if (!inner)
      return std::nullopt;
    inner->movements.insert(inner->movements.begin(), value.getDefiningOp());
    return canMove(*inner) ? inner : std::nullopt;
  }
  auto mul = value.getDefiningOp<MulOp>();
  if (!mul)
    return matchElements(value, /*isFloat=*/true);
  for (auto [integers, scale] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())}) {
    if (integers.getType() != mul.getType())
      continue;
    if (std::optional<Quantized> inner = matchElements(integers, /*isFloat=*/true)) {
      // Behind movements of the integers a scale of more than one element would not be that of the elements.
      if (!inner->movements.empty() && !isOneElement(scale))
        return std::nullopt;
      inner->scale = scale;
      return inner;
    }
  }
  return std::nullopt;
}

Value integerConstant(OpMaker &m, Type element, int64_t value, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, element);
  APInt bits(element.getIntOrFloatBitWidth(), static_cast<uint64_t>(value), /*isSigned=*/false, /*implicitTrunc=*/true);
  return m.constant(DenseElementsAttr::get(type, bits));
}

// Elements with their sign bit turned, as integers of the other kind.
static Value flipped(OpMaker &m, Value elements, bool toUnsigned) {
  MLIRContext *context = elements.getContext();
  Type u8 = IntegerType::get(context, 8, IntegerType::Unsigned), i8 = IntegerType::get(context, 8);
  Value bits = toUnsigned ? m.cast(elements, u8) : elements;
  bits = m.make<XorOp>({bits, integerConstant(m, u8, 128)});
  return toUnsigned ? bits : m.cast(bits, i8);
}

static Value movedElements(OpMaker &m, const Quantized &quantized) { return moved(m, quantized, quantized.elements); }

Value unsignedElements(OpMaker &m, const Quantized &quantized) {
  Value elements = movedElements(m, quantized);
  return quantized.isSigned() ? flipped(m, elements, /*toUnsigned=*/true) : elements;
}

Value signedElements(OpMaker &m, const Quantized &quantized) {
  Value elements = movedElements(m, quantized);
  return quantized.isSigned() ? elements : flipped(m, elements, /*toUnsigned=*/false);
}

Value moved(OpMaker &m, const Quantized &quantized, Value value) {
  if (value != quantized.elements && isOneElement(value))
    return m.reshape(value, {});
  size_t rank = shapeOfTensor(quantized.elements).size();
  if (quantized.movements.empty())
    return value;
  value = m.reshape(value, fullShape(shapeOfTensor(value), rank));
  for (Operation *op : llvm::reverse(quantized.movements)) {
    if (auto transpose = dyn_cast<TransposeOp>(op))
      value = m.transpose(value, transpose.getPermutation());
    else
      value = m.reshape(value, shapeOfTensor(op->getResult(0)));
  }
  return value;
}

SmallVector<int64_t> movedShape(const Quantized &quantized, Value value) {
  size_t rank =
      shapeOfTensor(quantized.movements.empty() ? quantized.elements : quantized.movements.front()->getResult(0))
          .size();
  if (isOneElement(value))
    return SmallVector<int64_t>(rank, 1);
  SmallVector<int64_t> shape = fullShape(shapeOfTensor(value), shapeOfTensor(quantized.elements).size());
  for (Operation *op : llvm::reverse(quantized.movements)) {
    SmallVector<int64_t> next;
    for (int64_t dim : cast<TransposeOp>(op).getPermutation())
      next.push_back(shape[dim]);
    shape = next;
  }
  return shape;
}

void addJoinParametersPatterns(RewritePatternSet &patterns) {
  patterns.add<JoinParameters<AddOp>, JoinParameters<SubOp>>(patterns.getContext());
}

} // namespace mlc
