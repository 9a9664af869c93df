#include "compiler/CommandLine.h"

#include "codegen/target/Target.h"
#include "compiler/include/mlc/compiler.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace mlc {

static constexpr const char *kOverview = R"(mlc-opt: compiles models, and drives passes over IR

  mlc-opt model.onnx -o model.mlc                       compile an ONNX model for this CPU
  mlc-opt bert-dir/ --shape batch=8,seq=128 -o b.mlc    compile a Hugging Face folder (config.json, safetensors)
  mlc-opt model.onnx --check                            is it supported? memory and kernels; compiles nothing
  mlc-opt model.onnx -o model.mlc --report --timing     what was made of it, and where the time went
  mlc-opt model.onnx --interpret --input x=x.npy        evaluate with the reference interpreter
  mlc-opt model.onnx --compile-to=fuse                  print the IR behind a phase; --emit=asm: the kernels' code
  mlc-opt model.onnx --emit=graph -o model.svg          a picture of its kernels
  mlc-opt model.onnx --per-op-compare                   find the first kernel that is wrong
  mlc-opt model.onnx --bisect                           find the first pass that is wrong
  mlc-opt in.mlir --mlc-fuse --compare-with=in.mlir     do passes keep the numbers?
  mlc-opt in.mlir --canonicalize                        run passes over IR; every pass has its flag

Run a module with mlc-run, measure it with mlc-bench.
)";

// What --help says behind the options: the phases, and where the rest is.
static std::string describePhases() {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "\nPHASES, in order; each is verified to have left what it promises\n\n";
  for (const Phase &phase : phases()) {
    os << "  " << llvm::left_justify(phase.name, 10) << phase.promise << "\n";
    if (!phase.passes.empty())
      os << "            passes: " << phase.passes << "\n";
  }
  os << R"(
FOR COMPILER ENGINEERS

  With an input of IR and none of the options above, mlc-opt is mlir-opt with the dialect mlc: --pass-pipeline=..., and
  each pass by its flag. --list-passes lists them. Of MLIR's options these help in a compilation, too:
    --mlir-print-ir-after-all, --mlir-print-ir-before=PASS, --mlir-timing, --mlir-pass-statistics
  --help-hidden shows all options, LLVM's own included.
)";
  return text;
}

static bool isIr(llvm::StringRef path) { return path == "-" || path.ends_with(".mlir") || path.ends_with(".mlirbc"); }

bool CommandLine::isAboutModel() const {
  return !isIr(input) || interpret || interpretF64 || check || report || perOpCompare || bisect ||
         compareWith.getNumOccurrences() || emit.getNumOccurrences() || compileTo.getNumOccurrences() ||
         compileFrom.getNumOccurrences() || keep.getNumOccurrences() || llvm::StringRef(output).ends_with(".mlc");
}

// Parameters are laid out once, so this is a choice for all targets: tiles multiply bf16 faster than Winograd's
// filtering saves products. A name that is no target is refused later.
static bool allTargetsHaveTiles(StringRef names) {
  return llvm::all_of(llvm::split(names, ','), [](StringRef name) {
    llvm::Expected<codegen::TargetDesc> target = codegen::resolveTarget(name);
    if (target)
      return target->has("amx_bf16");
    llvm::consumeError(target.takeError());
    return false;
  });
}

FailureOr<CompileOptions> CommandLine::compileOptions() const {
  CompileOptions options;
  options.input.path = input;
  options.input.shapes.assign(shapes.begin(), shapes.end());
  options.input.pad = pad;
  options.input.constants.assign(constants.begin(), constants.end());
  options.input.head = head;
  options.input.keep.assign(keep.begin(), keep.end());
  options.output = output;
  options.targetCpu = targetCpu;
  options.winograd = winograd == "auto" && allTargetsHaveTiles(targetCpu) ? "auto-f32" : winograd.getValue();
  options.precision = precision == Precision::BF16 ? "bf16" : "keep";
  options.unpad = unpad.empty() ? "auto" : unpad.getValue();
  options.tune = tune.empty() ? "60" : tune.getValue();
  options.schedules = schedules;
  options.exportSchedules = exportSchedules;
  options.emit = emit;
  options.to = compileTo;
  options.from = compileFrom;
  options.jobs = jobs;
  options.fastMatmul = fastMatmul ? "true" : "false";
  options.timing = timing;
  options.report = report;
  for (llvm::StringRef text : addPasses) {
    auto [phase, passes] = text.split(':');
    if (phase.empty() || passes.empty()) {
      llvm::errs() << "mlc-opt: error: --add-passes=" << text << ": expected PHASE:PIPELINE\n";
      return failure();
    }
    options.addedPasses.emplace_back(phase, passes);
  }
  options.externalCode = code == CodePlace::External;
  options.cache = findCacheFolder();
  if (noCache)
    options.cache = {"", "--no-cache"};
  else if (StringRef name = foreignOption();
           !name.empty()) // may change code, or print what a cached kernel does not pass
    options.cache = {"", ("--" + name + " is given").str()};
  return options;
}

StringRef CommandLine::foreignOption() const {
  for (const auto &[name, option] : llvm::cl::getRegisteredOptions())
    if (option->getNumOccurrences() && !llvm::is_contained(option->Categories, &compiling) &&
        !llvm::is_contained(option->Categories, &looking) && !llvm::is_contained(option->Categories, &evaluating))
      return name;
  return "";
}

const CommandLine *parseCommandLine(int argc, const char *const *argv, DialectRegistry &registry) {
  static CommandLine *line = [&] {
    registerAsmPrinterCLOptions();
    registerMLIRContextCLOptions();
    registerPassManagerCLOptions();
    registerDefaultTimingManagerCLOptions();
    MlirOptMainConfig::registerCLOptions(registry);
    auto *made = new CommandLine;
    static std::string more = describePhases();
    static llvm::cl::extrahelp help(more);
    // LLVM declares hundreds of options for its own developers; passes have --list-passes.
    llvm::cl::HideUnrelatedOptions({&made->compiling, &made->looking, &made->evaluating});
    return made;
  }();
  llvm::cl::ResetAllOptionOccurrences();
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) { os << mlc_compiler_version() << "\n"; });
  return llvm::cl::ParseCommandLineOptions(argc, argv, kOverview, &llvm::errs()) ? line : nullptr;
}

} // namespace mlc
