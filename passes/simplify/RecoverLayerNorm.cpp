// mlc-recover-layer-norm. Before:
//   %mean = mlc.reduce mean %x {axes = [2], keep_dims}     %d = mlc.sub %x, %mean
//   %sq = mlc.pow %d, %two                                 %var = mlc.reduce mean %sq {axes = [2], keep_dims}
//   %sd = mlc.sqrt (mlc.add %var, %epsilon)                %n = mlc.div %d, %sd
//   %r = mlc.add (mlc.mul %n, %scale), %bias
// after:
//   %r = mlc.layer_norm %x scale(%scale) bias(%bias) {axis = 2, epsilon = e}
// The square may be a product, and the quotient a product with one over the root in any form, times the scale or not.
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

// v, when `value` is the square root of v.
Value radicandOf(Value value) {
  if (auto sqrt = value.getDefiningOp<SqrtOp>())
    return sqrt.getOperand();
  auto pow = value.getDefiningOp<PowOp>();
  auto exponent = pow ? splatOf(pow.getRhs()) : std::nullopt;
  return exponent && *exponent == 0.5 ? pow.getLhs() : Value();
}

// v, when `value` is one over the square root of v.
Value inverseRadicandOf(Value value) {
  if (auto rsqrt = value.getDefiningOp<RsqrtOp>())
    return rsqrt.getOperand();
  if (auto reciprocal = value.getDefiningOp<ReciprocalOp>())
    return radicandOf(reciprocal.getOperand());
  if (auto div = value.getDefiningOp<DivOp>()) {
    auto one = splatOf(div.getLhs());
    return one && *one == 1 ? radicandOf(div.getRhs()) : Value();
  }
  auto pow = value.getDefiningOp<PowOp>();
  auto exponent = pow ? splatOf(pow.getRhs()) : std::nullopt;
  return exponent && *exponent == -0.5 ? pow.getLhs() : Value();
}

// One over the standard deviation of `x` over the dimensions from `axis`, times `scale` where that is not null.
struct InverseDeviation {
  Value x, scale;
  int64_t axis = 0;
  double epsilon = 0;
};

// Reads mean((x - mean(x))^2) + epsilon.
bool matchVariance(Value value, InverseDeviation &found) {
  auto sum = value ? value.getDefiningOp<AddOp>() : AddOp();
  if (!sum)
    return false;
  for (auto [variance, constant] : {std::pair(sum.getLhs(), sum.getRhs()), std::pair(sum.getRhs(), sum.getLhs())}) {
    auto epsilon = splatOf(constant);
    int64_t axis = 0, meanAxis = 0;
    Value square = meanOperand(variance, axis), centred = square ? squareOperand(square) : Value();
    Value x = centred ? centredOperand(centred, meanAxis) : Value();
    if (!epsilon || !x || axis != meanAxis)
      continue;
    found = {x, Value(), axis, *epsilon};
    return true;
  }
  return false;
}

bool matchInverseDeviation(Value value, InverseDeviation &found) {
  if (matchVariance(inverseRadicandOf(value), found))
    return true;
  if (auto mul = value.getDefiningOp<MulOp>())
    for (auto [inverse, scale] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())})
      if (matchVariance(inverseRadicandOf(inverse), found)) {
        found.scale = scale;
        return true;
      }
  return false;
}

// The layer norm, times the scale, which Absorb takes in where its shape allows.
Value makeNorm(PatternRewriter &rewriter, Location loc, const InverseDeviation &found) {
  Value norm = LayerNormOp::create(rewriter, loc, found.x, Value(), Value(), found.axis, APFloat(found.epsilon));
  return found.scale ? OpMaker(rewriter, loc).make<MulOp>({norm, found.scale}) : norm;
}

// (x - mean) / deviation, or times one over the deviation.
template <typename Op> struct Recover : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op root, PatternRewriter &rewriter) const override {
    if (succeeded(replace(root, root.getLhs(), root.getRhs(), rewriter)))
      return success();
    return isa<MulOp>(root) ? replace(root, root.getRhs(), root.getLhs(), rewriter) : failure();
  }

  static LogicalResult replace(Op root, Value difference, Value other, PatternRewriter &rewriter) {
    InverseDeviation found;
    int64_t axis = 0;
    bool matches = isa<DivOp>(root) ? matchVariance(radicandOf(other), found) : matchInverseDeviation(other, found);
    if (!matches || centredOperand(difference, axis) != found.x || axis != found.axis ||
        found.x.getType() != root.getType())
      return failure();
    rewriter.replaceOp(root, makeNorm(rewriter, root.getLoc(), found));
    return success();
  }
};

// x * f + (b - mean * f), where f is one over the deviation, times a scale: tf.nn.batch_normalization, which keras's
// layer normalisation calls.
struct RecoverExpanded : OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AddOp root, PatternRewriter &rewriter) const override {
    for (auto [scaled, shift] : {std::pair(root.getLhs(), root.getRhs()), std::pair(root.getRhs(), root.getLhs())}) {
      auto product = scaled.getDefiningOp<MulOp>();
      auto difference = shift.getDefiningOp<SubOp>();
      auto moved = difference ? difference.getRhs().getDefiningOp<MulOp>() : MulOp();
      if (!product || !moved)
        continue;
      for (auto [x, factor] :
           {std::pair(product.getLhs(), product.getRhs()), std::pair(product.getRhs(), product.getLhs())}) {
        InverseDeviation found;
        int64_t axis = 0;
        Value mean = moved.getLhs() == factor ? moved.getRhs() : moved.getRhs() == factor ? moved.getLhs() : Value();
        if (!mean || !matchInverseDeviation(factor, found) || found.x != x || meanOperand(mean, axis) != x ||
            axis != found.axis || x.getType() != root.getType())
          continue;
        Value norm = makeNorm(rewriter, root.getLoc(), found);
        rewriter.replaceOp(root, OpMaker(rewriter, root.getLoc()).make<AddOp>({norm, difference.getLhs()}));
        return success();
      }
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
    patterns.add<Recover<DivOp>, Recover<MulOp>, RecoverExpanded, Absorb<MulOp, true>, Absorb<AddOp, false>>(
        &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
