// Words of a contraction's operands (Contraction::interleave), multiplied and added to the sums of their lanes.
#ifndef MLC_CODEGEN_CPU_DOTPRODUCT_H
#define MLC_CODEGEN_CPU_DOTPRODUCT_H

#include "codegen/cpu/BodyEvaluator.h"
#include "codegen/cpu/Contraction.h"

namespace mlc::codegen::cpu {

bool multipliesPairsOfBF16(const TargetDesc &target);

// The instruction of `target` that multiplies and adds the contraction's words.
Dot dotInstruction(const Contraction &contraction, const TargetDesc &target);

// The AMX instruction of `target` that multiplies tiles of the contraction's words, by its name in LLVM; empty: none.
llvm::StringRef amxInstruction(const Contraction &contraction, const TargetDesc &target);

// A vector of words as a vector for each of their elements; an instruction takes one whole.
llvm::SmallVector<mlir::Value> partsOfWords(BodyEvaluator &evaluator, const Contraction &contraction,
                                            const ContractionOperand &operand, mlir::Value words);

// sum + left * right by the instruction.
mlir::Value emitDot(BodyEvaluator &evaluator, Dot dot, mlir::Value left, mlir::Value right, mlir::Value sum);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_DOTPRODUCT_H
