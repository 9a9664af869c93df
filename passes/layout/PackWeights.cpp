// mlc-pack-weights. Before:
//   %y = mlc.matmul %x, %w                                       : x [rows..., K], w [K, N] a weight
//   %z = mlc.conv %i, %f {layout = channels_last, pad_low = ...} : f [window..., C / groups, O] a weight
// after:
//   %p = mlc.pack %w {lanes = 16}        %y = mlc.packed_matmul %x, %p {n = N}
//   %i2 = mlc.pad %i                     %q = mlc.pack %f {lanes = 16}
//   %z = mlc.packed_conv %i2, %q {out_channels = O}
// A convolution in one group that reads one element, with stride 1 and no padding, is a matrix product over the
// channels. Depthwise convolutions stay: their lanes are those of the input, and weights [window..., 1, C] are one
// panel already. Post-condition: see passes.td.
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

struct PackMatmul : OpRewritePattern<MatmulOp> {
  PackMatmul(MLIRContext *context, int64_t lanes) : OpRewritePattern(context), lanes(lanes) {}
  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    Value rhs = op.getRhs();
    if (op.getTransposeLhs() || shapeOfTensor(rhs).size() != 2 || !isParameterOnly(rhs) ||
        !isa<FloatType>(op.getType().getElementType()))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    if (op.getTransposeRhs())
      rhs = m.transpose(rhs, {1, 0});
    Value packed = m.make<PackOp>(rhs, m.integer("lanes", lanes));
    rewriter.replaceOp(op, m.make<PackedMatmulOp>({op.getLhs(), packed}, m.integer("n", shapeOfTensor(rhs)[1])));
    return success();
  }
  int64_t lanes;
};

bool isPadded(ConvOp op) { return !allEqual(op.getPadLow(), 0) || !allEqual(op.getPadHigh(), 0); }

// A kernel reads its window without asking where the image ends.
struct PadInFront : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() != Layout::ChannelsLast || !isPadded(op) || !isa<FloatType>(op.getType().getElementType()))
      return failure();
    // Neither the batch nor the channels are padded.
    SmallVector<int64_t> low{0}, high{0}, none(op.getPadLow().size(), 0);
    llvm::append_range(low, op.getPadLow());
    llvm::append_range(high, op.getPadHigh());
    low.push_back(0);
    high.push_back(0);
    OpMaker m(rewriter, op.getLoc());
    Value input = m.make<PadOp>(op.getInput(), {m.ints("low", low), m.ints("high", high), m.real("value", 0)});
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
Value packGroups(OpMaker &m, Value filter, int64_t groups, int64_t lanes) {
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
  return m.make<PackOp>(filter, m.integer("lanes", lanes));
}

struct PackConv : OpRewritePattern<ConvOp> {
  PackConv(MLIRContext *context, int64_t lanes) : OpRewritePattern(context), lanes(lanes) {}
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() != Layout::ChannelsLast || !isParameterOnly(op.getFilter()) ||
        !isa<FloatType>(op.getType().getElementType()) || isPadded(op))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    ArrayRef<int64_t> filter = shapeOfTensor(op.getFilter());
    int64_t channels = filter[filter.size() - 2], outChannels = filter.back(), groups = op.getGroups();
    if (groups > 1 && (outChannels == 0 || (channels == 1 && outChannels == groups)))
      return failure();
    if (groups == 1 && allEqual(filter.drop_back(2), 1) && allEqual(op.getStrides(), 1)) {
      Value packed = m.make<PackOp>(m.reshape(op.getFilter(), {channels, outChannels}), m.integer("lanes", lanes));
      rewriter.replaceOp(op, m.make<PackedMatmulOp>({op.getInput(), packed}, m.integer("n", outChannels)));
      return success();
    }
    Value packed = groups > 1 ? packGroups(m, op.getFilter(), groups, lanes)
                              : m.make<PackOp>(op.getFilter(), m.integer("lanes", lanes));
    SmallVector<NamedAttribute> attributes{m.ints("strides", op.getStrides()), m.ints("dilations", op.getDilations()),
                                           m.integer("out_channels", outChannels), m.integer("groups", groups)};
    rewriter.replaceOp(op, m.make<PackedConvOp>({op.getInput(), packed}, attributes));
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
