// mlc-hoist-param-pack. Before:
//   %w = mlc.load_param @w    %t = mlc.transpose %w    %p = mlc.pack %t    %y = mlc.packed_matmul %x, %p
// after:
//   mlc.param_pack @w_pack { %w = mlc.load_param @w  %t = mlc.transpose %w  %p = mlc.pack %t  mlc.yield %p }
//   %p = mlc.load_param @w_pack    %y = mlc.packed_matmul %x, %p
// A value is hoisted where computation on inputs reads it; views (mlc.reshape) at its end stay where they are.
// Post-condition: see passes.td.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_HOISTPARAMPACK
#include "passes/layout/Passes.h.inc"

namespace {

struct HoistParamPack : impl::HoistParamPackBase<HoistParamPack> {
  void runOnOperation() override {
    SymbolTable table(getOperation());
    symbols = &table;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        hoistFrom(function);
    // Packs that were inlined into other packs.
    for (auto pack : llvm::make_early_inc_range(getOperation().getOps<ParamPackOp>()))
      if (inlined.contains(pack) && SymbolTable::symbolKnownUseEmpty(pack, getOperation()))
        table.erase(pack);
  }

private:
  SymbolTable *symbols = nullptr;
  llvm::StringMap<StringAttr> packs; // body as text -> symbol
  llvm::SetVector<Operation *> inlined;

  // Can `op` move into a pack, given that its operands can? Decided once per op, in program order.
  static bool isMovable(Operation &op, const llvm::DenseSet<Operation *> &movable) {
    if (isa<LoadParamOp, ConstantOp>(op))
      return true;
    if (!isa_and_nonnull<MlcDialect>(op.getDialect()) || op.getNumRegions() || op.getNumResults() != 1 ||
        !isPure(&op) || op.hasTrait<OpTrait::IsTerminator>())
      return false;
    if (isa<BroadcastOp>(op) && countElements(op.getResult(0).getType()) > countElements(op.getOperand(0).getType()))
      return false;
    return llvm::all_of(op.getOperands(), [&](Value operand) { return movable.contains(operand.getDefiningOp()); });
  }

  void hoistFrom(func::FuncOp function) {
    llvm::DenseSet<Operation *> movable;
    SmallVector<Operation *> frontier;
    for (Operation &op : function.getBody().front())
      if (isMovable(op, movable))
        movable.insert(&op);
    for (Operation &op : function.getBody().front())
      if (movable.contains(&op) && !isa<LoadParamOp, ConstantOp, ReshapeOp>(op) && isReadByRest(&op, movable))
        frontier.push_back(&op);
    for (Operation *op : frontier) {
      OpBuilder builder(op);
      Value load = LoadParamOp::create(builder, op->getLoc(), op->getResult(0).getType(), packOf(op));
      op->getResult(0).replaceAllUsesWith(load);
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (movable.contains(&op) && op.use_empty())
        op.erase();
  }

  // Is the result used, as it is or through reshapes, by an op that stays?
  static bool isReadByRest(Operation *op, const llvm::DenseSet<Operation *> &movable) {
    return llvm::any_of(op->getUsers(), [&](Operation *user) {
      return !movable.contains(user) || (isa<ReshapeOp>(user) && isReadByRest(user, movable));
    });
  }

  // Clones what computes `value` to the end of a pack's body; a pack that it reads is computed again.
  Value cloneInto(OpBuilder &builder, IRMapping &mapping, Value value, Operation *&largest) {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    Operation *op = value.getDefiningOp();
    if (auto load = dyn_cast<LoadParamOp>(op)) {
      Operation *source = symbols->lookup(load.getParam());
      if (auto pack = dyn_cast<ParamPackOp>(source)) {
        inlined.insert(pack);
        Value result = cloneInto(builder, mapping, pack.getBody().front().getTerminator()->getOperand(0), largest);
        mapping.map(value, result);
        return result;
      }
      if (!largest || countBytes(load.getType()) > countBytes(largest->getResult(0).getType()))
        largest = load;
    }
    for (Value operand : op->getOperands())
      cloneInto(builder, mapping, operand, largest);
    return builder.clone(*op, mapping)->getResult(0);
  }

  // The symbol of the pack that computes the result of `op`. It is named after the largest parameter in it.
  StringAttr packOf(Operation *op) {
    OpBuilder builder(&getContext());
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    OwningOpRef<ParamPackOp> pack = ParamPackOp::create(builder, op->getLoc(), "param_pack", type);
    Block *body = builder.createBlock(&pack->getBody());
    IRMapping mapping;
    Operation *largest = nullptr;
    Value result = cloneInto(builder, mapping, op->getResult(0), largest);
    YieldOp::create(builder, op->getLoc(), result);

    std::string text;
    llvm::raw_string_ostream stream(text);
    for (Operation &inner : *body) {
      inner.print(stream, OpPrintingFlags().skipRegions().useLocalScope());
      stream << '\n';
    }
    StringAttr &symbol = packs[text];
    if (symbol)
      return symbol;
    if (largest)
      pack->setSymName((cast<LoadParamOp>(largest).getParam() + "_pack").str());
    auto functions = getOperation().getOps<func::FuncOp>();
    return symbol = symbols->insert(pack.release(), Block::iterator(*functions.begin()));
  }
};

} // namespace
} // namespace mlc
