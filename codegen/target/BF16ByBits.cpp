#include "codegen/target/BF16ByBits.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"

namespace mlc::codegen {
namespace {

class Rewriter {
public:
  explicit Rewriter(llvm::LLVMContext &context) : b(context) {}

  void run(llvm::Function &function) {
    for (llvm::BasicBlock &block : function)
      for (llvm::Instruction &instruction : llvm::make_early_inc_range(block)) {
        b.SetInsertPoint(&instruction);
        llvm::Value *value = rewrite(instruction);
        if (!value)
          continue;
        if (value->getType() != instruction.getType())
          value = b.CreateBitCast(value, instruction.getType());
        instruction.replaceAllUsesWith(value);
        instruction.eraseFromParent();
      }
  }

private:
  llvm::IRBuilder<> b;

  static bool isBF16(llvm::Type *type) { return type->getScalarType()->isBFloatTy(); }
  llvm::Type *halfWord(llvm::Type *like) { return like->getWithNewType(b.getInt16Ty()); }
  llvm::Value *bitsOf(llvm::Value *value) { return b.CreateBitCast(value, halfWord(value->getType())); }

  // What stands in the instruction's place, or its bits; null: it stays.
  llvm::Value *rewrite(llvm::Instruction &instruction) {
    if (auto *extend = llvm::dyn_cast<llvm::FPExtInst>(&instruction); extend && isBF16(extend->getSrcTy())) {
      // As an fpext the optimiser would move arithmetic in front of it.
      llvm::Type *from = extend->getSrcTy();
      llvm::Value *word = b.CreateZExt(bitsOf(extend->getOperand(0)), from->getWithNewType(b.getInt32Ty()));
      llvm::Value *single = b.CreateBitCast(b.CreateShl(word, 16), from->getWithNewType(b.getFloatTy()));
      return extend->getType() == single->getType() ? single : b.CreateFPExt(single, extend->getType());
    }
    if (auto *select = llvm::dyn_cast<llvm::SelectInst>(&instruction); select && isBF16(select->getType()))
      return b.CreateSelect(select->getCondition(), bitsOf(select->getTrueValue()), bitsOf(select->getFalseValue()));
    if (auto *load = llvm::dyn_cast<llvm::LoadInst>(&instruction); load && isBF16(load->getType()))
      return b.CreateAlignedLoad(halfWord(load->getType()), load->getPointerOperand(), load->getAlign());
    if (auto *insert = llvm::dyn_cast<llvm::InsertElementInst>(&instruction); insert && isBF16(insert->getType()))
      return b.CreateInsertElement(bitsOf(insert->getOperand(0)), bitsOf(insert->getOperand(1)), insert->getOperand(2));
    if (auto *extract = llvm::dyn_cast<llvm::ExtractElementInst>(&instruction); extract && isBF16(extract->getType()))
      return b.CreateExtractElement(bitsOf(extract->getVectorOperand()), extract->getIndexOperand());
    if (auto *shuffle = llvm::dyn_cast<llvm::ShuffleVectorInst>(&instruction); shuffle && isBF16(shuffle->getType()))
      return b.CreateShuffleVector(bitsOf(shuffle->getOperand(0)), bitsOf(shuffle->getOperand(1)),
                                   shuffle->getShuffleMask());
    auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
    if (!call)
      return nullptr;
    auto argument = [&](unsigned i) { return call->getArgOperand(i); };
    switch (call->getIntrinsicID()) {
    case llvm::Intrinsic::masked_load: // pointer, mask, otherwise
      return isBF16(call->getType()) ? b.CreateMaskedLoad(halfWord(call->getType()), argument(0), alignment(*call, 0),
                                                          argument(1), bitsOf(argument(2)))
                                     : nullptr;
    case llvm::Intrinsic::masked_gather: // pointers, mask, otherwise
      return isBF16(call->getType()) ? b.CreateMaskedGather(halfWord(call->getType()), argument(0), alignment(*call, 0),
                                                            argument(1), bitsOf(argument(2)))
                                     : nullptr;
    case llvm::Intrinsic::masked_store: // value, pointer, mask
      return isBF16(argument(0)->getType())
                 ? b.CreateMaskedStore(bitsOf(argument(0)), argument(1), alignment(*call, 1), argument(2))
                 : nullptr;
    default: return nullptr;
    }
  }

  static llvm::Align alignment(llvm::IntrinsicInst &call, unsigned pointer) {
    return call.getParamAlign(pointer).valueOrOne();
  }
};

} // namespace

void replaceBF16ByBits(llvm::Module &module) {
  for (llvm::Function &function : module)
    Rewriter(module.getContext()).run(function);
}

} // namespace mlc::codegen
