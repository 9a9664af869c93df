// mlc-lower-precision. Before:
//   %t = mlc.transpose %w      %y = mlc.matmul %x, %t : f32      %z = mlc.add %y, %b
// after, with to=bf16:
//   %n = mlc.cast %x to bf16   %v = mlc.cast %w to bf16   %t = mlc.transpose %v
//   %y = mlc.matmul %n, %t {wide_result} : bf16 -> f32    %z = mlc.add %y, %b
// A value is rounded in front of what only moves it to contractions, so that less is moved, and the padding of a
// convolution stays beside it. Values that kernels hand on are rounded by mlc-narrow-stores. Post-condition: see
// passes.td.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_LOWERPRECISION
#include "passes/precision/Passes.h.inc"

namespace {

bool isF32(Value value) { return elementOfTensor(value).isF32(); }

bool isAttention(Operation *op) { return isa<AttentionOp, VarlenAttentionOp>(op); }

// Operands that are multiplied: not the mask of attention, whose lowest number is none of bf16, nor the offsets of
// packed sequences.
MutableArrayRef<OpOperand> factorsOf(Operation *op) { return op->getOpOperands().take_front(isAttention(op) ? 3 : 2); }

bool isLowered(Operation *op) {
  return (isa<MatmulOp, ConvOp>(op) || isAttention(op)) &&
         llvm::all_of(factorsOf(op), [](OpOperand &factor) { return isF32(factor.get()); });
}

class Lowering {
public:
  explicit Lowering(func::FuncOp function) : narrow(BFloat16Type::get(function.getContext())) {
    function.walk([&](Operation *op) {
      if (isLowered(op))
        contractions.insert(op);
    });
  }

  void run() {
    for (Operation *op : contractions)
      for (OpOperand &factor : factorsOf(op))
        rounded(factor.get()); // while all readers are as they were
    for (Operation *op : contractions) {
      OpBuilder builder(op);
      for (OpOperand &factor : factorsOf(op))
        factor.set(known.lookup(factor.get()));
      if (!isAttention(op)) {
        op->setAttr("wide_result", builder.getUnitAttr());
        continue;
      }
      // Its kernel rounds once, at the end.
      Value result = op->getResult(0);
      Type wide = elementOfTensor(result);
      result.setType(cast<RankedTensorType>(result.getType()).clone(narrow));
      builder.setInsertionPointAfter(op);
      Value widened = castTo(builder, op->getLoc(), result, wide);
      result.replaceAllUsesExcept(widened, widened.getDefiningOp());
    }
  }

private:
  static Value castTo(OpBuilder &builder, Location loc, Value value, Type element) {
    return CastOp::create(builder, loc, ValueRange{value}, builder.getNamedAttr("to", TypeAttr::get(element)));
  }

  // Is `op` only movement of f32 on the way to contractions?
  bool isMovement(Operation *op) const {
    auto fusible = dyn_cast_or_null<FusibleOp>(op);
    return fusible && fusible.fusionClass() == FusionClass::Injective && op->getNumResults() == 1 &&
           llvm::all_of(op->getOperands(), isF32) && llvm::all_of(op->getUses(), [&](OpOperand &use) {
             Operation *user = use.getOwner();
             return (contractions.contains(user) && use.getOperandNumber() < factorsOf(user).size()) ||
                    isMovement(user);
           });
  }

  Value rounded(Value value) {
    if (Value before = known.lookup(value))
      return before;
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    Operation *op = value.getDefiningOp();
    Value result;
    if (auto widening = dyn_cast_or_null<CastOp>(op); widening && elementOfTensor(widening.getOperand()) == narrow) {
      result = widening.getOperand();
    } else if (isMovement(op)) {
      SmallVector<Value> operands;
      for (Value operand : op->getOperands())
        operands.push_back(rounded(operand));
      Operation *moved = builder.clone(*op);
      moved->setOperands(operands);
      result = moved->getResult(0);
      result.setType(cast<RankedTensorType>(value.getType()).clone(narrow));
    } else {
      result = castTo(builder, value.getLoc(), value, narrow);
    }
    return known[value] = result;
  }

  Type narrow;
  llvm::SetVector<Operation *> contractions;
  llvm::DenseMap<Value, Value> known; // of f32, and in bf16
};

struct LowerPrecision : impl::LowerPrecisionBase<LowerPrecision> {
  using LowerPrecisionBase::LowerPrecisionBase;
  void runOnOperation() override {
    if (to == "keep")
      return;
    if (to != "bf16") {
      getOperation()->emitError("mlc-lower-precision expects to=keep or to=bf16, got '") << to << "'";
      return signalPassFailure();
    }
    if (getOperation().isExternal())
      return;
    Lowering(getOperation()).run();
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(getOperation().getBody().front())))
      if (isOpTriviallyDead(&op)) // what moved f32
        op.erase();
  }
};

} // namespace
} // namespace mlc
