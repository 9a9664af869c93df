// mlc-fold-constants. Before:
//   %a = mlc.constant dense<[1.0, 4.0]> : tensor<2xf32>      %b = mlc.sqrt %a
// after:
//   %b = mlc.constant dense<[1.0, 2.0]> : tensor<2xf32>
// Values come from the op's own definition (ReferenceOp), so that folding and running agree by construction.
// Post-condition: no pure op with a definition, constants as operands, and results of at most `max-elements` elements
// is left, but for those whose evaluation fails (an index out of range is for the run to report).
#include "dialects/mlc/ConstantTensor.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/simplify/Passes.h.inc"

namespace {

struct FoldConstants : impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;
  void runOnOperation() override {
    // In program order: an operand is folded before what reads it.
    SmallVector<ReferenceOp> ops;
    getOperation()->walk([&](ReferenceOp op) { ops.push_back(op); });
    for (ReferenceOp op : ops)
      fold(op);
  }

  void fold(ReferenceOp reference) {
    Operation *op = reference;
    auto isSmall = [&](Value value) { return countElements(value.getType()) <= maxElements; };
    if (op->getNumOperands() == 0 || op->getNumRegions() || !isPure(op) || !llvm::all_of(op->getOperands(), isSmall) ||
        !llvm::all_of(op->getResults(), isSmall))
      return;
    SmallVector<HostTensor> operands, results;
    for (Value operand : op->getOperands()) {
      auto constant = operand.getDefiningOp<ConstantOp>();
      if (!constant)
        return;
      Result<HostTensor> tensor = toHostTensor(constant.getValue());
      if (!tensor.ok())
        return;
      operands.push_back(std::move(*tensor));
    }
    std::string error;
    if (failed(reference.evaluate(operands, results, error)))
      return;
    OpBuilder builder(op);
    for (auto [result, tensor] : llvm::zip(op->getResults(), results))
      result.replaceAllUsesWith(ConstantOp::create(builder, op->getLoc(), toDenseElements(op->getContext(), tensor)));
    SmallVector<Operation *> producers;
    for (Value operand : op->getOperands())
      if (!llvm::is_contained(producers, operand.getDefiningOp()))
        producers.push_back(operand.getDefiningOp());
    op->erase();
    for (Operation *producer : producers)
      if (producer->use_empty())
        producer->erase();
  }
};

} // namespace
} // namespace mlc
