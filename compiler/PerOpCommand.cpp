#include "compiler/PerOpCommand.h"

#include "compiler/EntryPoint.h"
#include "compiler/PerOpCompare.h"

using namespace mlir;

namespace mlc {

LogicalResult comparePerOp(MLIRContext &context, const CompileOptions &options, const PerOpRequest &request) {
  Compilation model(context, options);
  if (failed(runPhases(model, "fuse")))
    return failure();
  auto buckets = findBuckets(*model.module, request.entry);
  auto given = readInputs(context, request.inputs);
  if (failed(buckets) || failed(given))
    return failure();
  // Tensors have the shapes of one bucket; without any, all buckets are compared.
  if (!given->tensors.empty()) {
    auto chosen = chooseBucket(*buckets, *given);
    if (failed(chosen))
      return failure();
    buckets->assign(1, *chosen);
  }
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
