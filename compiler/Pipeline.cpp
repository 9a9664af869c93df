#include "compiler/Pipeline.h"

#include "codegen/attention/AttentionEmitter.h"
#include "codegen/cpu/VectorEmitter.h"
#include "codegen/loops/LoopEmitter.h"
#include "codegen/math/Math.h"
#include "codegen/program/WriteProgram.h"
#include "codegen/target/MachineCode.h"
#include "codegen/target/Target.h"
#include "codegen/winograd/WinogradEmitter.h"
#include "compiler/Postconditions.h"
#include "compiler/Reproducer.h"
#include "compiler/Schedules.h"
#include "compiler/SourceFiles.h"
#include "compiler/Timing.h"
#include "compiler/Tune.h"
#include "compiler/include/mlc/compiler.h"
#include "reference/Interpreter.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
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
    {"import", "static shapes, parameters by reference, mlc ops only", "", import, verifyImported, /*mayRefuse=*/true},

    {"simplify",
     "shape arithmetic is folded, batch norms are in their convolutions, GELU, layer norm and attention are single ops",
     "canonicalize,mlc-recover-integer-products,mlc-recover-requantization,mlc-fold-constants,cse,mlc-fold-pad,"
     "mlc-fold-batch-norm,mlc-recover-gelu,mlc-recover-layer-norm,mlc-recover-attention,canonicalize,cse",
     nullptr, verifySimplified},

    // Where tokens are packed, everything behind it works on rows.
    {"unpad", "with --unpad, only tokens that the attention mask keeps are computed, as many as a bucket has room for",
     "mlc-unpad{tokens=$unpad},canonicalize,cse", nullptr, verifyUnpadded, /*mayRefuse=*/true},

    {"precision", "contractions multiply the type that was asked for, and sum in f32",
     "func.func(mlc-lower-precision{to=$precision})", nullptr, nullptr},

    // Padding and batch norms that were written channels last meet their convolution only here.
    {"layout", "images are channels last, weights are packed, nothing on parameters alone is left in an entry point",
     "mlc-to-channels-last,canonicalize,mlc-fold-pad,mlc-fold-batch-norm,canonicalize,mlc-winograd{mode=$winograd},"
     "mlc-join-projections,mlc-pack-weights,mlc-fast-matmul{enabled=$fast-matmul},canonicalize,cse,mlc-hoist-param-"
     "pack",
     nullptr, verifyLaidOut},

    // Attention in f64 has no kernel of its own: its products and its softmax are kernels.
    {"fuse", "every op that computes is in an mlc.fused region: one region is one kernel",
     "func.func(mlc-decompose-attention),canonicalize,cse,mlc-fuse,func.func(mlc-narrow-stores{to=$precision})",
     nullptr, verifyFused},

    {"schedule", "a kernel function of linalg on tensors and an emitter for each region; every value has its memory",
     "", schedule, verifyScheduled},

    {"tune", "with --tune or --schedules, the kernels that have a choice ask for the schedule that was chosen", "",
     tuneKernels, verifyTuned, /*mayRefuse=*/true},

    {"kernels", "one LLVM function for each kernel function, with the kernel ABI", "", emitKernels, verifyKernels},

    {"objects", "machine code of each kernel, optimised", "", compileObjects, nullptr},

    {"module", "one .mlc file: commands, code without imports, packed parameters", "", writeModule, nullptr,
     /*mayRefuse=*/true},
};

llvm::ArrayRef<Phase> phases() { return kPhases; }

static constexpr PassOption kPassOptions[] = {
    {"unpad", &PipelineOptions::unpad},
    {"winograd", &PipelineOptions::winograd},
    {"fast-matmul", &PipelineOptions::fastMatmul},
    {"precision", &PipelineOptions::precision},
};

llvm::ArrayRef<PassOption> passOptions() { return kPassOptions; }

