#include "compiler/CommandLine.h"

#include "compiler/include/mlc/compiler.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

using namespace mlir;

namespace mlc {

static constexpr const char *kOverview = R"(mlc-opt: compiles models, and drives passes over IR

  mlc-opt model.onnx -o model.mlc                   compile an ONNX model for this CPU
  mlc-opt bert-dir/ --shape batch=8,seq=128 -o b.mlc  compile a Hugging Face checkpoint directory
  mlc-opt model.onnx --emit=mlir                    print the IR behind the graph phases
  mlc-opt model.onnx --interpret --input x=x.npy    evaluate with the reference interpreter
  mlc-opt model.onnx --per-op-compare               find the first kernel that is wrong
  mlc-opt in.mlir --mlc-fuse --compare-with=in.mlir do passes keep the numbers?
  mlc-opt in.mlir --canonicalize                    run passes over IR; every pass has its flag

Run a module with mlc-run, measure it with mlc-bench.
)";

static bool isIr(llvm::StringRef path) { return path == "-" || path.ends_with(".mlir") || path.ends_with(".mlirbc"); }

bool CommandLine::isAboutModel() const {
  return !isIr(input) || interpret || interpretF64 || check || perOpCompare || compareWith.getNumOccurrences() ||
         emit.getNumOccurrences() || compileTo.getNumOccurrences() || llvm::StringRef(output).ends_with(".mlc");
}

CompileOptions CommandLine::compileOptions() const {
  CompileOptions options;
  options.input.path = input;
  options.input.shapes.assign(shapes.begin(), shapes.end());
  options.input.constants.assign(constants.begin(), constants.end());
  options.input.head = head;
  options.output = output;
  options.targetCpu = targetCpu;
  options.emit = emit;
  options.to = compileTo;
  options.from = compileFrom;
  options.jobs = jobs;
  options.timing = timing;
  return options;
}

const CommandLine *parseCommandLine(int argc, const char *const *argv, DialectRegistry &registry) {
  static CommandLine *line = [&] {
    registerAsmPrinterCLOptions();
    registerMLIRContextCLOptions();
    registerPassManagerCLOptions();
    registerDefaultTimingManagerCLOptions();
    MlirOptMainConfig::registerCLOptions(registry);
    return new CommandLine;
  }();
  llvm::cl::ResetAllOptionOccurrences();
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) { os << mlc_compiler_version() << "\n"; });
  return llvm::cl::ParseCommandLineOptions(argc, argv, kOverview, &llvm::errs()) ? line : nullptr;
}

} // namespace mlc
