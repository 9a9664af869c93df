// What Halide's optimiser leaves of two things that are an instruction or three, spelled so that code generation knows
// them again.
#ifndef MLC_CODEGEN_HALIDE_VECTORIDIOMS_H
#define MLC_CODEGEN_HALIDE_VECTORIDIOMS_H

#include "llvm/IR/Module.h"

namespace mlc::codegen {

// Parts of a vector are shuffles, not wide integers; a maximum or minimum that keeps a NaN is the intrinsic. Which of
// two zeros is the larger is left open, as in the choice that stood there.
void restoreVectorIdioms(llvm::Module &module);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_HALIDE_VECTORIDIOMS_H