// Which emitter makes what: for each region, the first of these that accepts it, of the class of its root.
static void addEmitters(codegen::EmitterTable &table) {
  table.add(codegen::createGatherEmitter(), {FusionClass::Opaque});
  table.add(codegen::createScatterEmitter(), {FusionClass::Opaque});
  table.add(codegen::createVarlenEmitter(), {FusionClass::Opaque});
  table.add(codegen::createAttentionEmitter(), {FusionClass::Contraction});
  table.add(codegen::createWinogradEmitter(), {FusionClass::Contraction});
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
  addEmitters(c.emitters);
  codegen::ScheduleOptions options;
  options.emitters = &c.emitters;
  for (TargetCode &code : c.codes) {
    options.expandMath = [&](func::FuncOp kernel) {
      codegen::expandMath(kernel, codegen::mathInstructionsOf(kernel, code.target));
    };
    auto schedule = codegen::scheduleModule(*c.module, code.target, options);
    if (failed(schedule))
      return failure();
    code.schedule = std::move(*schedule);
  }
  return success();
}

static LogicalResult emitKernels(Compilation &c) {
  codegen::EmitOptions options;
  options.lastResort = c.emitters.find("loops");
  options.cache = c.cache ? &*c.cache : nullptr;
  size_t numKernels = 0, numCached = 0;
  for (TargetCode &code : c.codes) {
    options.progress = [&](size_t done) { c.progress.report(done, code.schedule->kernels.size()); };
    auto kernels = codegen::emitKernels(*code.schedule, code.target, options);
    if (failed(kernels))
      return failure();
    code.kernels = std::move(*kernels);
    numKernels += code.kernels->emitted.size();
    numCached += code.kernels->numCached;
  }
  const CacheFolder &folder = c.options.cache;
  if (c.cache)
    c.note = std::to_string(numCached) + " of " + std::to_string(numKernels) + " kernels are in the cache '" +
             c.cache->folder() + "'";
  else if (!folder.why.empty())
    c.note = "no cache: " + folder.why;
  if (!folder.why.empty() && folder.isAsked)
    emitWarning(UnknownLoc::get(&c.context), "kernels are not cached: " + folder.why);
  return success();
}

static LogicalResult compileObjects(Compilation &c) {
  codegen::KernelCache *cache = c.cache ? &*c.cache : nullptr;
  for (TargetCode &code : c.codes)
    if (llvm::Error error = codegen::makeObjects(*code.kernels, code.target, c.options.jobs, cache, [&](size_t done) {
          c.progress.report(done, code.kernels->emitted.size() - code.kernels->numCached);
        }))
      return fail(c.context, llvm::toString(std::move(error)));
  if (cache && !cache->problem().empty()) {
    c.note = "not cached: " + cache->problem();
    if (c.options.cache.isAsked)
      emitWarning(UnknownLoc::get(&c.context), "kernels are not cached: " + cache->problem());
  }
  return success();
}

