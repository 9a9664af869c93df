// mlc-to-channels-last. Before:
//   %y = mlc.conv %x, %w                        : x [N, C, H, W], w [O, I, R, S]
//   %z = mlc.relu %y
// after:
//   %t = mlc.transpose %x {0, 2, 3, 1}          %f = mlc.transpose %w {2, 3, 1, 0}
//   %y = mlc.conv %t, %f {layout = channels_last}
//   %r = mlc.relu %y                            %z = mlc.transpose %r {0, 3, 1, 2}
// The transposes back to channels first move down through the ops that do not care, until they meet the one of the next
// convolution and both are gone.
// Post-condition: see passes.td.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_TOCHANNELSLAST
#include "passes/layout/Passes.h.inc"

namespace {

SmallVector<int64_t> toLast(int64_t rank) {
  SmallVector<int64_t> permutation{0};
  for (int64_t i = 2; i < rank; ++i)
    permutation.push_back(i);
  permutation.push_back(1);
  return permutation;
}

SmallVector<int64_t> toFirst(int64_t rank) {
  SmallVector<int64_t> permutation{0, rank - 1};
  for (int64_t i = 1; i < rank - 1; ++i)
    permutation.push_back(i);
  return permutation;
}

// Does a transpose of `shape` leave every element in its place, as a reshape would?
bool staysInPlace(ArrayRef<int64_t> shape, ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> moved;
  for (int64_t dim : permutation)
    if (shape[dim] != 1)
      moved.push_back(dim);
  return llvm::is_sorted(moved);
}

// x, when `value` is x, channels last, brought to channels first. A transpose that moves nothing is none: of rank 3 the
// way back is the same permutation, and the patterns would go to and fro.
Value channelsLastSource(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  if (!transpose || transpose.getPermutation().size() < 3 ||
      transpose.getPermutation() != ArrayRef<int64_t>(toFirst(transpose.getPermutation().size())) ||
      staysInPlace(shapeOfTensor(transpose.getOperand()), transpose.getPermutation()))
    return {};
  return transpose.getOperand();
}

NamedAttrList withLayout(Operation *op, OpBuilder &builder) {
  NamedAttrList attributes(op->getAttrs());
  attributes.set("layout", LayoutAttr::get(builder.getContext(), Layout::ChannelsLast));
  return attributes;
}

struct ConvToLast : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() == Layout::ChannelsLast)
      return failure();
    int64_t rank = op.getType().getRank();
    OpMaker m(rewriter, op.getLoc());
    SmallVector<int64_t> filterOrder; // [O, I, window...] -> [window..., I, O]
    for (int64_t i = 2; i < rank; ++i)
      filterOrder.push_back(i);
    filterOrder.append({1, 0});
    Value input = m.transpose(op.getInput(), toLast(rank)), filter = m.transpose(op.getFilter(), filterOrder);
    Value result = m.make<ConvOp>({input, filter}, withLayout(op, rewriter));
    rewriter.replaceOp(op, m.transpose(result, toFirst(rank)));
    return success();
  }
};

struct PoolToLast : OpRewritePattern<PoolOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PoolOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() == Layout::ChannelsLast)
      return failure();
    int64_t rank = op.getType().getRank();
    OpMaker m(rewriter, op.getLoc());
    Value result = m.make<PoolOp>(m.transpose(op.getOperand(), toLast(rank)), withLayout(op, rewriter));
    rewriter.replaceOp(op, m.transpose(result, toFirst(rank)));
    return success();
  }
};

// An operand that is cheap to bring to channels last: a weight, or one whose elements stay in place, as the gate
// [N, C, 1, 1] of a squeeze-and-excitation block.
bool isCheapToTranspose(Value value, int64_t rank) {
  if (isParameterOnly(value))
    return true;
  SmallVector<int64_t> full(rank - static_cast<int64_t>(shapeOfTensor(value).size()), 1);
  llvm::append_range(full, shapeOfTensor(value));
  return staysInPlace(full, toLast(rank));
}

