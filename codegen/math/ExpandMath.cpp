// mlc-expand-math: math ops that are not instructions become the expressions of Math.h.
#include "codegen/math/Formula.h"
#include "codegen/math/Math.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

Value expand(OpBuilder &b, Operation *op, ValueRange v) {
  Location loc = op->getLoc();
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](math::ExpOp o) {
        bool isNonPositive = o->hasAttr(kNonPositiveAttr) && getElementTypeOrSelf(v[0]).isF32();
        return isNonPositive ? buildExpNonPositive(b, loc, v[0]) : buildExp(b, loc, v[0]);
      })
      .Case([&](math::Exp2Op) { return buildExp2(b, loc, v[0]); })
      .Case([&](math::ExpM1Op) { return buildExpM1(b, loc, v[0]); })
      .Case([&](math::LogOp) { return buildLog(b, loc, v[0]); })
      .Case([&](math::Log2Op) { return buildLogBase(b, loc, v[0], 2); })
      .Case([&](math::Log10Op) { return buildLogBase(b, loc, v[0], 10); })
      .Case([&](math::Log1pOp) { return buildLog1P(b, loc, v[0]); })
      .Case([&](math::TanhOp) { return buildTanh(b, loc, v[0]); })
      .Case([&](math::ErfOp) { return buildErf(b, loc, v[0]); })
      .Case([&](math::PowFOp) { return buildPow(b, loc, v[0], v[1]); })
      .Case([&](math::SinOp) { return buildSin(b, loc, v[0]); })
      .Case([&](math::CosOp) { return buildCos(b, loc, v[0]); })
      .Case([&](arith::RemFOp) { return buildRem(b, loc, v[0], v[1]); })
      .Case([&](math::RsqrtOp) {
        Formula f(b, loc, v[0].getType());
        return f.div(f.number(1), math::SqrtOp::create(b, loc, v[0]));
      })
      .Default([](Operation *) { return Value(); });
}

// Roundings that are not instructions of x86-64-v3. To bf16 too, but where asked for: instructions that some processors
// have flush subnormal numbers.
bool isExpandedRounding(Operation *op, bool isInstruction) {
  if (!isa<arith::TruncFOp>(op))
    return false;
  Type from = getElementTypeOrSelf(op->getOperand(0)), to = getElementTypeOrSelf(op->getResult(0));
  return (to.isBF16() && !(isInstruction && from.isF32())) || (from.isF64() && to.isF16());
}

bool isExpanded(Operation *op) {
  return isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp, math::Log2Op, math::Log10Op, math::Log1pOp,
             math::TanhOp, math::ErfOp, math::PowFOp, math::SinOp, math::CosOp, math::RsqrtOp, arith::RemFOp>(op);
}

void expandGelu(Operation *root) {
  SmallVector<std::pair<Operation *, Value>> gelus;
  root->walk([&](Operation *op) {
    if (Value x = matchGelu(op))
      gelus.emplace_back(op, x);
  });
  for (auto [op, x] : gelus) {
    OpBuilder b(op);
    op->getResult(0).replaceAllUsesWith(buildGeluByTable(b, op->getLoc(), x));
    // The formula's own ops, from the last on, where nothing else reads them.
    SmallVector<Operation *> unused{op};
    while (!unused.empty()) {
      Operation *last = unused.pop_back_val();
      if (!last->use_empty())
        continue;
      SmallVector<Value> operands(last->getOperands());
      last->erase();
      for (Value operand : operands)
        if (Operation *from = operand.getDefiningOp(); from && !llvm::is_contained(unused, from))
          unused.push_back(from);
    }
  }
}

struct ExpandMathPass : PassWrapper<ExpandMathPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMathPass)
  StringRef getArgument() const override { return "mlc-expand-math"; }
  StringRef getDescription() const override {
    return "Replace transcendental functions by arith-level expressions of stated accuracy";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, math::MathDialect>();
  }
  void runOnOperation() override { expandMath(getOperation()); }
};

} // namespace

void expandMath(Operation *root, const MathInstructions &instructions) {
  SmallVector<Operation *> ops;
  if (instructions.looksUp)
    expandGelu(root);
  root->walk([&](Operation *op) {
    if (isExpanded(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    OpBuilder b(op);
    Type type = op->getResult(0).getType(), element = getElementTypeOrSelf(type);
    bool narrow = element.isF16() || element.isBF16();
    SmallVector<Value> operands(op->getOperands());
    if (narrow)
      for (Value &operand : operands)
        operand = arith::ExtFOp::create(b, op->getLoc(), withElement(type, b.getF32Type()), operand);
    Value result = expand(b, op, operands);
    if (narrow)
      result = arith::TruncFOp::create(b, op->getLoc(), type, result);
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
  ops.clear();
  root->walk([&](Operation *op) {
    if (isExpandedRounding(op, instructions.roundsToBF16))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    OpBuilder b(op);
    Value result = buildTrunc(b, op->getLoc(), op->getOperand(0), op->getResult(0).getType());
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }
}

std::unique_ptr<Pass> createExpandMathPass() { return std::make_unique<ExpandMathPass>(); }
void registerExpandMathPass() { PassRegistration<ExpandMathPass>(); }

} // namespace mlc::codegen
