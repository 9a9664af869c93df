// Scatter: a copy of the data, then rows written or accumulated by index, in the order of the indices, so that the bits
// do not depend on threads. Every index is compared with the axis before its row is touched.
#include "codegen/loops/LoopEmitter.h"
#include "codegen/lower/Families.h"
#include "dialects/mlc/MlcDialect.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

// The scatter that a kernel consists of, or null.
ScatterOp findScatter(func::FuncOp kernel) {
  if (!kernel.getBody().hasOneBlock() || kernel.getNumResults() != 1)
    return {};
  Block &body = kernel.getBody().front();
  auto scatter = body.getTerminator()->getOperand(0).getDefiningOp<ScatterOp>();
  if (!scatter || !llvm::hasSingleElement(body.without_terminator()) ||
      !llvm::all_of(scatter->getOperands(), [](Value operand) { return isa<BlockArgument>(operand); }))
    return {};
  return scatter;
}

// Emits loops over [begin, end): `body` gets the counter, and leaves the builder where the loop goes on.
void loop(llvm::IRBuilder<> &b, llvm::Value *begin, llvm::Value *end, function_ref<void(llvm::Value *)> body) {
  llvm::LLVMContext &context = b.getContext();
  llvm::Function *function = b.GetInsertBlock()->getParent();
  auto *head = llvm::BasicBlock::Create(context, "head", function);
  auto *inside = llvm::BasicBlock::Create(context, "inside", function);
  auto *behind = llvm::BasicBlock::Create(context, "behind", function);
  llvm::BasicBlock *before = b.GetInsertBlock();
  b.CreateBr(head);
  b.SetInsertPoint(head);
  auto *counter = b.CreatePHI(b.getInt64Ty(), 2);
  counter->addIncoming(begin, before);
  b.CreateCondBr(b.CreateICmpSLT(counter, end), inside, behind);
  b.SetInsertPoint(inside);
  body(counter);
  counter->addIncoming(b.CreateAdd(counter, b.getInt64(1)), b.GetInsertBlock());
  b.CreateBr(head);
  b.SetInsertPoint(behind);
}

llvm::Type *elementType(llvm::IRBuilder<> &b, Type type) {
  if (type.isF64())
    return b.getDoubleTy();
  if (type.isF32())
    return b.getFloatTy();
  // Moved as bits; an i1 takes a byte.
  return b.getIntNTy(std::max(8u, type.getIntOrFloatBitWidth()));
}

llvm::Value *combine(llvm::IRBuilder<> &b, ScatterOp op, llvm::Value *element, llvm::Value *update) {
  bool real = element->getType()->isFloatingPointTy(), noSign = isUnsigned(op);
  auto intrinsic = [&](llvm::Intrinsic::ID ofReals, llvm::Intrinsic::ID ofSigned, llvm::Intrinsic::ID ofUnsigned) {
    return b.CreateBinaryIntrinsic(real ? ofReals : noSign ? ofUnsigned : ofSigned, element, update);
  };
  switch (op.getKind()) {
  case ScatterKind::Set: return update;
  case ScatterKind::Add: return real ? b.CreateFAdd(element, update) : b.CreateAdd(element, update);
  case ScatterKind::Mul: return real ? b.CreateFMul(element, update) : b.CreateMul(element, update);
  case ScatterKind::Max: return intrinsic(llvm::Intrinsic::maximum, llvm::Intrinsic::smax, llvm::Intrinsic::umax);
  case ScatterKind::Min: return intrinsic(llvm::Intrinsic::minimum, llvm::Intrinsic::smin, llvm::Intrinsic::umin);
  }
  llvm_unreachable("a kind of scatter");
}

class ScatterEmitter : public Emitter {
public:
  llvm::StringRef name() const override { return "scatter"; }
  bool accepts(func::FuncOp kernel, const TargetDesc &) const override { return bool(findScatter(kernel)); }

