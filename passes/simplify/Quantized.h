// Quantised values, recognised in the arithmetic that stands for them: (cast(elements) - zero) * scale.
#ifndef MLC_PASSES_SIMPLIFY_QUANTIZED_H
#define MLC_PASSES_SIMPLIFY_QUANTIZED_H

#include "mlir/IR/PatternMatch.h"
#include "passes/Rewriting.h"

namespace mlc {

// `elements` are 8-bit integers; zero (i32) and scale broadcast to them, and are null where they are 0 and 1. What lies
// between this arithmetic and the value, outermost first, moves elements only: it does the same to the elements.
struct Quantized {
  mlir::Value elements, zero, scale;
  llvm::SmallVector<mlir::Operation *> movements;

  bool isSigned() const { return elementOfTensor(elements).isSignlessInteger(); }
};

// An integer value: cast(elements) - zero.
std::optional<Quantized> matchCentred(mlir::Value value);
// A floating-point one, times a scale.
std::optional<Quantized> matchDequantized(mlir::Value value);

// The 8-bit elements behind the movements, as u8: signed ones plus 128.
mlir::Value unsignedElements(OpMaker &m, const Quantized &quantized);
// As i8: unsigned ones less 128.
mlir::Value signedElements(OpMaker &m, const Quantized &quantized);
// `value`, one of zero and scale, behind the movements.
mlir::Value moved(OpMaker &m, const Quantized &quantized, mlir::Value value);
// The shape of that, with all dimensions of the elements.
llvm::SmallVector<int64_t> movedShape(const Quantized &quantized, mlir::Value value);

// An integer constant.
mlir::Value integerConstant(OpMaker &m, mlir::Type element, int64_t value, llvm::ArrayRef<int64_t> shape = {});
inline bool isOneElement(mlir::Value value) { return countElements(value.getType()) == 1; }

// Sums of integers with parameters, one after the other, become one.
void addJoinParametersPatterns(mlir::RewritePatternSet &patterns);

} // namespace mlc

#endif // MLC_PASSES_SIMPLIFY_QUANTIZED_H
