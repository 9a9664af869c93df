// What a failed or crashed phase leaves behind: the IR that it began with, in a file that says how to run it again.
#ifndef MLC_COMPILER_REPRODUCER_H
#define MLC_COMPILER_REPRODUCER_H

#include "compiler/Pipeline.h"
#include "support/Status.h"

namespace mlc {

// Runs `phase`. When it fails or crashes, the IR that it began with is written beside the output, or into a temporary
// file where there is none, and a note says so. A crash is an error like any other, to the caller.
mlir::LogicalResult runReproducibly(Compilation &compilation, const Phase &phase, llvm::StringRef phaseBefore,
                                    llvm::function_ref<mlir::LogicalResult()> run);

// Runs what may crash. Empty where all is well; else what to say of it: "failed", or "crashed (status 139)".
std::string runSafely(llvm::function_ref<mlir::LogicalResult()> run);

// Beside the output, where the user looks; a temporary file when there is no output.
std::string reproducerPath(llvm::StringRef output);

// `before` under a comment with `what` it shows, and the command that runs it again.
Status writeReproducer(mlir::ModuleOp before, const std::string &path, const std::string &what,
                       const std::string &command);

} // namespace mlc

#endif // MLC_COMPILER_REPRODUCER_H
