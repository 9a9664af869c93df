// mlc-recover-integer-products. Before:
//   %a = mlc.mul (mlc.cast %qa - %za), %sa       %w = mlc.mul (mlc.cast %qw), %sw
//   %y = mlc.matmul %a, %w                       : f32; qa u8 or i8, qw i8, weights
// after:
//   %p = mlc.matmul %qa, %qw {wide_result}       : i32, exact
//   %c = %za * (column sums of %qw)              : a parameter where za is one
//   %y = mlc.mul (mlc.cast %p - %c), (%sa * %sw)
// and the same for convolutions, and for products of integers in i32. One scale and zero point for all activations;
// those of weights may differ by output channel. With zero points of weights, whose product with the sums of rows of qa
// is missing then, these sums are a product with ones. Kernels want u8 times i8: the sign bit of other elements is
// turned, and their zero point moves by 128. A convolution pads with the zero point. Integers wrap, so that the order
// of sums makes no difference; sums of f32 lose the rounding errors that they had. Post-condition: see passes.td.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/simplify/KnownValues.h"
#include "passes/simplify/Quantized.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_RECOVERINTEGERPRODUCTS
#include "passes/simplify/Passes.h.inc"

namespace {

bool isZero(ArrayRef<int64_t> values) {
  return llvm::all_of(values, [](int64_t value) { return value == 0; });
}

// What matmul and conv differ in.
struct Weights {
  int64_t outputs;          // the dimension of output channels in rhs or filter
  int64_t behind;           // dimensions behind it in the result
  SmallVector<int64_t> sum; // the other dimensions
};

std::optional<Weights> weightsOf(MatmulOp op) {
  if (op.getTransposeLhs() || shapeOfTensor(op.getRhs()).size() != 2)
    return std::nullopt;
  bool transposed = op.getTransposeRhs();
  return Weights{transposed ? 0 : 1, 0, {transposed ? 1 : 0}};
}

std::optional<Weights> weightsOf(ConvOp op) {
  int64_t rank = op.getType().getRank();
  bool last = op.getLayout() == Layout::ChannelsLast;
  Weights weights{last ? rank - 1 : 0, last ? 0 : rank - 2, {}};
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != weights.outputs)
      weights.sum.push_back(dim);
  return weights;
}

template <typename Op> class Recover : public OpRewritePattern<Op> {
public:
  Recover(MLIRContext *context, KnownValues &known) : OpRewritePattern<Op>(context), known(known) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    bool isFloat = isa<FloatType>(op.getType().getElementType());
    auto match = isFloat ? matchDequantized : matchCentred;
    std::optional<Quantized> activations = match(op->getOperand(0)), filter = match(op->getOperand(1));
    std::optional<Weights> weights = weightsOf(op);
    if (!activations || !filter || !weights || !isParameterOnly(op->getOperand(1)))
      return failure();
    for (Value one : {activations->zero, activations->scale})
      if (one && !isOneElement(one))
        return failure();
    for (Value many : {filter->zero, filter->scale})
      if (many && !isByOutput(*filter, many, weights->outputs))
        return failure();
    std::optional<int64_t> zero = activations->zero ? uniform(activations->zero) : 0;
    if (isFloat && !fitsI32(op, *weights, zero))
      return failure();
    if (!canPad(op, zero) || (filter->zero && !canSumRows(op)))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    Value sums = product(m, op, *activations, *filter, *weights, zero);
    if (!isFloat) {
      rewriter.replaceOp(op, sums);
      return success();
    }
    Value result = m.cast(sums, op.getType().getElementType());
    Value scale = activations->scale ? moved(m, *activations, activations->scale) : Value();
    if (filter->scale) {
      Value other = alongOutputs(m, moved(m, *filter, filter->scale), *weights);
      scale = scale ? m.make<MulOp>({scale, other}) : other;
    }
    rewriter.replaceOp(op, scale ? m.make<MulOp>({result, scale}) : result);
    return success();
  }

