#include "codegen/program/EmitKernels.h"

#include "codegen/target/MachineCode.h"

using namespace mlir;

namespace mlc::codegen {

// By the kernel's emitter, or by the last resort: slower, and still right. The reason is a warning then.
static FailureOr<EmittedKernel> emit(ScheduledKernel &kernel, const TargetDesc &target, const Emitter *lastResort,
                                     llvm::LLVMContext &context) {
  func::FuncOp function = kernel.function;
  // The memory plan of a kernel that works in place holds for its emitter alone.
  if (!lastResort || kernel.emitter == lastResort || kernel.emitter->allowsInPlace())
    return kernel.emitter->emit(function, target, context);
  std::string why;
  {
    ScopedDiagnosticHandler handler(function.getContext(), [&](Diagnostic &diagnostic) {
      why += (why.empty() ? "" : "; ") + diagnostic.str();
      return success();
    });
    auto emitted = kernel.emitter->emit(function, target, context);
    if (succeeded(emitted))
      return emitted;
  }
  function.emitWarning("emitter '") << kernel.emitter->name() << "' failed on the kernel " << kernel.description << " ("
                                    << StringRef(why).rtrim() << "); it is made by '" << lastResort->name() << "'";
  kernel.emitter = lastResort;
  return lastResort->emit(function, target, context);
}

FailureOr<Kernels> emitKernels(Schedule &schedule, const TargetDesc &target, const EmitOptions &options) {
  Kernels kernels;
  for (ScheduledKernel &kernel : schedule.kernels) {
    func::FuncOp function = kernel.function;
    kernels.contexts.push_back(std::make_unique<llvm::LLVMContext>());
    std::string &key = kernels.keys.emplace_back();
    llvm::SmallVector<char, 0> &object = kernels.objects.emplace_back();
    if (options.cache) {
      key = KernelCache::keyOf(function, target, kernel.emitter->name());
      if (auto cached = options.cache->find(key, function.getName())) {
        kernels.emitted.push_back(std::move(cached->kernel));
        object = std::move(cached->object);
        key.clear();
        ++kernels.numCached;
        continue;
      }
    }
    const Emitter *chosen = kernel.emitter;
    auto emitted = emit(kernel, target, options.lastResort, *kernels.contexts.back());
    if (kernel.emitter != chosen) // the warning is given each time
      key.clear();
    if (failed(emitted))
      return function.emitError("the emitter '")
             << kernel.emitter->name() << "' failed on this kernel (" << kernel.description << ")";
    if (llvm::Error error = setTarget(*emitted->module, target))
      return function.emitError(llvm::toString(std::move(error)));
    kernels.emitted.push_back(std::move(*emitted));
    if (options.progress)
      options.progress(kernels.emitted.size());
  }
  return std::move(kernels);
}

llvm::Error makeObjects(Kernels &kernels, const TargetDesc &target, unsigned jobs, KernelCache *cache,
                        const ProgressFn &progress) {
  auto made = compileKernels(kernels.emitted, target, jobs, progress);
  if (!made)
    return made.takeError();
  for (auto [i, kernel] : llvm::enumerate(kernels.emitted)) {
    if (!kernel.module)
      continue;
    kernels.objects[i] = std::move((*made)[i]);
    if (cache && !kernels.keys[i].empty())
      cache->store(kernels.keys[i], kernel, kernels.objects[i]);
  }
  if (cache && kernels.numCached < kernels.emitted.size())
    cache->trim();
  return llvm::Error::success();
}

} // namespace mlc::codegen
