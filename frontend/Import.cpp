#include "frontend/Import.h"

#include "dialects/mlc/MlcDialect.h"
#include "frontend/Keep.h"
#include "frontend/Padding.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace mlc;

// Two buckets of the same input shapes, and capacities: no call could say which it means.
static LogicalResult checkBuckets(ModuleOp module) {
  llvm::DenseSet<Attribute> known;
  for (auto function : module.getOps<func::FuncOp>()) {
    auto entry = function->getAttrOfType<StringAttr>(kEntryAttr);
    if (!entry)
      continue;
    SmallVector<Attribute> key{entry};
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      Attribute capacity = function.getArgAttr(i, kCapacityAttr);
      key.push_back(TypeAttr::get(function.getArgumentTypes()[i]));
      key.push_back(capacity ? capacity : UnitAttr::get(module.getContext()));
    }
    if (!known.insert(ArrayAttr::get(module.getContext(), key)).second)
      return emitError(UnknownLoc::get(module.getContext()), "two shape buckets of entry point ")
             << entry << " have the same input shapes; leave one out (--shape)";
  }
  return success();
}

static bool isIr(StringRef path) { return path == "-" || path.ends_with(".mlir") || path.ends_with(".mlirbc"); }
static bool isCheckpoint(StringRef path) { return llvm::sys::fs::is_directory(path) || path.ends_with(".safetensors"); }
static bool isOnnx(StringRef path) { return !path.starts_with(kZooPrefix) && !isCheckpoint(path) && !isIr(path); }

static mlc::ImportResult importAny(MLIRContext &context, StringRef path, const ImportOptions &options) {
  context.loadDialect<MlcDialect, func::FuncDialect>();
  if (path.starts_with(kZooPrefix))
    return importZoo(context, path, options);
  if (isCheckpoint(path))
    return importCheckpoint(context, path, options);
  if (options.head != Head::Auto) {
    emitError(UnknownLoc::get(&context), "--head applies to checkpoints and to the zoo; '")
        << path << "' has the outputs that it was made with";
    return failure();
  }
  if (isOnnx(path))
    return importOnnx(context, path, options);
  if (!options.padding.dims.empty()) {
    emitError(UnknownLoc::get(&context), "'")
        << path << "' has static shapes already, and its entry points say where they may be smaller (" << kPaddedAttr
        << "): --pad does not apply";
    return failure();
  }
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

// With what --keep names as further outputs.
static mlc::ImportResult importKept(MLIRContext &context, StringRef path, const ImportOptions &options) {
  ImportResult module = importAny(context, path, options);
  // ONNX names values, too, which are gone behind its importer.
  if (failed(module) || (!isOnnx(path) && failed(frontend::keepParts(**module, options.keep))))
    return failure();
  return module;
}

mlc::ImportResult mlc::importModel(MLIRContext &context, StringRef path, const ImportOptions &options) {
  ImportResult module = importKept(context, path, options);
  if (failed(module) || failed(checkBuckets(**module)))
    return failure();
  auto importWith = [&](const std::vector<ShapeBinding> &shapes) {
    ImportOptions other = options;
    other.shapes = shapes;
    return importKept(context, path, other);
  };
  if (!options.padding.dims.empty() && failed(markPadding(**module, options.shapes, options.padding, importWith)))
    return failure();
  return module;
}
