// All dialects and passes that the compiler knows: ours and upstream's, so that mlc-opt is a full pass driver.
#ifndef MLC_COMPILER_REGISTRATION_H
#define MLC_COMPILER_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

namespace mlc {

void registerAllDialects(mlir::DialectRegistry &registry);
// Once in a process; later calls do nothing.
void registerAllPasses();

} // namespace mlc

#endif // MLC_COMPILER_REGISTRATION_H
