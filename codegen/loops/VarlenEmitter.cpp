// cu_seqlens, unpad and repad: tokens counted, and their rows copied together and apart. A tile is a sequence. Offsets
// are compared before a row is touched, since a caller may get them wrong.
#include "codegen/loops/LoopEmitter.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlc/kernel_abi.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

// The op that a kernel consists of, or null.
Operation *findVarlen(func::FuncOp kernel) {
  if (!kernel.getBody().hasOneBlock() || kernel.getNumResults() != 1)
    return nullptr;
  Block &body = kernel.getBody().front();
  Operation *op = body.getTerminator()->getOperand(0).getDefiningOp();
  bool isKernel = isa_and_nonnull<CuSeqlensOp, UnpadOp, RepadOp>(op) &&
                  llvm::hasSingleElement(body.without_terminator()) &&
                  llvm::all_of(op->getOperands(), [](Value operand) { return isa<BlockArgument>(operand); });
  return isKernel ? op : nullptr;
}

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

int64_t rowBytes(Value tensor, int64_t leading) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t bytes = (type.getElementTypeBitWidth() + 7) / 8;
  for (int64_t size : type.getShape().drop_front(leading))
    bytes *= size;
  return bytes;
}

// Writes one kernel.
class Writer {
public:
  Writer(func::FuncOp kernel, Operation *op, llvm::Module &module)
      : op(op), b(module.getContext()), i64(b.getInt64Ty()) {
    llvm::Type *pointer = b.getPtrTy();
    auto *type = llvm::FunctionType::get(b.getInt32Ty(), {pointer, pointer, i64, i64}, false);
    entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, kernel.getName(), module);
    b.SetInsertPoint(block("entry"));
    llvm::Value *bindings = b.CreateLoad(pointer, entry->getArg(0));
    auto binding = [&](unsigned i) { return b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, bindings, i)); };
    for (Value operand : op->getOperands())
      operands.push_back(binding(cast<BlockArgument>(operand).getArgNumber()));
    out = binding(kernel.getNumArguments());
  }

  void write() {
    if (auto count = dyn_cast<CuSeqlensOp>(op))
      return writeCuSeqlens(count);
    // Each tile's offsets lie within the rows and ascend: all of them do when all tiles have run.
    loop(entry->getArg(2), entry->getArg(3), [&](llvm::Value *sequence) {
      llvm::Value *begin = offset(sequence), *end = offset(b.CreateAdd(sequence, number(1)));
      int64_t rows = shapeOf(isa<UnpadOp>(op) ? op->getResult(0) : op->getOperand(0))[0];
      llvm::Value *isFirst = b.CreateICmpEQ(sequence, number(0));
      llvm::Value *fromZero = b.CreateOr(b.CreateNot(isFirst), b.CreateICmpEQ(begin, number(0)));
      failUnless(b.CreateAnd(fromZero, b.CreateAnd(b.CreateICmpULE(begin, end), b.CreateICmpULE(end, number(rows)))));
      if (auto unpad = dyn_cast<UnpadOp>(op))
        unpadSequence(unpad, sequence, begin, end, rows);
      else
        repadSequence(cast<RepadOp>(op), sequence, begin, end);
    });
    b.CreateRet(b.getInt32(MLC_KERNEL_OK));
  }

