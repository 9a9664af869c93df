// What the tool does with a model: import, run phases, print or write a module.
#ifndef MLC_COMPILER_COMPILE_H
#define MLC_COMPILER_COMPILE_H

#include "compiler/Input.h"
#include "compiler/Pipeline.h"
#include "mlir/IR/MLIRContext.h"
#include <string>
#include <vector>

namespace mlc {

enum class Emit { Module, Mlir };

struct CompileOptions {
  InputOptions input;
  std::string output = "-";
  std::string targetCpu = "native";
  Emit emit = Emit::Module;
  PipelineOptions pipeline;
};

// Compiles options.input. Fails with diagnostics; no output is written or changed then.
mlir::LogicalResult compileModel(mlir::MLIRContext &context, const CompileOptions &options);

// Imports options.input and prints what it holds: entry points, parameters, FLOPs. Everything that is not supported is
// reported.
mlir::LogicalResult checkModel(mlir::MLIRContext &context, const CompileOptions &options);

} // namespace mlc

#endif // MLC_COMPILER_COMPILE_H
