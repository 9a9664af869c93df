// mlc-fuse. Before:
//   %0 = mlc.packed_matmul %x, %w      %1 = mlc.add %0, %b      %2 = mlc.gelu %1
// after:
//   %2 = mlc.fused contraction (%a0 = %x, %a1 = %w, %a2 = %b) {
//     %0 = mlc.packed_matmul %a0, %a1  %1 = mlc.add %0, %a2     %2 = mlc.gelu %1     mlc.yield %2 }
// Groups grow from an anchor: contractions first, which take the elementwise ops behind them; then reductions, which
// take those behind and before them; then elementwise ops among themselves. All ops of a group but a reduction's and a
// contraction's operands have one shape, and one value leaves the group, that of its last op. So a group can stand in
// the place of its last op: nothing outside of it lies on a path between two of its ops.
// Splat constants are cloned into the region, where they become immediates.
// Post-condition: see passes.td.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_FUSE
#include "passes/fuse/Passes.h.inc"

namespace {

// Ops that stay between kernels: they are views, data, or kernels already.
bool isLeftAlone(Operation *op) {
  return !isa_and_nonnull<MlcDialect>(op->getDialect()) || op->hasTrait<OpTrait::IsTerminator>() ||
         isa<ReshapeOp, ConstantOp, LoadParamOp, FusedOp>(op);
}

FusionClass classOf(Operation *op) {
  auto fusible = dyn_cast<FusibleOp>(op);
  return fusible ? fusible.fusionClass() : FusionClass::Opaque;
}

bool isElementwise(Operation *op) {
  return classOf(op) == FusionClass::Elementwise || classOf(op) == FusionClass::Broadcast;
}

// Of a group. What generates code for a region takes more than linear time and recurses over its depth; a longer chain
// is several kernels, which costs a trip through memory each.
constexpr size_t kMostOps = 64;

ArrayRef<int64_t> resultShape(Operation *op) { return shapeOfTensor(op->getResult(0)); }

struct Group {
  Operation *anchor;
  llvm::SetVector<Operation *> ops;

  explicit Group(Operation *anchor) : anchor(anchor) { ops.insert(anchor); }
  bool isReadOutside(Operation *op) const {
    return llvm::any_of(op->getUsers(), [&](Operation *user) { return !ops.contains(user); });
  }
};

class BlockFuser {
public:
  explicit BlockFuser(Block &block) : block(block) {
    int64_t position = 0;
    for (Operation &op : block)
      positions[&op] = position++;
  }

  void run() {
    SmallVector<Operation *> program;
    for (Operation &op : block)
      if (!isLeftAlone(&op))
        program.push_back(&op);
    auto form = [&](Operation *anchor, bool withConsumers, bool withProducers) {
      if (grouped.contains(anchor))
        return;
      Group group(anchor);
      if (withConsumers)
        addConsumers(group);
      if (withProducers)
        addProducers(group);
      if (isa<AttentionOp, VarlenAttentionOp>(anchor))
        addSlices(group);
      if (isa<PackedConvOp>(anchor))
        addTranspose(group);
      grouped.insert(group.ops.begin(), group.ops.end());
      groups.push_back(std::move(group));
    };
    for (Operation *op : program)
      if (classOf(op) == FusionClass::Contraction)
        form(op, !isa<AttentionOp, VarlenAttentionOp>(op), !isa<AttentionOp, VarlenAttentionOp>(op));
    for (Operation *op : program)
      if (classOf(op) == FusionClass::Reduction)
        form(op, true, true);
    // From the last op backwards, so that a group takes all that feeds it.
    for (Operation *op : llvm::reverse(program))
      if (isElementwise(op))
        form(op, false, true);
    for (Operation *op : program)
      form(op, false, false);
    for (Group &group : groups)
      emit(group);
  }

private:
  // Appends elementwise readers in program order, as far as one value leaves the group, and that is the last op's. A
  // value may have several readers in between, as in x * sigmoid(x).
  void addConsumers(Group &group) {
    ArrayRef<int64_t> shape = resultShape(group.anchor);
    Group candidate = group;
    while (Operation *next = nextConsumer(candidate)) {
      if (candidate.ops.size() == kMostOps || next->getBlock() != &block || grouped.contains(next) ||
          isLeftAlone(next) || !isElementwise(next) || resultShape(next) != shape)
        return;
      candidate.ops.insert(next);
      bool closed = llvm::none_of(candidate.ops.getArrayRef().drop_back(),
                                  [&](Operation *op) { return candidate.isReadOutside(op); });
      if (closed)
        group = candidate;
    }
  }

  // The first op of the block behind the group that reads a value of it.
  Operation *nextConsumer(const Group &group) {
    Operation *first = nullptr;
    for (Operation *op : group.ops)
      for (Operation *user : op->getUsers())
        if (!group.ops.contains(user) && (!first || positions.lookup(user) < positions.lookup(first)))
          first = user;
    return first;
  }

