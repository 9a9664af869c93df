// The border that a kernel gives its result, so that the next convolution finds its padding in memory.
#ifndef MLC_CODEGEN_CPU_BORDER_H
#define MLC_CODEGEN_CPU_BORDER_H

#include "codegen/cpu/BodyEvaluator.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlc::codegen::cpu {

// Fills the elements that `pad` adds, as far as they fall to tiles [begin, end) of `tiles`.
void fillBorder(BodyEvaluator &evaluator, mlir::tensor::PadOp pad, mlir::Value output, mlir::Value begin,
                mlir::Value end, int64_t tiles);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_BORDER_H