  // A tile is a range of columns of the rows: no two tiles write the same element.
  FailureOr<EmittedKernel> emit(func::FuncOp kernel, const TargetDesc &, llvm::LLVMContext &context) const override {
    ScatterOp op = findScatter(kernel);
    if (!op)
      return kernel.emitOpError("is not a scatter");
    constexpr int64_t kColumns = 1024;
    auto data = cast<RankedTensorType>(op.getData().getType()), ids = cast<RankedTensorType>(op.getIndices().getType());
    int64_t size = data.getDimSize(0), count = ids.getNumElements(), columns = 1;
    for (int64_t i = 1; i < data.getRank(); ++i)
      columns *= data.getDimSize(i);

    EmittedKernel result;
    result.name = kernel.getSymName().str();
    result.emitter = "scatter";
    result.schedule = "a range of columns a tile, indices in order";
    result.tiles = (columns + kColumns - 1) / kColumns;
    result.module = std::make_unique<llvm::Module>(result.name, context);
    llvm::IRBuilder<> b(context);
    llvm::Type *pointer = b.getPtrTy(), *i64 = b.getInt64Ty(), *element = elementType(b, data.getElementType());
    auto *type = llvm::FunctionType::get(b.getInt32Ty(), {pointer, pointer, i64, i64}, false);
    auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, result.name, *result.module);
    b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", entry));
    llvm::Value *bindings = b.CreateLoad(pointer, entry->getArg(0));
    auto binding = [&](unsigned i) { return b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, bindings, i)); };
    auto operand = [&](Value value) { return binding(cast<BlockArgument>(value).getArgNumber()); };
    llvm::Value *from = operand(op.getData()), *indices = operand(op.getIndices()), *updates = operand(op.getUpdates()),
                *out = binding(kernel.getNumArguments());
    auto at = [&](llvm::Value *base, llvm::Value *row, llvm::Value *column) {
      return b.CreateGEP(element, base, b.CreateAdd(b.CreateMul(row, b.getInt64(columns)), column));
    };
    auto load = [&](llvm::Value *place) { return b.CreateAlignedLoad(element, place, llvm::Align(1)); };
    auto store = [&](llvm::Value *value, llvm::Value *place) { b.CreateAlignedStore(value, place, llvm::Align(1)); };

    // The tiles [begin, end) are neighbours: one range of columns.
    llvm::Value *zero = b.getInt64(0);
    llvm::Value *first = b.CreateMul(entry->getArg(2), b.getInt64(kColumns));
    llvm::Value *last = b.CreateBinaryIntrinsic(
        llvm::Intrinsic::smin, b.CreateMul(entry->getArg(3), b.getInt64(kColumns)), b.getInt64(columns));
    loop(b, zero, b.getInt64(size), [&](llvm::Value *row) {
      loop(b, first, last, [&](llvm::Value *column) { store(load(at(from, row, column)), at(out, row, column)); });
    });
    llvm::Type *indexType = b.getIntNTy(ids.getElementTypeBitWidth());
    loop(b, zero, b.getInt64(count), [&](llvm::Value *i) {
      llvm::Value *place = b.CreateGEP(indexType, indices, i);
      llvm::Value *index = b.CreateSExt(b.CreateAlignedLoad(indexType, place, llvm::Align(1)), i64);
      llvm::Value *negative = b.CreateICmpSLT(index, zero);
      index = b.CreateSelect(negative, b.CreateAdd(index, b.getInt64(size)), index);
      auto *inside = llvm::BasicBlock::Create(context, "valid", entry);
      auto *outside = llvm::BasicBlock::Create(context, "outside", entry);
      b.CreateCondBr(b.CreateICmpULT(index, b.getInt64(size)), inside, outside);
      b.SetInsertPoint(outside);
      b.CreateRet(b.getInt32(1)); // MLC_KERNEL_INDEX_OUT_OF_RANGE
      b.SetInsertPoint(inside);
      loop(b, first, last, [&](llvm::Value *column) {
        llvm::Value *target = at(out, index, column), *update = load(at(updates, i, column));
        bool replaces = op.getKind() == ScatterKind::Set;
        store(replaces ? update : combine(b, op, load(target), update), target);
      });
    });
    b.CreateRet(b.getInt32(0)); // MLC_KERNEL_OK
    return result;
  }
};

} // namespace

std::unique_ptr<Emitter> createScatterEmitter() { return std::make_unique<ScatterEmitter>(); }

} // namespace mlc::codegen
