#include "compiler/PerOpCommand.h"

#include "compiler/EntryPoint.h"
#include "compiler/PerOpCompare.h"

using namespace mlir;

namespace mlc {

LogicalResult comparePerOp(MLIRContext &context, const CompileOptions &options, const PerOpRequest &request) {
  Compilation model(context, options);
  if (failed(runPhases(model, "fuse")))
    return failure();
  auto entry = findEntry(*model.module, request.entry);
  auto given = readInputs(context, request.inputs);
  if (failed(entry) || failed(given))
    return failure();
  auto inputs = bindInputs(*entry, std::move(*given), Missing::IsRandom);
  if (failed(inputs))
    return failure();
  auto compile = [&](OwningOpRef<ModuleOp> probes, const std::string &path) {
    PipelineOptions probeOptions = options;
    probeOptions.from = "fuse";
    probeOptions.output = path;
    probeOptions.externalCode = false;
    Compilation compilation(context, probeOptions);
    compilation.module = std::move(probes);
    return runPhases(compilation, "module");
  };
  return comparePerOp(*entry, std::move(*inputs), {request.tolerance, compile}, llvm::outs());
}

} // namespace mlc
