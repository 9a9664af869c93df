// mlc-pack-weights. Before:
//   %y = mlc.matmul %x, %w                                       : x [rows..., K], w [K, N] a weight
//   %z = mlc.conv %i, %f {layout = channels_last, pad_low = ...} : f [window..., C / groups, O] a weight
// after:
//   %p = mlc.pack %w {lanes = 16}        %y = mlc.packed_matmul %x, %p {n = N}
//   %i2 = mlc.pad %i                     %q = mlc.pack %f {lanes = 16}
//   %z = mlc.packed_conv %i2, %q {out_channels = O}
// Weights in bf16 are interleaved in pairs, which dot product instructions multiply: [N / 16][K / 2][16][2], and those
// in i8 by four. What they are multiplied with gets zeros behind a K that is no multiple. A convolution in one group
// that reads one element, with stride 1 and no padding, is a matrix product over the channels. Depthwise convolutions
// stay: their lanes are those of the input, and weights [window..., 1, C] are one panel already. Post-condition: see
// passes.td.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/layout/Passes.h.inc"

namespace {

bool allEqual(ArrayRef<int64_t> values, int64_t value) {
  return llvm::all_of(values, [&](int64_t other) { return other == value; });
}

// Rows that lie side by side in a lane.
int64_t interleaveOf(Type element) { return element.isBF16() ? 2 : element.isInteger(8) ? 4 : 1; }

// Are there kernels that read packed weights of this op: of floats, and of 8-bit integers?
template <typename Op> bool isPackable(Op op) {
  return isa<FloatType>(op.getType().getElementType()) || op.getWideResult();
}

// Does `transpose` make rows of a few elements, as those of an image's colours? It is padded before, where rows are
// long: to pad 224x224x3 took twice as long as to transpose it.
bool makesShortRows(TransposeOp transpose) {
  constexpr int64_t few = 8;
  ArrayRef<int64_t> permutation = transpose.getPermutation();
  return transpose->hasOneUse() && !permutation.empty() && permutation.back() + 1 != int64_t(permutation.size()) &&
         shapeOfTensor(transpose.getResult()).back() < few;
}

// `value` with `missing` zeros behind `axis`; in the padding that it has already, where there is one.
Value padBehind(OpMaker &m, Value value, int64_t axis, int64_t missing) {
  SmallVector<int64_t> low(shapeOfTensor(value).size(), 0), high = low;
  double with = 0;
  // Zeros of the weights are behind there too: any number will do that is one.
  if (auto pad = value.getDefiningOp<PadOp>(); pad && pad->hasOneUse() && pad.getValue().isFinite()) {
    low.assign(pad.getLow().begin(), pad.getLow().end());
    high.assign(pad.getHigh().begin(), pad.getHigh().end());
    with = pad.getValue().convertToDouble();
    value = pad.getOperand();
  }
  high[size_t(axis)] += missing;
  return m.make<PadOp>(value, {m.ints("low", low), m.ints("high", high), m.real("value", with)});
}

// `value` with zeros behind its last dimension, up to a multiple of `interleave`.
Value padDepth(OpMaker &m, Value value, int64_t interleave) {
  ArrayRef<int64_t> shape = shapeOfTensor(value);
  int64_t missing = (interleave - shape.back() % interleave) % interleave;
  if (missing == 0)
    return value;
  if (auto transpose = value.getDefiningOp<TransposeOp>(); transpose && makesShortRows(transpose)) {
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    return m.transpose(padBehind(m, transpose.getOperand(), permutation.back(), missing), permutation);
  }
  return padBehind(m, value, int64_t(shape.size()) - 1, missing);
}

Value packed(OpMaker &m, Value weights, int64_t lanes, int64_t interleave) {
  SmallVector<NamedAttribute> attributes{m.integer("lanes", lanes)};
  if (interleave > 1)
    attributes.push_back(m.integer("interleave", interleave));
  return m.make<PackOp>(weights, attributes);
}

// lhs `[rows..., K]` times weights `[K, N]`.
Value multiplyPacked(OpMaker &m, Value lhs, Value weights, int64_t lanes, bool isWide) {
  int64_t interleave = interleaveOf(elementOfTensor(weights));
  SmallVector<NamedAttribute> attributes{m.integer("n", shapeOfTensor(weights)[1])};
  if (isWide)
    attributes.push_back(m.unit("wide_result"));
  return m.make<PackedMatmulOp>({padDepth(m, lhs, interleave), packed(m, weights, lanes, interleave)}, attributes);
}

struct PackMatmul : OpRewritePattern<MatmulOp> {
  PackMatmul(MLIRContext *context, int64_t lanes) : OpRewritePattern(context), lanes(lanes) {}
  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    Value rhs = op.getRhs();
    if (op.getTransposeLhs() || shapeOfTensor(rhs).size() != 2 || !isParameterOnly(rhs) || !isPackable(op))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    if (op.getTransposeRhs())
      rhs = m.transpose(rhs, {1, 0});
    rewriter.replaceOp(op, multiplyPacked(m, op.getLhs(), rhs, lanes, op.getWideResult()));
    return success();
  }
  int64_t lanes;
};

bool isPadded(ConvOp op) { return !allEqual(op.getPadLow(), 0) || !allEqual(op.getPadHigh(), 0); }

