#include "codegen/target/MachineCode.h"
#include "codegen/target/BF16ByBits.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/Utils/LowerMemIntrinsics.h"
#include <atomic>
#include <mutex>

namespace mlc::codegen {
namespace {

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createMachine(const TargetDesc &desc) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
  });
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("target '" + desc.name + "': " + error);
  llvm::TargetOptions options;
  options.MCOptions.AsmVerbose = false;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(triple, desc.cpu, desc.features, options,
                                                                           llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                                                           llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("target '" + desc.name + "': LLVM has no code generator for it");
  return machine;
}

// One set of attributes for every function: what an emitter said about the target (Halide does) must not win.
void setFunctionAttributes(llvm::Module &module, const TargetDesc &target) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("tune-cpu", target.cpu);
    function.addFnAttr("target-features", target.features);
    function.addFnAttr("frame-pointer", "none");
    function.addFnAttr("prefer-vector-width", target.vector_bytes == 64 ? "512" : "256");
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.removeFnAttr(llvm::Attribute::UWTable);
  }
}

// Code generation turns memory intrinsics of large or unknown size into calls of libc; a kernel has no libc.
void expandMemoryIntrinsics(llvm::Module &module, llvm::TargetMachine &machine) {
  constexpr uint64_t kInlineBytes = 128; // up to here code generation unrolls
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    llvm::TargetTransformInfo info = machine.getTargetTransformInfo(function);
    llvm::SmallVector<llvm::MemIntrinsic *> intrinsics;
    for (llvm::BasicBlock &block : function)
      for (llvm::Instruction &instruction : block)
        if (auto *intrinsic = llvm::dyn_cast<llvm::MemIntrinsic>(&instruction)) {
          auto *size = llvm::dyn_cast<llvm::ConstantInt>(intrinsic->getLength());
          if (!size || size->getZExtValue() > kInlineBytes)
            intrinsics.push_back(intrinsic);
        }
    for (llvm::MemIntrinsic *intrinsic : intrinsics) {
      if (auto *copy = llvm::dyn_cast<llvm::MemCpyInst>(intrinsic))
        llvm::expandMemCpyAsLoop(copy, info);
      else if (auto *move = llvm::dyn_cast<llvm::MemMoveInst>(intrinsic))
        llvm::expandMemMoveAsLoop(move, info);
      else
        llvm::expandMemSetAsLoop(llvm::cast<llvm::MemSetInst>(intrinsic));
      intrinsic->eraseFromParent();
    }
  }
}

// A masked store of one lane that truncates stores the wide element with AVX-512 (LLVM 22, X86's combine of masked
// stores into scalar ones): bytes behind the tensor are overwritten. Such a store is made scalar here, rightly.
void storeSingleLanes(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::BasicBlock &block : function)
      for (llvm::Instruction &instruction : llvm::make_early_inc_range(block)) {
        auto *store = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
        if (!store || store->getIntrinsicID() != llvm::Intrinsic::masked_store)
          continue;
        auto *mask = llvm::dyn_cast<llvm::Constant>(store->getArgOperand(2));
        auto *type = llvm::dyn_cast<llvm::FixedVectorType>(store->getArgOperand(0)->getType());
        llvm::SmallVector<unsigned> lanes;
        for (unsigned i = 0; mask && type && i < type->getNumElements(); ++i)
          if (llvm::Constant *lane = mask->getAggregateElement(i); !lane || !lane->isNullValue())
            lanes.push_back(i);
        if (lanes.size() != 1)
          continue;
        llvm::IRBuilder<> b(store);
        llvm::Value *pointer = b.CreateConstGEP1_64(type->getElementType(), store->getArgOperand(1), lanes[0]);
        llvm::Align align =
            llvm::commonAlignment(store->getParamAlign(1).valueOrOne(), lanes[0] * type->getScalarSizeInBits() / 8);
        b.CreateAlignedStore(b.CreateExtractElement(store->getArgOperand(0), uint64_t(lanes[0])), pointer, align);
        store->eraseFromParent();
      }
}

