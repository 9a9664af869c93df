// mlc-unpad. Before:
//   func.func @infer(%ids: [B, S], %mask: [B, S])   %x = mlc.gather %table, %ids    %m = hides(%mask)
//     %a = mlc.attention %q, %k, %v, %m             return %y : [B, S, H]
// after, for a capacity T:
//   func.func @infer_T(%ids, %mask {mlc.capacity = T})   %c = mlc.cu_seqlens %mask    %i = mlc.unpad %ids, %mask, %c
//     %x = mlc.gather %table, %i : [T, H]                %a = mlc.varlen_attention %q, %k, %v, %c : [T, heads, size]
//     %r = mlc.repad %y, %mask, %c : [B, S, H]           return %r
// Post-condition: see passes.td.
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/unpad/Capacities.h"
#include "passes/unpad/TokenRewriter.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_UNPAD
#include "passes/unpad/Passes.h.inc"

namespace {

std::string nameOf(BlockArgument argument) {
  auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kNameAttr);
  return name ? name.str() : "input" + std::to_string(argument.getArgNumber());
}

// The arguments that `value` is computed from.
llvm::SetVector<Value> argumentsOf(Value value) {
  llvm::SetVector<Value> values, arguments;
  values.insert(value);
  for (size_t i = 0; i < values.size(); ++i)
    if (Operation *op = values[i].getDefiningOp())
      values.insert(op->operand_begin(), op->operand_end());
    else
      arguments.insert(values[i]);
  return arguments;
}

// The input of shape [batch, sequence] that the masks of attention are computed from.
FailureOr<BlockArgument> findMask(func::FuncOp function) {
  auto attentions = function.getOps<AttentionOp>();
  if (attentions.empty())
    return function.emitError("--unpad: there is no attention in entry point ")
           << function->getAttr(kEntryAttr) << ", whose mask would say what is padding; compile without --unpad";
  AttentionOp attention = *attentions.begin();
  if (!attention.getMask())
    return attention.emitError("--unpad: this attention has no mask, which would say what is padding; compile without "
                               "--unpad");
  bool isSequenceFirst = attention.getLayout() == HeadLayout::BSHD;
  ArrayRef<int64_t> query = shapeOfTensor(attention.getQuery());
  int64_t positions[] = {query[0], query[isSequenceFirst ? 1 : 2]};
  llvm::SetVector<Value> arguments = argumentsOf(attention.getMask());
  if (arguments.size() == 1 && shapeOfTensor(arguments[0]) == ArrayRef(positions))
    return cast<BlockArgument>(arguments[0]);
  InFlightDiagnostic error = attention.emitError("--unpad: the mask of this attention is computed from ");
  for (auto [i, argument] : llvm::enumerate(arguments))
    error << (i ? ", " : "") << "input '" << nameOf(cast<BlockArgument>(argument)) << "', " << argument.getType();
  error << (arguments.empty() ? "no input" : "") << "; expected one input of " << positions[0] << " sequences of "
        << positions[1] << " positions; compile without --unpad";
  return failure();
}

struct Unpad : impl::UnpadBase<Unpad> {
  using UnpadBase::UnpadBase;
  void runOnOperation() override {
    if (tokens == "off")
      return;
    SmallVector<func::FuncOp> entries;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(kEntryAttr))
        entries.push_back(function);
    for (func::FuncOp entry : entries)
      if (failed(replace(entry)))
        return signalPassFailure();
  }

private:
  // The entry point, by one bucket for each capacity.
  LogicalResult replace(func::FuncOp function) {
    FailureOr<BlockArgument> mask = findMask(function);
    if (failed(mask))
      return failure();
    ArrayRef<int64_t> positions = shapeOfTensor(*mask);
    auto capacities = parseCapacities(tokens, positions[0] * positions[1]);
    if (!capacities)
      return function.emitError("--unpad: " + llvm::toString(capacities.takeError()));
    SymbolTable symbols(getOperation());
    OpBuilder builder(function);
    for (int64_t capacity : *capacities) {
      func::FuncOp bucket = function.clone();
      bucket.setName((function.getName() + "_" + Twine(capacity)).str());
      symbols.insert(bucket, Block::iterator(function));
      unsigned index = mask->getArgNumber();
      bucket.setArgAttr(index, kCapacityAttr, builder.getI64IntegerAttr(capacity));
      if (failed(TokenRewriter(bucket, bucket.getArgument(index), capacity).run()))
        return failure();
    }
    symbols.erase(function);
    return success();
  }
};

} // namespace
} // namespace mlc
