// The spine: everything that happens to a model between import and module, in order.
#ifndef MLC_COMPILER_PIPELINE_H
#define MLC_COMPILER_PIPELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlc {

// One named phase on IR. `--compile-to=NAME` stops behind it and prints.
struct Phase {
  llvm::StringLiteral name;
  llvm::StringLiteral pipeline; // textual pass pipeline
  llvm::StringLiteral promise;  // what holds behind it, for --help
};

// The phases between `import` and `schedule`.
llvm::ArrayRef<Phase> graphPhases();

struct PipelineOptions {
  std::string stopAfter; // name of a phase; empty: run all graph phases
  bool timing = false;   // prints the time of each phase
};

// Runs the graph phases. Fails with diagnostics.
mlir::LogicalResult runGraphPhases(mlir::ModuleOp module, const PipelineOptions &options);

} // namespace mlc

#endif // MLC_COMPILER_PIPELINE_H
