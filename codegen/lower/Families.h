// The lowerings of the op families, and what they share. Private to codegen/lower.
#ifndef MLC_CODEGEN_LOWER_FAMILIES_H
#define MLC_CODEGEN_LOWER_FAMILIES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlc::codegen {

// Each gives the value that replaces the op's only result, or null when the op is not of the family.
mlir::Value lowerElementwise(mlir::OpBuilder &builder, mlir::Operation *op);
mlir::Value lowerShape(mlir::OpBuilder &builder, mlir::Operation *op);
mlir::Value lowerReduction(mlir::OpBuilder &builder, mlir::Operation *op);
mlir::Value lowerNormalization(mlir::OpBuilder &builder, mlir::Operation *op);
mlir::Value lowerContraction(mlir::OpBuilder &builder, mlir::Operation *op);
mlir::Value lowerStrassen(mlir::OpBuilder &builder, mlir::Operation *op);

using Body = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

// arith has no unsigned types: before the lowering tensors of u8, u16, u32 and u64 become signless, and what an op must
// know of its operands and its result stays at the op.
void makeSignless(mlir::func::FuncOp kernel);
// Is 1 above 0 for all bits set? Of unsigned operands, and of i1: false < true.
bool isUnsigned(mlir::Operation *op);
bool isUnsigned(mlir::Operation *op, unsigned operand); // where they may differ
bool givesUnsigned(mlir::Operation *op);

// Type of the result with the element type in which values are computed: f32 for f16 and bf16.
mlir::Type computeType(mlir::Type element);
// Between float types, rounding once.
mlir::Value convertElement(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type to);
// mlc.cast: the element as `to`, or as a type that convertElement then rounds to it.
mlir::Value castElement(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type to,
                        bool fromUnsigned, bool toUnsigned);

// A scalar constant of a float or integer type; integers truncate and saturate, as mlc.cast does.
mlir::Value scalar(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type, double value,
                   bool isUnsigned = false);
mlir::Value filled(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<int64_t> shape, mlir::Value value);

// The indexing map under which `shape` broadcasts, NumPy's way, into `result`.
mlir::AffineMap broadcastMap(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> result);

// A parallel linalg.generic of the broadcast operands. The body sees elements in their compute type, gives one of the
// result's compute type.
mlir::Value mapElements(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange operands,
                        mlir::RankedTensorType type, Body body);
// The same with explicit maps into the result's dimensions.
mlir::Value mapElements(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange operands,
                        llvm::ArrayRef<mlir::AffineMap> maps, mlir::RankedTensorType type, Body body);

// Folds `axes` of the operand: accumulator = body(element, accumulator), from `initial`; the result has the other
// dimensions and the accumulator's type.
mlir::Value reduceElements(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value operand,
                           llvm::ArrayRef<int64_t> axes, mlir::Value initial, Body body);

// Multiply-add over the dimensions that `outMap` lacks: the canonical form of every contraction,
//   acc = arith.addf(acc, arith.mulf(a, b)), initialised by linalg.fill of zero; the result is in the compute type.
// Operands and result element of `op` say what is widened to it, and how.
mlir::Value contract(mlir::OpBuilder &builder, mlir::Operation *op, mlir::Value lhs, mlir::AffineMap lhsMap,
                     mlir::Value rhs, mlir::AffineMap rhsMap, llvm::ArrayRef<int64_t> outShape, mlir::AffineMap outMap);

// Reshape by expand_shape and collapse_shape, and a pad with a constant.
mlir::Value reshaped(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> shape);
mlir::Value padded(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> low,
                   llvm::ArrayRef<int64_t> high, double with, bool isUnsigned = false);
// The first sizes[i] elements of each dimension.
mlir::Value cropped(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> sizes);
mlir::Value transposed(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                       llvm::ArrayRef<int64_t> permutation);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_LOWER_FAMILIES_H
