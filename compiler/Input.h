// What a command works on: the model as the user gave it, imported.
#ifndef MLC_COMPILER_INPUT_H
#define MLC_COMPILER_INPUT_H

#include "frontend/Import.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <utility>
#include <vector>

namespace mlc {

struct InputOptions {
  std::string path;                   // .onnx, a checkpoint directory, or .mlir
  std::vector<std::string> shapes;    // --shape, one bucket each
  std::string pad;                    // --pad; empty: none
  std::vector<std::string> constants; // --const NAME=FILE.npy
  Head head = Head::Auto;             // --head, of checkpoint directories
  std::vector<std::string> keep;      // --keep, further outputs
};

// Imports the model. Fails with diagnostics.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> importInput(mlir::MLIRContext &context, const InputOptions &input);

// "NAME=FILE" of `text`; fails with the option's name in the message.
mlir::FailureOr<std::pair<std::string, std::string>> splitBinding(mlir::MLIRContext &context, llvm::StringRef option,
                                                                  llvm::StringRef text);

// An error that belongs to no op.
mlir::LogicalResult fail(mlir::MLIRContext &context, const llvm::Twine &message);

} // namespace mlc

#endif // MLC_COMPILER_INPUT_H