private:
  // Sums of f32 may be larger than those of i32: all that 8-bit elements around an 8-bit zero point can add up to
  // counts.
  static bool fitsI32(Op op, const Weights &weights, std::optional<int64_t> zero) {
    constexpr int64_t mostSteps = INT32_MAX / (255 * 255);
    int64_t steps = 1;
    for (int64_t dim : weights.sum)
      steps *= shapeOfTensor(op->getOperand(1))[dim];
    return steps <= mostSteps && (!zero || (*zero >= -128 && *zero <= 255));
  }

  static bool isByOutput(const Quantized &filter, Value value, int64_t outputs) {
    for (auto [dim, size] : llvm::enumerate(movedShape(filter, value)))
      if (size != 1 && static_cast<int64_t>(dim) != outputs)
        return false;
    return true;
  }

  std::optional<int64_t> uniform(Value value) const {
    std::optional<double> number = known.uniform(value);
    return number ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
  }

  static bool isPadded(ConvOp op) { return !isZero(op.getPadLow()) || !isZero(op.getPadHigh()); }
  static bool canPad(MatmulOp, std::optional<int64_t>) { return true; }
  static bool canPad(ConvOp op, std::optional<int64_t> zero) { return zero || !isPadded(op); }
  // Rows of one group have one sum.
  static bool canSumRows(MatmulOp) { return true; }
  static bool canSumRows(ConvOp op) { return op.getGroups() == 1; }

  // A vector over output channels, of rank 1 or with other dimensions of 1, as it broadcasts to the result.
  static Value alongOutputs(OpMaker &m, Value value, const Weights &weights) {
    if (isOneElement(value))
      return m.reshape(value, {});
    SmallVector<int64_t> shape(weights.behind + 1, 1);
    shape.front() = countElements(value.getType());
    return m.reshape(value, shape);
  }

  static Value multiply(OpMaker &m, MatmulOp op, Value lhs, Value rhs) {
    SmallVector<NamedAttribute> attributes(op->getAttrs());
    attributes.push_back(m.unit("wide_result"));
    return m.make<MatmulOp>({lhs, rhs}, attributes);
  }

  static Value multiply(OpMaker &m, ConvOp op, Value lhs, Value rhs) {
    NamedAttrList attributes(op->getAttrs());
    SmallVector<int64_t> none(op.getPadLow().size(), 0);
    attributes.set("pad_low", m.ints("pad_low", none).getValue());
    attributes.set("pad_high", m.ints("pad_high", none).getValue());
    attributes.set("wide_result", m.unit("wide_result").getValue());
    return m.make<ConvOp>({lhs, rhs}, attributes);
  }

  static Value padded(OpMaker &, MatmulOp, Value value, std::optional<int64_t>) { return value; }
  static Value padded(OpMaker &m, ConvOp op, Value value, std::optional<int64_t> zero) {
    if (!isPadded(op))
      return value;
    int64_t rank = op.getType().getRank(), first = op.getLayout() == Layout::ChannelsLast ? 1 : 2;
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    llvm::copy(op.getPadLow(), low.begin() + first);
    llvm::copy(op.getPadHigh(), high.begin() + first);
    return m.make<PadOp>(value, {m.ints("low", low), m.ints("high", high), m.real("value", double(*zero))});
  }

  // sum (a - za) (w - zw) = sum a w - zw sum a - za sum (w - zw), with a in u8 and w in i8.
  Value product(OpMaker &m, Op op, const Quantized &a, const Quantized &w, const Weights &weights,
                std::optional<int64_t> zero) const {
    Type i32 = IntegerType::get(op.getContext(), 32), i8 = IntegerType::get(op.getContext(), 8);
    Value left = unsignedElements(m, a), right = signedElements(m, w);
    Value rightZero = w.zero ? moved(m, w, w.zero) : Value();
    if (w.zero && !w.isSigned())
      rightZero = m.make<SubOp>({rightZero, integerConstant(m, i32, 128)});
    else if (!w.isSigned())
      rightZero = integerConstant(m, i32, -128);
    int64_t shift = a.isSigned() ? 128 : 0;
    if (zero)
      zero = *zero + shift;
    left = padded(m, op, left, zero);
    Value sums = multiply(m, op, left, right);
    if (rightZero) {
      SmallVector<int64_t> shape(shapeOfTensor(right));
      shape[weights.outputs] = 1;
      Value rows = multiply(m, op, left, integerConstant(m, i8, 1, shape));
      sums = m.make<SubOp>({sums, m.make<MulOp>({rows, alongOutputs(m, rightZero, weights)})});
    }
    if (zero == 0)
      return sums;
    Value columns = m.cast(right, i32);
    if (rightZero)
      columns = m.make<SubOp>({columns, rightZero});
    NamedAttribute kind("kind", ReduceKindAttr::get(op.getContext(), ReduceKind::Sum));
    columns = alongOutputs(m, m.make<ReduceOp>(columns, {kind, m.ints("axes", weights.sum)}), weights);
    Value leftZero = zero ? integerConstant(m, i32, *zero) : m.reshape(a.zero, {});
    if (!zero && shift)
      leftZero = m.make<AddOp>({leftZero, integerConstant(m, i32, shift)});
    return m.make<SubOp>({sums, m.make<MulOp>({columns, leftZero})});
  }

  KnownValues &known;
};

