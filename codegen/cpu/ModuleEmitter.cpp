#include "codegen/cpu/ModuleEmitter.h"

#include "codegen/cpu/VectorToLLVM.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace mlc::codegen::cpu {

bool ModuleEmitter::accepts(func::FuncOp kernel, const TargetDesc &target) const {
  EmittedKernel emitted;
  return bool(build(kernel, target, emitted));
}

FailureOr<EmittedKernel> ModuleEmitter::emit(func::FuncOp kernel, const TargetDesc &target,
                                             llvm::LLVMContext &context) const {
  if (auto wanted = kernel->getAttrOfType<StringAttr>(kScheduleAttr)) {
    std::vector<std::string> known = schedules(kernel, target);
    if (!llvm::is_contained(known, wanted.getValue()))
      return kernel.emitError("the ") << name() << " emitter has no schedule '" << wanted.getValue()
                                      << "' for this kernel; it has "
                                      << (known.empty() ? "no choice" : "'" + llvm::join(known, "', '") + "'");
  }
  EmittedKernel emitted;
  OwningOpRef<ModuleOp> module = build(kernel, target, emitted);
  if (!module)
    return kernel.emitError("the ") << name() << " emitter takes " << takes();
  emitted.name = kernel.getName().str();
  emitted.emitter = name().str();
  emitted.module = lowerVectorToLLVM(*module, context);
  if (!emitted.module)
    return kernel.emitError("lowering of the kernel's vector code to LLVM failed");
  return emitted;
}

} // namespace mlc::codegen::cpu
