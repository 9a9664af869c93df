// A square of f32 vectors, transposed in registers.
#ifndef MLC_CODEGEN_ATTENTION_TRANSPOSE_H
#define MLC_CODEGEN_ATTENTION_TRANSPOSE_H

#include "mlir/IR/Builders.h"

namespace mlc::codegen {

// rows[i][j] becomes rows[j][i]; 8 or 16 vectors of as many elements.
void transposeSquare(mlir::OpBuilder &b, mlir::Location loc, llvm::SmallVector<mlir::Value> &rows);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_ATTENTION_TRANSPOSE_H
