// The promises of the phases, verified: cheap walks that name the op and the phase where one is broken.
#ifndef MLC_COMPILER_POSTCONDITIONS_H
#define MLC_COMPILER_POSTCONDITIONS_H

#include "mlir/Support/LLVM.h"

namespace mlc {

struct Compilation;

mlir::LogicalResult verifyImported(Compilation &c);
mlir::LogicalResult verifySimplified(Compilation &c);
mlir::LogicalResult verifyUnpadded(Compilation &c);
mlir::LogicalResult verifyLaidOut(Compilation &c);
mlir::LogicalResult verifyFused(Compilation &c);
mlir::LogicalResult verifyScheduled(Compilation &c);
mlir::LogicalResult verifyTuned(Compilation &c);
mlir::LogicalResult verifyKernels(Compilation &c);

} // namespace mlc

#endif // MLC_COMPILER_POSTCONDITIONS_H
