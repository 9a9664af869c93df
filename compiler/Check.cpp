// mlc-opt --check: what is supported, how much memory, which kernels; nothing is compiled.
#include "compiler/Compile.h"

#include "dialects/mlc/MlcDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace mlc {

LogicalResult checkModel(MLIRContext &context, const CompileOptions &options) {
  Compilation compilation(context, options);
  if (failed(runPhases(compilation, "schedule")))
    return failure();
  ModuleOp module = *compilation.module;
  int64_t paramBytes = 0, params = 0;
  for (ParamOp param : module.getOps<ParamOp>()) {
    paramBytes += countBytes(param.getType());
    ++params;
  }
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    int64_t flops = 0, ops = 0;
    function.walk([&](FlopsOp op) {
      flops += op.flops();
      ++ops;
    });
    llvm::outs() << "entry " << function->getAttrOfType<StringAttr>(kEntryAttr) << ": " << function.getFunctionType()
                 << ", " << ops << " ops, " << llvm::format("%.3f", flops * 1e-9) << " GFLOP\n";
  }
  llvm::outs() << params << " parameters, " << llvm::format("%.1f", paramBytes * 1e-6)
               << " MB; everything is supported\n";
  return success();
}

} // namespace mlc
