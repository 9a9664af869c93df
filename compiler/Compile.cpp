#include "compiler/Compile.h"

#include "codegen/cpu/TileEmitter.h"
#include "codegen/loops/LoopEmitter.h"
#include "codegen/math/Math.h"
#include "codegen/schedule/CompileModule.h"
#include "codegen/target/Target.h"
#include "reference/Interpreter.h"
#include "support/FileWriter.h"

#include "llvm/Support/Path.h"

using namespace mlir;

namespace mlc {

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
  moduleOptions.source = llvm::sys::path::filename(options.input.path).str();
  moduleOptions.options = {{"target-cpu", target->name}};
  for (const std::string &shape : options.input.shapes)
    moduleOptions.options.emplace_back("shape", shape);
  return codegen::compileToModule(module, *target, moduleOptions, options.output);
}

LogicalResult compileModel(MLIRContext &context, const CompileOptions &options) {
  if (options.emit == Emit::Module && options.output == "-")
    return fail(context, "a module needs a file: give -o FILE.mlc, or --emit=mlir to print IR");
  auto module = importInput(context, options.input);
  if (failed(module) || failed(runGraphPhases(**module, options.pipeline)))
    return failure();
  if (options.emit == Emit::Mlir || !options.pipeline.stopAfter.empty())
    return writeText(**module, options.output);
  return writeModule(context, **module, options);
}

} // namespace mlc
