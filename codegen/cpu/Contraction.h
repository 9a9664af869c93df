// Matrix products and convolutions, recognised.
//
// Any linalg.generic `acc + lhs * rhs` whose operands are linear in the loops is a contraction: matmul, batched matmul,
// and convolutions of any rank differ only in which loops each operand depends on. Loops are classified as
//   n      the last dimension of the result: vector lanes. May be split in (panel, lane) for weights packed in panels
//          [N/16][K][16]; the zero padding of the last panel is cropped by a tensor.extract_slice of the result;
//   m      other dimensions of the result that the operand with lanes does not depend on: rows of the register tile;
//          Or lanes are (group, output): small groups of a convolution, side by side;
//   outer  the rest of the result's dimensions (batch, groups);
//   k      reductions. The innermost may be inside of a lane, in panels [N/16][K/2][16][2].
// Adjacent loops are merged where all that depends on them is contiguous across them.
#ifndef MLC_CODEGEN_CPU_CONTRACTION_H
#define MLC_CODEGEN_CPU_CONTRACTION_H

#include "codegen/Kernel.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <optional>

namespace mlc::codegen::cpu {

struct ContractionOperand {
  mlir::Value tensor; // an argument of the kernel
  mlir::RankedTensorType type;
  mlir::Type element;                      // of the tensor, or an integer of the bits of a word
  llvm::SmallVector<int64_t> coefficients; // elements per step of each loop
  int64_t offset = 0;
  // Zeros around the tensor, where they are asked for: coefficients are of what is padded.
  mlir::tensor::PadOp pad;
};

struct Loop {
  int64_t extent;
  int64_t lhs, rhs; // elements of the operands per step
  int64_t row;      // rows of the result per step
};

// Steps that all loops make together.
int64_t stepsOf(llvm::ArrayRef<Loop> loops);

// Instructions that multiply words and add their products to sums. BF16: pairs; I8: four of u8 times i8; I16: the same
// four, taken apart in two words of pairs first.
enum class Dot { None, BF16, I8, I16 };

struct Contraction {
  mlir::linalg::GenericOp op;
  mlir::Value result;          // the contraction's value with its panels cropped: rows x n
  mlir::Value init;            // scalar constant
  ContractionOperand lhs, rhs; // rhs has lanes
  llvm::SmallVector<Loop> m, outer, k;
  // Elements of a word: steps of k that lie side by side in each lane of rhs, and in lhs, as dot product instructions
  // take them. Above 1, all that counts elements of the operands counts words, and k is a number of words.
  int64_t interleave = 1;
  Dot dot = Dot::None;              // of words; None: they are taken apart in registers
  int64_t n = 0, rows = 1;          // rows: all of the result but n
  int64_t lhsLane = 0, rhsLane = 0; // elements per lane
  int64_t panelWidth = 0, panelStride = 0;
  // Lanes of one group, which share an element of lhs, and the distance of its elements for the next group. 0: all
  // lanes share one, or each has its own.
  int64_t laneGroup = 0, laneGroupStride = 0;
  bool swapped = false; // lhs is input 1 of the generic
  mlir::Value value;    // what is stored, rows x n: the kernel's result
  bool bare = false;    // the value is the contraction's: nothing to evaluate after it
};

// The loops of a multiply-add over two arguments of the kernel, or nothing. `result` and `value` are still to be found.
// An operand may lie in zeros with `withPadding` alone.
std::optional<Contraction> matchLoops(mlir::linalg::GenericOp op, const TargetDesc &target, bool withPadding = false);

// Makes `value` what is stored. False where its shape leaves no room for rows of n.
bool takeValue(Contraction &contraction, mlir::Value value);

// The kernel as a contraction with an epilogue, or nothing.
std::optional<Contraction> matchContraction(mlir::func::FuncOp kernel, const TargetDesc &target,
                                            bool withPadding = false);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_CONTRACTION_H
