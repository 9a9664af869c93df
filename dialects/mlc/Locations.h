// Where an op comes from, in words.
#ifndef MLC_DIALECTS_MLC_LOCATIONS_H
#define MLC_DIALECTS_MLC_LOCATIONS_H

#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallVector.h"

#include <string>

namespace mlc {

// The names in a location: nodes of a model, parts of a network, files. Each once.
llvm::SmallVector<llvm::StringRef> namesIn(mlir::Location location);
// The first of them, joined by commas; empty where there is none.
std::string describeLocation(mlir::Location location);
// The names, or else the place in a text file: "in.mlir:3:8". Empty where there is neither.
std::string describePlace(mlir::Location location);

} // namespace mlc

#endif // MLC_DIALECTS_MLC_LOCATIONS_H
