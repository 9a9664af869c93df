// Regions of maps and row reductions to LLVM through Halide (https://halide-lang.org), with schedules of our own:
// stages of a row are computed inside the result's row loop, vectorised, with their rows on the stack.
//
// Tiles are positions along the result's outermost loop, or vectors of them where that loop is vectorised: which
// elements are in a vector and which in a tail does not depend on the tiles. Halide computes whatever part of the
// output its buffer names, so the entry function gives it the rows [begin, end): the code of a row is the same whoever
// runs it.
#include "codegen/halide/FusedMultiplyAdd.h"
#include "codegen/halide/Pipeline.h"
#include "codegen/halide/VectorIdioms.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

struct HalideType {
  unsigned code, bits;
};

HalideType halideType(Type element) { // of HalideRuntime.h: int 0, uint 1, float 2
  unsigned bits = element.getIntOrFloatBitWidth();
  if (element.isBF16()) // storedType
    return {1, bits};
  if (isa<FloatType>(element))
    return {2, bits};
  return bits == 1 ? HalideType{1, 8} : HalideType{0, bits};
}

// Fills halide_buffer_t structs on the stack. They vanish when the pipeline is inlined.
class EntryBuilder {
public:
  EntryBuilder(llvm::Module &module, llvm::StringRef name)
      : b(module.getContext()), pointer(b.getPtrTy()), i16(b.getInt16Ty()), i32(b.getInt32Ty()), i64(b.getInt64Ty()) {
    // device, device_interface, host, flags, {code, bits, lanes}, dimensions, dim, padding
    bufferType = llvm::StructType::get(
        b.getContext(), {i64, pointer, pointer, i64, b.getInt8Ty(), b.getInt8Ty(), i16, i32, pointer, pointer});
    dimType = llvm::StructType::get(b.getContext(), {i32, i32, i32, i32}); // min, extent, stride, flags
    auto *type = llvm::FunctionType::get(i32, {pointer, pointer, i64, i64}, false);
    entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
    b.SetInsertPoint(llvm::BasicBlock::Create(b.getContext(), "entry", entry));
    bindings = b.CreateLoad(pointer, entry->getArg(0)); // mlc_kernel_args.bindings
  }

  // The buffer of a binding; `tileDim`: only the tiles of this launch along it, each of `tileSize` positions.
  llvm::Value *buffer(unsigned binding, RankedTensorType type, int64_t tileDim = -1, int64_t tileSize = 1) {
    int64_t rank = type.getRank();
    auto [code, bits] = halideType(type.getElementType());
    llvm::Value *host = b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, bindings, binding));
    llvm::Value *struct_ = b.CreateAlloca(bufferType);
    llvm::Value *dims = b.CreateAlloca(llvm::ArrayType::get(dimType, std::max<int64_t>(1, rank)));
    int64_t stride = 1;
    for (int64_t i = 0; i < rank; ++i) {
      int64_t dim = rank - 1 - i, size = type.getDimSize(dim);
      llvm::Value *dimension = b.CreateConstGEP1_64(dimType, dims, i);
      llvm::Value *min = b.getInt32(0), *extent = b.getInt32(size);
      if (dim == tileDim) {
        llvm::Value *begin = b.CreateMul(entry->getArg(2), b.getInt64(tileSize));
        llvm::Value *end = b.CreateMul(entry->getArg(3), b.getInt64(tileSize));
        if (size % tileSize)
          end = b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, b.getInt64(size));
        min = b.CreateTrunc(begin, i32);
        extent = b.CreateTrunc(b.CreateSub(end, begin), i32);
        // host points to the element at the buffer's min.
        llvm::Value *skip = b.CreateMul(begin, b.getInt64(stride * int64_t(bits) / 8));
        host = b.CreateGEP(b.getInt8Ty(), host, skip);
      }
      llvm::Value *fields[] = {min, extent, b.getInt32(stride), b.getInt32(0)};
      for (auto [field, value] : llvm::enumerate(fields))
        b.CreateStore(value, b.CreateStructGEP(dimType, dimension, field));
      stride *= size;
    }
    llvm::Constant *null = llvm::ConstantPointerNull::get(b.getPtrTy());
    llvm::Value *fields[] = {
        b.getInt64(0),    null, host, b.getInt64(0), b.getInt8(code), b.getInt8(bits), b.getInt16(1),
        b.getInt32(rank), dims, null};
    for (auto [field, value] : llvm::enumerate(fields))
      b.CreateStore(value, b.CreateStructGEP(bufferType, struct_, field));
    return struct_;
  }

  void finish(llvm::Function *pipeline, llvm::ArrayRef<llvm::Value *> buffers) {
    auto *run = llvm::BasicBlock::Create(b.getContext(), "run", entry);
    auto *done = llvm::BasicBlock::Create(b.getContext(), "done", entry);
    b.CreateCondBr(b.CreateICmpSLT(entry->getArg(2), entry->getArg(3)), run, done);
    b.SetInsertPoint(run);
    b.CreateCall(pipeline, buffers);
    b.CreateBr(done);
    b.SetInsertPoint(done);
    b.CreateRet(b.getInt32(0)); // MLC_KERNEL_OK
  }

