// mlc-opt --interpret: a model, or IR behind any graph phase, evaluated by the reference interpreter.
#ifndef MLC_COMPILER_INTERPRET_H
#define MLC_COMPILER_INTERPRET_H

#include "compiler/Compile.h"

namespace mlc {

struct InterpretRequest {
  std::vector<std::string> inputs; // NAME=FILE.npy, NAME=random:SEED, or a FILE.npz
  std::string entry = "infer";
  bool inF64 = false;
};

// Evaluates an entry point and writes its results to options.output (.npz), or prints them when that is "-".
mlir::LogicalResult interpretModel(mlir::MLIRContext &context, const CompileOptions &options,
                                   const InterpretRequest &request);

} // namespace mlc

#endif // MLC_COMPILER_INTERPRET_H
