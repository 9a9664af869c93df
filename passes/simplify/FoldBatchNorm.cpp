// mlc-fold-batch-norm. Post-conditions: there is no mlc.batch_norm; no product with, quotient by, or difference from, a
// parameter per channel stands behind a convolution of a weight that nothing else reads.
//
//   %z = mlc.batch_norm %y, %scale, %bias, %mean, %variance {axis = 1, epsilon = e} : ...
// becomes, with %factor = %scale / sqrt(%variance + e),
//   %z = mlc.add (mlc.mul %y, %factor), (%bias - %mean * %factor)
// and such arithmetic, which exporters also write themselves, goes into the convolution in front of it:
//   conv(%x, %w) * %p       -> conv(%x, %w * %p)              (%y + %b) * %p  -> %y * %p + %b * %p
//   conv(%x, %w) - %p       -> conv(%x, %w) + -%p             (%y + %b) + %p  -> %y + (%b + %p)
// What is computed on parameters alone is left as ops here; mlc-hoist-param-pack moves it out of the program.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_FOLDBATCHNORM
#include "passes/simplify/Passes.h.inc"

namespace {

struct ExpandNorm : OpRewritePattern<BatchNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BatchNormOp norm, PatternRewriter &rewriter) const override {
    OpMaker m(rewriter, norm.getLoc());
    int64_t axis = norm.getAxis();
    ArrayRef<int64_t> shape = norm.getType().getShape();
    Value epsilon = m.scalar(norm.getType().getElementType(), norm.getEpsilon().convertToDouble());
    Value factor = m.make<DivOp>({norm.getScale(), m.make<SqrtOp>(m.make<AddOp>({norm.getVariance(), epsilon}))});
    Value offset = m.make<SubOp>({norm.getBias(), m.make<MulOp>({norm.getMean(), factor})});
    // Aligned at the last dimension, as broadcasting does it.
    SmallVector<int64_t> perChannel(shape.size() - axis, 1);
    perChannel[0] = shape[axis];
    Value scaled = m.make<MulOp>({norm.getOperand(), m.reshape(factor, perChannel)});
    rewriter.replaceOp(norm, m.make<AddOp>({scaled, m.reshape(offset, perChannel)}));
    return success();
  }
};

int64_t channelAxis(ConvOp conv) { return conv.getLayout() == Layout::ChannelsLast ? conv.getType().getRank() - 1 : 1; }

// The convolution of a weight whose result `value` is and that only one op reads. A filter that was rounded is not
// scaled any more.
ConvOp foldableConv(Value value) {
  auto conv = value.getDefiningOp<ConvOp>();
  // Nor are factors of integer sums those of their 8-bit weights.
  bool isFoldable = conv && conv->hasOneUse() && !conv.getWideResult() && isParameterOnly(conv.getFilter()) &&
                    conv.getType().getElementType() == elementOfTensor(conv.getFilter());
  return isFoldable ? conv : ConvOp();
}

// Is `value` known before the run, with one element, or one per channel of `conv`, and no larger than its result?
bool isPerChannel(Value value, ConvOp conv) {
  ArrayRef<int64_t> shape = shapeOfTensor(value);
  int64_t lead = conv.getType().getRank() - static_cast<int64_t>(shape.size());
  return lead >= 0 && isParameterOnly(value) && llvm::all_of(llvm::enumerate(shape), [&](auto size) {
           return size.value() == 1 || lead + static_cast<int64_t>(size.index()) == channelAxis(conv);
         });
}

// One element per channel, in a shape that broadcasts along `axis` of `rank` dimensions; one element is a scalar.
Value alongChannels(OpMaker &m, Value value, int64_t axis, int64_t rank) {
  if (countElements(value.getType()) == 1)
    return m.reshape(value, {});
  SmallVector<int64_t> shape(rank - axis, 1);
  shape[0] = countElements(value.getType());
  return m.reshape(value, shape);
}

// `value` = convolution + bias per channel, where only one op reads it.
std::pair<ConvOp, Value> foldableBiasedConv(Value value) {
  auto add = value.getDefiningOp<AddOp>();
  if (add && add->hasOneUse())
    for (auto [product, bias] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())})
      if (ConvOp conv = foldableConv(product); conv && isPerChannel(bias, conv))
        return {conv, bias};
  return {};
}

// conv(x, w) * p and (conv(x, w) + b) * p; also with quotients.
template <typename Op> struct ScaleFilter : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op root, PatternRewriter &rewriter) const override {
    if (succeeded(replace(root, root.getLhs(), root.getRhs(), rewriter)))
      return success();
    if constexpr (std::is_same_v<Op, MulOp>)
      return replace(root, root.getRhs(), root.getLhs(), rewriter);
    return failure();
  }

  static LogicalResult replace(Op root, Value value, Value factor, PatternRewriter &rewriter) {
    auto [conv, bias] = foldableBiasedConv(value);
    if (!conv)
      conv = foldableConv(value);
    if (!conv || !isPerChannel(factor, conv))
      return failure();
    OpMaker m(rewriter, root.getLoc());
    int64_t rank = conv.getType().getRank(), axis = channelAxis(conv);
    int64_t filterAxis = conv.getLayout() == Layout::ChannelsLast ? rank - 1 : 0;
    Value filter = m.make<Op>({conv.getFilter(), alongChannels(m, factor, filterAxis, rank)});
    Value scaled = ConvOp::create(rewriter, conv.getLoc(), ValueRange{conv.getInput(), filter}, conv->getAttrs());
    if (bias)
      scaled = m.make<AddOp>(
          {scaled, m.make<Op>({alongChannels(m, bias, axis, rank), alongChannels(m, factor, axis, rank)})});
    rewriter.replaceOp(root, scaled);
    return success();
  }
};

// conv(x, w) - p -> conv(x, w) + -p, and the same behind a bias.
struct SubToAdd : OpRewritePattern<SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SubOp root, PatternRewriter &rewriter) const override {
    ConvOp conv = foldableBiasedConv(root.getLhs()).first;
    if (!conv)
      conv = foldableConv(root.getLhs());
    if (!conv || !isPerChannel(root.getRhs(), conv))
      return failure();
    OpMaker m(rewriter, root.getLoc());
    rewriter.replaceOp(root, m.make<AddOp>({root.getLhs(), m.make<NegOp>(root.getRhs())}));
    return success();
  }
};

// (conv(x, w) + b) + p -> conv(x, w) + (b + p)
struct MergeBiases : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AddOp root, PatternRewriter &rewriter) const override {
    for (auto [sum, other] : {std::pair(root.getLhs(), root.getRhs()), std::pair(root.getRhs(), root.getLhs())}) {
      auto [conv, bias] = foldableBiasedConv(sum);
      if (!conv || !isPerChannel(other, conv))
        continue;
      OpMaker m(rewriter, root.getLoc());
      int64_t rank = conv.getType().getRank(), axis = channelAxis(conv);
      Value total = m.make<AddOp>({alongChannels(m, bias, axis, rank), alongChannels(m, other, axis, rank)});
      rewriter.replaceOp(root, m.make<AddOp>({conv, total}));
      return success();
    }
    return failure();
  }
};

struct FoldBatchNorm : impl::FoldBatchNormBase<FoldBatchNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandNorm, ScaleFilter<MulOp>, ScaleFilter<DivOp>, SubToAdd, MergeBiases>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
