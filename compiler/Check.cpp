// mlc-opt --check: what is supported, how much memory, which kernels; nothing is compiled.
#include "compiler/Compile.h"
#include "compiler/Report.h"

using namespace mlir;

namespace mlc {

LogicalResult checkModel(MLIRContext &context, const CompileOptions &options) {
  Compilation compilation(context, options);
  if (failed(runPhases(compilation, "schedule")))
    return failure();
  printReport(compilation, llvm::outs());
  llvm::outs() << "\neverything is supported; nothing was compiled\n";
  return success();
}

} // namespace mlc
