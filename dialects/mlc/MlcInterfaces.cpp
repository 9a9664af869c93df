#include "dialects/mlc/MlcInterfaces.h"

#include "mlir/IR/Operation.h"

#include "dialects/mlc/MlcEnums.cpp.inc"
#include "dialects/mlc/MlcInterfaces.cpp.inc"

int64_t mlc::countElements(mlir::Type type) { return llvm::cast<mlir::ShapedType>(type).getNumElements(); }

int64_t mlc::countBytes(mlir::Type type) {
  unsigned bits = llvm::cast<mlir::ShapedType>(type).getElementTypeBitWidth();
  return countElements(type) * ((bits + 7) / 8);
}

int64_t mlc::countOperandAndResultBytes(mlir::Operation *op) {
  int64_t bytes = 0;
  for (mlir::Type type : op->getOperandTypes())
    bytes += countBytes(type);
  for (mlir::Type type : op->getResultTypes())
    bytes += countBytes(type);
  return bytes;
}
