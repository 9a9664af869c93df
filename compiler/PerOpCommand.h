// mlc-opt MODEL --per-op-compare; what it does is in PerOpCompare.h.
#ifndef MLC_COMPILER_PEROPCOMMAND_H
#define MLC_COMPILER_PEROPCOMMAND_H

#include "compiler/Compile.h"

#include <optional>

namespace mlc {

struct PerOpRequest {
  std::vector<std::string> inputs; // --input; what is missing is random
  std::string entry = "infer";
  std::optional<double> tolerance;
};

mlir::LogicalResult comparePerOp(mlir::MLIRContext &context, const CompileOptions &options,
                                 const PerOpRequest &request);

} // namespace mlc

#endif // MLC_COMPILER_PEROPCOMMAND_H
