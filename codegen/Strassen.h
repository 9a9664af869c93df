// How the lowering of a Strassen product names its parts to the emitter, which computes them all at once and never
// holds the seven products. Attributes of ops in a kernel function; its meaning is the linalg alone.
#ifndef MLC_CODEGEN_STRASSEN_H
#define MLC_CODEGEN_STRASSEN_H

#include "llvm/ADT/StringRef.h"

namespace mlc::codegen {

inline constexpr llvm::StringLiteral kStrassenSums = "mlc.strassen_sums";         // the seven sums of a left-hand side
inline constexpr llvm::StringLiteral kStrassenProducts = "mlc.strassen_products"; // the contraction, of seven batches
inline constexpr llvm::StringLiteral kStrassenResult = "mlc.strassen_result";     // [M, N], of the quadrants

} // namespace mlc::codegen

#endif // MLC_CODEGEN_STRASSEN_H