  // Ops that widen what they read, as those that dequantise do: a contraction reads its residual as it was before.
  static bool isWidening(Operation *op) { return isa<CastOp, SubOp, MulOp>(op); }

  // Takes elementwise producers that only the group reads and that have the shape of what they feed. A contraction's
  // own operands are read from memory.
  void addProducers(Group &group) {
    bool isContraction = classOf(group.anchor) == FusionClass::Contraction;
    ArrayRef<int64_t> shape = shapeOfTensor(isElementwise(group.anchor) || isContraction ? group.anchor->getResult(0)
                                                                                         : group.anchor->getOperand(0));
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < group.ops.size(); ++i) {
        if (isContraction && group.ops[i] == group.anchor)
          continue;
        for (Value operand : group.ops[i]->getOperands()) {
          Operation *producer = operand.getDefiningOp();
          if (group.ops.size() == kMostOps)
            return;
          if (!producer || group.ops.contains(producer) || grouped.contains(producer) || isLeftAlone(producer) ||
              !isElementwise(producer) || resultShape(producer) != shape || group.isReadOutside(producer) ||
              (isContraction && !isWidening(producer)))
            continue;
          group.ops.insert(producer);
          changed = true;
        }
      }
    }
  }

  // A convolution reads an image of few channels as it came, channels first.
  void addTranspose(Group &group) {
    auto conv = cast<PackedConvOp>(group.anchor);
    auto transpose = conv.getInput().getDefiningOp<TransposeOp>();
    if (conv.getGroups() == 1 && conv.panels().interleave == 1 && transpose && transpose->hasOneUse() &&
        !grouped.contains(transpose) && isReadTransposed(transpose))
      group.ops.insert(transpose);
  }

  // Attention reads slices of a wider tensor in place, split in heads or not.
  void addSlices(Group &group) {
    for (Value operand : group.anchor->getOperands().take_front(3)) { // query, key, value
      auto heads = operand.getDefiningOp<ReshapeOp>();
      auto slice = (heads ? heads.getOperand() : operand).getDefiningOp<SliceOp>();
      bool inPlace = slice && slice->hasOneUse() && (!heads || (heads->hasOneUse() && isSplit(heads))) &&
                     !grouped.contains(slice) && slice.getType().getElementType().getIntOrFloatBitWidth() <= 32 &&
                     llvm::all_of(slice.getStrides(), [](int64_t stride) { return stride == 1; });
      if (!inPlace)
        continue;
      group.ops.insert(slice);
      if (heads)
        group.ops.insert(heads);
    }
  }

  void emit(Group &group) {
    SmallVector<Operation *> ops = group.ops.takeVector();
    llvm::sort(ops, [&](Operation *a, Operation *b) { return positions.lookup(a) < positions.lookup(b); });
    llvm::SetVector<Value> inputs, constants;
    llvm::SmallPtrSet<Operation *, 8> inside(ops.begin(), ops.end());
    SmallVector<Location> locations;
    for (Operation *op : ops) {
      locations.push_back(op->getLoc());
      for (Value operand : op->getOperands())
        if (!inside.contains(operand.getDefiningOp())) // an opaque op reads every operand from memory
          (isSplat(operand) && classOf(op) != FusionClass::Opaque ? constants : inputs).insert(operand);
    }
    OpBuilder builder(ops.back());
    Location loc = builder.getFusedLoc(locations);
    auto fused = FusedOp::create(builder, loc, ops.back()->getResultTypes(), classOf(group.anchor),
                                 inputs.getArrayRef(), ScheduleAttr());
    Block *body = builder.createBlock(&fused.getBody());
    IRMapping mapping;
    for (Value input : inputs)
      mapping.map(input, body->addArgument(input.getType(), input.getLoc()));
    for (Value constant : constants)
      builder.clone(*constant.getDefiningOp(), mapping);
    for (Operation *op : ops)
      builder.clone(*op, mapping);
    YieldOp::create(builder, loc, mapping.lookup(ops.back()->getResult(0)));
    ops.back()->replaceAllUsesWith(fused);
    for (Operation *op : llvm::reverse(ops))
      op->erase();
    for (Value constant : constants)
      if (constant.use_empty())
        constant.getDefiningOp()->erase();
  }

  static bool isSplat(Value value) {
    auto constant = value.getDefiningOp<ConstantOp>();
    return constant && isa<SplatElementsAttr>(constant.getValue());
  }

  Block &block;
  llvm::DenseMap<Operation *, int64_t> positions;
  llvm::DenseSet<Operation *> grouped;
  std::vector<Group> groups;
};

struct Fuse : impl::FuseBase<Fuse> {
  void runOnOperation() override {
    auto fuseIn = [](func::FuncOp function) {
      for (Block &block : function.getBody())
        BlockFuser(block).run();
    };
    if (auto function = dyn_cast<func::FuncOp>(getOperation()))
      return fuseIn(function);
    getOperation()->walk(fuseIn);
  }
};

} // namespace
} // namespace mlc
