#include "codegen/program/EmitKernels.h"

#include "codegen/target/MachineCode.h"

using namespace mlir;

namespace mlc::codegen {

FailureOr<Kernels> emitKernels(const Schedule &schedule, const TargetDesc &target, const ProgressFn &progress) {
  Kernels kernels;
  for (const ScheduledKernel &kernel : schedule.kernels) {
    func::FuncOp function = kernel.function;
    kernels.contexts.push_back(std::make_unique<llvm::LLVMContext>());
    auto emitted = kernel.emitter->emit(function, target, *kernels.contexts.back());
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