private:
  llvm::IRBuilder<> b;
  llvm::Type *pointer, *i16, *i32, *i64;
  llvm::StructType *bufferType, *dimType;
  llvm::Function *entry;
  llvm::Value *bindings;
};

// Keeps `entry` alone visible, and gives everything else names that depend on nothing but its place: Halide's carry a
// counter of the process.
void internalise(llvm::Module &module, llvm::StringRef entry) {
  unsigned next = 0;
  for (llvm::GlobalObject &object : module.global_objects()) {
    if (object.isDeclaration() || object.getName() == entry)
      continue;
    object.setLinkage(llvm::GlobalValue::InternalLinkage);
    object.setVisibility(llvm::GlobalValue::DefaultVisibility);
    object.setDSOLocal(true);
    object.setComdat(nullptr);
  }
  llvm::ModuleAnalysisManager analyses;
  llvm::GlobalDCEPass().run(module, analyses);
  for (llvm::GlobalObject &object : module.global_objects())
    if (!object.isDeclaration() && object.getName() != entry)
      object.setName("halide." + llvm::Twine(next++));
}

class HalideEmitter : public Emitter {
public:
  llvm::StringRef name() const override { return "halide"; }

  bool accepts(func::FuncOp kernel, const TargetDesc &) const override {
    OwningOpRef<func::FuncOp> copy = kernel.clone();
    normaliseKernel(*copy);
    std::string why;
    return succeeded(analyseRegion(*copy, why));
  }

  FailureOr<EmittedKernel> emit(func::FuncOp kernel, const TargetDesc &target,
                                llvm::LLVMContext &context) const override {
    OwningOpRef<func::FuncOp> copy = kernel.clone();
    normaliseKernel(*copy);
    std::string why;
    auto region = analyseRegion(*copy, why);
    if (failed(region))
      return kernel.emitOpError("is not for the Halide emitter: ") << why;
    HalideBitcode bitcode = compilePipeline(*copy, *region, target);
    if (!bitcode.error.empty())
      return kernel.emitOpError("was refused by Halide: ") << bitcode.error;
    auto module = llvm::parseBitcodeFile(llvm::MemoryBufferRef(bitcode.bytes, "halide"), context);
    if (!module)
      return kernel.emitOpError("has bitcode by Halide that does not load: ") << llvm::toString(module.takeError());

    llvm::Function *pipeline = (*module)->getFunction("mlc_halide");
    if (!pipeline)
      return kernel.emitOpError("has no pipeline in Halide's bitcode");
    restoreMultiplyAdds(**module);
    restoreVectorIdioms(**module);
    EmittedKernel result;
    result.name = kernel.getSymName().str();
    result.emitter = "halide";
    result.tiles = (region->tiles + bitcode.tileSize - 1) / bitcode.tileSize;
    EntryBuilder entry(**module, result.name);
    SmallVector<llvm::Value *> buffers;
    for (unsigned input : bitcode.inputs)
      buffers.push_back(entry.buffer(input, cast<RankedTensorType>(copy->getArgumentTypes()[input])));
    buffers.push_back(entry.buffer(copy->getNumArguments(), cast<RankedTensorType>(region->result.getType()),
                                   region->tileDim, bitcode.tileSize));
    entry.finish(pipeline, buffers);
    internalise(**module, result.name);
    for (llvm::Function &function : **module)
      if (function.isDeclaration() && !function.isIntrinsic())
        return kernel.emitOpError("would call '") << function.getName() << "', which a kernel cannot";
    result.schedule = "rows of dimension " + std::to_string(region->tileDim) + ", " +
                      std::to_string(target.vector_bytes / 4) + " lanes";
    result.module = std::move(*module);
    return result;
  }
};

} // namespace

std::unique_ptr<Emitter> createHalideEmitter() { return std::make_unique<HalideEmitter>(); }

} // namespace mlc::codegen
