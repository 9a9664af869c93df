#include "codegen/program/WriteProgram.h"

#include "codegen/target/MachineCode.h"
#include "mlc/kernel_abi.h"
#include "support/Check.h"

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
  desc.arithmetic = kernel.arithmetic;
  desc.flops = kernel.flops;
  desc.bytes = kernel.bytesIn + kernel.bytesOut;
  return desc;
}

BucketDesc commandsOf(const EntrySchedule &entry, const Kernels &kernels, uint32_t firstKernel) {
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
    command.kernel = firstKernel + launch.kernel;
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

// Code, kernels and command lists for one target.
llvm::Error addTarget(ProgramDesc &program, const TargetProgram &code, bool externalCode) {
  auto linked = linkKernels(code.kernels);
  if (!linked)
    return linked.takeError();
  uint32_t target = program.targets.size(), firstKernel = program.kernels.size();
  TargetSpec spec;
  spec.name = code.target.name;
  spec.cpu = code.target.cpu;
  spec.features = code.target.features;
  spec.requiredFeatures = code.target.required_features;
  spec.kernelAbi = MLC_KERNEL_ABI_VERSION;
  spec.code = std::move(*linked);
  spec.externalCode = externalCode;
  program.targets.push_back(std::move(spec));
  for (auto [kernel, emitted] : llvm::zip(code.schedule.kernels, code.kernels.emitted)) {
    program.kernels.push_back(describe(kernel, emitted));
    program.kernels.back().target = target;
  }
  for (const EntrySchedule &entry : code.schedule.entries) {
    auto known = llvm::find_if(program.entryPoints, [&](auto &point) { return point.name == entry.name; });
    if (known == program.entryPoints.end()) {
      program.entryPoints.push_back({entry.name, {}});
      known = std::prev(program.entryPoints.end());
    }
    BucketDesc &bucket = known->buckets.emplace_back(commandsOf(entry, code.kernels, firstKernel));
    bucket.target = target;
  }
  return llvm::Error::success();
}

} // namespace

LogicalResult writeProgram(ArrayRef<TargetProgram> programs, const ProgramOptions &options, const std::string &path) {
  const StoredTensors &tensors = programs[0].schedule.tensors;
  // What goes wrong here is about files, not about ops.
  auto fail = [&](const std::string &message) -> LogicalResult {
    ModuleOp module = *programs[0].schedule.kernelModule;
    return emitError(UnknownLoc::get(module.getContext())) << message;
  };
  ProgramDesc program;
  program.compiler = options.compiler;
  program.source = options.source;
  program.files = options.files;
  program.options = options.options;
  program.params = tensors.params;
  program.variables = tensors.variables;
  program.constants = tensors.constants;
  for (const TargetProgram &code : programs) {
    MLC_CHECK(code.schedule.tensors.paramOps == tensors.paramOps &&
                  code.schedule.tensors.constants == tensors.constants,
              "targets store different tensors");
    if (llvm::Error error = addTarget(program, code, options.externalCode))
      return fail(llvm::toString(std::move(error)));
  }
  std::string error = writeModule(
      program, [&](size_t i, const ByteSink &sink) { return options.writeParam(tensors.paramOps[i], sink); }, path);
  return error.empty() ? success() : fail(error);
}

} // namespace mlc::codegen
