// mlc-recover-requantization. Before:
//   %y = mlc.mul (mlc.cast %sums), %s            : sums i32
//   %b = mlc.add %y, mlc.mul (mlc.cast %bias), %s
//   %q = mlc.quantize (mlc.div (mlc.relu %b), %t), %z
// after:
//   %q = mlc.quantize (mlc.mul (mlc.cast (%sums + %bias)), (%s / %t)), %z
// as integer kernels of every runtime compute it: a bias that is quantised with the scale of the sums is added to them,
// and one factor, a parameter, brings them to the scale of the result. ReLU and clamps are clamps of the integers, and
// none where integers end there anyway. Results may differ by one where a quotient lies next to the middle of two
// integers.
//
// Also, what only moves or selects elements between a value that is dequantised and its quantisation with the same
// scale and zero point does so with the integers:
//   %q = mlc.quantize (mlc.div (mlc.pool max (mlc.mul (mlc.cast %p - %z), %s)), %s), %z   ->   %q = mlc.pool max %p
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/simplify/KnownValues.h"
#include "passes/simplify/Quantized.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_RECOVERREQUANTIZATION
#include "passes/simplify/Passes.h.inc"

namespace {

// The only reader of what it reads.
template <typename Op> Op onlyUseOf(Value value) {
  auto op = value.getDefiningOp<Op>();
  return op && op->hasOneUse() ? op : Op();
}

// Bounds that a chain of ReLUs and clamps in front of a value sets.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  bool any() const { return std::isfinite(low) || std::isfinite(high); }
};

// What the chain starts from.
Value withoutClamps(Value value, Bounds &bounds) {
  // The outermost clamp comes first, and has the last word.
  auto clampBy = [&](double low, double high) {
    double newLow = std::clamp(low, bounds.low, bounds.high), newHigh = std::clamp(high, bounds.low, bounds.high);
    bounds.low = newLow;
    bounds.high = newHigh;
  };
  for (;;) {
    if (auto relu = onlyUseOf<ReluOp>(value)) {
      clampBy(0, std::numeric_limits<double>::infinity());
      value = relu.getOperand();
    } else if (auto clamp = onlyUseOf<ClampOp>(value)) {
      Bounds all;
      double low = clamp.getLow() ? clamp.getLow()->convertToDouble() : all.low;
      double high = clamp.getHigh() ? clamp.getHigh()->convertToDouble() : all.high;
      if (!(low <= high))
        return value;
      clampBy(low, high);
      value = clamp.getOperand();
    } else {
      return value;
    }
  }
}

struct Range {
  int64_t low, high;
};

Range rangeOf(Type type) {
  int64_t all = int64_t(1) << type.getIntOrFloatBitWidth();
  return type.isUnsignedInteger() ? Range{0, all - 1} : Range{-all / 2, all / 2 - 1};
}

// Sums in i32 times a scale.
struct Scaled {
  Value sums, scale;
};

std::optional<Scaled> matchScaled(Value value) {
  auto mul = onlyUseOf<MulOp>(value);
  if (!mul)
    return std::nullopt;
  for (auto [integers, scale] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())}) {
    auto cast = integers.getDefiningOp<CastOp>();
    if (cast && cast.getType() == mul.getType() && elementOfTensor(cast.getOperand()).isInteger(32) &&
        elementOfTensor(integers).isF32())
      return Scaled{cast.getOperand(), scale};
  }
  return std::nullopt;
}

// A bias that is dequantised from i32, and the shape in which it stands.
std::optional<Scaled> matchBias(Value value) {
  Value bias = value;
  while (auto reshape = bias.getDefiningOp<ReshapeOp>())
    bias = reshape.getOperand();
  auto mul = bias.getDefiningOp<MulOp>();
  auto cast = mul ? mul.getLhs().getDefiningOp<CastOp>() : CastOp();
  if (!cast || !isParameterOnly(bias) || cast.getType() != mul.getType() ||
      !elementOfTensor(cast.getOperand()).isInteger(32))
    return std::nullopt;
  return Scaled{cast.getOperand(), mul.getRhs()};
}