static LogicalResult writeModule(Compilation &c) {
  ParamStore store;
  codegen::ProgramOptions program;
  size_t written = 0;
  program.writeParam = [&](Operation *param, const codegen::ByteSink &sink) -> std::string {
    c.progress.report(written++, c.codes[0].schedule->tensors.params.size());
    Result<HostTensor> tensor = reference::evaluateParam(param, store);
    if (!tensor.ok())
      return tensor.message();
    sink(tensor->bytes(), tensor->sizeBytes());
    return {};
  };
  program.externalCode = c.options.externalCode;
  program.compiler = mlc_compiler_version();
  program.source = llvm::sys::path::filename(llvm::StringRef(c.options.input.path).rtrim('/')).str();
  Result<std::vector<codegen::SourceFileDesc>> files = sourceFiles(c.options.input, *c.module);
  if (!files.ok())
    return fail(c.context, files.message());
  program.files = *std::move(files);
  std::vector<codegen::TargetProgram> programs;
  std::string targets;
  for (const TargetCode &code : c.codes) {
    programs.push_back({code.target, *code.schedule, *code.kernels});
    targets += (targets.empty() ? "" : ",") + code.target.name;
  }
  program.options = {{"target-cpu", targets}};
  // A list of buckets is one entry: an option is found by its name.
  if (!c.options.input.shapes.empty())
    program.options.emplace_back("shape", llvm::join(c.options.input.shapes, " "));
  if (!c.options.input.pad.empty())
    program.options.emplace_back("pad", c.options.input.pad);
  if (!c.options.input.keep.empty())
    program.options.emplace_back("keep", llvm::join(c.options.input.keep, ","));
  for (const PassOption &option : passOptions())
    if (c.options.*option.value != PipelineOptions().*option.value)
      program.options.emplace_back(option.name, c.options.*option.value);
  // How they were found makes no difference to the module.
  if (llvm::any_of(c.codes, [](const TargetCode &code) { return !code.choices.empty(); }))
    program.options.emplace_back("schedules", printSchedules(c, SchedulesText::Compact));
  for (const auto &[phase, passes] : c.options.addedPasses)
    program.options.emplace_back("add-passes", phase + ":" + passes);
  return codegen::writeProgram(programs, program, c.options.output);
}

// A phase's pipeline with the values of the options that it names.
static std::string pipelineOf(const Phase &phase, const PipelineOptions &options) {
  std::string text = phase.passes.str();
  for (const PassOption &option : passOptions()) {
    std::string name = "$" + option.name.str();
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at))
      text.replace(at, name.size(), options.*option.value);
  }
  return text;
}

// "a,b{x=1,y=2},func.func(c,d)": of three passes.
static void splitPasses(llvm::StringRef pipeline, std::vector<std::string> &passes) {
  size_t depth = 0, begin = 0;
  for (auto [i, letter] : llvm::enumerate(pipeline)) {
    depth += letter == '(' || letter == '{';
    depth -= (letter == ')' || letter == '}') && depth;
    if (letter == ',' && !depth) {
      passes.push_back(pipeline.slice(begin, i).str());
      begin = i + 1;
    }
  }
  passes.push_back(pipeline.substr(begin).str());
}

std::vector<std::string> passesOf(const Phase &phase, const PipelineOptions &options) {
  std::vector<std::string> passes;
  splitPasses(pipelineOf(phase, options), passes);
  for (const auto &[name, added] : options.addedPasses)
    if (name == phase.name)
      splitPasses(added, passes);
  return passes;
}

