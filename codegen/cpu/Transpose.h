// Movement that makes another dimension innermost: squares of elements are transposed in registers, so that every
// cache line is read and written once and whole. Elementwise.h would gather one element at a time.
#ifndef MLC_CODEGEN_CPU_TRANSPOSE_H
#define MLC_CODEGEN_CPU_TRANSPOSE_H

#include "codegen/Kernel.h"
#include "codegen/cpu/KernelFunction.h"

namespace mlc::codegen::cpu {

// A transposition as one over dimensions that stay neighbours: those of the result, outermost first, without units.
struct Transposition {
  struct Dim {
    int64_t size, inStride, outStride; // in elements
  };
  llvm::SmallVector<Dim> outer;
  Dim row, column; // contiguous in the operand, and in the result
  mlir::Type element;
  unsigned argument;
};

// The kernel as a transposition and nothing else, whose squares pay: 8 to 32 bits an element.
std::optional<Transposition> matchTransposition(mlir::func::FuncOp kernel);

void emitTransposition(mlir::OpBuilder &b, mlir::func::FuncOp kernel, const Transposition &transposition,
                       const TargetDesc &target, const KernelFrame &frame, EmittedKernel &emitted);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_TRANSPOSE_H