bool isDepthwise(ConvOp op) {
  int64_t channels = shapeOfTensor(op.getInput()).back(), groups = op.getGroups();
  return groups > 1 && groups == channels && groups == shapeOfTensor(op.getResult()).back();
}

// A kernel reads its window without asking where the image ends; a depthwise one, whose padding would be as much work
// as itself, asks.
struct PadInFront : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() != Layout::ChannelsLast || !isPadded(op) || !isPackable(op) || isDepthwise(op))
      return failure();
    // Neither the batch nor the channels are padded.
    SmallVector<int64_t> low{0}, high{0}, none(op.getPadLow().size(), 0);
    llvm::append_range(low, op.getPadLow());
    llvm::append_range(high, op.getPadHigh());
    low.push_back(0);
    high.push_back(0);
    OpMaker m(rewriter, op.getLoc());
    auto padded = [&](Value value) {
      return m.make<PadOp>(value, {m.ints("low", low), m.ints("high", high), m.real("value", 0)});
    };
    Value input;
    if (auto transpose = op.getInput().getDefiningOp<TransposeOp>();
        transpose && op.getGroups() == 1 &&
        (interleaveOf(elementOfTensor(op.getFilter())) == 1 ? isReadTransposed(transpose)
                                                            : makesShortRows(transpose))) {
      // The kernel reads the image where it is, and so that is what gets its padding. Or the transposition is a kernel
      // of its own.
      SmallVector<int64_t> before(low.size()), after(low.size());
      for (auto [to, from] : llvm::enumerate(transpose.getPermutation())) {
        before[from] = low[to];
        after[from] = high[to];
      }
      low = before;
      high = after;
      input = m.transpose(padded(transpose.getOperand()), transpose.getPermutation());
    } else {
      input = padded(op.getInput());
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().assign(input);
      op.setPadLow(none);
      op.setPadHigh(none);
    });
    return success();
  }
};

// Groups that are smaller than a panel share one, as many whole ones as leave none over; larger ones have panels of
// their own, the last padded. docs of mlc.packed_conv.
Value packGroups(OpMaker &m, Value filter, int64_t groups, int64_t lanes, int64_t interleave) {
  SmallVector<int64_t> shape(shapeOfTensor(filter));
  int64_t each = shape.back() / groups;
  if (each < lanes) {
    int64_t together = std::min(groups, lanes / each);
    while (groups % together)
      --together;
    return m.make<PackOp>(filter, m.integer("lanes", together * each));
  }
  if (int64_t missing = (lanes - each % lanes) % lanes) {
    shape.back() = groups;
    shape.push_back(each);
    SmallVector<int64_t> low(shape.size(), 0), high = low;
    high.back() = missing;
    filter = m.make<PadOp>(m.reshape(filter, shape), {m.ints("low", low), m.ints("high", high), m.real("value", 0)});
    shape.pop_back();
    shape.back() = groups * (each + missing);
    filter = m.reshape(filter, shape);
  }
  return packed(m, filter, lanes, interleave);
}

struct PackConv : OpRewritePattern<ConvOp> {
  PackConv(MLIRContext *context, int64_t lanes) : OpRewritePattern(context), lanes(lanes) {}
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() != Layout::ChannelsLast || !isParameterOnly(op.getFilter()) || !isPackable(op) || isPadded(op))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    ArrayRef<int64_t> filter = shapeOfTensor(op.getFilter());
    int64_t channels = filter[filter.size() - 2], outChannels = filter.back(), groups = op.getGroups();
    if (groups > 1 && (outChannels == 0 || (channels == 1 && outChannels == groups)))
      return failure();
    if (groups == 1 && allEqual(filter.drop_back(2), 1) && allEqual(op.getStrides(), 1)) {
      Value weights = m.reshape(op.getFilter(), {channels, outChannels});
      rewriter.replaceOp(op, multiplyPacked(m, op.getInput(), weights, lanes, op.getWideResult()));
      return success();
    }
    // Groups that share a panel, or would have to be padded one by one, stay as they are.
    int64_t interleave = interleaveOf(op.getInput().getType().getElementType());
    if (groups > 1 && (outChannels / groups < lanes || channels % interleave))
      interleave = 1;
    Value input = groups > 1 ? op.getInput() : padDepth(m, op.getInput(), interleave);
    Value filterPanels = groups > 1 ? packGroups(m, op.getFilter(), groups, lanes, interleave)
                                    : packed(m, op.getFilter(), lanes, interleave);
    SmallVector<NamedAttribute> attributes{m.ints("strides", op.getStrides()), m.ints("dilations", op.getDilations()),
                                           m.integer("out_channels", outChannels), m.integer("groups", groups)};
    if (op.getWideResult())
      attributes.push_back(m.unit("wide_result"));
    rewriter.replaceOp(op, m.make<PackedConvOp>({input, filterPanels}, attributes));
    return success();
  }
  int64_t lanes;
};

struct PackWeights : impl::PackWeightsBase<PackWeights> {
  using PackWeightsBase::PackWeightsBase;
  void runOnOperation() override {
    if (lanes < 1) {
      getOperation()->emitError("mlc-pack-weights expects lanes of at least 1, got ") << lanes.getValue();
      return signalPassFailure();
    }
    RewritePatternSet patterns(&getContext());
    patterns.add<PadInFront>(&getContext());
    patterns.add<PackMatmul, PackConv>(&getContext(), lanes);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
