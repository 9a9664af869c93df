#include "codegen/halide/VectorIdioms.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Transforms/Utils/Local.h"

using namespace llvm;
using namespace llvm::PatternMatch;

namespace mlc::codegen {
namespace {

// bitcast(extractelement(bitcast(<16 x float> x to <2 x i256>), 1) to <8 x float>): the upper half of x. An i256 would
// go through general registers.
Value *partOfVector(IRBuilder<> &b, Instruction &instruction) {
  Value *whole;
  uint64_t part;
  auto *type = dyn_cast<FixedVectorType>(instruction.getType());
  if (!type || !match(&instruction, m_BitCast(m_ExtractElt(m_BitCast(m_Value(whole)), m_ConstantInt(part)))))
    return nullptr;
  auto *wholeType = dyn_cast<FixedVectorType>(whole->getType());
  if (!wholeType || wholeType->getElementType() != type->getElementType())
    return nullptr;
  int count = int(type->getNumElements()), first = int(part) * count;
  return b.CreateShuffleVector(whole, to_vector(seq(first, first + count)));
}

// select(x != x || x > y, x, y)
Value *extremum(IRBuilder<> &b, Instruction &instruction) {
  Value *first, *second, *x, *y;
  if (!match(&instruction,
             m_Select(m_CombineOr(m_Or(m_Value(first), m_Value(second)), m_LogicalOr(m_Value(first), m_Value(second))),
                      m_Value(x), m_Value(y))) ||
      !x->getType()->isFPOrFPVectorTy())
    return nullptr;
  auto *order = dyn_cast<FCmpInst>(first), *isNaN = dyn_cast<FCmpInst>(second);
  if (!order || !isNaN)
    return nullptr;
  if (isNaN->getPredicate() != FCmpInst::FCMP_UNO)
    std::swap(order, isNaN);
  auto isNumber = [&](Value *value) { return value == x || match(value, m_AnyZeroFP()); };
  if (isNaN->getPredicate() != FCmpInst::FCMP_UNO || (isNaN->getOperand(0) != x && isNaN->getOperand(1) != x) ||
      !isNumber(isNaN->getOperand(0)) || !isNumber(isNaN->getOperand(1)))
    return nullptr;
  FCmpInst::Predicate predicate = order->getPredicate();
  if (order->getOperand(0) == y && order->getOperand(1) == x)
    predicate = FCmpInst::getSwappedPredicate(predicate);
  else if (order->getOperand(0) != x || order->getOperand(1) != y)
    return nullptr;
  if (predicate != FCmpInst::FCMP_OGT && predicate != FCmpInst::FCMP_OLT)
    return nullptr;
  FastMathFlags flags;
  flags.setNoSignedZeros();
  return b.CreateBinaryIntrinsic(predicate == FCmpInst::FCMP_OGT ? Intrinsic::maximum : Intrinsic::minimum, x, y,
                                 flags);
}

} // namespace

void restoreVectorIdioms(Module &module) {
  IRBuilder<> b(module.getContext());
  SmallVector<WeakTrackingVH> replaced;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function)) {
      b.SetInsertPoint(&instruction);
      Value *better = partOfVector(b, instruction);
      if (!better)
        better = extremum(b, instruction);
      if (!better)
        continue;
      instruction.replaceAllUsesWith(better);
      replaced.push_back(&instruction);
    }
  RecursivelyDeleteTriviallyDeadInstructions(replaced);
}

} // namespace mlc::codegen
