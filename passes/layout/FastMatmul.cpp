// mlc-fast-matmul. Before:
//   %p = mlc.pack %w {lanes = 16}                      %y = mlc.packed_matmul %x, %p {n = N}
// after, where it is faster:
//   %s = mlc.strassen_sums %w {of_rhs}                 %p = mlc.pack %s {lanes = 16}
//   %t = mlc.strassen_sums %x                          %y = mlc.strassen_matmul %t, %p {shape = [rows..., N]}
// One level of Strassen's algorithm: seven products of half the size instead of eight. The sums of weights are
// computed when the module is written; the weights grow by three quarters. Convolutions that are matrix products
// have become such before. Post-condition: see passes.td.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_FASTMATMUL
#include "passes/layout/Passes.h.inc"

namespace {

// Does saving an eighth of the m * n * k multiply-adds pay? What it costs, as a share of them: sums of the left-hand
// side (m * k elements, each moved about five times as long as a multiply-add takes), quadrants that are added to and
// read again (m * n), and the larger weights, which come from memory beside the arithmetic (k * n). Where the matrices
// of activations leave the caches, their movement takes several times as long: ResNet-50 of eight images lost a sixth
// by it, BERT gains as before. Measured; ratios of arithmetic and movement are alike on cores with two fused
// multiply-adds a cycle.
bool isWorthIt(int64_t m, int64_t n, int64_t k) {
  constexpr double perWeight = 6, leastGain = 0.02;
  constexpr int64_t cachedElements = 1 << 20;
  if (m < 2 || n < 2 || k < 2)
    return false;
  double perLhs = m * k > cachedElements ? 60 : 5, perResult = m * n > cachedElements ? 45 : 12;
  return 1.0 / 8 - perLhs / double(n) - perResult / double(k) - perWeight / double(m) >= leastGain;
}

struct UseStrassen : OpRewritePattern<PackedMatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PackedMatmulOp op, PatternRewriter &rewriter) const override {
    auto pack = op.getRhs().getDefiningOp<PackOp>();
    if (!pack || !elementOfTensor(op.getLhs()).isF32() || shapeOfTensor(op.getLhs()).size() < 2 ||
        shapeOfTensor(pack.getOperand()).size() != 2 || !isParameterOnly(pack.getOperand()))
      return failure();
    int64_t k = shapeOfTensor(pack.getOperand())[0], n = op.getN();
    if (k == 0 || !isWorthIt(countElements(op.getLhs().getType()) / k, n, k))
      return failure();
    OpMaker m(rewriter, op.getLoc());
    Value weights = m.make<StrassenSumsOp>(pack.getOperand(), m.unit("of_rhs"));
    weights = m.make<PackOp>(weights, m.integer("lanes", pack.getLanes()));
    Value sums = m.make<StrassenSumsOp>(op.getLhs());
    rewriter.replaceOp(op, m.make<StrassenMatmulOp>({sums, weights}, m.ints("shape", op.getType().getShape())));
    return success();
  }
};

struct FastMatmul : impl::FastMatmulBase<FastMatmul> {
  using FastMatmulBase::FastMatmulBase;
  void runOnOperation() override {
    if (!enabled)
      return;
    RewritePatternSet patterns(&getContext());
    patterns.add<UseStrassen>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
