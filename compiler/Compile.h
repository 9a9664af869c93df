// What the tool does with a model: import, run phases, print or write a module, interpret.
#ifndef MLC_COMPILER_COMPILE_H
#define MLC_COMPILER_COMPILE_H

#include "compiler/Pipeline.h"
#include "mlir/IR/MLIRContext.h"
#include <string>
#include <vector>

namespace mlc {

enum class Emit { Module, Mlir };

struct CompileOptions {
  std::string input; // .onnx, a checkpoint directory, or .mlir
  std::string output = "-";
  std::vector<std::string> shapes;    // --shape, one bucket each
  std::vector<std::string> constants; // --const NAME=FILE.npy
  std::string targetCpu = "native";
  Emit emit = Emit::Module;
  PipelineOptions pipeline;
};

// Compiles options.input. Fails with diagnostics; no output is written or changed then.
mlir::LogicalResult compileModel(mlir::MLIRContext &context, const CompileOptions &options);

// Imports options.input and prints what it holds: entry points, parameters, FLOPs. Everything that is not supported is
// reported.
mlir::LogicalResult checkModel(mlir::MLIRContext &context, const CompileOptions &options);

struct InterpretRequest {
  std::vector<std::string> inputs; // NAME=FILE.npy, or a FILE.npz that names its tensors
  std::string entry = "infer";
  bool inF64 = false;
};

// Evaluates an entry point with the reference interpreter and writes its results to options.output (.npz), or prints
// them when that is "-".
mlir::LogicalResult interpretModel(mlir::MLIRContext &context, const CompileOptions &options,
                                   const InterpretRequest &request);

} // namespace mlc

#endif // MLC_COMPILER_COMPILE_H
