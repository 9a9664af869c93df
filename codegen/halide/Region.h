// A kernel function seen as a graph of stages over the loops of its result: which stages are materialised, and at
// which depth of the result's loop nest. Needs no Halide, so that `accepts` is cheap.
#ifndef MLC_CODEGEN_HALIDE_REGION_H
#define MLC_CODEGEN_HALIDE_REGION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseMap.h"
#include <string>

namespace mlc::codegen {

// How a value inside the region depends on the loops of the result.
struct Stage {
  // For each dimension of the value the dimension of the result that it equals, or -1.
  llvm::SmallVector<int64_t> resultDim;
  // The number of leading loops of the result inside which it is computed; -1: inlined into its users.
  int64_t depth = -1;
};

struct Region {
  mlir::Value result;
  llvm::SmallVector<int64_t> shape; // of the result
  llvm::DenseMap<mlir::Value, Stage> stages;
  int64_t tileDim = 0; // of the result; tiles are positions along it. -1: one tile
  int64_t tiles = 1;
  int64_t stackBytes = 0;
};

// The region of a normalised kernel. Fails with the reason in `why`.
mlir::FailureOr<Region> analyseRegion(mlir::func::FuncOp kernel, std::string &why);

// How a reduction combines: the op that the accumulator goes through, null when it is more than one op.
mlir::Operation *findCombiner(mlir::linalg::GenericOp op);

// Generalises linalg's named ops, except fill, and gives a scalar result a dimension.
void normaliseKernel(mlir::func::FuncOp kernel);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_HALIDE_REGION_H
