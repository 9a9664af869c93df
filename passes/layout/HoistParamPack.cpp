// mlc-hoist-param-pack. Before:
//   %w = mlc.load_param @w    %t = mlc.transpose %w    %p = mlc.pack %t    %y = mlc.packed_matmul %x, %p
// after:
//   mlc.param_pack @w_pack { %w = mlc.load_param @w  %t = mlc.transpose %w  %p = mlc.pack %t  mlc.yield %p }
//   %p = mlc.load_param @w_pack    %y = mlc.packed_matmul %x, %p
// A value is hoisted where computation on inputs reads it; views (mlc.reshape) at its end stay where they are.
// Post-condition: see passes.td.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
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
    int64_t paramBytes = 0;
    for (auto param : getOperation().getOps<ParamOp>())
      paramBytes += countBytes(param.getType());
    bytesLeft = maxBytes = std::max(kSmallBytes, paramBytes * kGrowth);
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && failed(hoistFrom(function)))
        return signalPassFailure();
    // Packs that were inlined into other packs.
    for (auto pack : llvm::make_early_inc_range(getOperation().getOps<ParamPackOp>()))
      if (inlined.contains(pack) && SymbolTable::symbolKnownUseEmpty(pack, getOperation()))
        table.erase(pack);
  }

private:
  // What the module stores, and what is computed on the way to it, grows no further than this: Winograd makes seven
  // times as much of a filter, but a constant that is joined with itself forty times would not fit anywhere.
  static constexpr int64_t kSmallBytes = int64_t{256} << 20, kGrowth = 8;
  // In packs: where each step of a chain is stored, each has the steps before it.
  static constexpr int64_t kMaxOps = 1 << 20;

  SymbolTable *symbols = nullptr;
  int64_t maxBytes = 0, bytesLeft = 0, opsLeft = kMaxOps;
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

  LogicalResult tooMuch(Operation *op) const {
    if (opsLeft < 0)
      return op->emitError() << "what the model computes of its constants alone, once for the module, takes more than "
                             << kMaxOps << " ops; compute it before, and store the results as initializers";
    return op->emitError() << "computes " << op->getResult(0).getType()
                           << " of constants alone, to be stored in the module: more than " << maxBytes
                           << " bytes in all; compute it of an input, or make the constants smaller";
  }

  LogicalResult hoistFrom(func::FuncOp function) {
    llvm::DenseSet<Operation *> movable;
    SmallVector<Operation *> frontier;
    for (Operation &op : function.getBody().front())
      if (isMovable(op, movable)) {
        if (!isa<LoadParamOp, ConstantOp>(op) && countBytes(op.getResult(0).getType()) > maxBytes)
          return tooMuch(&op);
        movable.insert(&op);
      }
    for (Operation &op : function.getBody().front())
      if (movable.contains(&op) && !isa<LoadParamOp, ConstantOp, ReshapeOp>(op) && isReadByRest(&op, movable))
        frontier.push_back(&op);
    for (Operation *op : frontier) {
      StringAttr pack = packOf(op);
      if (!pack)
        return tooMuch(op);
      OpBuilder builder(op);
      Value load = LoadParamOp::create(builder, op->getLoc(), op->getResult(0).getType(), pack);
      op->getResult(0).replaceAllUsesWith(load);
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (movable.contains(&op) && op.use_empty())
        op.erase();
    return success();
  }

  // Is the result used, as it is or through reshapes, by an op that stays?
  static bool isReadByRest(Operation *op, const llvm::DenseSet<Operation *> &movable) {
    return llvm::any_of(op->getUsers(), [&](Operation *user) {
      return !movable.contains(user) || (isa<ReshapeOp>(user) && isReadByRest(user, movable));
    });
  }

  ParamPackOp packReadBy(Operation *op) const {
    auto load = dyn_cast<LoadParamOp>(op);
    return load ? dyn_cast<ParamPackOp>(symbols->lookup(load.getParam())) : ParamPackOp();
  }
  static Value resultOf(ParamPackOp pack) { return pack.getBody().front().getTerminator()->getOperand(0); }

  // `root` and what it is computed of, in an order in which they can run; a pack that is read is computed again.
  SmallVector<Operation *> computationOf(Operation *root) {
    SmallVector<Operation *> order;
    llvm::DenseSet<Operation *> seen;
    SmallVector<std::pair<Operation *, bool>> stack = {{root, false}};
    while (!stack.empty()) {
      auto [op, operandsAreDone] = stack.pop_back_val();
      if (operandsAreDone) {
        order.push_back(op);
      } else if (seen.insert(op).second) {
        stack.push_back({op, true});
        if (ParamPackOp pack = packReadBy(op))
          stack.push_back({resultOf(pack).getDefiningOp(), false});
        for (Value operand : llvm::reverse(op->getOperands()))
          stack.push_back({operand.getDefiningOp(), false});
      }
    }
    return order;
  }

  // The symbol of the pack that computes the result of `op`, named after the largest parameter in it; null where there
  // are too many.
  StringAttr packOf(Operation *op) {
    OpBuilder builder(&getContext());
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    OwningOpRef<ParamPackOp> pack = ParamPackOp::create(builder, op->getLoc(), "param_pack", type);
    Block *body = builder.createBlock(&pack->getBody());
    IRMapping mapping;
    LoadParamOp largest;
    for (Operation *part : computationOf(op)) {
      if (ParamPackOp read = packReadBy(part)) {
        inlined.insert(read);
        mapping.map(part->getResult(0), mapping.lookup(resultOf(read)));
        continue;
      }
      auto load = dyn_cast<LoadParamOp>(part);
      if (load && (!largest || countBytes(load.getType()) > countBytes(largest.getType())))
        largest = load;
      builder.clone(*part, mapping);
    }
    YieldOp::create(builder, op->getLoc(), mapping.lookup(op->getResult(0)));

    std::string text;
    llvm::raw_string_ostream stream(text);
    AsmState state(*pack, OpPrintingFlags().useLocalScope()); // once: it numbers the values of the whole body
    for (Operation &inner : *body) {
      inner.print(stream, state);
      stream << '\n';
    }
    StringAttr &symbol = packs[text];
    if (symbol)
      return symbol;
    bytesLeft -= countBytes(type);
    opsLeft -= static_cast<int64_t>(body->getOperations().size());
    if (bytesLeft < 0 || opsLeft < 0)
      return {};
    if (largest)
      pack->setSymName((largest.getParam() + "_pack").str());
    auto functions = getOperation().getOps<func::FuncOp>();
    return symbol = symbols->insert(pack.release(), Block::iterator(*functions.begin()));
  }
};

} // namespace
} // namespace mlc