void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = true;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::TargetLibraryInfoImpl library(machine.getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

// Runs `work(i)` for each kernel. The first error in their order is reported, whatever finishes first.
template <typename Work> llvm::Error forEachKernel(llvm::ArrayRef<EmittedKernel> kernels, unsigned threads, Work work) {
  std::vector<std::string> errors(kernels.size());
  llvm::DefaultThreadPool pool(llvm::hardware_concurrency(threads));
  for (size_t i = 0; i < kernels.size(); ++i)
    pool.async([&, i] {
      llvm::CrashRecoveryContext recovery;
      bool survived = recovery.RunSafely([&] {
        if (llvm::Error error = work(i))
          errors[i] = llvm::toString(std::move(error));
      });
      if (!survived)
        errors[i] = "LLVM crashed (status " + std::to_string(recovery.RetCode) + ")";
    });
  pool.wait();
  for (size_t i = 0; i < kernels.size(); ++i)
    if (!errors[i].empty())
      return llvm::createStringError("kernel '" + kernels[i].name + "': " + errors[i]);
  return llvm::Error::success();
}

} // namespace

llvm::Error setTarget(llvm::Module &module, const TargetDesc &target) {
  auto machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  return llvm::Error::success();
}

llvm::Error optimizeKernel(llvm::Module &module, const TargetDesc &target) {
  auto machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  std::string problem;
  llvm::raw_string_ostream problems(problem);
  if (llvm::verifyModule(module, &problems))
    return llvm::createStringError("kernel module '" + module.getName() + "' is ill-formed LLVM IR: " + problem);
  setFunctionAttributes(module, target);
  replaceBF16ByBits(module);
  optimize(module, **machine);
  expandMemoryIntrinsics(module, **machine);
  replaceBF16ByBits(module); // selects that came in
  storeSingleLanes(module);
  return llvm::Error::success();
}

llvm::Expected<llvm::SmallVector<char, 0>> generateCode(llvm::Module &module, const TargetDesc &target, CodeKind kind) {
  auto machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  llvm::TargetLibraryInfoImpl library((*machine)->getTargetTriple());
  library.disableAllFunctions();
  passes.add(new llvm::TargetLibraryInfoWrapperPass(library));
  auto type = kind == CodeKind::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError("target '" + target.name + "': LLVM cannot emit this kind of file");
  passes.run(module);
  return code;
}

llvm::Expected<llvm::SmallVector<char, 0>> compileToObject(llvm::Module &module, const TargetDesc &target) {
  if (llvm::Error error = optimizeKernel(module, target))
    return error;
  return generateCode(module, target, CodeKind::Object);
}

llvm::Expected<std::string> compileToAssembly(llvm::Module &module, const TargetDesc &target) {
  if (llvm::Error error = optimizeKernel(module, target))
    return error;
  auto text = generateCode(module, target, CodeKind::Assembly);
  if (!text)
    return text.takeError();
  return std::string(text->begin(), text->end());
}

llvm::Error optimizeKernels(llvm::ArrayRef<EmittedKernel> kernels, const TargetDesc &target, unsigned threads) {
  return forEachKernel(kernels, threads, [&](size_t i) { return optimizeKernel(*kernels[i].module, target); });
}

llvm::Expected<std::vector<llvm::SmallVector<char, 0>>> compileKernels(llvm::ArrayRef<EmittedKernel> kernels,
                                                                       const TargetDesc &target, unsigned threads,
                                                                       const std::function<void(size_t)> &progress) {
  std::vector<llvm::SmallVector<char, 0>> objects(kernels.size());
  std::atomic<size_t> done{0};
  llvm::Error error = forEachKernel(kernels, threads, [&](size_t i) -> llvm::Error {
    if (!kernels[i].module)
      return llvm::Error::success();
    auto object = compileToObject(*kernels[i].module, target);
    if (!object)
      return object.takeError();
    objects[i] = std::move(*object);
    if (progress)
      progress(++done);
    return llvm::Error::success();
  });
  if (error)
    return error;
  return objects;
}

llvm::Expected<std::unique_ptr<llvm::Module>> linkModules(llvm::ArrayRef<EmittedKernel> kernels,
                                                          llvm::LLVMContext &context) {
  auto linked = std::make_unique<llvm::Module>("kernels", context);
  llvm::Linker linker(*linked);
  for (const EmittedKernel &kernel : kernels) {
    // Each lives in a context of its own: bitcode is the way from one to another.
    llvm::SmallVector<char, 0> bitcode;
    llvm::raw_svector_ostream stream(bitcode);
    llvm::WriteBitcodeToFile(*kernel.module, stream);
    auto copy = llvm::parseBitcodeFile(llvm::MemoryBufferRef(stream.str(), kernel.name), context);
    if (!copy)
      return copy.takeError();
    (*copy)->setSourceFileName("kernels");
    if (linker.linkInModule(std::move(*copy)))
      return llvm::createStringError("kernel '" + kernel.name + "' cannot be linked with the others");
  }
  return linked;
}

} // namespace mlc::codegen
