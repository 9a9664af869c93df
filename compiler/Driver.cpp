// mlc-opt: compiler for models, pass driver for IR.
#include "compiler/Bisect.h"
#include "compiler/CommandLine.h"
#include "compiler/CompareWith.h"
#include "compiler/Diagnostics.h"
#include "compiler/Input.h"
#include "compiler/Interpret.h"
#include "compiler/PerOpCommand.h"
#include "compiler/Registration.h"
#include "compiler/include/mlc/compiler.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"
#include <mutex>
#include <new>
#include <unistd.h>

using namespace mlir;

namespace mlc {
namespace {

int drivePasses(const CommandLine &line, DialectRegistry &registry) {
  if (line.input == "-" && isatty(STDIN_FILENO)) {
    llvm::errs() << "mlc-opt: error: no input: name a model, a directory or an .mlir file, or pipe IR in; see --help\n";
    return 1;
  }
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(line.input, &error);
  std::unique_ptr<llvm::ToolOutputFile> output = buffer ? openOutputFile(line.output, &error) : nullptr;
  if (!output) {
    llvm::errs() << "mlc-opt: error: " << error << "\n";
    return 1;
  }
  if (failed(MlirOptMain(output->os(), std::move(buffer), registry, MlirOptMainConfig::createFromCLOptions())))
    return 1;
  output->keep();
  return 0;
}

LogicalResult work(const CommandLine &line, MLIRContext &context) {
  FailureOr<CompileOptions> parsed = line.compileOptions();
  if (failed(parsed))
    return failure();
  CompileOptions &options = *parsed;
  std::vector<std::string> inputs(line.inputs.begin(), line.inputs.end());
  std::optional<double> tolerance;
  if (line.tolerance.getNumOccurrences())
    tolerance = line.tolerance;
  if (line.compareWith.getNumOccurrences()) {
    CompareRequest request;
    request.with = line.compareWith;
    request.inputs = inputs;
    if (line.entry.getNumOccurrences())
      request.entry = line.entry;
    request.tolerance = tolerance;
    request.inF64 = line.interpretF64;
    request.addPasses = [](PassManager &manager) {
      return MlirOptMainConfig::createFromCLOptions().setupPassPipeline(manager);
    };
    return compareModels(context, options, request);
  }
  if (line.perOpCompare)
    return comparePerOp(context, options, PerOpRequest{inputs, line.entry, tolerance});
  if (line.bisect)
    return bisectModel(context, options, BisectRequest{inputs, line.entry, tolerance, line.interpretF64});
  if (line.interpret || line.interpretF64) {
    InterpretRequest request;
    request.inputs = inputs;
    request.entry = line.entry;
    request.inF64 = line.interpretF64;
    return interpretModel(context, options, request);
  }
  if (line.check)
    return checkModel(context, options);
  return compileModel(context, options);
}

// What went to stdout may not have arrived.
int checkStdout(int code) {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return code;
  llvm::errs() << "mlc-opt: error: cannot write to the standard output: " << llvm::outs().error().message() << "\n";
  llvm::outs().clear_error();
  return 1;
}

int run(const CommandLine &line, DialectRegistry &registry) {
  if (failed(line.validate()))
    return 1;
  if (line.listOnnxOps) {
    listOnnxOps(llvm::outs());
    return 0;
  }
  if (line.listZoo) {
    listZoo(llvm::outs());
    return 0;
  }
  if (!line.isAboutModel())
    return drivePasses(line, registry);
  // One thread for passes, which take milliseconds: a crash in any is then caught. Code generation has its own threads.
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  DiagnosticPrinter diagnostics(&context);
  return failed(work(line, context));
}

} // namespace
} // namespace mlc

int mlc_compiler_main(int argc, const char *const *argv) {
  if (argc < 1 || !argv || !argv[0]) {
    llvm::errs() << "mlc-opt: error: there is no command line: argv[0] is a name, which is followed by options\n";
    return 1;
  }
  // LLVM's command line is one per process.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  static DialectRegistry *registry = [] {
    auto *made = new DialectRegistry;
    mlc::registerAllDialects(*made);
    mlc::registerAllPasses();
    return made;
  }();
  const mlc::CommandLine *line = mlc::parseCommandLine(argc, argv, *registry);
  try {
    return line ? mlc::checkStdout(mlc::run(*line, *registry)) : 1;
  } catch (const std::bad_alloc &) {
    llvm::errs() << "mlc-opt: error: out of memory: the model's constants and intermediate values must fit\n";
    return 1;
  }
}
