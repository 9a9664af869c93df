// mlc-opt A --compare-with=B: do two modules compute the same numbers? Both are interpreted on the same inputs. What a
// pass does is proved this way: `mlc-opt in.mlir --mlc-fuse --compare-with=in.mlir`.
#ifndef MLC_COMPILER_COMPAREWITH_H
#define MLC_COMPILER_COMPAREWITH_H

#include "compiler/Compile.h"
#include "mlir/Pass/PassManager.h"

#include <functional>
#include <optional>

namespace mlc {

struct CompareRequest {
  std::string with;                // B: .mlir, .onnx, or a checkpoint folder; imported, not transformed
  std::vector<std::string> inputs; // --input; what is missing is random
  std::string entry;               // empty: every function of B
  std::optional<double> tolerance; // relative L2; by default f32 1e-6, f64 1e-13, f16 4e-3, bf16 3e-2
  bool inF64 = false;              // no rounding between ops
  // Adds the passes that A runs through, after the phases up to options.to.
  std::function<mlir::LogicalResult(mlir::PassManager &)> addPasses;
};

// Prints a line for each output. Fails where one is beyond the tolerance, or a function has no counterpart.
mlir::LogicalResult compareModels(mlir::MLIRContext &context, const CompileOptions &options,
                                  const CompareRequest &request);

} // namespace mlc

#endif // MLC_COMPILER_COMPAREWITH_H
