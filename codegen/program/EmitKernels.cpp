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

FailureOr<Kernels> emitKernels(Schedule &schedule, const TargetDesc &target, const Emitter *lastResort,
                               const ProgressFn &progress) {
  Kernels kernels;
  for (ScheduledKernel &kernel : schedule.kernels) {
    func::FuncOp function = kernel.function;
    kernels.contexts.push_back(std::make_unique<llvm::LLVMContext>());
    auto emitted = emit(kernel, target, lastResort, *kernels.contexts.back());
    if (failed(emitted))
      return function.emitError("the emitter '")
             << kernel.emitter->name() << "' failed on this kernel (" << kernel.description << ")";
    if (llvm::Error error = setTarget(*emitted->module, target))
      return function.emitError(llvm::toString(std::move(error)));
    kernels.emitted.push_back(std::move(*emitted));
    if (progress)
      progress(kernels.emitted.size());
  }
  return std::move(kernels);
}

} // namespace mlc::codegen
