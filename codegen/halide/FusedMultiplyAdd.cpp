#include "codegen/halide/FusedMultiplyAdd.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/ConstantFolding.h"
#include "llvm/Analysis/VectorUtils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PatternMatch.h"
#include "llvm/Transforms/Utils/Local.h"

using namespace llvm;
using namespace llvm::PatternMatch;

namespace mlc::codegen {
namespace {

Type *narrowType(Value *wide) { return wide->getType()->getWithNewType(Type::getFloatTy(wide->getContext())); }

// The f32 (vector) of which `value` is the f64, or null. Of an f16 LLVM makes the f64 at once.
Value *sourceOf(IRBuilder<> &b, Value *value) {
  Value *source;
  Type *type = narrowType(value);
  if (match(value, m_FPExt(m_Value(source))))
    return source->getType() == type ? source : b.CreateFPExt(source, type);
  if (Value *lane = getSplatValue(value); lane && !isa<Constant>(value)) {
    source = sourceOf(b, lane);
    return source ? b.CreateVectorSplat(cast<VectorType>(type)->getElementCount(), source) : nullptr;
  }
  auto *constant = dyn_cast<Constant>(value);
  if (!constant)
    return nullptr;
  const DataLayout layout("");
  Constant *narrow = ConstantFoldCastOperand(Instruction::FPTrunc, constant, type, layout);
  Constant *back = narrow ? ConstantFoldCastOperand(Instruction::FPExt, narrow, constant->getType(), layout) : nullptr;
  return back == constant ? narrow : nullptr;
}

// `wide`, made in f64 of f32 numbers, rounded to f32: x * y + z, or what LLVM made of it. It turns a sum with a
// negative constant into a difference, drops a sum with -0, and moves the rounding behind a choice between two of them.
// Null for anything else, which is f64 in earnest.
Value *rounded(IRBuilder<> &b, Value *wide) {
  if (Value *source = sourceOf(b, wide))
    return source;
  Value *x, *y, *z, *condition;
  ArrayRef<int> lanes;
  if (match(wide, m_Shuffle(m_Value(x), m_Value(y), m_Mask(lanes)))) {
    Value *first = rounded(b, x), *second = isa<UndefValue>(y) ? UndefValue::get(narrowType(y)) : rounded(b, y);
    return first && second ? b.CreateShuffleVector(first, second, lanes) : nullptr;
  }
  if (match(wide, m_Select(m_Value(condition), m_Value(x), m_Value(y)))) {
    Value *first = rounded(b, x), *second = rounded(b, y);
    return first && second ? b.CreateSelect(condition, first, second) : nullptr;
  }
  auto fused = [&](bool negateProduct, bool negateSum) -> Value * {
    x = sourceOf(b, x);
    y = sourceOf(b, y);
    z = sourceOf(b, z);
    if (!x || !y || !z)
      return nullptr;
    return b.CreateIntrinsic(Intrinsic::fma, {narrowType(wide)},
                             {negateProduct ? b.CreateFNeg(x) : x, y, negateSum ? b.CreateFNeg(z) : z});
  };
  if (match(wide, m_c_FAdd(m_FMul(m_Value(x), m_Value(y)), m_Value(z))))
    return fused(false, false);
  if (match(wide, m_FSub(m_FMul(m_Value(x), m_Value(y)), m_Value(z))))
    return fused(false, true);
  if (match(wide, m_FSub(m_Value(z), m_FMul(m_Value(x), m_Value(y)))))
    return fused(true, false);
  if (!match(wide, m_FMul(m_Value(x), m_Value(y)))) // the product is exact: one rounding, here or there
    return nullptr;
  x = sourceOf(b, x);
  y = sourceOf(b, y);
  return x && y ? b.CreateFMul(x, y) : nullptr;
}

} // namespace

void restoreMultiplyAdds(Module &module) {
  IRBuilder<> b(module.getContext());
  SmallVector<WeakTrackingVH> replaced;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (isa<FPTruncInst>(instruction) && instruction.getOperand(0)->getType()->getScalarType()->isDoubleTy()) {
        b.SetInsertPoint(&instruction);
        if (Value *narrow = rounded(b, instruction.getOperand(0))) {
          // Halide rounds to f16 from f64 where we asked for f32 in between; from f64 in earnest no body does.
          if (!instruction.getType()->getScalarType()->isFloatTy())
            narrow = b.CreateFPTrunc(narrow, instruction.getType());
          instruction.replaceAllUsesWith(narrow);
          replaced.push_back(&instruction);
        }
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