// A signed quantisation around a known zero point is an unsigned one around the next but 128, whose readers take that
// into account: products want unsigned operands.
struct QuantizeUnsigned : OpRewritePattern<QuantizeOp> {
  QuantizeUnsigned(MLIRContext *context, KnownValues &known) : OpRewritePattern(context), known(known) {}
  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    std::optional<double> zero = known.uniform(op.getZeroPoint());
    Type i8 = op.getType().getElementType();
    if (!i8.isSignlessInteger(8) || !zero || !isOneElement(op.getZeroPoint()) || !llvm::any_of(op->getUsers(), isRead))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    Type u8 = IntegerType::get(getContext(), 8, IntegerType::Unsigned), i32 = rewriter.getI32Type();
    Value quantized = m.make<QuantizeOp>(
        {op.getOperand(), integerConstant(m, u8, int64_t(*zero) + 128, shapeOfTensor(op.getZeroPoint()))});
    Value shift = integerConstant(m, i32, 128);
    for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
      if (isRead(user)) {
        rewriter.setInsertionPoint(user);
        Value centred = m.make<SubOp>({m.cast(quantized, i32), shift});
        rewriter.replaceOp(user, m.cast(centred, cast<CastOp>(user).getTo()));
      }
    if (!op->use_empty()) {
      rewriter.setInsertionPoint(op);
      rewriter.replaceOp(op, m.cast(m.make<XorOp>({quantized, integerConstant(m, u8, 128)}), i8));
    }
    return success();
  }
  // Is it a cast to numbers of which all elements are exact?
  static bool isRead(Operation *user) {
    auto cast = dyn_cast<CastOp>(user);
    return cast && (cast.getTo().isInteger(32) || cast.getTo().isF32());
  }
  KnownValues &known;
};

struct RecoverIntegerProducts : impl::RecoverIntegerProductsBase<RecoverIntegerProducts> {
  void runOnOperation() override {
    KnownValues known;
    // Signs first: what a product reads then is unsigned already.
    RewritePatternSet signs(&getContext()), products(&getContext());
    signs.add<QuantizeUnsigned>(&getContext(), known);
    addJoinParametersPatterns(signs);
    products.add<Recover<MatmulOp>, Recover<ConvOp>>(&getContext(), known);
    if (failed(applyPatternsGreedily(getOperation(), std::move(signs))) ||
        failed(applyPatternsGreedily(getOperation(), std::move(products))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
