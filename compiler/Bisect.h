// mlc-opt MODEL --bisect: which is the first pass that changes the model's numbers, fails or crashes?
#ifndef MLC_COMPILER_BISECT_H
#define MLC_COMPILER_BISECT_H

#include "compiler/Compile.h"

#include <optional>

namespace mlc {

struct BisectRequest {
  std::vector<std::string> inputs; // --input; what is missing is random
  std::string entry = "infer";
  std::optional<double> tolerance; // relative L2, of outputs
  bool inF64 = false;              // no rounding between ops
};

// Interprets the model behind each pass that changes it, on the same inputs, prints how far its outputs are from those
// of the model as it was imported, and stops at the first pass that is beyond the tolerance. What that pass began with
// is left in a file, with the command that runs it again. Where all passes are right, the kernels are compared one by
// one (compiler/PerOpCompare.h). Fails where something is wrong.
mlir::LogicalResult bisectModel(mlir::MLIRContext &context, const CompileOptions &options,
                                const BisectRequest &request);

} // namespace mlc

#endif // MLC_COMPILER_BISECT_H
