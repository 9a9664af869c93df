// The command line of mlc-opt: compiler for models, pass driver for IR.
#include "compiler/Compile.h"
#include "compiler/Registration.h"
#include "compiler/include/mlc/compiler.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include <mutex>

namespace cl = llvm::cl;
using namespace mlir;

namespace {

constexpr const char *kOverview = R"(mlc-opt: compiles models, and drives passes over IR

  mlc-opt model.onnx -o model.mlc                   compile an ONNX model for this CPU
  mlc-opt bert-dir/ --shape batch=8,seq=128 -o b.mlc  compile a Hugging Face checkpoint directory
  mlc-opt model.onnx --emit=mlir                    print the IR behind the graph phases
  mlc-opt model.onnx --interpret --input x=x.npy    evaluate with the reference interpreter
  mlc-opt in.mlir --canonicalize                    run passes over IR; every pass has its flag

Run a module with mlc-run, measure it with mlc-bench.
)";

// Declared once, when the library is first used.
struct Options {
  cl::OptionCategory category{"mlc options"};
  cl::opt<std::string> input{cl::Positional, cl::desc("<model.onnx | checkpoint directory | IR.mlir>"), cl::init("-"),
                             cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Output file"), cl::value_desc("file"), cl::init("-"), cl::cat(category)};
  cl::list<std::string> shapes{"shape",
                               cl::desc("Binds symbolic dimensions (batch=8,seq=128) or an input's shape "
                                        "(ids=8x128); repeat for one shape bucket each"),
                               cl::value_desc("binding"), cl::cat(category)};
  cl::list<std::string> constants{"const", cl::desc("Freezes an input"), cl::value_desc("NAME=FILE.npy"),
                                  cl::cat(category)};
  cl::opt<std::string> targetCpu{"target-cpu", cl::desc("x86-64-v3, x86-64-v4, or native"), cl::init("native"),
                                 cl::cat(category)};
  cl::opt<mlc::Emit> emit{"emit", cl::desc("What to write:"), cl::init(mlc::Emit::Module),
                          cl::values(clEnumValN(mlc::Emit::Module, "module", "a module for mlc-run (default)"),
                                     clEnumValN(mlc::Emit::Mlir, "mlir", "IR behind the graph phases")),
                          cl::cat(category)};
  cl::opt<std::string> compileTo{"compile-to",
                                 cl::desc("Stop behind a phase and print IR: import, simplify, layout, fuse"),
                                 cl::value_desc("phase"), cl::cat(category)};
  cl::opt<bool> check{"check", cl::desc("Report what is not supported; compile nothing"), cl::cat(category)};
  cl::opt<bool> timing{"timing", cl::desc("Print the time of each phase"), cl::cat(category)};
  cl::opt<bool> interpret{"interpret", cl::desc("Evaluate the model with the reference interpreter; -o OUT.npz"),
                          cl::cat(category)};
  cl::opt<bool> interpretF64{"interpret-f64", cl::desc("As --interpret, in f64 throughout"), cl::cat(category)};
  cl::list<std::string> inputs{"input", cl::desc("Input of --interpret; an .npz names its tensors"),
                               cl::value_desc("NAME=FILE.npy | FILE.npz"), cl::cat(category)};
  cl::opt<std::string> entry{"entry", cl::desc("Entry point of --interpret"), cl::init("infer"), cl::cat(category)};
};

std::string versionText() { return std::string(mlc_compiler_version()) + "\n"; }

bool isIr(llvm::StringRef path) { return path == "-" || path.ends_with(".mlir") || path.ends_with(".mlirbc"); }

int drivePasses(const Options &options, DialectRegistry &registry) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(options.input, &error);
  if (!buffer) {
    llvm::errs() << "mlc-opt: error: " << error << "\n";
    return 1;
  }
  std::unique_ptr<llvm::ToolOutputFile> output = openOutputFile(options.output, &error);
  if (!output) {
    llvm::errs() << "mlc-opt: error: " << error << "\n";
    return 1;
  }
  if (failed(MlirOptMain(output->os(), std::move(buffer), registry, MlirOptMainConfig::createFromCLOptions())))
    return 1;
  output->keep();
  return 0;
}

int run(const Options &options, DialectRegistry &registry) {
  bool interpret = options.interpret || options.interpretF64;
  bool compile = interpret || options.check || options.emit.getNumOccurrences() ||
                 options.compileTo.getNumOccurrences() || llvm::StringRef(options.output).ends_with(".mlc");
  if (isIr(options.input) && !compile)
    return drivePasses(options, registry);

  mlc::CompileOptions compileOptions;
  compileOptions.input = options.input;
  compileOptions.output = options.output;
  compileOptions.shapes.assign(options.shapes.begin(), options.shapes.end());
  compileOptions.constants.assign(options.constants.begin(), options.constants.end());
  compileOptions.targetCpu = options.targetCpu;
  compileOptions.emit = options.emit;
  compileOptions.pipeline.stopAfter = options.compileTo;
  compileOptions.pipeline.timing = options.timing;
  if (!options.compileTo.empty() &&
      llvm::none_of(mlc::graphPhases(), [&](const mlc::Phase &p) { return p.name == options.compileTo; })) {
    llvm::errs() << "mlc-opt: error: --compile-to=" << options.compileTo << ": there is no such phase; phases are";
    for (const mlc::Phase &phase : mlc::graphPhases())
      llvm::errs() << " " << phase.name;
    llvm::errs() << "\n";
    return 1;
  }

  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  LogicalResult result = success();
  if (interpret) {
    mlc::InterpretRequest request;
    request.inputs.assign(options.inputs.begin(), options.inputs.end());
    request.entry = options.entry;
    request.inF64 = options.interpretF64;
    result = mlc::interpretModel(context, compileOptions, request);
  } else if (options.check) {
    result = mlc::checkModel(context, compileOptions);
  } else {
    result = mlc::compileModel(context, compileOptions);
  }
  return failed(result);
}

} // namespace

const char *mlc_compiler_version(void) { return "mlc " MLC_VERSION " (LLVM " LLVM_VERSION_STRING ")"; }

int mlc_compiler_main(int argc, const char *const *argv) {
  // LLVM's command line is one per process.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  static DialectRegistry *registry = [] {
    auto *made = new DialectRegistry;
    mlc::registerAllDialects(*made);
    mlc::registerAllPasses();
    registerAsmPrinterCLOptions();
    registerMLIRContextCLOptions();
    registerPassManagerCLOptions();
    registerDefaultTimingManagerCLOptions();
    MlirOptMainConfig::registerCLOptions(*made);
    return made;
  }();
  static Options *options = new Options;
  cl::ResetAllOptionOccurrences();
  cl::SetVersionPrinter([](llvm::raw_ostream &os) { os << versionText(); });
  if (!cl::ParseCommandLineOptions(argc, argv, kOverview, &llvm::errs()))
    return 1;
  return run(*options, *registry);
}
