// Recognises the kernels of the vector emitter: a contraction over panels of 16 columns, then elementwise ops. A
// right-hand side that is a plain matrix, or a batch of them, is one that the kernel packs itself.
//
// All indexing is reduced to sums of index * stride, so that a matrix product and a convolution of any rank are one
// case: rows of the left-hand side found by (size, stride) pairs, reduced over (size, stride) pairs.
#ifndef MLC_CODEGEN_CPU_PACKEDCONTRACTION_H
#define MLC_CODEGEN_CPU_PACKEDCONTRACTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace mlc::codegen {

constexpr int64_t kLanes = 16; // columns of a panel

// One dimension of a nest, in elements of the operand that it walks over.
struct StridedLoop {
  int64_t size, stride;
};
using StridedLoops = llvm::SmallVector<StridedLoop>; // outermost first

// Where an operand of an elementwise op lies, seen from (row, column) of the result.
struct OperandAccess {
  StridedLoops rows;
  bool varies; // with the column, contiguously; otherwise all columns read the same element
};

struct PackedContraction {
  unsigned lhs, rhs;       // arguments of the kernel
  StridedLoops rows;       // of lhs, the result's rows
  StridedLoops reductions; // of lhs; rhs holds them contiguously
  int64_t numRows, depth, panels, columns;
  int64_t matrixRows;   // of the result that one right-hand side serves
  bool isPacked;        // otherwise the next three describe the right-hand side
  StridedLoops rhsRows; // of rhs, the result's rows: which matrix of a batch
  int64_t rhsDepthStride, rhsColumnStride;
  mlir::Value product; // the contraction's value without its padding
  mlir::Value result;  // what the kernel returns, behind reshapes
};

// The kernel as a contraction, or nothing when it is not one.
std::optional<PackedContraction> matchPackedContraction(mlir::func::FuncOp kernel);

// The value behind reshapes: the same bytes.
mlir::Value stripReshapes(mlir::Value value);

// How the operand is read by an elementwise op whose loops have `shape`; nothing when columns are not contiguous.
std::optional<OperandAccess> accessOf(mlir::AffineMap map, mlir::RankedTensorType operand,
                                      llvm::ArrayRef<int64_t> shape);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CPU_PACKEDCONTRACTION_H
