// One entry point, from positions of a padded batch to rows of packed tokens.
#ifndef MLC_PASSES_UNPAD_TOKENREWRITER_H
#define MLC_PASSES_UNPAD_TOKENREWRITER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/unpad/MaskProbe.h"

namespace mlc {

class TokenRewriter {
public:
  TokenRewriter(mlir::func::FuncOp function, mlir::BlockArgument mask, int64_t capacity);
  // Fails with diagnostics on the op that is in the way.
  mlir::LogicalResult run();

private:
  mlir::LogicalResult rewrite(mlir::Operation *op);
  mlir::LogicalResult packAttention(AttentionOp op);
  // Is a value of this shape one of a position each, [B, S, ...] (2), [B * S, ...] (1), or not (0)?
  int64_t tokenDimsOf(llvm::ArrayRef<int64_t> shape) const;
  // How many of the first dimensions of `value` are positions of the batch.
  int64_t tokenDimsOf(mlir::Value value) const;

  // The rows of `value`, whose first `tokenDims` dimensions are positions. What is known of every position is packed
  // as far back as it is computed token by token.
  mlir::Value pack(mlir::Value value, int64_t tokenDims);
  // `value` as the operand of an elementwise op of the given rank on rows; null where it is no such.
  mlir::Value packStretched(mlir::Value value, int64_t rank, int64_t tokenDims);
  // The rows of `op`'s result, whose positions are the first `tokenDims` dimensions; null where it mixes tokens.
  mlir::Value packResult(mlir::Operation *op, int64_t tokenDims);
  mlir::Value packReshape(ReshapeOp op, int64_t tokenDims);
  mlir::Value packMatmul(MatmulOp op, int64_t tokenDims);
  mlir::Value packElementwise(mlir::Operation *op, int64_t tokenDims);
  mlir::Value packGather(GatherOp op, int64_t tokenDims);
  // `op` on `operands`, of rows.
  mlir::Operation *cloneOnRows(mlir::Operation *op, int64_t tokenDims, mlir::ValueRange operands);
  mlir::Value unpad(mlir::Value value);

  // `value` as it was, with zeros at padding.
  mlir::Value repad(mlir::Value value);
  bool hidesPadding(mlir::Operation *op);
  static bool takesPositions(mlir::Operation *op);
  bool isPacked(mlir::Value value) const { return tokenDims.contains(value); }

  mlir::func::FuncOp function;
  mlir::BlockArgument mask;
  MaskProbe probe;
  int64_t sequences, length, capacity;
  mlir::OpBuilder builder;
  mlir::Value offsets;                             // cu_seqlens
  llvm::DenseMap<mlir::Value, mlir::Value> rows;   // of values that are packed
  llvm::DenseMap<mlir::Value, int64_t> tokenDims;  // of values that only their rows are known of
  llvm::DenseMap<mlir::Value, mlir::Value> padded; // of those, where they were put back
};

} // namespace mlc

#endif // MLC_PASSES_UNPAD_TOKENREWRITER_H
