// Interfaces of mlc ops, and what their default methods need.
#ifndef MLC_DIALECTS_MLC_MLCINTERFACES_H
#define MLC_DIALECTS_MLC_MLCINTERFACES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include <string>

#include "dialects/mlc/MlcEnums.h.inc"

namespace mlc {

class HostTensor; // support/HostTensor.h

// Elements of a static tensor type.
int64_t countElements(mlir::Type type);
// Bytes of a static tensor type; an i1 element takes one byte.
int64_t countBytes(mlir::Type type);
// Bytes of all operands and results of `op`.
int64_t countOperandAndResultBytes(mlir::Operation *op);

} // namespace mlc

namespace mlc {

// A packed right-hand side: `count` panels of `depth` rows of `lanes`; `interleave` rows lie side by side in each lane.
struct PanelShape {
  int64_t count, depth, lanes, interleave;
};

} // namespace mlc

#include "dialects/mlc/MlcInterfaces.h.inc"

#endif // MLC_DIALECTS_MLC_MLCINTERFACES_H
