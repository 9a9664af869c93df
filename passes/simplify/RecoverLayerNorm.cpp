// mlc-recover-layer-norm. Before:
//   %mean = mlc.reduce mean %x {axes = [2], keep_dims}     %d = mlc.sub %x, %mean
//   %sq = mlc.pow %d, %two                                 %var = mlc.reduce mean %sq {axes = [2], keep_dims}
//   %sd = mlc.sqrt (mlc.add %var, %epsilon)                %n = mlc.div %d, %sd
//   %r = mlc.add (mlc.mul %n, %scale), %bias
// after:
//   %r = mlc.layer_norm %x scale(%scale) bias(%bias) {axis = 2, epsilon = e}
// The square may be a product, and the quotient a product with rsqrt or reciprocal(sqrt).
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_RECOVERLAYERNORM
#include "passes/simplify/Passes.h.inc"

namespace {

// x, when `mean` is its mean, with kept dimensions, over the dimensions from `axis` to the last.
Value meanOperand(Value mean, int64_t &axis) {
  auto reduce = mean.getDefiningOp<ReduceOp>();
  if (!reduce || reduce.getKind() != ReduceKind::Mean || !reduce.getKeepDims() || reduce.getAxes().empty())
    return {};
  int64_t rank = shapeOfTensor(reduce.getOperand()).size();
  axis = reduce.getAxes().front();
  return llvm::equal(reduce.getAxes(), llvm::seq<int64_t>(axis, rank)) ? reduce.getOperand() : Value();
}

// x, when `difference` is x minus its mean.
Value centredOperand(Value difference, int64_t &axis) {
  auto sub = difference.getDefiningOp<SubOp>();
  Value x = sub ? meanOperand(sub.getRhs(), axis) : Value();
  return x == (sub ? sub.getLhs() : Value()) ? x : Value();
}

// y, when `value` is y * y.
Value squareOperand(Value value) {
  if (auto mul = value.getDefiningOp<MulOp>())
    return mul.getLhs() == mul.getRhs() ? mul.getLhs() : Value();
  if (auto pow = value.getDefiningOp<PowOp>())
    if (auto exponent = splatOf(pow.getRhs()); exponent && *exponent == 2)
      return pow.getLhs();
  return {};
}

// The value whose square root is the divisor of `root`, and in `dividend` what is divided.
Value squaredDivisor(Operation *root, Value &dividend) {
  auto underRoot = [](Value value) {
    auto sqrt = value.getDefiningOp<SqrtOp>();
    if (sqrt)
      return Value(sqrt.getOperand());
    auto pow = value.getDefiningOp<PowOp>();
    auto exponent = pow ? splatOf(pow.getRhs()) : std::nullopt;
    return exponent && *exponent == 0.5 ? Value(pow.getLhs()) : Value();
  };
  if (auto div = dyn_cast<DivOp>(root)) {
    dividend = div.getLhs();
    return underRoot(div.getRhs());
  }
  auto mul = cast<MulOp>(root);
  for (auto [factor, inverse] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())}) {
    dividend = factor;
    if (auto rsqrt = inverse.getDefiningOp<RsqrtOp>())
      return rsqrt.getOperand();
    if (auto reciprocal = inverse.getDefiningOp<ReciprocalOp>())
      return underRoot(reciprocal.getOperand());
  }
  return {};
}

template <typename Op> struct Recover : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op root, PatternRewriter &rewriter) const override {
    Value difference, radicand = squaredDivisor(root, difference);
    auto sum = radicand ? radicand.getDefiningOp<AddOp>() : AddOp();
    if (!sum)
      return failure();
    for (auto [variance, constant] : {std::pair(sum.getLhs(), sum.getRhs()), std::pair(sum.getRhs(), sum.getLhs())}) {
      auto epsilon = splatOf(constant);
      int64_t axis = 0, meanAxis = 0, varianceAxis = 0;
      Value x = centredOperand(difference, axis);
      Value square = meanOperand(variance, varianceAxis);
      Value centred = square ? squareOperand(square) : Value();
      if (!epsilon || !x || !centred || centredOperand(centred, meanAxis) != x || axis != meanAxis ||
          axis != varianceAxis || x.getType() != root.getType())
        continue;
      rewriter.replaceOpWithNewOp<LayerNormOp>(root, x, Value(), Value(), axis, APFloat(*epsilon));
      return success();
    }
    return failure();
  }
};

// `value` in the shape of what `norm` normalises, or null when it has another one (leading ones aside).
Value asCoefficient(PatternRewriter &rewriter, LayerNormOp norm, Value value) {
  ArrayRef<int64_t> normalized = norm.getType().getShape().drop_front(norm.getAxis()), shape = shapeOfTensor(value);
  if (shape.size() < normalized.size() || shape.take_back(normalized.size()) != normalized ||
      llvm::any_of(shape.drop_back(normalized.size()), [](int64_t size) { return size != 1; }))
    return {};
  return OpMaker(rewriter, norm.getLoc()).reshape(value, normalized);
}

// A product with, or a sum of, a layer_norm that has no such coefficient yet.
template <typename Op, bool isScale> struct Absorb : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op root, PatternRewriter &rewriter) const override {
    for (auto [value, other] : {std::pair(root.getLhs(), root.getRhs()), std::pair(root.getRhs(), root.getLhs())}) {
      auto norm = value.template getDefiningOp<LayerNormOp>();
      if (!norm || !norm->hasOneUse() || norm.getBias() || (isScale && norm.getScale()) ||
          norm.getType() != root.getType())
        continue;
      Value coefficient = asCoefficient(rewriter, norm, other);
      if (!coefficient)
        continue;
      rewriter.replaceOpWithNewOp<LayerNormOp>(root, norm.getOperand(), isScale ? coefficient : norm.getScale(),
                                               isScale ? Value() : coefficient, norm.getAxis(), norm.getEpsilon());
      return success();
    }
    return failure();
  }
};

struct RecoverLayerNorm : impl::RecoverLayerNormBase<RecoverLayerNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Recover<DivOp>, Recover<MulOp>, Absorb<MulOp, true>, Absorb<AddOp, false>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
