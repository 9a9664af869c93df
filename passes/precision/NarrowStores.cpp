// mlc-narrow-stores. Before:
//   %0 = mlc.fused contraction (...) -> f32 {... mlc.yield %s }
//   %1 = mlc.fused elementwise (%a = %0) { %c = mlc.cast %a to bf16   mlc.yield %c }
//   %2 = mlc.fused reduction (%a = %0) { %n = mlc.layer_norm %a ... }
// after, with to=bf16:
//   %0 = mlc.fused contraction (...) -> bf16 {... %r = mlc.cast %s to bf16   mlc.yield %r }
//   %2 = mlc.fused reduction (%a = %0) { %w = mlc.cast %a to f32   %n = mlc.layer_norm %w ... }
// Reshapes between regions are views of either. Regions that only move elements move those of bf16. Post-condition: see
// passes.td.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_NARROWSTORES
#include "passes/precision/Passes.h.inc"

namespace {

bool isOpaque(FusedOp region) { return region.getRoot() == FusionClass::Opaque; }
Operation *yieldOf(FusedOp region) { return region.getBody().front().getTerminator(); }

Value castTo(OpBuilder &builder, Location loc, Value value, Type element) {
  return CastOp::create(builder, loc, ValueRange{value}, builder.getNamedAttr("to", TypeAttr::get(element)));
}

class Narrowing {
public:
  explicit Narrowing(func::FuncOp function) : function(function), narrow(BFloat16Type::get(function.getContext())) {}

  void run() {
    for (Operation &op : function.getBody().front())
      if (auto region = dyn_cast<FusedOp>(op))
        decide(region);
    for (FusedOp region : narrowed)
      narrowResult(region);
    SmallVector<FusedOp> regions(function.getOps<FusedOp>());
    for (FusedOp region : regions)
      simplify(region);
  }

private:
  func::FuncOp function;
  Type narrow;
  SmallVector<FusedOp> narrowed;
  llvm::DenseSet<Value> fromContraction;

  // Why `value` is stored as it is; empty where it may be rounded.
  std::string whyWide(Value value, bool &isRounded) const {
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      std::string why;
      if (auto view = dyn_cast<ReshapeOp>(user))
        why = whyWide(view.getResult(), isRounded);
      else if (auto region = dyn_cast<FusedOp>(user); !region)
        why = "the entry point returns it";
      else if (isOpaque(region))
        why = "gather and scatter take it as it is";
      else
        isRounded |= llvm::all_of(region.getBody().getArgument(use.getOperandNumber()).getUsers(), [&](Operation *op) {
          auto cast = dyn_cast<CastOp>(op);
          return cast && cast.getTo() == narrow;
        });
      if (!why.empty())
        return why;
    }
    return {};
  }

  // Is `value` read by layer norms alone? What they give is rounded again: twice, a sum of residuals loses more
  // (BERT-base b1 s128, relative L2 error: 1.1e-2, and 8.4e-3 so), and the time is the same.
  bool onlyNormalised(Value value) const {
    return llvm::all_of(value.getUsers(), [&](Operation *user) {
      if (auto view = dyn_cast<ReshapeOp>(user))
        return onlyNormalised(view.getResult());
      auto region = dyn_cast<FusedOp>(user);
      return region && !region.getBody().getOps<LayerNormOp>().empty();
    });
  }

  bool followsFromContraction(FusedOp region) const {
    return region.getRoot() == FusionClass::Contraction || llvm::any_of(region.getInputs(), [&](Value input) {
             while (auto view = input.getDefiningOp<ReshapeOp>())
               input = view.getOperand();
             return fromContraction.contains(input);
           });
  }

