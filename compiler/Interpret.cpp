#include "compiler/Interpret.h"

#include "compiler/EntryPoint.h"
#include "reference/Interpreter.h"
#include "support/Npy.h"

#include "llvm/Support/Format.h"

using namespace mlir;

namespace mlc {

LogicalResult interpretModel(MLIRContext &context, const CompileOptions &options, const InterpretRequest &request) {
  // IR is evaluated as it is; of a model, the phase that --compile-to names.
  const Phase *last = findPhase(context, "compile-to", options.to.empty() ? "import" : options.to);
  Compilation compilation(context, options);
  if (!last || failed(runPhases(compilation, last->name)))
    return failure();
  auto buckets = findBuckets(*compilation.module, request.entry);
  auto given = readInputs(context, request.inputs);
  if (failed(buckets) || failed(given))
    return failure();
  auto entry = chooseBucket(*buckets, *given);
  if (failed(entry))
    return failure();
  auto inputs = bindInputs(*entry, std::move(*given), Missing::IsError);
  if (failed(inputs))
    return failure();
  ParamStore store;
  reference::InterpretOptions interpretOptions;
  interpretOptions.inF64 = request.inF64;
  auto results = reference::interpret(*entry, std::move(*inputs), store, interpretOptions);
  if (!results.ok())
    return fail(context, results.message());
  NamedTensors outputs;
  for (auto [i, tensor] : llvm::enumerate(*results))
    outputs.emplace_back(resultName(*entry, i), tensor);
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
