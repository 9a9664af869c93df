// mlc-fold-pad. Before:
//   %p = mlc.pad %x {low = [0, 0, 1, 1], high = [0, 0, 2, 2], value = 0.0}
//   %y = mlc.conv %p, %w {pad_low = [0, 0], pad_high = [0, 0], ...}
// after:
//   %y = mlc.conv %x, %w {pad_low = [1, 1], pad_high = [2, 2], ...}
// TensorFlow's exporters write the uneven padding of strided convolutions so. The same for a maximum pool behind
// padding that never wins (-inf, or zeros around elements of which none is negative), and for an average that counts
// zeros of padding already or has no padding of its own.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_FOLDPAD
#include "passes/simplify/Passes.h.inc"

namespace {

bool isZero(ArrayRef<int64_t> values) {
  return llvm::all_of(values, [](int64_t value) { return value == 0; });
}

// Is no element of `value` negative? Then zeros are no more than any element of it.
bool isNonNegative(Value value) {
  if (auto clamp = value.getDefiningOp<ClampOp>())
    return clamp.getLow() && !clamp.getLow()->isNegative();
  return isa_and_nonnull<ReluOp, SigmoidOp>(value.getDefiningOp());
}

// Does padding `source` with `value` do what the padding of the op behind it does? A convolution's is of zeros.
bool isOwnPadding(ConvOp, Value, double value) { return value == 0; }

bool isOwnPadding(PoolOp pool, Value source, double value) {
  if (pool.getCeilPad() && !isZero(*pool.getCeilPad()))
    return false;
  if (pool.getKind() == PoolKind::Max)
    return value == -std::numeric_limits<double>::infinity() || (value == 0 && isNonNegative(source));
  // What the pad adds counts in an average: so must the pool's own padding.
  return value == 0 && (pool.getCountIncludePad() || (isZero(pool.getPadLow()) && isZero(pool.getPadHigh())));
}

bool hasElementInEveryWindow(ConvOp, int64_t, int64_t, int64_t) { return true; } // It needs none.

bool hasElementInEveryWindow(PoolOp pool, int64_t dim, int64_t low, int64_t high) {
  return std::max(low, high) < pool.getDilations()[dim] * (pool.getWindow()[dim] - 1) + 1;
}

template <typename Op> struct Fold : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    auto pad = op->getOperand(0).template getDefiningOp<PadOp>();
    if (!pad || !isOwnPadding(op, pad.getOperand(), pad.getValue().convertToDouble()))
      return failure();
    int64_t rank = pad.getType().getRank();
    bool last = op.getLayout() == Layout::ChannelsLast;
    int64_t channels = last ? rank - 1 : 1, firstSpatial = last ? 1 : 2;
    for (int64_t dim : {int64_t{0}, channels})
      if (pad.getLow()[dim] || pad.getHigh()[dim])
        return failure();
    SmallVector<int64_t> low(op.getPadLow()), high(op.getPadHigh());
    for (int64_t i = 0; i < rank - 2; ++i) {
      low[i] += pad.getLow()[firstSpatial + i];
      high[i] += pad.getHigh()[firstSpatial + i];
      if (!hasElementInEveryWindow(op, i, low[i], high[i]))
        return failure();
    }
    NamedAttrList attributes(op->getAttrs());
    attributes.set("pad_low", rewriter.getDenseI64ArrayAttr(low));
    attributes.set("pad_high", rewriter.getDenseI64ArrayAttr(high));
    if constexpr (std::is_same_v<Op, PoolOp>)
      if (op.getKind() == PoolKind::Average)
        attributes.set("count_include_pad", rewriter.getUnitAttr());
    SmallVector<Value> operands(op->getOperands());
    operands[0] = pad.getOperand();
    rewriter.replaceOp(op, Op::create(rewriter, op.getLoc(), operands, attributes));
    return success();
  }
};

struct FoldPad : impl::FoldPadBase<FoldPad> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Fold<ConvOp>, Fold<PoolOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
