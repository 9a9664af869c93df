// What a failed or crashed phase leaves behind: the IR that it began with, in a file that says how to run it again.
#ifndef MLC_COMPILER_REPRODUCER_H
#define MLC_COMPILER_REPRODUCER_H

#include "compiler/Pipeline.h"

namespace mlc {

// Runs `phase`. When it fails or crashes, the IR that it began with is written beside the output, or into a temporary
// file where there is none, and a note says so. A crash is an error like any other, to the caller.
mlir::LogicalResult runReproducibly(Compilation &compilation, const Phase &phase, llvm::StringRef phaseBefore,
                                    llvm::function_ref<mlir::LogicalResult()> run);

} // namespace mlc

#endif // MLC_COMPILER_REPRODUCER_H
