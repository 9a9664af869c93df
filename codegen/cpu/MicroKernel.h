// The innermost block of a contraction: a function that keeps mr rows x nv vectors of sums in registers over all of k.
#ifndef MLC_CODEGEN_CPU_MICROKERNEL_H
#define MLC_CODEGEN_CPU_MICROKERNEL_H

#include "codegen/cpu/Blocking.h"
#include "codegen/cpu/BodyEvaluator.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlc::codegen::cpu {

// Where a row of the result is, seen from the tile's bases.
struct RowPlace {
  mlir::Value lhs, row; // elements, rows of the result
};

// What a micro-kernel is called with; a function's arguments on one side, the caller's values on the other.
struct MicroArguments {
  mlir::Value lhs, rhs; // pointers: first row of the outer step; first of the columns at n0
  mlir::Value sums;     // pointer to scratch for the sums
  mlir::Value m, n0;    // first row, first column
  mlir::Value row0;     // first row of the outer step in the result
  mlir::Value prefetch; // pointer to what the next columns begin with, as far as this block asks for it
  llvm::SmallVector<mlir::Value> bindings; // pointers to the kernel's arguments, then its output
};

struct MicroShape {
  int64_t rows, vectors;
  int64_t tail; // lanes of the last vector, or 0: all
};

// Loops over rows, taken apart into the place of row `m + i`. Rows of one line share one computation.
llvm::SmallVector<RowPlace> placesOf(BodyEvaluator &e, const Contraction &c, mlir::Value m, int64_t rows);

// sum + left * right, vectors of elements of the operands, which are widened as the contraction's body says.
mlir::Value multiplyAdd(BodyEvaluator &evaluator, const Contraction &contraction, mlir::Value left, mlir::Value right,
                        mlir::Value sum);

// What is done with a block's sums.
using Finish = llvm::function_ref<void(const MicroArguments &, const MicroShape &, llvm::ArrayRef<RowPlace> places,
                                       llvm::ArrayRef<mlir::Value> sums)>;

// Emits the sums of one block at the evaluator's insertion point, and hands them to `finish`.
void emitMicroKernel(BodyEvaluator &evaluator, const Contraction &contraction, const Blocking &blocking,
                     const MicroShape &shape, const MicroArguments &arguments, Finish finish);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_MICROKERNEL_H
