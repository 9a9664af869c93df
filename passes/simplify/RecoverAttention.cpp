// mlc-recover-attention. Before:
//   %kt = mlc.transpose %k {0, 1, 3, 2}            %s = mlc.matmul %q, %kt
//   %d = mlc.div %s, %sqrt_of_head_size            %m = mlc.add %d, %mask
//   %p = mlc.softmax %m {axis = 3}                 %r = mlc.matmul %p, %v
// after:
//   %r = mlc.attention %q, %k, %v, %mask {scale = 1 / sqrt_of_head_size}
// The scale may also stand on q and k, before the product. A guard of the weights, mlc.select (mlc.is_nan %p), 0, %p,
// as exporters of transformers' sdpa put it, becomes the attribute zero_nan_rows. Where q, k and v are transposes of
// [batch, sequence, heads, size] and the result is transposed back, the attention reads and writes that layout (bshd),
// and the transposes are gone.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_RECOVERATTENTION
#include "passes/simplify/Passes.h.inc"

namespace {

// `value` without the products with, and quotients by, scalars in front of it, which go into `scale`.
Value withoutScale(Value value, double &scale) {
  for (;;) {
    Value next;
    if (auto mul = value.getDefiningOp<MulOp>()) {
      for (auto [factor, scalar] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())})
        if (auto splat = splatOf(scalar); splat && factor.getType() == value.getType()) {
          scale *= *splat;
          next = factor;
          break;
        }
    } else if (auto div = value.getDefiningOp<DivOp>()) {
      auto splat = splatOf(div.getRhs());
      if (splat && *splat != 0 && div.getLhs().getType() == value.getType()) {
        scale /= *splat;
        next = div.getLhs();
      }
    }
    if (!next)
      return value;
    value = next;
  }
}

// p, when `value` is select(is_nan(p), 0, p) and nothing else reads p.
Value withoutGuard(Value value) {
  auto select = value.getDefiningOp<SelectOp>();
  auto isNan = select && select->hasOneUse() ? select->getOperand(0).getDefiningOp<IsNanOp>() : IsNanOp();
  if (!isNan || !isNan->hasOneUse())
    return {};
  Value weights = isNan.getOperand();
  auto zero = splatOf(select->getOperand(1));
  bool isGuard = zero && *zero == 0 && select->getOperand(2) == weights && select.getType() == weights.getType();
  return isGuard && std::distance(weights.use_begin(), weights.use_end()) == 2 ? weights : Value();
}

struct Recover : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp root, PatternRewriter &rewriter) const override {
    Value weights = root.getLhs();
    bool isGuarded = false;
    if (Value guarded = withoutGuard(weights)) {
      weights = guarded;
      isGuarded = true;
    }
    auto softmax = weights.getDefiningOp<SoftmaxOp>();
    if (!softmax || (!isGuarded && !softmax->hasOneUse()) || root.getTransposeLhs() || root.getTransposeRhs() ||
        softmax.getType().getRank() != 4 || softmax.getAxis() != 3)
      return failure();
    if (auto sum = softmax.getOperand().getDefiningOp<AddOp>(); sum && sum.getType() == softmax.getType()) {
      for (auto [scores, mask] : {std::pair(sum.getLhs(), sum.getRhs()), std::pair(sum.getRhs(), sum.getLhs())})
        if (scores.getType() == sum.getType() && succeeded(replace(root, scores, mask, isGuarded, rewriter)))
          return success();
      return failure();
    }
    return replace(root, softmax.getOperand(), Value(), isGuarded, rewriter);
  }

  static LogicalResult replace(MatmulOp root, Value scores, Value mask, bool isGuarded, PatternRewriter &rewriter) {
    double scale = 1;
    auto product = withoutScale(scores, scale).getDefiningOp<MatmulOp>();
    if (!product || product.getTransposeLhs())
      return failure();
    Value query = withoutScale(product.getLhs(), scale), key = withoutScale(product.getRhs(), scale);
    Value value = root.getRhs();
    for (Value operand : {query, key, value})
      if (shapeOfTensor(operand).size() != 4)
        return failure();
    // Products broadcast a batch and heads; attention repeats heads in another order, so only equal ones are taken.
    ArrayRef<int64_t> batch = shapeOfTensor(query).take_front(2);
    if (batch != shapeOfTensor(key).take_front(2) || batch != shapeOfTensor(value).take_front(2))
      return failure();
    OpMaker m(rewriter, root.getLoc());
    if (!product.getTransposeRhs()) {
      // The scale may stand in front of the transpose or behind it.
      if (auto transpose = key.getDefiningOp<TransposeOp>();
          transpose && transpose.getPermutation() == ArrayRef<int64_t>{0, 1, 3, 2})
        key = withoutScale(transpose.getOperand(), scale);
      else
        key = m.transpose(key, {0, 1, 3, 2});
    }
    SmallVector<Value> operands{query, key, value};
    if (mask)
      operands.push_back(mask);
    auto layout = rewriter.getNamedAttr("layout", HeadLayoutAttr::get(rewriter.getContext(), HeadLayout::BHSD));
    SmallVector<NamedAttribute> attributes{m.real("scale", scale), layout};
    if (isGuarded)
      attributes.push_back(m.unit("zero_nan_rows"));
    rewriter.replaceOp(root, m.make<AttentionOp>(operands, attributes));
    return success();
  }
};

constexpr int64_t kSwapHeads[] = {0, 2, 1, 3};

// x, when `value` is x with heads and sequence swapped.
Value swappedSource(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  return transpose && transpose.getPermutation() == ArrayRef<int64_t>(kSwapHeads) ? transpose.getOperand() : Value();
}

bool isHeadSwap(Operation *op) { return op->getNumResults() == 1 && swappedSource(op->getResult(0)); }

struct ReadSequenceFirst : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() != HeadLayout::BHSD || op->use_empty() || !llvm::all_of(op->getUsers(), isHeadSwap))
      return failure();
    SmallVector<Value> operands;
    for (Value operand : {op.getQuery(), op.getKey(), op.getValue()}) {
      operands.push_back(swappedSource(operand));
      if (!operands.back())
        return failure();
    }
    if (op.getMask())
      operands.push_back(op.getMask());
    NamedAttrList attributes(op->getAttrs());
    attributes.set("layout", HeadLayoutAttr::get(getContext(), HeadLayout::BSHD));
    OpMaker m(rewriter, op.getLoc());
    rewriter.replaceOp(op, m.transpose(m.make<AttentionOp>(operands, attributes), kSwapHeads));
    return success();
  }
};

struct RecoverAttention : impl::RecoverAttentionBase<RecoverAttention> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Recover, ReadSequenceFirst>(&getContext());
    TransposeOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
