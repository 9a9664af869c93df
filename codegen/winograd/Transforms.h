// The one-dimensional transforms, on vectors: lanes are channels.
#ifndef MLC_CODEGEN_WINOGRAD_TRANSFORMS_H
#define MLC_CODEGEN_WINOGRAD_TRANSFORMS_H

#include "dialects/mlc/Winograd.h"
#include "mlir/IR/Builders.h"

namespace mlc::codegen {

// B^T d: n vectors from n.
llvm::SmallVector<mlir::Value> transformInput(mlir::OpBuilder &builder, mlir::Location loc, const Winograd &winograd,
                                              llvm::ArrayRef<mlir::Value> d);
// A^T s: m vectors from n.
llvm::SmallVector<mlir::Value> transformOutput(mlir::OpBuilder &builder, mlir::Location loc, const Winograd &winograd,
                                               llvm::ArrayRef<mlir::Value> s);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_WINOGRAD_TRANSFORMS_H