struct Requantize : OpRewritePattern<QuantizeOp> {
  Requantize(MLIRContext *context, KnownValues &known) : OpRewritePattern(context), known(known) {}

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto div = onlyUseOf<DivOp>(op.getOperand());
    if (!div || !isOneElement(div.getRhs()) || !isParameterOnly(div.getRhs()) || !elementOfTensor(div).isF32())
      return failure();
    Bounds bounds;
    Value value = withoutClamps(div.getLhs(), bounds);
    std::optional<Scaled> product = matchScaled(value), bias;
    Value biasValue;
    if (auto add = onlyUseOf<AddOp>(value))
      for (auto [one, other] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())})
        if (auto scaled = matchScaled(one); scaled && one.getType() == add.getType()) {
          product = scaled;
          biasValue = other;
          bias = matchBias(other);
        }
    if (!product || !isParameterOnly(product->scale) || product->sums.getType() != typeOf(op, product->sums))
      return failure();
    DenseElementsAttr integers;
    if (biasValue && (!bias || !known.areEqual(bias->scale, product->scale))) {
      integers = multiplesOf(product->scale, biasValue);
      if (!integers)
        return failure();
    }
    std::optional<double> scale = known.uniform(div.getRhs()), zero = known.uniform(op.getZeroPoint());
    if (bounds.any() && (!scale || !(*scale > 0) || !zero))
      return failure();

    OpMaker m(rewriter, op.getLoc());
    Value sums = product->sums;
    if (biasValue)
      sums = m.make<AddOp>({sums, integers ? m.constant(integers) : m.reshape(bias->sums, shapeOfTensor(biasValue))});
    Value factor = m.make<DivOp>({product->scale, m.reshape(div.getRhs(), {})});
    Value scaled = m.make<MulOp>({m.cast(sums, rewriter.getF32Type()), factor});
    Value result = m.make<QuantizeOp>({scaled, op.getZeroPoint()});
    if (bounds.any()) {
      // Rounding is monotone, and so are quotients by a positive scale.
      Range range = rangeOf(op.getType().getElementType());
      auto bound = [&](double value) {
        double integer = std::nearbyint(double(float(value) / float(*scale))) + *zero;
        return std::clamp(integer, double(range.low), double(range.high));
      };
      double low = bound(bounds.low), high = bound(bounds.high);
      if (low > double(range.low) || high < double(range.high))
        result = m.make<ClampOp>(result, {m.real("low", low), m.real("high", high)});
    }
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  // The integers that a constant bias was dequantised from when the model was read, with a scale for all or one each.
  DenseElementsAttr multiplesOf(Value scale, Value bias) const {
    std::optional<HostTensor> scales = known.of(scale),
                              values = bias.getDefiningOp<ConstantOp>() ? known.of(bias) : std::nullopt;
    if (!scales || !values || (scales->numElements() != 1 && scales->numElements() != values->numElements()))
      return {};
    SmallVector<int32_t> integers;
    constexpr float largest = 1 << 24; // all integers up to here are numbers of f32
    for (int64_t i = 0; i < values->numElements(); ++i) {
      float value = values->at<float>(i), one = scales->at<float>(scales->numElements() == 1 ? 0 : i);
      float integer = std::nearbyint(value / one);
      if (!(std::abs(integer) < largest) || integer * one != value)
        return {};
      integers.push_back(static_cast<int32_t>(integer));
    }
    auto type = cast<RankedTensorType>(bias.getType());
    return DenseElementsAttr::get(type.clone(IntegerType::get(bias.getContext(), 32)), ArrayRef<int32_t>(integers));
  }

  // i32 in the shape of the result.
  static Type typeOf(QuantizeOp op, Value sums) { return op.getType().clone(elementOfTensor(sums)); }
  KnownValues &known;
};

struct KeepIntegers : OpRewritePattern<QuantizeOp> {
  KeepIntegers(MLIRContext *context, KnownValues &known) : OpRewritePattern(context), known(known) {}

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto div = op.getOperand().getDefiningOp<DivOp>();
    if (!div || !isOneElement(div.getRhs()) || !isOneElement(op.getZeroPoint()))
      return failure();
    SmallVector<Operation *> selections;
    Value value = div.getLhs();
    for (; Operation *selection = selectionOf(value); value = selection->getOperand(0))
      selections.push_back(selection);
    std::optional<Quantized> source = matchDequantized(value);
    if (!source || !source->movements.empty() || !isSameQuantization(*source, op, div.getRhs()))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    Value result = source->elements;
    for (Operation *selection : llvm::reverse(selections)) {
      if (isa<ReluOp>(selection)) {
        result = m.make<MaxOp>({result, m.reshape(op.getZeroPoint(), {})});
        continue;
      }
      OperationState state(op.getLoc(), selection->getName(), result,
                           cast<RankedTensorType>(selection->getResult(0).getType()).clone(elementOfTensor(result)),
                           selection->getAttrs());
      result = rewriter.create(state)->getResult(0);
    }
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  // An op each of whose results is one of its operand's elements, whatever increasing function these went through; ReLU
  // may also give zero.
  static Operation *selectionOf(Value value) {
    Operation *op = value.getDefiningOp();
    if (auto pool = dyn_cast_or_null<PoolOp>(op))
      return pool.getKind() == PoolKind::Max ? op : nullptr;
    return isa_and_nonnull<TransposeOp, ReshapeOp, SliceOp, ReluOp>(op) ? op : nullptr;
  }

  bool isSameQuantization(const Quantized &source, QuantizeOp op, Value scale) const {
    std::optional<double> zero = known.uniform(op.getZeroPoint());
    std::optional<double> sourceZero = source.zero ? known.uniform(source.zero) : 0;
    std::optional<double> positive = known.uniform(scale);
    return elementOfTensor(source.elements) == op.getType().getElementType() && source.scale &&
           known.areEqual(source.scale, scale) && positive && *positive > 0 && std::isfinite(*positive) && zero &&
           zero == sourceZero;
  }
  KnownValues &known;
};

struct RecoverRequantization : impl::RecoverRequantizationBase<RecoverRequantization> {
  void runOnOperation() override {
    KnownValues known;
    RewritePatternSet patterns(&getContext());
    patterns.add<Requantize, KeepIntegers>(&getContext(), known);
    addJoinParametersPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
