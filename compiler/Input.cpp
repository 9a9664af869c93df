#include "compiler/Input.h"

#include "frontend/Import.h"
#include "support/Npy.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;

namespace mlc {

LogicalResult fail(MLIRContext &context, const llvm::Twine &message) {
  return emitError(UnknownLoc::get(&context)) << message;
}

FailureOr<std::pair<std::string, std::string>> splitBinding(MLIRContext &context, StringRef option, StringRef text) {
  auto [name, file] = text.split('=');
  if (name.empty() || file.empty())
    return fail(context, "--" + option + "=" + text + ": expected NAME=FILE");
  return std::pair(name.str(), file.str());
}

FailureOr<OwningOpRef<ModuleOp>> importInput(MLIRContext &context, const InputOptions &input) {
  ImportOptions importOptions;
  importOptions.head = input.head;
  for (const std::string &text : input.shapes) {
    llvm::Expected<ShapeBinding> binding = parseShapeBinding(text);
    if (!binding)
      return fail(context, "--shape=" + text + ": " + llvm::toString(binding.takeError()));
    importOptions.shapes.push_back(std::move(*binding));
  }
  for (const std::string &text : input.constants) {
    auto binding = splitBinding(context, "const", text);
    if (failed(binding))
      return failure();
    Result<HostTensor> tensor = readNpy(binding->second);
    if (!tensor.ok())
      return fail(context, "--const=" + text + ": " + tensor.message());
    importOptions.constants[binding->first] = *tensor;
  }
  return importModel(context, input.path, importOptions);
}

} // namespace mlc
