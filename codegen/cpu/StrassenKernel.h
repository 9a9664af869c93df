// Strassen products: what codegen/Strassen.h marks, as vector code.
//
// A tile of the launch is a block of rows of the halves by a few groups of their columns. Each of the seven products
// runs the micro-kernel of contractions, whose sums are added to quadrants of the result that stay in scratch; at the
// end the quadrants go through the epilogue to their four places.
#ifndef MLC_CODEGEN_CPU_STRASSENKERNEL_H
#define MLC_CODEGEN_CPU_STRASSENKERNEL_H

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/KernelFunction.h"

namespace mlc::codegen::cpu {

struct StrassenProduct {
  Contraction products; // seven batches
  Contraction whole;    // what its quadrants make, rows x n, with the epilogue behind it; has no loops
};

// The kernel as one Strassen product in f32, or nothing.
std::optional<StrassenProduct> matchStrassen(mlir::func::FuncOp kernel, const TargetDesc &target);
bool emitStrassen(mlir::OpBuilder &builder, mlir::func::FuncOp kernel, const StrassenProduct &product,
                  const TargetDesc &target, const KernelFrame &frame, EmittedKernel &emitted);

// Is the kernel the sums of a left-hand side in f32, and nothing else?
bool isStrassenSums(mlir::func::FuncOp kernel);
bool emitStrassenSums(mlir::OpBuilder &builder, mlir::func::FuncOp kernel, const TargetDesc &target,
                      const KernelFrame &frame, EmittedKernel &emitted);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_STRASSENKERNEL_H
