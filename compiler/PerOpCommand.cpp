#include "compiler/PerOpCommand.h"

#include "compiler/EntryPoint.h"
#include "compiler/PerOpCompare.h"

using namespace mlir;

namespace mlc {

LogicalResult comparePerOp(MLIRContext &context, const CompileOptions &options, const PerOpRequest &request) {
  Compilation model(context, options);
  if (failed(runPhases(model, "fuse")))
    return failure();
  auto given = readInputs(context, request.inputs);
  if (failed(given))
    return failure();
  auto buckets = findBuckets(*model.module, request.entry, *given);
  if (failed(buckets))
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
  bool same = true;
  for (auto [i, bucket] : llvm::enumerate(*buckets)) {
    auto inputs = bindInputs(bucket, *given, Missing::IsRandom);
    if (failed(inputs))
      return failure();
    if (buckets->size() > 1)
      llvm::outs() << (i ? "\n" : "") << "shape bucket " << i << ": " << bucket.getFunctionType() << "\n";
    same &= succeeded(comparePerOp(bucket, std::move(*inputs), {request.tolerance, compile}, llvm::outs()));
  }
  return success(same);
}

} // namespace mlc
