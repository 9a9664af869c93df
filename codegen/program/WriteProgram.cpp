#include "codegen/program/WriteProgram.h"

#include "codegen/target/MachineCode.h"
#include "mlc/kernel_abi.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

KernelDesc describe(const ScheduledKernel &kernel, const EmittedKernel &emitted) {
  func::FuncOp function = kernel.function;
  KernelDesc desc;
  desc.symbol = emitted.name;
  desc.scratchBytes = emitted.scratch_bytes;
  desc.numBindings = function.getNumArguments() + function.getNumResults();
  desc.description = kernel.description;
  desc.emitter = emitted.emitter;
  desc.schedule = emitted.schedule;
  desc.flops = kernel.flops;
  desc.bytes = kernel.bytesIn + kernel.bytesOut;
  return desc;
}

BucketDesc commandsOf(const EntrySchedule &entry, const Kernels &kernels) {
  const MemoryMap &memory = entry.memory;
  BucketDesc bucket;
  bucket.inputs = memory.inputs;
  bucket.outputs = memory.outputs;
  bucket.tiedResults = memory.tiedResults;
  if (memory.arenaBytes)
    bucket.arenas.push_back(memory.arenaBytes);
  bucket.arenaBytes = memory.arenaBytes;
  bucket.maxLiveBytes = memory.maxLiveBytes;
  // A stage each: a launch has tiles enough for all threads, so that two at a time would gain nothing.
  for (const Launch &launch : entry.launches) {
    const EmittedKernel &kernel = kernels.emitted[launch.kernel];
    LaunchCpuDesc command;
    command.kernel = launch.kernel;
    command.tiles = kernel.tiles;
    command.bindings = memory.bindingsOf(launch);
    bucket.scratchBytes = std::max<uint64_t>(bucket.scratchBytes, kernel.scratch_bytes);
    bucket.stages.push_back({{CommandDesc{command}}});
  }
  for (const std::vector<PlannedCopy> &copies : memory.finalStages) {
    StageDesc stage;
    for (const PlannedCopy &copy : copies)
      stage.commands.push_back(CommandDesc{copy.copy});
    bucket.stages.push_back(stage);
  }
  return bucket;
}

llvm::Expected<std::string> linkKernels(const Kernels &kernels) {
  if (kernels.objects.empty())
    return std::string();
  std::vector<KernelObject> parts;
  for (auto [kernel, object] : llvm::zip(kernels.emitted, kernels.objects))
    parts.push_back({kernel.name, object});
  auto shared = linkSharedObject(parts);
  if (!shared)
    return shared.takeError();
  return std::string(shared->begin(), shared->end());
}

} // namespace

LogicalResult writeProgram(const Schedule &schedule, const Kernels &kernels, const TargetDesc &target,
                           const ProgramOptions &options, const std::string &path) {
  // What goes wrong here is about files, not about ops.
  auto fail = [&](const std::string &message) -> LogicalResult {
    ModuleOp module = *schedule.kernelModule;
    return emitError(UnknownLoc::get(module.getContext())) << message;
  };
  auto code = linkKernels(kernels);
  if (!code)
    return fail(llvm::toString(code.takeError()));
  ProgramDesc program;
  program.compiler = options.compiler;
  program.source = options.source;
  program.options = options.options;
  TargetSpec spec;
  spec.name = target.name;
  spec.cpu = target.cpu;
  spec.features = target.features;
  spec.requiredFeatures = target.required_features;
  spec.kernelAbi = MLC_KERNEL_ABI_VERSION;
  spec.code = std::move(*code);
  spec.externalCode = options.externalCode;
  program.targets.push_back(std::move(spec));
  for (auto [kernel, emitted] : llvm::zip(schedule.kernels, kernels.emitted))
    program.kernels.push_back(describe(kernel, emitted));
  program.params = schedule.tensors.params;
  program.variables = schedule.tensors.variables;
  program.constants = schedule.tensors.constants;
  for (const EntrySchedule &entry : schedule.entries) {
    auto known = llvm::find_if(program.entryPoints, [&](auto &point) { return point.name == entry.name; });
    if (known == program.entryPoints.end()) {
      program.entryPoints.push_back({entry.name, {}});
      known = std::prev(program.entryPoints.end());
    }
    known->buckets.push_back(commandsOf(entry, kernels));
  }
  std::string error = writeModule(
      program, [&](size_t i, const ByteSink &sink) { return options.writeParam(schedule.tensors.paramOps[i], sink); },
      path);
  return error.empty() ? success() : fail(error);
}

} // namespace mlc::codegen
