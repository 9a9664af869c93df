// What an arith or math op on scalars is in Halide, bit for bit: NaNs are kept, integers wrap, signs of zero stay.
#ifndef MLC_CODEGEN_HALIDE_EXPRESSIONS_H
#define MLC_CODEGEN_HALIDE_EXPRESSIONS_H

#include "mlir/IR/Operation.h"
#include <Halide.h>
#include <vector>

namespace mlc::codegen::halide {

using Exprs = std::vector<Halide::Expr>;

// How elements of `type` lie in memory and in Funcs: i1 is a byte.
Halide::Type storedType(mlir::Type type);
// Between the stored form and the one that expressions are made of, where i1 is a bool.
Halide::Expr load(Halide::Expr stored, mlir::Type type);
Halide::Expr store(Halide::Expr value, mlir::Type type);

// A FloatAttr or IntegerAttr of `type`.
Halide::Expr constant(mlir::Attribute attribute, mlir::Type type);
// x * y + z, rounded once.
Halide::Expr multiplyAdd(Halide::Expr x, Halide::Expr y, Halide::Expr z);
// The result of `op` on `operands`; undefined for an op that has no such expression (Region.cpp accepts none).
Halide::Expr evaluate(mlir::Operation *op, const Exprs &operands);

} // namespace mlc::codegen::halide

#endif // MLC_CODEGEN_HALIDE_EXPRESSIONS_H
