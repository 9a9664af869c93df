// Running sums: along the lanes of a vector by steps that double, or in as many sums as there are columns. Linear in
// the length, where the kernel function, which has a sum for each element, is quadratic.
#ifndef MLC_CODEGEN_CPU_SCAN_H
#define MLC_CODEGEN_CPU_SCAN_H

#include "codegen/Kernel.h"
#include "codegen/cpu/KernelFunction.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace mlc::codegen::cpu {

struct Scan {
  mlir::linalg::GenericOp op;
  int64_t axis;
  bool exclusive, reverse;
};

// The kernel as a running sum with elementwise ops before and behind it, all of one shape, or nothing.
std::optional<Scan> matchScan(mlir::func::FuncOp kernel);

// Emits tiles [begin, end) at the builder. Fills tiles, scratch and schedule. False when what is before or behind the
// sum cannot be evaluated.
bool emitScan(mlir::OpBuilder &b, mlir::func::FuncOp kernel, const Scan &scan, const TargetDesc &target,
              const KernelFrame &frame, EmittedKernel &emitted);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_SCAN_H
