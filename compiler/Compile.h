// mlc-opt's main business: a model in; a module, IR, or machine code out.
#ifndef MLC_COMPILER_COMPILE_H
#define MLC_COMPILER_COMPILE_H

#include "compiler/Pipeline.h"
#include <string>

namespace mlc {

enum class Emit { Module, Mlir, Graph, Llvm, Asm, Obj };

struct CompileOptions : PipelineOptions {
  Emit emit = Emit::Module;
  std::string to;      // stop behind this phase and print what it made; empty: what `emit` asks for
  bool report = false; // print what the module holds; without an output, nothing is written
};

// Compiles the model. Fails with diagnostics; no output is written or changed then.
mlir::LogicalResult compileModel(mlir::MLIRContext &context, const CompileOptions &options);

// Prints what a module of the model would hold, as far as that is known before code is generated; compiles nothing.
// Everything that is not supported is reported.
mlir::LogicalResult checkModel(mlir::MLIRContext &context, const CompileOptions &options);

} // namespace mlc

#endif // MLC_COMPILER_COMPILE_H
