#include "codegen/schedule/Outline.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace mlc::codegen {

static bool isSplat(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant && isa<SplatElementsAttr>(constant.getValue());
}

SmallVector<Value> kernelInputs(Operation *op) {
  // An opaque op reads every operand from memory.
  bool isOpaque = classOf(op) == FusionClass::Opaque;
  llvm::SetVector<Value> distinct;
  for (Value operand : op->getOperands())
    if (isOpaque || !isSplat(operand))
      distinct.insert(operand);
  return SmallVector<Value>(distinct.begin(), distinct.end());
}

OwningOpRef<func::FuncOp> outline(Operation *op, ArrayRef<Value> inputs) {
  OpBuilder b(op->getContext());
  Location loc = op->getLoc();
  auto type = b.getFunctionType(ValueRange(inputs).getTypes(), op->getResultTypes());
  auto function = func::FuncOp::create(loc, "kernel", type);
  Block *block = function.addEntryBlock();
  b.setInsertionPointToStart(block);
  IRMapping mapping;
  mapping.map(inputs, block->getArguments());
  for (Value operand : op->getOperands())
    if (!mapping.contains(operand))
      mapping.map(operand, b.clone(*operand.getDefiningOp())->getResult(0));
  auto fused = dyn_cast<FusedOp>(op);
  if (!fused) {
    Operation *clone = b.clone(*op, mapping);
    func::ReturnOp::create(b, loc, clone->getResults());
    return function;
  }
  Block &body = fused.getBody().front();
  for (auto [argument, operand] : llvm::zip(body.getArguments(), op->getOperands()))
    mapping.map(argument, mapping.lookup(operand));
  for (Operation &inner : body.without_terminator())
    b.clone(inner, mapping);
  SmallVector<Value> results;
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(mapping.lookup(value));
  func::ReturnOp::create(b, loc, results);
  return function;
}

SmallVector<Operation *> opsOf(Operation *op) {
  auto fused = dyn_cast<FusedOp>(op);
  if (!fused)
    return {op};
  SmallVector<Operation *> ops;
  for (Operation &inner : fused.getBody().front().without_terminator())
    if (!isa<ConstantOp>(inner))
      ops.push_back(&inner);
  return ops;
}

std::string describeOps(Operation *op) {
  std::string text;
  for (Operation *inner : opsOf(op))
    text += (text.empty() ? "" : " + ") + inner->getName().stripDialect().str();
  return text;
}

FusionClass classOf(Operation *op) {
  if (auto fused = dyn_cast<FusedOp>(op))
    return fused.getRoot();
  auto fusible = dyn_cast<FusibleOp>(op);
  return fusible ? fusible.fusionClass() : FusionClass::Opaque;
}

} // namespace mlc::codegen
