#include "codegen/halide/FusedMultiplyAdd.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/ConstantFolding.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Transforms/Utils/Local.h"

using namespace llvm;
using namespace llvm::PatternMatch;

namespace mlc::codegen {
namespace {

// The f32 (vector) of which `value` is the f64, or null.
Value *narrowed(Value *value, Type *type) {
  Value *source;
  if (match(value, m_FPExt(m_Value(source))))
    return source->getType() == type ? source : nullptr;
  auto *constant = dyn_cast<Constant>(value);
  if (!constant)
    return nullptr;
  const DataLayout layout("");
  Constant *narrow = ConstantFoldCastOperand(Instruction::FPTrunc, constant, type, layout);
  Constant *back = narrow ? ConstantFoldCastOperand(Instruction::FPExt, narrow, constant->getType(), layout) : nullptr;
  return back == constant ? narrow : nullptr;
}

// x * y + z in f64 of f32 numbers, rounded to f32. LLVM likes to turn a sum with a negative constant into a difference.
Value *fuse(IRBuilder<> &b, Instruction *rounded) {
  Type *type = rounded->getType();
  Value *sum = rounded->getOperand(0), *x, *y, *z;
  bool negateProduct = false, negateSum = false;
  if (match(sum, m_c_FAdd(m_FMul(m_Value(x), m_Value(y)), m_Value(z))))
    ;
  else if (match(sum, m_FSub(m_FMul(m_Value(x), m_Value(y)), m_Value(z))))
    negateSum = true;
  else if (match(sum, m_FSub(m_Value(z), m_FMul(m_Value(x), m_Value(y)))))
    negateProduct = true;
  else
    return nullptr;
  x = narrowed(x, type);
  y = narrowed(y, type);
  z = narrowed(z, type);
  if (!x || !y || !z)
    return nullptr;
  b.SetInsertPoint(rounded);
  if (negateProduct)
    x = b.CreateFNeg(x);
  if (negateSum)
    z = b.CreateFNeg(z);
  return b.CreateIntrinsic(Intrinsic::fma, {type}, {x, y, z});
}

} // namespace

void restoreMultiplyAdds(Module &module) {
  IRBuilder<> b(module.getContext());
  SmallVector<WeakTrackingVH> replaced;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (isa<FPTruncInst>(instruction))
        if (Value *fused = fuse(b, &instruction)) {
          instruction.replaceAllUsesWith(fused);
          replaced.push_back(&instruction);
        }
  if (Function *wide = module.getFunction(kMultiplyAdd64)) {
    for (User *user : make_early_inc_range(wide->users())) {
      auto *call = cast<CallInst>(user);
      b.SetInsertPoint(call);
      call->replaceAllUsesWith(b.CreateIntrinsic(
          Intrinsic::fma, {call->getType()}, {call->getArgOperand(0), call->getArgOperand(1), call->getArgOperand(2)}));
      call->eraseFromParent();
    }
    wide->eraseFromParent();
  }
  RecursivelyDeleteTriviallyDeadInstructions(replaced);
}

} // namespace mlc::codegen
