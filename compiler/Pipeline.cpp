#include "compiler/Pipeline.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/Format.h"
#include <chrono>

using namespace mlir;

namespace mlc {

// Order matters: each phase relies on the promise of the one before it.
static constexpr Phase kGraphPhases[] = {
    {"import", "", "static shapes; parameters by reference; mlc ops only"},
    {"simplify",
     "canonicalize,mlc-fold-constants,cse,mlc-fold-batch-norm,mlc-recover-gelu,mlc-recover-layer-norm,"
     "mlc-recover-attention,canonicalize,cse",
     "shape arithmetic is folded, batch norms are in their convolutions, GELU, layer norm and attention are single "
     "ops"},
    {"layout", "mlc-to-channels-last,canonicalize,mlc-pack-weights,canonicalize,cse,mlc-hoist-param-pack",
     "images are channels last, weights are packed, nothing on parameters alone is left in an entry point"},
    // No emitter makes attention one tiled kernel yet: its products and its softmax become kernels of their own.
    {"fuse", "func.func(mlc-decompose-attention),canonicalize,cse,mlc-fuse",
     "every op that computes is in an mlc.fused region: one region is one kernel"},
};

llvm::ArrayRef<Phase> graphPhases() { return kGraphPhases; }

static void printTime(llvm::StringRef phase, std::chrono::steady_clock::time_point start) {
  std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  llvm::errs() << "phase " << llvm::left_justify(phase, 10) << llvm::format("%9.1f ms\n", elapsed.count());
}

static LogicalResult checkPhase(ModuleOp module, llvm::StringRef wanted) {
  if (wanted.empty() || llvm::any_of(kGraphPhases, [&](const Phase &phase) { return phase.name == wanted; }))
    return success();
  std::string known;
  for (const Phase &phase : kGraphPhases)
    known += (known.empty() ? "" : ", ") + phase.name.str();
  return emitError(UnknownLoc::get(module.getContext()))
         << "--compile-to=" << wanted << ": there is no such phase; phases are " << known;
}

LogicalResult runGraphPhases(ModuleOp module, const PipelineOptions &options) {
  if (failed(checkPhase(module, options.stopAfter)))
    return failure();
  for (const Phase &phase : kGraphPhases) {
    auto start = std::chrono::steady_clock::now();
    PassManager manager(module.getContext(), ModuleOp::getOperationName());
    if (failed(applyPassManagerCLOptions(manager)))
      return failure();
    if (failed(parsePassPipeline(phase.pipeline, manager)))
      return failure();
    if (failed(manager.run(module)))
      return module.emitError("phase ") << phase.name << " failed";
    if (options.timing)
      printTime(phase.name, start);
    if (phase.name == options.stopAfter)
      break;
  }
  return success();
}

} // namespace mlc
