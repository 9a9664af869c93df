// A square of vectors of 32-bit elements, transposed in registers.
#ifndef MLC_CODEGEN_CPU_TRANSPOSESQUARE_H
#define MLC_CODEGEN_CPU_TRANSPOSESQUARE_H

#include "mlir/IR/Builders.h"

namespace mlc::codegen {

// rows[i][j] becomes rows[j][i]; 8 or 16 vectors of as many elements.
void transposeSquare(mlir::OpBuilder &b, mlir::Location loc, llvm::SmallVector<mlir::Value> &rows);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CPU_TRANSPOSESQUARE_H
