// convert-mlc-to-linalg: mlc ops of a kernel function become linalg on tensors with arith and math bodies, the only
// input of every emitter. What stays are the ops that have emitters of their own. Tensors of unsigned integers become
// signless, those of the function's signature too: the bytes are the same.
#ifndef MLC_CODEGEN_LOWER_LOWER_H
#define MLC_CODEGEN_LOWER_LOWER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace mlc::codegen {

// Fails with a diagnostic on the first op that has no lowering. The dialects arith, linalg, math and tensor must be
// loaded.
mlir::LogicalResult convertMlcToLinalg(mlir::func::FuncOp kernel);

// Is `op` attention, a Winograd convolution, or of class opaque: is there an emitter for it alone?
bool hasItsOwnEmitter(mlir::Operation *op);

// Rewrites each mlc.winograd_conv of `kernel` to linalg, for a kernel that its emitter does not take. False where there
// is none.
bool lowerWinograd(mlir::func::FuncOp kernel);

// convertMlcToLinalg as a pass on func.func, `mlc-opt --convert-mlc-to-linalg`.
std::unique_ptr<mlir::Pass> createConvertMlcToLinalgPass();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_LOWER_LOWER_H