LogicalResult runPasses(ModuleOp module, llvm::StringRef passes, TimingScope &timing) {
  PassManager manager(module.getContext(), ModuleOp::getOperationName());
  manager.enableTiming(timing);
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

// The phase itself, the passes that the user added to it, and what it promises.
static LogicalResult runOne(Compilation &c, const Phase &phase, TimingScope timing) {
  if (failed(phase.run ? phase.run(c) : runPasses(*c.module, pipelineOf(phase, c.options), timing)))
    return failure();
  for (const auto &[name, passes] : c.options.addedPasses)
    if (name == phase.name && failed(runPasses(*c.module, passes, timing)))
      return failure();
  return phase.verify ? phase.verify(c) : success();
}

// Is `name` one of the phases that work on mlc IR alone? Those behind them generate code.
static bool isOnIr(llvm::StringRef name) {
  return llvm::any_of(kPhases,
                      [&](const Phase &phase) { return phase.name == name && (phase.run == import || !phase.run); });
}

// Options that name what does not exist are errors before any work is done.
static LogicalResult checkOptions(Compilation &c, llvm::StringRef last) {
  const Phase *to = findPhase(c.context, "compile-to", last);
  const Phase *from = c.options.from.empty() ? nullptr : findPhase(c.context, "compile-from", c.options.from);
  if (!to || (!from && !c.options.from.empty()))
    return failure();
  if (from && !isOnIr(from->name))
    return fail(
        c.context,
        "--compile-from=" + from->name +
            ": what this phase prints cannot be read again; import, simplify, unpad, precision, layout and fuse can");
  if (from && from > to)
    return fail(c.context,
                "--compile-from=" + from->name + " is behind '" + to->name + "', where the compilation ends");
  for (const auto &[name, passes] : c.options.addedPasses) {
    const Phase *phase = findPhase(c.context, "add-passes", name);
    if (!phase)
      return failure();
    if (phase->run && phase->run != import)
      return fail(c.context,
                  "--add-passes=" + name + ":" + passes +
                      ": passes run on mlc IR, in the phases import, simplify, unpad, precision, layout and fuse");
  }
  // Up to `fuse` no code is generated: a machine for which no code can be generated may do that.
  if (c.options.targetCpu == "native" && isOnIr(last))
    return success();
  llvm::StringSet<> names;
  for (llvm::StringRef name : llvm::split(c.options.targetCpu, ',')) {
    llvm::Expected<codegen::TargetDesc> target = codegen::resolveTarget(name);
    if (!target)
      return fail(c.context, "--target-cpu: " + llvm::toString(target.takeError()));
    if (!names.insert(target->name).second)
      return fail(c.context, "--target-cpu=" + c.options.targetCpu + ": '" + target->name + "' is given twice");
    c.codes.push_back({std::move(*target), {}, {}, {}});
  }
  return success();
}

// Weights are read from the user's files while the module is written.
static LogicalResult checkOutputIsNotRead(Compilation &c) {
  llvm::StringSet<> files;
  c.module->walk([&](ParamOp param) {
    if (auto file = dyn_cast<FileAttr>(param.getSource()))
      files.insert(file.getPath());
  });
  for (const auto &file : files)
    if (bool same = false;
        c.options.output != "-" && !llvm::sys::fs::equivalent(file.getKey(), c.options.output, same) && same)
      return fail(c.context, "'" + c.options.output + "' holds weights of the model; name another output");
  return success();
}

LogicalResult runPhases(Compilation &c, llvm::StringRef last) {
  if (failed(checkOptions(c, last)))
    return failure();
  // IR and code to look at are made, not fetched.
  if (const CacheFolder &folder = c.options.cache; last == "module" && !folder.path.empty())
    c.cache.emplace(folder.path);
  PhaseClock clock(c.options.timing);
  DefaultTimingManager timing; // of --mlir-timing: the passes one by one
  applyDefaultTimingManagerCLOptions(timing);
  TimingScope timingRoot = timing.getRootScope();
  // The input is always read by `import`; IR behind a later phase goes on from there.
  bool skipping = false;
  llvm::StringRef before;
  for (const Phase &phase : kPhases) {
    if (!skipping) {
      clock.begin(phase.name);
      c.progress.begin(phase.name);
      auto run = [&] { return runOne(c, phase, timingRoot.nest(phase.name)); };
      LogicalResult result = phase.mayRefuse ? run() : runReproducibly(c, phase, before, run);
      c.progress.end();
      clock.end(std::exchange(c.note, ""));
      if (failed(result))
        return failure();
    }
    auto isEntry = [](func::FuncOp function) { return function->hasAttr(kEntryAttr); };
    if (phase.run == import && !isOnIr(last) && llvm::none_of(c.module->getOps<func::FuncOp>(), isEntry))
      return c.module->emitError("there is no entry point to compile: no func.func carries '") << kEntryAttr << "'";
    if (phase.run == import && failed(checkOutputIsNotRead(c)))
      return failure();
    if (phase.run == import && !c.options.from.empty())
      skipping = true;
    if (phase.name == c.options.from) {
      skipping = false;
      if (phase.verify && failed(phase.verify(c)))
        return failure();
    }
    before = phase.name;
    if (phase.name == last)
      return success();
  }
  return success();
}

} // namespace mlc
