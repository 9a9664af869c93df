// bf16 in LLVM IR, for targets that do not compute in it.
#ifndef MLC_CODEGEN_TARGET_BF16BYBITS_H
#define MLC_CODEGEN_TARGET_BF16BYBITS_H

#include "llvm/IR/Module.h"

namespace mlc::codegen {

// Code generation would do everything in f32 and round back by a call of compiler-rt, even to choose between two
// numbers or to load some lanes. Extensions, selects, loads and moves of lanes of bf16 become ones of i16. Emitters
// give no arithmetic in bf16, and round to it by bits (mlc-expand-math).
void replaceBF16ByBits(llvm::Module &module);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_TARGET_BF16BYBITS_H
