// The values of a kernel as Halide's expressions: elements of arguments and stages, bodies of generics at a position.
#ifndef MLC_CODEGEN_HALIDE_VALUES_H
#define MLC_CODEGEN_HALIDE_VALUES_H

#include "codegen/halide/Expressions.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseMap.h"

namespace mlc::codegen::halide {

class KernelValues {
public:
  // Of arguments that are read, and of generics that were built.
  llvm::DenseMap<mlir::Value, Halide::Func> funcs;

  // An element of a value of the kernel; indices outermost first.
  Halide::Expr read(mlir::Value value, Exprs indices);
  // The body of a generic at a position of its loops; `accumulator` stands for the element of the init.
  Halide::Expr evaluateBody(mlir::linalg::GenericOp op, const Exprs &loops, Halide::Expr accumulator);

private:
  Halide::Expr readPadded(mlir::tensor::PadOp pad, const Exprs &indices);
};

} // namespace mlc::codegen::halide

#endif // MLC_CODEGEN_HALIDE_VALUES_H
