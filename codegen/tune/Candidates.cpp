#include "codegen/tune/Candidates.h"

#include "codegen/target/MachineCode.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace mlc::codegen {

void setSchedule(func::FuncOp kernel, ArrayRef<std::string> names, size_t choice) {
  kernel->removeAttr(kScheduleAttr);
  if (choice)
    kernel->setAttr(kScheduleAttr, StringAttr::get(kernel.getContext(), names[choice]));
}

FailureOr<std::vector<CachedKernel>> compileCandidates(func::FuncOp kernel, const Emitter &emitter,
                                                       ArrayRef<std::string> names, const TargetDesc &target,
                                                       unsigned jobs, KernelCache *cache) {
  std::vector<CachedKernel> candidates(names.size());
  std::vector<std::string> keys(names.size());
  std::vector<std::unique_ptr<llvm::LLVMContext>> contexts; // one each: they are compiled in parallel
  std::vector<EmittedKernel> emitted(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    setSchedule(kernel, names, i);
    keys[i] = KernelCache::keyOf(kernel, target, emitter.name());
    if (auto cached = cache ? cache->find(keys[i], kernel.getName()) : std::nullopt) {
      candidates[i] = std::move(*cached);
      continue;
    }
    auto made = emitter.emit(kernel, target, *contexts.emplace_back(std::make_unique<llvm::LLVMContext>()));
    if (failed(made)) {
      setSchedule(kernel, names, 0);
      return kernel.emitError("the emitter '") << emitter.name() << "' cannot build its schedule '" << names[i] << "'";
    }
    emitted[i] = std::move(*made);
  }
  setSchedule(kernel, names, 0);
  auto objects = compileKernels(emitted, target, jobs);
  if (!objects)
    return kernel.emitError(llvm::toString(objects.takeError()));
  for (size_t i = 0; i < names.size(); ++i) {
    if (!emitted[i].module)
      continue;
    if (cache)
      cache->store(keys[i], emitted[i], (*objects)[i]);
    emitted[i].module.reset(); // before its context
    candidates[i] = {std::move(emitted[i]), std::move((*objects)[i])};
  }
  return candidates;
}

} // namespace mlc::codegen
