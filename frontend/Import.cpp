#include "frontend/Import.h"

#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

mlc::ImportResult mlc::importModel(MLIRContext &context, StringRef path, const ImportOptions &options) {
  context.loadDialect<MlcDialect, func::FuncDialect>();
  if (llvm::sys::fs::is_directory(path))
    return importCheckpoint(context, path, options);
  if (options.head != Head::Auto) {
    emitError(UnknownLoc::get(&context), "--head applies to checkpoint folders; '")
        << path << "' has the outputs that it was made with";
    return failure();
  }
  if (path != "-" && !path.ends_with(".mlir") && !path.ends_with(".mlirbc"))
    return importOnnx(context, path, options);
  if (!options.shapes.empty() || !options.constants.empty()) {
    emitError(UnknownLoc::get(&context), "'")
        << path << "' has static shapes already: --shape and --const do not apply";
    return failure();
  }
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return failure();
  return module;
}
