#include "compiler/Compile.h"

#include "codegen/cpu/TileEmitter.h"
#include "codegen/loops/LoopEmitter.h"
#include "codegen/math/Math.h"
#include "codegen/schedule/CompileModule.h"
#include "codegen/target/Target.h"
#include "dialects/mlc/MlcDialect.h"
#include "frontend/Import.h"
#include "reference/Interpreter.h"
#include "support/FileWriter.h"
#include "support/Npy.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <chrono>

using namespace mlir;

namespace mlc {

static LogicalResult fail(MLIRContext &context, const llvm::Twine &message) {
  return emitError(UnknownLoc::get(&context)) << message;
}

// "NAME=FILE" of `text`; fails with the option's name in the message.
static FailureOr<std::pair<std::string, std::string>> splitBinding(MLIRContext &context, StringRef option,
                                                                   StringRef text) {
  auto [name, file] = text.split('=');
  if (name.empty() || file.empty())
    return fail(context, "--" + option + "=" + text + ": expected NAME=FILE");
  return std::pair(name.str(), file.str());
}

static FailureOr<OwningOpRef<ModuleOp>> import(MLIRContext &context, const CompileOptions &options) {
  ImportOptions importOptions;
  for (const std::string &text : options.shapes) {
    llvm::Expected<ShapeBinding> binding = parseShapeBinding(text);
    if (!binding)
      return fail(context, "--shape=" + text + ": " + llvm::toString(binding.takeError()));
    importOptions.shapes.push_back(std::move(*binding));
  }
  for (const std::string &text : options.constants) {
    auto binding = splitBinding(context, "const", text);
    if (failed(binding))
      return failure();
    Result<HostTensor> tensor = readNpy(binding->second);
    if (!tensor.ok())
      return fail(context, "--const=" + text + ": " + tensor.message());
    importOptions.constants[binding->first] = *tensor;
  }
  return importModel(context, options.input, importOptions);
}

static LogicalResult writeText(ModuleOp module, StringRef path) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  os << '\n';
  if (path == "-") {
    llvm::outs() << text;
    return success();
  }
  Status status = writeFile(path.str(), std::span(reinterpret_cast<const std::byte *>(text.data()), text.size()));
  if (!status.ok())
    return fail(*module.getContext(), status.message());
  return success();
}

static LogicalResult writeModule(MLIRContext &context, ModuleOp module, const CompileOptions &options) {
  llvm::Expected<codegen::TargetDesc> target = codegen::resolveTarget(options.targetCpu);
  if (!target)
    return fail(context, "--target-cpu: " + llvm::toString(target.takeError()));
  ParamStore store;
  std::unique_ptr<codegen::Emitter> gather = codegen::createGatherEmitter(), vector = codegen::createVectorEmitter(),
                                    halide = codegen::createHalideEmitter(), tile = codegen::createTileEmitter(),
                                    loops = codegen::createLoopEmitter();
  codegen::ModuleOptions moduleOptions;
  moduleOptions.emitters = {gather.get(), vector.get(), tile.get(), halide.get(), loops.get()}; // asked in this order
  moduleOptions.expandMath = [](func::FuncOp kernel) {
    codegen::expandMath(kernel);
    return success();
  };
  moduleOptions.writeParam = [&](Operation *param, const codegen::ByteSink &sink) -> std::string {
    Result<HostTensor> tensor = reference::evaluateParam(param, store);
    if (!tensor.ok())
      return tensor.message();
    sink(tensor->bytes(), tensor->sizeBytes());
    return {};
  };
  moduleOptions.source = llvm::sys::path::filename(options.input).str();
  moduleOptions.options = {{"target-cpu", target->name}};
  for (const std::string &shape : options.shapes)
    moduleOptions.options.emplace_back("shape", shape);
  return codegen::compileToModule(module, *target, moduleOptions, options.output);
}

LogicalResult compileModel(MLIRContext &context, const CompileOptions &options) {
  if (options.emit == Emit::Module && options.output == "-")
    return fail(context, "a module needs a file: give -o FILE.mlc, or --emit=mlir to print IR");
  auto module = import(context, options);
  if (failed(module) || failed(runGraphPhases(**module, options.pipeline)))
    return failure();
  if (options.emit == Emit::Mlir || !options.pipeline.stopAfter.empty())
    return writeText(**module, options.output);
  return writeModule(context, **module, options);
}

LogicalResult checkModel(MLIRContext &context, const CompileOptions &options) {
  auto module = import(context, options);
  if (failed(module) || failed(runGraphPhases(**module, options.pipeline)))
    return failure();
  int64_t paramBytes = 0, params = 0;
  for (ParamOp param : (*module)->getOps<ParamOp>()) {
    paramBytes += countBytes(param.getType());
    ++params;
  }
  for (func::FuncOp function : (*module)->getOps<func::FuncOp>()) {
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
  auto module = import(context, options);
  if (failed(module) || failed(runGraphPhases(**module, options.pipeline)))
    return failure();
  auto entry = findEntry(**module, request.entry);
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
