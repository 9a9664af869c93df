#include "codegen/loops/LoopEmitter.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

constexpr int64_t kAlignment = 64;

// Puts the last parallel loop of a contraction innermost: its accesses are contiguous, so that it vectorises.
void interchangeContractions(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  SmallVector<linalg::GenericOp> ops;
  function.walk([&](linalg::GenericOp op) {
    if (op.getNumReductionLoops() > 0 && op.getNumDpsInputs() == 2 && op.getNumDpsInits() == 1)
      ops.push_back(op);
  });
  for (linalg::GenericOp op : ops) {
    SmallVector<unsigned> order, last;
    auto iterators = op.getIteratorTypesArray();
    int64_t innermost = -1;
    for (int64_t i = 0; i < int64_t(iterators.size()); ++i)
      if (iterators[i] == utils::IteratorType::parallel)
        innermost = i;
    if (innermost < 0)
      continue;
    for (int64_t i = 0; i < int64_t(iterators.size()); ++i)
      if (i != innermost)
        order.push_back(i);
    order.push_back(innermost);
    rewriter.setInsertionPoint(op);
    (void)linalg::interchangeGenericOp(rewriter, op, order);
  }
}

// memref.copy would become a call of the runtime library of MLIR; a linalg.copy becomes loops.
void expandCopies(func::FuncOp function) {
  SmallVector<memref::CopyOp> copies;
  function.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
  for (memref::CopyOp copy : copies) {
    OpBuilder builder(copy);
    linalg::CopyOp::create(builder, copy.getLoc(), copy.getSource(), copy.getTarget());
    copy.erase();
  }
}

// Gives every allocation its place in scratch, a last argument of `function`. Returns the bytes of scratch, or fails
// on an allocation whose size is not known.
FailureOr<int64_t> placeAllocations(func::FuncOp function) {
  SmallVector<memref::AllocOp> allocations;
  function.walk([&](memref::AllocOp op) { allocations.push_back(op); });
  int64_t bytes = 0;
  SmallVector<int64_t> offsets;
  for (memref::AllocOp op : allocations) {
    MemRefType type = op.getType();
    if (!type.hasStaticShape())
      return op.emitOpError("has no static size");
    offsets.push_back(bytes);
    int64_t size = type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
    bytes += (size + kAlignment - 1) / kAlignment * kAlignment;
  }
  OpBuilder builder(function.getContext());
  auto scratchType = MemRefType::get({bytes}, builder.getI8Type());
  if (failed(function.insertArgument(function.getNumArguments(), scratchType, {}, function.getLoc())))
    return failure();
  Value scratch = function.getArguments().back();
  for (auto [op, offset] : llvm::zip(allocations, offsets)) {
    builder.setInsertionPoint(op);
    Value shift = arith::ConstantIndexOp::create(builder, op.getLoc(), offset);
    op.replaceAllUsesWith(
        memref::ViewOp::create(builder, op.getLoc(), op.getType(), scratch, shift, ValueRange{}).getResult());
    op.erase();
  }
  function.walk([](memref::DeallocOp op) { op.erase(); });
  return bytes;
}

// A memref without elements is no bare pointer to the conversion of functions (a stride of 0). Nothing is read through
// it: it becomes a view of scratch, and the argument a pointer that nobody uses.
void detachEmptyArguments(func::FuncOp function) {
  OpBuilder builder(function.getContext());
  builder.setInsertionPointToStart(&function.getBody().front());
  Value scratch = function.getArguments().back(), zero;
  SmallVector<Type> types(function.getArgumentTypes());
  for (BlockArgument argument : function.getArguments().drop_back()) {
    auto type = cast<MemRefType>(argument.getType());
    if (type.getNumElements() != 0)
      continue;
    if (!zero)
      zero = arith::ConstantIndexOp::create(builder, function.getLoc(), 0);
    Value view = memref::ViewOp::create(builder, function.getLoc(), type, scratch, zero, ValueRange{});
    argument.replaceAllUsesWith(view);
    types[argument.getArgNumber()] = MemRefType::get({1}, type.getElementType());
    argument.setType(types[argument.getArgNumber()]);
  }
  function.setFunctionType(builder.getFunctionType(types, function.getResultTypes()));
}

