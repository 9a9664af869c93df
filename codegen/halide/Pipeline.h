// From an analysed region to bitcode by Halide. It and Expressions.cpp alone include Halide.h and have
// exceptions.
#ifndef MLC_CODEGEN_HALIDE_PIPELINE_H
#define MLC_CODEGEN_HALIDE_PIPELINE_H

#include "codegen/Kernel.h"
#include "codegen/halide/Region.h"

namespace mlc::codegen {

struct HalideBitcode {
  std::string bytes;                  // an LLVM module that defines the function `mlc_halide`
  llvm::SmallVector<unsigned> inputs; // arguments of the kernel that it takes, in order; the result comes last
  int64_t tileSize = 1;               // positions along the region's tileDim that are one tile
  std::string error;                  // not empty: what Halide said
};

HalideBitcode compilePipeline(mlir::func::FuncOp kernel, const Region &region, const TargetDesc &target);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_HALIDE_PIPELINE_H
