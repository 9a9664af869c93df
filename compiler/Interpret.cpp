#include "compiler/Interpret.h"

#include "dialects/mlc/MlcDialect.h"
#include "reference/Interpreter.h"
#include "support/Npy.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Format.h"
#include <map>

using namespace mlir;

namespace mlc {

// The entry function of this name with arguments of these inputs' shapes; buckets differ in shape only.
static FailureOr<func::FuncOp> findEntry(ModuleOp module, StringRef name) {
  std::string known;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    auto entry = function->getAttrOfType<StringAttr>(kEntryAttr);
    if (!entry)
      continue;
    if (entry.getValue() == name)
      return function;
    known += (known.empty() ? "" : ", ") + entry.getValue().str();
  }
  return module.emitError("no entry point '") << name << "'; the model has: " << (known.empty() ? "none" : known);
}

static StringRef publicName(func::FuncOp function, unsigned index, bool isResult) {
  auto name = isResult ? function.getResultAttrOfType<StringAttr>(index, kNameAttr)
                       : function.getArgAttrOfType<StringAttr>(index, kNameAttr);
  return name ? name.getValue() : StringRef();
}

LogicalResult interpretModel(MLIRContext &context, const CompileOptions &options, const InterpretRequest &request) {
  // IR is evaluated as it is; of a model, the phase that --compile-to names.
  const Phase *last = findPhase(context, "compile-to", options.to.empty() ? "import" : options.to);
  Compilation compilation(context, options);
  if (!last || failed(runPhases(compilation, last->name)))
    return failure();
  auto entry = findEntry(*compilation.module, request.entry);
  if (failed(entry))
    return failure();

  std::map<std::string, HostTensor> given;
  for (const std::string &text : request.inputs) {
    if (StringRef(text).ends_with(".npz")) {
      Result<NamedTensors> tensors = readNpz(text);
      if (!tensors.ok())
        return fail(context, tensors.message());
      for (auto &[name, tensor] : *tensors)
        given[name] = tensor;
      continue;
    }
    auto binding = splitBinding(context, "input", text);
    if (failed(binding))
      return failure();
    Result<HostTensor> tensor = readNpy(binding->second);
    if (!tensor.ok())
      return fail(context, tensor.message());
    given[binding->first] = *tensor;
  }
  std::vector<HostTensor> inputs;
  for (unsigned i = 0; i < entry->getNumArguments(); ++i) {
    StringRef name = publicName(*entry, i, /*isResult=*/false);
    std::string key = name.empty() ? "arg" + std::to_string(i) : name.str();
    auto found = given.find(key);
    if (found == given.end())
      return entry->emitError("input '") << key << "' of type " << entry->getArgumentTypes()[i]
                                         << " is missing: give --input " << key << "=FILE.npy";
    inputs.push_back(found->second);
    given.erase(found);
  }
  if (!given.empty())
    return entry->emitError("there is no input '") << given.begin()->first << "'";

  ParamStore store;
  reference::InterpretOptions interpretOptions;
  interpretOptions.inF64 = request.inF64;
  auto results = reference::interpret(*entry, std::move(inputs), store, interpretOptions);
  if (!results.ok())
    return fail(context, results.message());
  NamedTensors outputs;
  for (auto [i, tensor] : llvm::enumerate(*results)) {
    StringRef name = publicName(*entry, i, /*isResult=*/true);
    outputs.emplace_back(name.empty() ? "result" + std::to_string(i) : name.str(), tensor);
  }
  if (options.output != "-") {
    Status status = writeNpz(options.output, outputs);
    return status.ok() ? success() : fail(context, status.message());
  }
  for (auto &[name, tensor] : outputs) {
    llvm::outs() << name << " " << describe(tensor.dtype(), tensor.shape()) << " [";
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      llvm::outs() << (i ? ", " : "") << llvm::format("%.9g", tensor.floatAt(i));
    llvm::outs() << "]\n";
  }
  return success();
}

} // namespace mlc
