#include "compiler/Input.h"

#include "frontend/Import.h"
#include "support/Npy.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace mlc {

LogicalResult fail(MLIRContext &context, const llvm::Twine &message) {
  return emitError(UnknownLoc::get(&context)) << message;
}

FailureOr<std::pair<std::string, std::string>> splitBinding(MLIRContext &context, StringRef option, StringRef text) {
  // Names of tensors, and of files, may hold '=': what follows the right one is a file.
  for (size_t at = text.find('='); at != StringRef::npos; at = text.find('=', at + 1))
    if (StringRef value = text.substr(at + 1); at && (value.starts_with("random:") || llvm::sys::fs::exists(value)))
      return std::pair(text.substr(0, at).str(), value.str());
  auto [name, file] = text.split('=');
  if (name.empty() || file.empty())
    return fail(context, "--" + option + "=" + text + ": expected NAME=FILE");
  return std::pair(name.str(), file.str());
}

FailureOr<OwningOpRef<ModuleOp>> importInput(MLIRContext &context, const InputOptions &input) {
  ImportOptions importOptions;
  importOptions.head = input.head;
  importOptions.keep = input.keep;
  for (const std::string &text : input.shapes) {
    llvm::Expected<ShapeBinding> binding = parseShapeBinding(text);
    if (!binding)
      return fail(context, "--shape=" + text + ": " + llvm::toString(binding.takeError()));
    importOptions.shapes.push_back(std::move(*binding));
  }
  if (!input.pad.empty()) {
    llvm::Expected<Padding> padding = parsePadding(input.pad);
    if (!padding)
      return fail(context, "--pad=" + input.pad + ": " + llvm::toString(padding.takeError()));
    importOptions.padding = std::move(*padding);
  }
  for (const std::string &text : input.constants) {
    auto binding = splitBinding(context, "const", text);
    if (failed(binding))
      return failure();
    Result<HostTensor> tensor = readNpy(binding->second);
    if (!tensor.ok())
      return fail(context, "--const=" + text + ": " + tensor.message());
    if (!importOptions.constants.emplace(binding->first, *tensor).second)
      return fail(context, "--const: '" + binding->first + "' is given twice");
  }
  return importModel(context, input.path, importOptions);
}

} // namespace mlc
