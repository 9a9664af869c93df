// Maxima of windows, of images whose channels are last: lanes are channels.
//
// A block of neighbouring results has its columns of the image in registers: first each column is folded over the rows
// of the window, then results over their columns, so that what neighbours share is folded once. Padding wins no
// maximum: it is skipped.
#ifndef MLC_CODEGEN_CPU_POOL_H
#define MLC_CODEGEN_CPU_POOL_H

#include "codegen/cpu/Depthwise.h"

namespace mlc::codegen::cpu {

struct Pool {
  Contraction contraction; // the fold with its epilogue: op, init, result, value, rows, n, m
  mlir::Value image;       // an argument of the kernel
  mlir::Operation *fold;   // of an element and what was folded before
  llvm::SmallVector<WindowAxis> outer;
  WindowAxis inner;
  int64_t block, vectors; // results in registers, and their vectors of channels
};

std::optional<Pool> matchPool(mlir::func::FuncOp kernel, const TargetDesc &target);

// Emits tiles [begin, end) at the builder. Fills tiles, scratch and schedule. False when the epilogue cannot be
// evaluated.
bool emitPool(mlir::OpBuilder &b, mlir::func::FuncOp kernel, const Pool &pool, const TargetDesc &target,
              const KernelFrame &frame, EmittedKernel &emitted);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_POOL_H