  void decide(FusedOp region) {
    bool follows = followsFromContraction(region);
    for (Value result : region.getResults())
      if (follows)
        fromContraction.insert(result);
    if (region.getNumResults() != 1 || !elementOfTensor(region.getResult(0)).isF32())
      return;
    bool isRounded = false;
    std::string why = isOpaque(region) ? "gather and scatter give what they take" : "";
    if (why.empty())
      why = whyWide(region.getResult(0), isRounded);
    if (why.empty() && !follows && !isRounded)
      why = "no contraction leads to it";
    if (why.empty() && !isRounded && onlyNormalised(region.getResult(0)))
      why = "layer norms alone read it";
    if (why.empty())
      narrowed.push_back(region);
    else
      region->setAttr("mlc.stores_f32", StringAttr::get(region.getContext(), why));
  }

  void narrowResult(FusedOp region) {
    Operation *yield = yieldOf(region);
    OpBuilder builder(yield);
    yield->setOperand(0, castTo(builder, yield->getLoc(), yield->getOperand(0), narrow));
    retype(region.getResult(0));
  }

  // Makes `value` and its views bf16, and widens it in the regions that read it.
  void retype(Value value) {
    value.setType(cast<RankedTensorType>(value.getType()).clone(narrow));
    for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
      if (auto view = dyn_cast<ReshapeOp>(use.getOwner())) {
        retype(view.getResult());
        continue;
      }
      auto region = cast<FusedOp>(use.getOwner());
      BlockArgument argument = region.getBody().getArgument(use.getOperandNumber());
      Type wide = elementOfTensor(argument);
      argument.setType(cast<RankedTensorType>(value.getType()));
      OpBuilder builder = OpBuilder::atBlockBegin(&region.getBody().front());
      Value widened = castTo(builder, argument.getLoc(), argument, wide);
      argument.replaceAllUsesExcept(widened, widened.getDefiningOp());
    }
  }

  // What `value` was widened from.
  Value source(Value value) const {
    auto cast = value.getDefiningOp<CastOp>();
    return cast && elementOfTensor(cast.getOperand()) == narrow && elementOfTensor(value).isF32() ? cast.getOperand()
                                                                                                  : Value();
  }

  // Widened, moved and rounded is moved; widened and rounded is what it was. A region of nothing is its operand.
  void simplify(FusedOp region) {
    for (Operation &op : llvm::make_early_inc_range(region.getBody().front().without_terminator())) {
      auto fusible = dyn_cast<FusibleOp>(op);
      bool moves = fusible && fusible.fusionClass() == FusionClass::Injective && op.getNumOperands() &&
                   llvm::all_of(op.getOperands(), [&](Value operand) { return bool(source(operand)); });
      if (moves) {
        for (OpOperand &operand : op.getOpOperands())
          operand.set(source(operand.get()));
        Value result = op.getResult(0);
        Type wide = elementOfTensor(result);
        result.setType(cast<RankedTensorType>(result.getType()).clone(narrow));
        OpBuilder builder(op.getContext());
        builder.setInsertionPointAfter(&op);
        Value widened = castTo(builder, op.getLoc(), result, wide);
        result.replaceAllUsesExcept(widened, widened.getDefiningOp());
      }
      if (auto rounding = dyn_cast<CastOp>(op); rounding && rounding.getTo() == narrow)
        if (Value from = source(rounding.getOperand())) {
          rounding.getResult().replaceAllUsesWith(from);
          rounding->erase();
        }
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(region.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
    auto argument = dyn_cast<BlockArgument>(yieldOf(region)->getOperand(0));
    if (!argument || region.getNumResults() != 1)
      return;
    region.getResult(0).replaceAllUsesWith(region.getInputs()[argument.getArgNumber()]);
    region.erase();
  }
};

struct NarrowStores : impl::NarrowStoresBase<NarrowStores> {
  using NarrowStoresBase::NarrowStoresBase;
  void runOnOperation() override {
    if (to == "keep")
      return;
    if (to != "bf16") {
      getOperation()->emitError("mlc-narrow-stores expects to=keep or to=bf16, got '") << to << "'";
      return signalPassFailure();
    }
    if (!getOperation().isExternal())
      Narrowing(getOperation()).run();
  }
};

} // namespace
} // namespace mlc
