// Matrix products and convolutions as register-tiled kernels.
//
// Any linalg.generic `acc + lhs * rhs` whose operands are linear in the loops is one: matmul, batched matmul, and
// convolutions differ only in which loops each operand depends on. Loops are classified as
//   n      the last dimension of the result: vector lanes. May be split in (panel, lane) for weights packed in panels
//          [N/16][K][16]; the zero padding of the last panel is cropped by a tensor.extract_slice of the result;
//   m      other dimensions of the result that the operand with lanes does not depend on: rows of the register tile;
//   outer  the rest of the result's dimensions (batch, groups);
//   k      reductions, adjacent ones merged where both operands are contiguous across them.
// A tile of the launch is one (outer, MC x NC) block. Its micro-kernel keeps MR x NV accumulators in registers over
// all of k (blocks of KC where there is one long k), after which the rest of the region (bias, activation, residual)
// is evaluated from an L1 scratch. Sums are in one fixed order, whatever the launch range.
// The scheme is that of BLIS: https://doi.org/10.1145/2764454 (Van Zee, van de Geijn).
#ifndef MLC_CODEGEN_CPU_CONTRACTION_H
#define MLC_CODEGEN_CPU_CONTRACTION_H

#include "codegen/Kernel.h"
#include "codegen/cpu/BodyEvaluator.h"

namespace mlc::codegen::cpu {

struct ContractionOperand {
  mlir::Value tensor; // an argument of the kernel
  mlir::RankedTensorType type;
  llvm::SmallVector<int64_t> coefficients; // elements per step of each loop
  int64_t offset = 0;
};

struct Loop {
  int64_t extent;
  int64_t lhs, rhs, row; // elements, elements, rows of the result per step
};

struct Contraction {
  mlir::linalg::GenericOp op;
  mlir::Value result;          // the contraction's value with its panels cropped: rows x n
  mlir::Value init;            // scalar constant
  ContractionOperand lhs, rhs; // rhs has lanes
  llvm::SmallVector<Loop> m, outer, k;
  int64_t n = 0, rows = 1;          // rows: all of the result but n
  int64_t lhsLane = 0, rhsLane = 0; // elements per lane
  int64_t panelWidth = 0, panelStride = 0;
  bool swapped = false; // lhs is input 1 of the generic
  bool copyRhs = false; // lanes of rhs are not contiguous: a tile copies its columns to scratch first
  bool bare = false;    // the kernel's result is the contraction's: nothing to evaluate after it
};

struct ContractionTile {
  int64_t lanes, mr, nv, mc, kc;
  int64_t mBlocks, nBlocks, kBlocks, tiles, scratchBytes;
  int64_t panelBytes = 0; // of the copied rhs, at the start of scratch
};

// The kernel as a contraction with an epilogue, or nothing.
std::optional<Contraction> matchContraction(mlir::func::FuncOp kernel, const TargetDesc &target);
ContractionTile chooseTile(const Contraction &contraction, const TargetDesc &target);
// Emits one tile of the launch at the evaluator's insertion point. False when the epilogue cannot be evaluated.
bool emitContractionTile(BodyEvaluator &evaluator, const Contraction &contraction, const ContractionTile &tile,
                         mlir::func::FuncOp kernel, mlir::Value output, mlir::Value scratch, mlir::Value index);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_CONTRACTION_H
