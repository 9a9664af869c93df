// mlc-join-projections. Before:
//   %q = mlc.matmul %x, %wq   %q2 = mlc.add %q, %bq   %q3 = mlc.reshape %q2      (the same for %k3 and %v3)
//   %y = mlc.attention %q3, %k3, %v3
// after:
//   %w = mlc.concat %wq, %wk, %wv                     %b = mlc.concat %bq, %bk, %bv
//   %p = mlc.matmul %x, %w                            %p2 = mlc.add %p, %b
//   %q = mlc.slice %p2        %q3 = mlc.reshape %q    (the same for %k3 and %v3)
//   %y = mlc.attention %q3, %k3, %v3
// %x is read once for all of them, and one launch has the work of three. Attention reads the slices in place.
// Post-condition: see passes.td.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_JOINPROJECTIONS
#include "passes/layout/Passes.h.inc"

namespace {

// What an operand of attention is: lhs times a weight, with a bias or without, its last dimension split in heads.
struct Projection {
  unsigned operand;
  MatmulOp product;
  Value bias;      // or null
  ReshapeOp heads; // or null
};

bool canJoin(Projection a, Projection b) {
  return a.product.getLhs() == b.product.getLhs() && bool(a.bias) == bool(b.bias);
}

std::optional<Projection> projectionOf(Operation *attention, unsigned operand) {
  Projection result{operand, {}, {}, {}};
  Value value = attention->getOperand(operand);
  if (auto reshape = value.getDefiningOp<ReshapeOp>(); reshape && reshape->hasOneUse() && isSplit(reshape)) {
    result.heads = reshape;
    value = reshape.getOperand();
  }
  if (auto add = value.getDefiningOp<AddOp>(); add && add->hasOneUse())
    for (unsigned i : {0, 1}) {
      Value bias = add->getOperand(i), other = add->getOperand(1 - i);
      if (!isParameterOnly(bias) || shapeOfTensor(bias) != shapeOfTensor(add.getResult()).take_back() ||
          other.getType() != add.getType())
        continue;
      result.bias = bias;
      value = other;
      break;
    }
  result.product = value.getDefiningOp<MatmulOp>();
  if (!result.product || !result.product->hasOneUse() || result.product.getWideResult() ||
      result.product.getTransposeLhs() || shapeOfTensor(result.product.getRhs()).size() != 2 ||
      !isParameterOnly(result.product.getRhs()))
    return std::nullopt;
  return result;
}

// Query, key and value are the first operands.
template <typename Attention> struct JoinProjectionsOf : OpRewritePattern<Attention> {
  using OpRewritePattern<Attention>::OpRewritePattern;
  LogicalResult matchAndRewrite(Attention op, PatternRewriter &rewriter) const override {
    if (op.getType().getElementType().isF64()) // is decomposed, and would copy the slices
      return failure();
    SmallVector<Projection> all, joined;
    for (unsigned operand = 0; operand < 3; ++operand)
      if (auto projection = projectionOf(op, operand))
        all.push_back(*projection);
    for (const Projection &first : all) {
      joined.clear();
      llvm::copy_if(all, std::back_inserter(joined), [&](const Projection &other) { return canJoin(first, other); });
      if (joined.size() > 1)
        break;
    }
    if (joined.size() < 2)
      return failure();

    OpMaker m(rewriter, op.getLoc());
    SmallVector<Value> weights, biases;
    for (Projection &projection : joined) {
      Value weight = projection.product.getRhs();
      weights.push_back(projection.product.getTransposeRhs() ? m.transpose(weight, {1, 0}) : weight);
      if (projection.bias)
        biases.push_back(projection.bias);
    }
    Value joint = m.make<MatmulOp>({joined[0].product.getLhs(), m.make<ConcatOp>(weights, m.integer("axis", 1))});
    if (!biases.empty())
      joint = m.make<AddOp>({joint, m.make<ConcatOp>(biases, m.integer("axis", 0))});
    SmallVector<int64_t> offsets(shapeOfTensor(joint).size(), 0), sizes(shapeOfTensor(joint)),
        strides(shapeOfTensor(joint).size(), 1);
    SmallVector<Value> operands(op->getOperands());
    for (auto [projection, weight] : llvm::zip(joined, weights)) {
      sizes.back() = shapeOfTensor(weight)[1];
      Value part =
          m.make<SliceOp>(joint, {m.ints("offsets", offsets), m.ints("sizes", sizes), m.ints("strides", strides)});
      offsets.back() += sizes.back();
      operands[projection.operand] =
          projection.heads ? m.reshape(part, shapeOfTensor(projection.heads.getResult())) : part;
    }
    rewriter.modifyOpInPlace(op, [&] { op->setOperands(operands); });
    return success();
  }
};

struct JoinProjections : impl::JoinProjectionsBase<JoinProjections> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<JoinProjectionsOf<AttentionOp>, JoinProjectionsOf<VarlenAttentionOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
