// attention -> matmul, scale, mask, softmax, matmul, where it has no kernel of its own. Scores are tensors of their
// own.
#include "codegen/attention/DecomposeAttention.h"
#include "codegen/attention/AttentionEmitter.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlir/Pass/Pass.h"
#include <limits>

using namespace mlir;

namespace mlc::codegen {
namespace {

template <typename Op>
Value build(OpBuilder &b, Location loc, ValueRange operands, ArrayRef<NamedAttribute> attributes = {}) {
  return Op::create(b, loc, operands, attributes)->getResult(0);
}

Value splat(OpBuilder &b, Location loc, Type element, double value) {
  auto type = RankedTensorType::get({}, element);
  return ConstantOp::create(b, loc, DenseElementsAttr::get(type, Attribute(b.getFloatAttr(element, value))));
}

Value swapHeads(OpBuilder &b, Location loc, Value value) {
  return build<TransposeOp>(b, loc, value, b.getNamedAttr("permutation", b.getDenseI64ArrayAttr({0, 2, 1, 3})));
}

// Each key head serves heads / its number of query heads.
Value repeatHeads(OpBuilder &b, Location loc, Value value, int64_t heads) {
  auto shape = cast<RankedTensorType>(value.getType()).getShape();
  int64_t repeats = heads / shape[1];
  if (repeats == 1)
    return value;
  auto attr = [&](ArrayRef<int64_t> to) { return b.getNamedAttr("shape", b.getDenseI64ArrayAttr(to)); };
  value = build<ReshapeOp>(b, loc, value, attr({shape[0], shape[1], 1, shape[2], shape[3]}));
  value = build<BroadcastOp>(b, loc, value, attr({shape[0], shape[1], repeats, shape[2], shape[3]}));
  return build<ReshapeOp>(b, loc, value, attr({shape[0], heads, shape[2], shape[3]}));
}

Value causalMask(OpBuilder &b, Location loc, FloatType element, int64_t queries, int64_t keys) {
  SmallVector<Attribute> values;
  Attribute zero = b.getFloatAttr(element, 0),
            hidden = b.getFloatAttr(element, -std::numeric_limits<double>::infinity());
  for (int64_t q = 0; q < queries; ++q)
    for (int64_t k = 0; k < keys; ++k)
      values.push_back(k > q ? hidden : zero);
  return ConstantOp::create(b, loc, DenseElementsAttr::get(RankedTensorType::get({queries, keys}, element), values));
}

} // namespace

void decomposeAttention(func::FuncOp function) {
  SmallVector<AttentionOp> ops;
  function.walk([&](AttentionOp op) {
    if (!isFusedAttention(op))
      ops.push_back(op);
  });
  for (AttentionOp op : ops) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
    bool swapped = op.getLayout() == HeadLayout::BSHD;
    if (swapped)
      for (Value *operand : {&query, &key, &value})
        *operand = swapHeads(b, loc, *operand);
    auto queryType = cast<RankedTensorType>(query.getType());
    auto element = cast<FloatType>(queryType.getElementType());
    key = repeatHeads(b, loc, key, queryType.getDimSize(1));
    value = repeatHeads(b, loc, value, queryType.getDimSize(1));
    Value scores = build<MatmulOp>(b, loc, {query, key}, b.getNamedAttr("transpose_rhs", b.getUnitAttr()));
    scores = build<MulOp>(b, loc, {scores, splat(b, loc, element, op.getScale().convertToDouble())});
    if (op.getMask())
      scores = build<AddOp>(b, loc, {scores, op.getMask()});
    if (op.getCausal())
      scores = build<AddOp>(b, loc,
                            {scores, causalMask(b, loc, element, queryType.getDimSize(2),
                                                cast<RankedTensorType>(key.getType()).getDimSize(2))});
    Value weights = build<SoftmaxOp>(b, loc, scores, b.getNamedAttr("axis", b.getI64IntegerAttr(3)));
    if (op.getZeroNanRows())
      weights = build<SelectOp>(b, loc, {build<IsNanOp>(b, loc, weights), splat(b, loc, element, 0), weights});
    Value result = build<MatmulOp>(b, loc, {weights, value});
    op.getResult().replaceAllUsesWith(swapped ? swapHeads(b, loc, result) : result);
    op.erase();
  }
}

namespace {

struct DecomposeAttentionPass : PassWrapper<DecomposeAttentionPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DecomposeAttentionPass)
  StringRef getArgument() const final { return "mlc-decompose-attention"; }
  StringRef getDescription() const final { return "Rewrites mlc.attention into matmul, scale, mask, softmax, matmul"; }
  void runOnOperation() final { decomposeAttention(getOperation()); }
};

} // namespace

void registerDecomposeAttentionPass() { PassRegistration<DecomposeAttentionPass>(); }

} // namespace mlc::codegen
