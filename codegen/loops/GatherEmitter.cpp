// Gather: rows copied by index. The one kernel whose result depends on values that a caller may get wrong, so every
// index is compared with the axis before its row is read.
#include "codegen/loops/LoopEmitter.h"
#include "dialects/mlc/MlcDialect.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

// The gather that a kernel consists of, or null.
GatherOp findGather(func::FuncOp kernel) {
  if (!kernel.getBody().hasOneBlock() || kernel.getNumResults() != 1)
    return {};
  auto *terminator = kernel.getBody().front().getTerminator();
  auto gather = terminator->getOperand(0).getDefiningOp<GatherOp>();
  if (!gather || !isa<BlockArgument>(gather.getData()) || !isa<BlockArgument>(gather.getIndices()))
    return {};
  return llvm::hasSingleElement(kernel.getBody().front().without_terminator()) ? gather : GatherOp();
}

// Copies a row in vectors, with what is behind the last whole one by smaller moves; leaves the builder behind it. (What
// code generation makes of a long memcpy without libc goes byte by byte.)
void copyRow(llvm::IRBuilder<> &b, llvm::Value *to, llvm::Value *from, int64_t bytes, int64_t vectorBytes) {
  llvm::Type *byte = b.getInt8Ty(), *vector = llvm::FixedVectorType::get(byte, vectorBytes);
  llvm::BasicBlock *before = b.GetInsertBlock();
  llvm::Function *function = before->getParent();
  auto *copy = llvm::BasicBlock::Create(b.getContext(), "copy", function),
       *rest = llvm::BasicBlock::Create(b.getContext(), "rest", function);
  int64_t whole = bytes / vectorBytes * vectorBytes;
  b.CreateBr(whole ? copy : rest);
  if (whole) {
    b.SetInsertPoint(copy);
    auto *at = b.CreatePHI(b.getInt64Ty(), 2);
    at->addIncoming(b.getInt64(0), before);
    llvm::Value *value = b.CreateAlignedLoad(vector, b.CreateGEP(byte, from, at), llvm::Align(1));
    b.CreateAlignedStore(value, b.CreateGEP(byte, to, at), llvm::Align(1));
    llvm::Value *next = b.CreateAdd(at, b.getInt64(vectorBytes));
    at->addIncoming(next, copy);
    b.CreateCondBr(b.CreateICmpULT(next, b.getInt64(whole)), copy, rest);
  } else {
    copy->eraseFromParent();
  }
  b.SetInsertPoint(rest);
  if (bytes > whole)
    b.CreateMemCpy(b.CreateConstGEP1_64(byte, to, whole), llvm::MaybeAlign(1), b.CreateConstGEP1_64(byte, from, whole),
                   llvm::MaybeAlign(1), bytes - whole);
}

class GatherEmitter : public Emitter {
public:
  llvm::StringRef name() const override { return "gather"; }
  bool accepts(func::FuncOp kernel, const TargetDesc &) const override { return bool(findGather(kernel)); }

  // Tiles are the slices of the result: one (outer, index) pair each.
  FailureOr<EmittedKernel> emit(func::FuncOp kernel, const TargetDesc &target,
                                llvm::LLVMContext &context) const override {
    GatherOp op = findGather(kernel);
    if (!op)
      return kernel.emitOpError("is not a gather");
    auto data = cast<RankedTensorType>(op.getData().getType()), ids = cast<RankedTensorType>(op.getIndices().getType());
    int64_t axis = op.getAxis(), size = data.getDimSize(axis), outer = 1, count = ids.getNumElements();
    for (int64_t i = 0; i < axis; ++i)
      outer *= data.getDimSize(i);
    int64_t rowBytes = (data.getElementTypeBitWidth() + 7) / 8;
    for (int64_t i = axis + 1; i < data.getRank(); ++i)
      rowBytes *= data.getDimSize(i);

    EmittedKernel result;
    result.name = kernel.getSymName().str();
    result.emitter = "gather";
    result.schedule = "a row a tile";
    result.tiles = outer * count;
    result.module = std::make_unique<llvm::Module>(result.name, context);
    llvm::IRBuilder<> b(context);
    llvm::Type *pointer = b.getPtrTy(), *i64 = b.getInt64Ty();
    auto *type = llvm::FunctionType::get(b.getInt32Ty(), {pointer, pointer, i64, i64}, false);
    auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, result.name, *result.module);
    auto block = [&](const char *label) { return llvm::BasicBlock::Create(context, label, entry); };
    auto *head = block("entry"), *loop = block("loop"), *inside = block("inside"), *done = block("done"),
         *outside = block("outside"), *body = block("body");
    b.SetInsertPoint(head);
    llvm::Value *bindings = b.CreateLoad(pointer, entry->getArg(0));
    auto binding = [&](unsigned i) { return b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, bindings, i)); };
    llvm::Value *table = binding(cast<BlockArgument>(op.getData()).getArgNumber());
    llvm::Value *indices = binding(cast<BlockArgument>(op.getIndices()).getArgNumber());
    llvm::Value *out = binding(kernel.getNumArguments());
    b.CreateBr(loop);

    b.SetInsertPoint(loop);
    auto *tile = b.CreatePHI(i64, 2);
    tile->addIncoming(entry->getArg(2), head);
    b.CreateCondBr(b.CreateICmpSLT(tile, entry->getArg(3)), body, done);

    b.SetInsertPoint(body);
    llvm::Type *indexType = b.getIntNTy(ids.getElementTypeBitWidth());
    llvm::Value *number = b.getInt64(std::max<int64_t>(count, 1));
    llvm::Value *at = b.CreateSRem(tile, number);
    llvm::Value *index =
        b.CreateSExt(b.CreateAlignedLoad(indexType, b.CreateGEP(indexType, indices, at), llvm::Align(1)), i64);
    llvm::Value *negative = b.CreateICmpSLT(index, b.getInt64(0));
    index = b.CreateSelect(negative, b.CreateAdd(index, b.getInt64(size)), index);
    b.CreateCondBr(b.CreateICmpULT(index, b.getInt64(size)), inside, outside);

    b.SetInsertPoint(inside);
    llvm::Value *row = b.CreateAdd(b.CreateMul(b.CreateSDiv(tile, number), b.getInt64(size)), index);
    llvm::Value *from = b.CreateGEP(b.getInt8Ty(), table, b.CreateMul(row, b.getInt64(rowBytes)));
    llvm::Value *to = b.CreateGEP(b.getInt8Ty(), out, b.CreateMul(tile, b.getInt64(rowBytes)));
    copyRow(b, to, from, rowBytes, target.vector_bytes);
    tile->addIncoming(b.CreateAdd(tile, b.getInt64(1)), b.GetInsertBlock());
    b.CreateBr(loop);

    b.SetInsertPoint(outside);
    b.CreateRet(b.getInt32(1)); // MLC_KERNEL_INDEX_OUT_OF_RANGE
    b.SetInsertPoint(done);
    b.CreateRet(b.getInt32(0)); // MLC_KERNEL_OK
    return result;
  }
};

} // namespace

std::unique_ptr<Emitter> createGatherEmitter() { return std::make_unique<GatherEmitter>(); }

} // namespace mlc::codegen
