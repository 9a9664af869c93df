// mlc-fold-batch-norm. Post-condition: there is no mlc.batch_norm.
//
//   %y = mlc.conv %x, %w : ...
//   %z = mlc.batch_norm %y, %scale, %bias, %mean, %variance {axis = 1, epsilon = e} : ...
// becomes, with
//   %factor = %scale / sqrt(%variance + e),  %offset = %bias - %mean * %factor
//   %y = mlc.conv %x, (%w * reshape(%factor))
//   %z = mlc.add %y, reshape(%offset)
// A bias between the two, mlc.add %y, %c, is folded as well: (%c - %mean) * %factor + %bias. A batch_norm behind
// anything else becomes %x * %factor + %offset.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_FOLDBATCHNORM
#include "passes/simplify/Passes.h.inc"

namespace {

// The convolution whose channels `norm` normalises, when nothing else reads it and its filter is a weight.
ConvOp foldableConv(Value value, int64_t axis) {
  auto conv = value.getDefiningOp<ConvOp>();
  if (!conv || !conv->hasOneUse() || !isParameterOnly(conv.getFilter()))
    return {};
  int64_t channels = conv.getLayout() == Layout::ChannelsLast ? shapeOfTensor(value).size() - 1 : 1;
  return axis == channels ? conv : ConvOp();
}

// `value` = convolution + bias, where the bias is a weight of one value per channel.
std::pair<ConvOp, Value> foldableBiasedConv(Value value, int64_t axis) {
  auto add = value.getDefiningOp<AddOp>();
  if (!add || !add->hasOneUse())
    return {};
  for (auto [product, bias] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())}) {
    ConvOp conv = product.getType() == add.getType() ? foldableConv(product, axis) : ConvOp();
    if (!conv || !isParameterOnly(bias))
      continue;
    ArrayRef<int64_t> shape = shapeOfTensor(bias);
    int64_t rank = shapeOfTensor(value).size(), lead = rank - shape.size();
    bool perChannel = llvm::all_of(llvm::enumerate(shape), [&](auto size) {
      return size.value() == 1 || lead + static_cast<int64_t>(size.index()) == axis;
    });
    if (perChannel)
      return {conv, bias};
  }
  return {};
}

struct FoldNorm : OpRewritePattern<BatchNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BatchNormOp norm, PatternRewriter &rewriter) const override {
    OpMaker m(rewriter, norm.getLoc());
    int64_t axis = norm.getAxis();
    ArrayRef<int64_t> shape = norm.getType().getShape();
    Value epsilon = m.scalar(norm.getType().getElementType(), norm.getEpsilon().convertToDouble());
    Value deviation = m.make<SqrtOp>(m.make<AddOp>({norm.getVariance(), epsilon}));
    Value factor = m.make<DivOp>({norm.getScale(), deviation});
    // Aligned at the last dimension, as broadcasting does it.
    SmallVector<int64_t> perChannel(shape.size() - axis, 1);
    perChannel[0] = shape[axis];
    auto spread = [&](Value value) { return m.reshape(value, perChannel); };

    auto [conv, bias] = foldableBiasedConv(norm.getOperand(), axis);
    if (!conv)
      conv = foldableConv(norm.getOperand(), axis);
    if (!conv) {
      Value offset = m.make<SubOp>({norm.getBias(), m.make<MulOp>({norm.getMean(), factor})});
      Value scaled = m.make<MulOp>({norm.getOperand(), spread(factor)});
      rewriter.replaceOp(norm, m.make<AddOp>({scaled, spread(offset)}));
      return success();
    }
    Value offset;
    if (bias) {
      Value centred = m.make<SubOp>({bias, spread(norm.getMean())});
      offset = m.make<AddOp>({m.make<MulOp>({centred, spread(factor)}), spread(norm.getBias())});
    } else {
      offset = spread(m.make<SubOp>({norm.getBias(), m.make<MulOp>({norm.getMean(), factor})}));
    }
    SmallVector<int64_t> perFilter(shape.size(), 1);
    (conv.getLayout() == Layout::ChannelsLast ? perFilter.back() : perFilter.front()) = shape[axis];
    Value filter = m.make<MulOp>({conv.getFilter(), m.reshape(factor, perFilter)});
    Value folded = ConvOp::create(rewriter, conv.getLoc(), ValueRange{conv.getInput(), filter}, conv->getAttrs());
    rewriter.replaceOp(norm, m.make<AddOp>({folded, offset}));
    return success();
  }
};

struct FoldBatchNorm : impl::FoldBatchNormBase<FoldBatchNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldNorm>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