LogicalResult bufferize(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addNestedPass<func::FuncOp>(createLinalgElementwiseOpFusionPass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  passes.addPass(bufferization::createOneShotBufferizePass(options));
  bufferization::BufferResultsToOutParamsPassOptions outParams;
  outParams.hoistStaticAllocs = true;
  outParams.modifyPublicFunctions = true;
  passes.addPass(bufferization::createBufferResultsToOutParamsPass(outParams));
  passes.addPass(createCanonicalizerPass());
  return passes.run(module);
}

LogicalResult lowerToLLVMDialect(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(memref::createExpandStridedMetadataPass());
  passes.addPass(createLowerAffinePass());
  passes.addPass(arith::createArithExpandOpsPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  ConvertFuncToLLVMPassOptions functions;
  functions.useBarePtrCallConv = true;
  passes.addPass(createConvertFuncToLLVMPass(functions));
  passes.addPass(createConvertIndexToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(module);
}

// The function of mlc/kernel_abi.h: loads the bindings and calls the loops.
void addEntry(llvm::Module &module, llvm::StringRef name, llvm::Function *loops) {
  llvm::LLVMContext &context = module.getContext();
  llvm::IRBuilder<> builder(context);
  llvm::Type *pointer = builder.getPtrTy(), *i64 = builder.getInt64Ty();
  auto *type = llvm::FunctionType::get(builder.getInt32Ty(), {pointer, pointer, i64, i64}, false);
  auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  builder.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", entry));
  llvm::Value *bindings = builder.CreateLoad(pointer, entry->getArg(0)); // mlc_kernel_args.bindings
  llvm::SmallVector<llvm::Value *> arguments;
  for (unsigned i = 0; i + 1 < loops->arg_size(); ++i)
    arguments.push_back(builder.CreateLoad(pointer, builder.CreateConstGEP1_64(pointer, bindings, i)));
  arguments.push_back(builder.CreateLoad(pointer, entry->getArg(1))); // mlc_worker.scratch
  // An empty range runs nothing.
  auto *run = llvm::BasicBlock::Create(context, "run", entry), *done = llvm::BasicBlock::Create(context, "done", entry);
  builder.CreateCondBr(builder.CreateICmpSLT(entry->getArg(2), entry->getArg(3)), run, done);
  builder.SetInsertPoint(run);
  builder.CreateCall(loops, arguments);
  builder.CreateBr(done);
  builder.SetInsertPoint(done);
  builder.CreateRet(builder.getInt32(0)); // MLC_KERNEL_OK
}

class LoopEmitter : public Emitter {
public:
  llvm::StringRef name() const override { return "loops"; }

  bool accepts(func::FuncOp kernel, const TargetDesc &) const override {
    bool known = true;
    kernel.walk([&](Operation *op) {
      StringRef dialect = op->getName().getDialectNamespace();
      known &=
          dialect == "func" || dialect == "linalg" || dialect == "tensor" || dialect == "arith" || dialect == "math";
    });
    return known && kernel.getBody().hasOneBlock();
  }

  FailureOr<EmittedKernel> emit(func::FuncOp kernel, const TargetDesc &, llvm::LLVMContext &context) const override {
    std::string name = kernel.getSymName().str();
    OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
    func::FuncOp function = kernel.clone();
    function.setName("loops");
    function.setPublic();
    module->push_back(function);
    interchangeContractions(function);
    size_t results = function.getNumResults(), inputs = function.getNumArguments();
    if (failed(bufferize(*module)))
      return kernel.emitOpError("cannot be bufferized");
    expandCopies(function);
    auto scratch = placeAllocations(function);
    if (failed(scratch))
      return failure();
    detachEmptyArguments(function);
    for (size_t i = 0; i <= results; ++i) // results and scratch are written by nobody else
      function.setArgAttr(inputs + i, LLVM::LLVMDialect::getNoAliasAttrName(), UnitAttr::get(kernel.getContext()));
    if (failed(lowerToLLVMDialect(*module)))
      return kernel.emitOpError("cannot be lowered to LLVM");
    EmittedKernel result;
    result.module = translateModuleToLLVMIR(*module, context, name);
    llvm::Function *loops = result.module ? result.module->getFunction("loops") : nullptr;
    if (!loops)
      return kernel.emitOpError("cannot be translated to LLVM IR");
    loops->setLinkage(llvm::GlobalValue::InternalLinkage);
    addEntry(*result.module, name, loops);
    for (llvm::GlobalVariable &global : result.module->globals())
      global.setLinkage(llvm::GlobalValue::PrivateLinkage);
    result.name = name;
    result.emitter = "loops";
    result.schedule = "one tile";
    result.scratch_bytes = *scratch;
    return result;
  }
};

} // namespace

void registerLoopEmitter(DialectRegistry &registry) {
  registry.insert<affine::AffineDialect, arith::ArithDialect, bufferization::BufferizationDialect, func::FuncDialect,
                  linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                  tensor::TensorDialect>();
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

std::unique_ptr<Emitter> createLoopEmitter() { return std::make_unique<LoopEmitter>(); }

} // namespace mlc::codegen