// elementwise(first(x), c) -> first(elementwise(x, last(c)))
struct SinkThroughElementwise : OpInterfaceRewritePattern<FusibleOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(FusibleOp fusible, PatternRewriter &rewriter) const override {
    Operation *op = fusible;
    if (fusible.fusionClass() != FusionClass::Elementwise || op->getNumOperands() == 0)
      return failure();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    int64_t rank = type.getRank();
    if (rank < 3) // no image
      return failure();
    bool any = false;
    for (Value operand : op->getOperands()) {
      Value source = channelsLastSource(operand);
      if (source && shapeOfTensor(operand).size() == static_cast<size_t>(rank))
        any |= !isParameterOnly(source); // a weight's transpose is none of an image, and stays where it is
      else if (!isCheapToTranspose(operand, rank))
        return failure();
    }
    if (!any)
      return failure();
    OpMaker m(rewriter, op->getLoc());
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      ArrayRef<int64_t> shape = shapeOfTensor(operand);
      Value source = channelsLastSource(operand);
      if (source && shape.size() == static_cast<size_t>(rank)) {
        operands.push_back(source);
      } else if (allOnes(shape)) {
        operands.push_back(operand);
      } else {
        SmallVector<int64_t> full(rank - shape.size(), 1);
        llvm::append_range(full, shape);
        operands.push_back(m.transpose(m.reshape(operand, full), toLast(rank)));
      }
    }
    SmallVector<int64_t> lastShape;
    for (int64_t dim : toLast(rank))
      lastShape.push_back(type.getDimSize(dim));
    OperationState state(op->getLoc(), op->getName(), operands, RankedTensorType::get(lastShape, type.getElementType()),
                         op->getAttrs());
    Operation *sunk = rewriter.create(state);
    rewriter.replaceOp(op, m.transpose(sunk->getResult(0), toFirst(rank)));
    return success();
  }
  static bool allOnes(ArrayRef<int64_t> shape) {
    return llvm::all_of(shape, [](int64_t size) { return size == 1; });
  }
};

// Folding dimensions of first(x) is folding those of x; what remains keeps its order.
struct SinkThroughReduce : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    Value source = channelsLastSource(op.getOperand());
    if (!source)
      return failure();
    SmallVector<int64_t> order = toFirst(shapeOfTensor(source).size()), axes, kept;
    for (auto [i, dim] : llvm::enumerate(order))
      (llvm::is_contained(op.getAxes(), static_cast<int64_t>(i)) ? axes : kept).push_back(dim);
    llvm::sort(axes);
    OpMaker m(rewriter, op.getLoc());
    NamedAttrList attributes(op->getAttrs());
    attributes.set("axes", rewriter.getDenseI64ArrayAttr(axes));
    Value result = m.make<ReduceOp>(source, attributes);
    if (!op.getKeepDims()) {
      // Dimension i of the result is kept[i] of x; its position among the kept ones of x is its rank.
      order.clear();
      for (int64_t dim : kept)
        order.push_back(llvm::count_if(kept, [&](int64_t other) { return other < dim; }));
    }
    rewriter.replaceOp(op, m.transpose(result, order));
    return success();
  }
};

// op(first(x)) -> first(op(x)), where attributes with one entry per dimension move with the dimensions.
template <typename Op> struct SinkPerDimension : OpRewritePattern<Op> {
  SinkPerDimension(MLIRContext *context, ArrayRef<StringRef> names) : OpRewritePattern<Op>(context), names(names) {}
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Value source = channelsLastSource(op.getOperand());
    if (!source)
      return failure();
    int64_t rank = shapeOfTensor(source).size();
    NamedAttrList attributes(op->getAttrs());
    for (StringRef name : names) {
      SmallVector<int64_t> values;
      for (int64_t dim : toLast(rank))
        values.push_back(cast<DenseI64ArrayAttr>(attributes.get(name))[dim]);
      attributes.set(name, rewriter.getDenseI64ArrayAttr(values));
    }
    OpMaker m(rewriter, op.getLoc());
    rewriter.replaceOp(op, m.transpose(m.template make<Op>(source, attributes), toFirst(rank)));
    return success();
  }
  SmallVector<StringRef> names;
};

// op(first(x), ..., axis) -> first(op(x, ..., axis of x)): concat, where all operands are tensors of the layout, and
// batch_norm, where the first one is.
template <typename Op, bool allOperands> struct SinkWithAxis : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    SmallVector<Value> operands;
    for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
      bool moves = allOperands || i == 0;
      operands.push_back(moves ? channelsLastSource(operand) : operand);
      if (!operands.back())
        return failure();
    }
    int64_t rank = shapeOfTensor(operands[0]).size();
    NamedAttrList attributes(op->getAttrs());
    attributes.set("axis", rewriter.getI64IntegerAttr(toFirst(rank)[op.getAxis()]));
    OpMaker m(rewriter, op.getLoc());
    rewriter.replaceOp(op, m.transpose(m.template make<Op>(operands, attributes), toFirst(rank)));
    return success();
  }
};

struct ToChannelsLast : impl::ToChannelsLastBase<ToChannelsLast> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<ConvToLast, PoolToLast, SinkThroughElementwise, SinkThroughReduce, SinkWithAxis<ConcatOp, true>,
                 SinkWithAxis<BatchNormOp, false>, SinkWithAxis<SoftmaxOp, true>>(context);
    patterns.add<SinkPerDimension<PadOp>>(context, ArrayRef<StringRef>{"low", "high"});
    patterns.add<SinkPerDimension<SliceOp>>(context, ArrayRef<StringRef>{"offsets", "sizes", "strides"});
    TransposeOp::getCanonicalizationPatterns(patterns, context);
    ReshapeOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
