// Transcendental functions as arith-level expressions: built once, consumed by every emitter.
//
// Values are scalars or vectors of f32 or f64. The expressions hold arith ops and
// math.{fma,sqrt,absf,floor,trunc,copysign} only, which are instructions on AVX2 + FMA: no call of a math library, no
// branch, so loops around them vectorise. Measured errors are in docs/numerics.md. NaN goes in, NaN comes out; overflow
// gives the infinity that IEEE 754 names.
#ifndef MLC_CODEGEN_MATH_MATH_H
#define MLC_CODEGEN_MATH_MATH_H

#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace mlc::codegen {

mlir::Value buildExp(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
// exp of x <= 0, or NaN, as in softmax; with fewer instructions. f32 alone; what is below 2^-126 is 0.
mlir::Value buildExpNonPositive(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
// Marks a math.exp of f32 whose operand is known to be so.
inline constexpr llvm::StringLiteral kNonPositiveAttr = "mlc.non_positive";
// On an arith.maximumf: a NaN among what it is taken of reaches the result in another way, so that the maximum may be
// of the numbers alone.
inline constexpr llvm::StringLiteral kOfNumbersAttr = "mlc.of_numbers";
mlir::Value buildExp2(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value buildExpM1(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value buildLog(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value buildLog1P(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
// log(x) / log(base), for f32 through f64.
mlir::Value buildLogBase(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, double base);
mlir::Value buildTanh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value buildSigmoid(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value buildErf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
// x of the formula x/2 (1 + erf(x/sqrt 2)) in f32 that `op` ends, or null.
mlir::Value matchGelu(mlir::Operation *op);
// That formula by lookups, vector.extract of constant vectors of 16. A scalar of f32.
mlir::Value buildGeluByTable(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
// f32 through f64; constant exponents of 1, 2, 3, -1, 0.5 and -0.5 by products, quotients and roots, 1.5 ulp at most.
// Special cases as in C's pow.
mlir::Value buildPow(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Value y);
// f32 through f64, for every x. f64 for |x| up to 2^30; beyond, it carries no promise.
mlir::Value buildSin(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value buildCos(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

// C's fmod, exact. f32 through f64.
mlir::Value buildRem(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Value y);
// f64 or f32 to f16 or bf16, rounded once to nearest even.
mlir::Value buildTrunc(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x, mlir::Type to);

// What the code of a kernel has instructions for.
struct MathInstructions {
  bool roundsToBF16 = false; // f32 to bf16
  bool looksUp = false;      // in tables of 16 numbers of f32
};

// Replaces the math ops that are not instructions (exp, exp2, expm1, log, log2, log10, log1p, tanh, erf, powf, rsqrt,
// sin, cos), remainders, and roundings to bf16 and from f64 to f16 under `root` by these expressions. f16
// and bf16 are computed in f32.
void expandMath(mlir::Operation *root, const MathInstructions &instructions = {});

// The same as a pass, `mlc-expand-math`.
std::unique_ptr<mlir::Pass> createExpandMathPass();
void registerExpandMathPass();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_MATH_MATH_H
