// Executable definitions of the dialect's ops: external models of `ReferenceOp`, one function per op.
#pragma once

#include "mlir/IR/DialectRegistry.h"

namespace mlc::reference {

// Contexts made from `registry` can interpret mlc ops.
void registerReferenceModels(mlir::DialectRegistry &registry);

} // namespace mlc::reference
