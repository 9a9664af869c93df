#include "compiler/Pipeline.h"

#include "codegen/attention/AttentionEmitter.h"
#include "codegen/cpu/VectorEmitter.h"
#include "codegen/loops/LoopEmitter.h"
#include "codegen/math/Math.h"
#include "codegen/program/WriteProgram.h"
#include "codegen/target/MachineCode.h"
#include "codegen/target/Target.h"
#include "compiler/Postconditions.h"
#include "compiler/Timing.h"
#include "compiler/include/mlc/compiler.h"
#include "reference/Interpreter.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace mlc {

static LogicalResult import(Compilation &c);
static LogicalResult schedule(Compilation &c);
static LogicalResult emitKernels(Compilation &c);
static LogicalResult compileObjects(Compilation &c);
static LogicalResult writeModule(Compilation &c);

// Order matters: each phase relies on the promise of the one before it.
static constexpr Phase kPhases[] = {
    {"import", "static shapes, parameters by reference, mlc ops only", "", import, verifyImported},

    {"simplify",
     "shape arithmetic is folded, batch norms are in their convolutions, GELU, layer norm and attention are single ops",
     "canonicalize,mlc-fold-constants,cse,mlc-fold-pad,mlc-fold-batch-norm,mlc-recover-gelu,mlc-recover-layer-norm,"
     "mlc-recover-attention,canonicalize,cse",
     nullptr, verifySimplified},

    // Padding and batch norms that were written channels last meet their convolution only here.
    {"layout", "images are channels last, weights are packed, nothing on parameters alone is left in an entry point",
     "mlc-to-channels-last,canonicalize,mlc-fold-pad,mlc-fold-batch-norm,canonicalize,mlc-pack-weights,canonicalize,"
     "cse,mlc-hoist-param-pack",
     nullptr, verifyLaidOut},

    // Attention in other types than f32 has no kernel of its own: its products and its softmax are kernels.
    {"fuse", "every op that computes is in an mlc.fused region: one region is one kernel",
     "func.func(mlc-decompose-attention),canonicalize,cse,mlc-fuse", nullptr, verifyFused},

    {"schedule", "a kernel function of linalg on tensors and an emitter for each region; every value has its memory",
     "", schedule, verifyScheduled},

    {"kernels", "one LLVM function for each kernel function, with the kernel ABI", "", emitKernels, verifyKernels},

    {"objects", "machine code of each kernel, optimised", "", compileObjects, nullptr},

    {"module", "one .mlc file: commands, code without imports, packed parameters", "", writeModule, nullptr},
};

llvm::ArrayRef<Phase> phases() { return kPhases; }

// Which emitter makes what: for each region, the first of these that accepts it, of the class of its root.
static void addEmitters(codegen::EmitterTable &table) {
  table.add(codegen::createGatherEmitter(), {FusionClass::Opaque});
  table.add(codegen::createScatterEmitter(), {FusionClass::Opaque});
  table.add(codegen::createAttentionEmitter(), {FusionClass::Contraction});
  table.add(codegen::createVectorEmitter());
  table.add(codegen::createHalideEmitter());
  table.add(codegen::createLoopEmitter()); // takes what no other does
}

static LogicalResult import(Compilation &c) {
  if (c.module)
    return success();
  auto module = importInput(c.context, c.options.input);
  if (failed(module))
    return failure();
  c.module = std::move(*module);
  return success();
}

static LogicalResult schedule(Compilation &c) {
  llvm::Expected<codegen::TargetDesc> target = codegen::resolveTarget(c.options.targetCpu);
  if (!target)
    return fail(c.context, "--target-cpu: " + llvm::toString(target.takeError()));
  c.target = std::move(*target);
  addEmitters(c.emitters);
  codegen::ScheduleOptions options;
  options.emitters = &c.emitters;
  options.expandMath = [](func::FuncOp kernel) { codegen::expandMath(kernel); };
  auto schedule = codegen::scheduleModule(*c.module, c.target, options);
  if (failed(schedule))
    return failure();
  c.schedule = std::move(*schedule);
  return success();
}

static LogicalResult emitKernels(Compilation &c) {
  auto kernels = codegen::emitKernels(*c.schedule, c.target, {});
  if (failed(kernels))
    return failure();
  c.kernels = std::move(*kernels);
  return success();
}

static LogicalResult compileObjects(Compilation &c) {
  auto objects = codegen::compileKernels(c.kernels->emitted, c.target, c.options.jobs);
  if (!objects)
    return fail(c.context, llvm::toString(objects.takeError()));
  c.objects = std::move(*objects);
  return success();
}

static LogicalResult writeModule(Compilation &c) {
  ParamStore store;
  codegen::ProgramOptions program;
  program.writeParam = [&](Operation *param, const codegen::ByteSink &sink) -> std::string {
    Result<HostTensor> tensor = reference::evaluateParam(param, store);
    if (!tensor.ok())
      return tensor.message();
    sink(tensor->bytes(), tensor->sizeBytes());
    return {};
  };
  program.externalCode = c.options.externalCode;
  program.compiler = mlc_compiler_version();
  program.source = llvm::sys::path::filename(c.options.input.path).str();
  program.options = {{"target-cpu", c.target.name}};
  for (const std::string &shape : c.options.input.shapes)
    program.options.emplace_back("shape", shape);
  return codegen::writeProgram(*c.schedule, *c.kernels, c.objects, c.target, program, c.options.modulePath);
}

static LogicalResult runPasses(ModuleOp module, llvm::StringRef passes) {
  PassManager manager(module.getContext(), ModuleOp::getOperationName());
  if (failed(applyPassManagerCLOptions(manager)) || failed(parsePassPipeline(passes, manager)))
    return failure();
  return manager.run(module);
}

const Phase *findPhase(MLIRContext &context, llvm::StringRef option, llvm::StringRef name) {
  std::string known;
  for (const Phase &phase : kPhases) {
    if (phase.name == name)
      return &phase;
    known += (known.empty() ? "" : ", ") + phase.name.str();
  }
  (void)fail(context, "--" + option + "=" + name + ": there is no such phase; phases are " + known);
  return nullptr;
}

LogicalResult runPhases(Compilation &c, llvm::StringRef last) {
  PhaseClock clock(c.options.timing);
  // IR that is behind a phase is read, which is what import does with it, and goes on from there.
  bool skipping = !c.options.from.empty() && c.options.from != kPhases[0].name;
  for (const Phase &phase : kPhases) {
    bool isImport = phase.run == import;
    if (isImport || !skipping) {
      clock.begin(phase.name);
      if (failed(phase.run ? phase.run(c) : runPasses(*c.module, phase.passes)))
        return failure();
      if (!skipping && phase.verify && failed(phase.verify(c)))
        return failure();
      clock.end();
    } else if (phase.name == c.options.from) {
      skipping = false;
      if (phase.verify && failed(phase.verify(c)))
        return failure();
    }
    if (phase.name == last)
      return success();
  }
  return success();
}

} // namespace mlc