private:
  llvm::BasicBlock *block(const char *label) { return llvm::BasicBlock::Create(b.getContext(), label, entry); }
  llvm::Value *number(int64_t value) { return b.getInt64(value); }

  // body(counter, carried) leaves the builder where the loop goes on, and gives the next carried value.
  llvm::Value *loop(llvm::Value *begin, llvm::Value *end, llvm::Value *initial,
                    function_ref<llvm::Value *(llvm::Value *, llvm::Value *)> body) {
    auto *head = block("head"), *inside = block("inside"), *behind = block("behind");
    llvm::BasicBlock *before = b.GetInsertBlock();
    b.CreateBr(head);
    b.SetInsertPoint(head);
    auto *counter = b.CreatePHI(i64, 2);
    auto *carried = b.CreatePHI(i64, 2);
    counter->addIncoming(begin, before);
    carried->addIncoming(initial, before);
    b.CreateCondBr(b.CreateICmpSLT(counter, end), inside, behind);
    b.SetInsertPoint(inside);
    llvm::Value *next = body(counter, carried);
    counter->addIncoming(b.CreateAdd(counter, number(1)), b.GetInsertBlock());
    carried->addIncoming(next, b.GetInsertBlock());
    b.CreateBr(head);
    b.SetInsertPoint(behind);
    return carried;
  }
  void loop(llvm::Value *begin, llvm::Value *end, function_ref<void(llvm::Value *)> body) {
    loop(begin, end, number(0), [&](llvm::Value *counter, llvm::Value *carried) {
      body(counter);
      return carried;
    });
  }

  void failUnless(llvm::Value *condition) {
    auto *wrong = block("wrong"), *right = block("right");
    b.CreateCondBr(condition, right, wrong);
    b.SetInsertPoint(wrong);
    b.CreateRet(b.getInt32(MLC_KERNEL_INDEX_OUT_OF_RANGE));
    b.SetInsertPoint(right);
  }

  llvm::Value *offset(llvm::Value *index) {
    llvm::Value *place = b.CreateGEP(b.getInt32Ty(), operands[2], index);
    return b.CreateSExt(b.CreateAlignedLoad(b.getInt32Ty(), place, llvm::Align(1)), i64);
  }

  llvm::Value *isToken(Value mask, llvm::Value *pointer, llvm::Value *position) {
    Type element = cast<RankedTensorType>(mask.getType()).getElementType();
    llvm::Type *type = b.getIntNTy(std::max(8u, element.getIntOrFloatBitWidth()));
    llvm::Value *bits = b.CreateAlignedLoad(type, b.CreateGEP(type, pointer, position), llvm::Align(1));
    if (isa<FloatType>(element)) // zero has a sign
      bits = b.CreateShl(bits, 1);
    return b.CreateICmpNE(bits, llvm::Constant::getNullValue(type));
  }

  llvm::Value *bytesAt(llvm::Value *base, llvm::Value *row, int64_t bytes) {
    return b.CreateGEP(b.getInt8Ty(), base, b.CreateMul(row, number(bytes)));
  }
  void copyRow(llvm::Value *to, llvm::Value *from, int64_t bytes) {
    b.CreateMemCpy(to, llvm::MaybeAlign(1), from, llvm::MaybeAlign(1), bytes);
  }
  void zeroRows(llvm::Value *begin, llvm::Value *end, int64_t bytes) {
    loop(begin, end,
         [&](llvm::Value *row) { b.CreateMemSet(bytesAt(out, row, bytes), b.getInt8(0), bytes, llvm::MaybeAlign(1)); });
  }

  void writeCuSeqlens(CuSeqlensOp count) {
    ArrayRef<int64_t> shape = shapeOf(count.getMask());
    auto store = [&](llvm::Value *index, llvm::Value *value) {
      b.CreateAlignedStore(b.CreateTrunc(value, b.getInt32Ty()), b.CreateGEP(b.getInt32Ty(), out, index),
                           llvm::Align(1));
    };
    store(number(0), number(0));
    llvm::Value *total = loop(number(0), number(shape[0]), number(0), [&](llvm::Value *sequence, llvm::Value *before) {
      llvm::Value *first = b.CreateMul(sequence, number(shape[1]));
      llvm::Value *sum = loop(number(0), number(shape[1]), before, [&](llvm::Value *s, llvm::Value *sum) {
        llvm::Value *token = isToken(count.getMask(), operands[0], b.CreateAdd(first, s));
        return b.CreateAdd(sum, b.CreateZExt(token, i64));
      });
      store(b.CreateAdd(sequence, number(1)), sum);
      return sum;
    });
    failUnless(b.CreateICmpULE(total, number(count.getCapacity())));
    b.CreateRet(b.getInt32(MLC_KERNEL_OK));
  }

  // x's row of each token goes to the next row; what a mask that was counted otherwise leaves is zeros.
  void unpadSequence(UnpadOp unpad, llvm::Value *sequence, llvm::Value *begin, llvm::Value *end, int64_t rows) {
    ArrayRef<int64_t> x = shapeOf(unpad.getX()), mask = shapeOf(unpad.getMask());
    int64_t bytes = rowBytes(unpad.getX(), 2);
    llvm::Value *first = x[0] == 1 ? number(0) : b.CreateMul(sequence, number(x[1]));
    llvm::Value *firstMask = b.CreateMul(sequence, number(mask[1]));
    llvm::Value *row = loop(number(0), number(mask[1]), begin, [&](llvm::Value *s, llvm::Value *row) -> llvm::Value * {
      auto *take = block("take"), *next = block("next");
      llvm::BasicBlock *before = b.GetInsertBlock();
      llvm::Value *token = isToken(unpad.getMask(), operands[1], b.CreateAdd(firstMask, s));
      b.CreateCondBr(b.CreateAnd(token, b.CreateICmpSLT(row, end)), take, next);
      b.SetInsertPoint(take);
      copyRow(bytesAt(out, row, bytes), bytesAt(operands[0], x[1] == 1 ? first : b.CreateAdd(first, s), bytes), bytes);
      llvm::Value *taken = b.CreateAdd(row, number(1));
      b.CreateBr(next);
      b.SetInsertPoint(next);
      auto *result = b.CreatePHI(i64, 2);
      result->addIncoming(row, before);
      result->addIncoming(taken, take);
      return result;
    });
    llvm::Value *isLast = b.CreateICmpEQ(sequence, number(mask[0] - 1));
    zeroRows(row, b.CreateSelect(isLast, number(rows), end), bytes);
  }

  void repadSequence(RepadOp repad, llvm::Value *sequence, llvm::Value *begin, llvm::Value *end) {
    ArrayRef<int64_t> mask = shapeOf(repad.getMask());
    int64_t bytes = rowBytes(repad.getX(), 1);
    llvm::Value *first = b.CreateMul(sequence, number(mask[1]));
    loop(number(0), number(mask[1]), begin, [&](llvm::Value *s, llvm::Value *row) -> llvm::Value * {
      auto *take = block("take"), *leave = block("leave"), *next = block("next");
      llvm::Value *position = b.CreateAdd(first, s), *to = bytesAt(out, position, bytes);
      llvm::Value *token = isToken(repad.getMask(), operands[1], position);
      b.CreateCondBr(b.CreateAnd(token, b.CreateICmpSLT(row, end)), take, leave);
      b.SetInsertPoint(take);
      copyRow(to, bytesAt(operands[0], row, bytes), bytes);
      llvm::Value *taken = b.CreateAdd(row, number(1));
      b.CreateBr(next);
      b.SetInsertPoint(leave);
      b.CreateMemSet(to, b.getInt8(0), bytes, llvm::MaybeAlign(1));
      b.CreateBr(next);
      b.SetInsertPoint(next);
      auto *result = b.CreatePHI(i64, 2);
      result->addIncoming(taken, take);
      result->addIncoming(row, leave);
      return result;
    });
  }

  Operation *op;
  llvm::IRBuilder<> b;
  llvm::Type *i64;
  llvm::Function *entry;
  SmallVector<llvm::Value *> operands;
  llvm::Value *out;
};

class VarlenEmitter : public Emitter {
public:
  llvm::StringRef name() const override { return "varlen"; }
  bool accepts(func::FuncOp kernel, const TargetDesc &) const override { return findVarlen(kernel); }

  FailureOr<EmittedKernel> emit(func::FuncOp kernel, const TargetDesc &, llvm::LLVMContext &context) const override {
    Operation *op = findVarlen(kernel);
    if (!op)
      return kernel.emitOpError("is not one of cu_seqlens, unpad and repad");
    EmittedKernel result;
    result.name = kernel.getSymName().str();
    result.emitter = "varlen";
    bool counts = isa<CuSeqlensOp>(op);
    result.schedule = counts ? "one tile" : "a sequence a tile";
    result.tiles = counts ? 1 : shapeOf(op->getOperand(1))[0];
    result.module = std::make_unique<llvm::Module>(result.name, context);
    Writer(kernel, op, *result.module).write();
    return result;
  }
};

} // namespace

std::unique_ptr<Emitter> createVarlenEmitter() { return std::make_unique<VarlenEmitter>(); }

} // namespace mlc::codegen
