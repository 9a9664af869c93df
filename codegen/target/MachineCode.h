// LLVM modules to machine code, and objects to the shared object that a module file carries.
#ifndef MLC_CODEGEN_TARGET_MACHINECODE_H
#define MLC_CODEGEN_TARGET_MACHINECODE_H

#include "codegen/Kernel.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace mlc::codegen {

// Optimises `module` (-O3) for `target`, and gives the bytes of a relocatable ELF object. No library call is invented:
// library functions are unknown to the optimiser, and memory intrinsics become loops.
llvm::Expected<llvm::SmallVector<char, 0>> compileToObject(llvm::Module &module, const TargetDesc &target);
// The same as assembly text.
llvm::Expected<std::string> compileToAssembly(llvm::Module &module, const TargetDesc &target);

// Object of each kernel, in the kernels' order, compiled on up to `threads` threads (0: as many as the machine has).
// Every kernel's module must be in an LLVMContext of its own.
llvm::Expected<std::vector<llvm::SmallVector<char, 0>>> compileKernels(llvm::ArrayRef<EmittedKernel> kernels,
                                                                       const TargetDesc &target, unsigned threads = 0);

struct KernelObject {
  llvm::StringRef symbol;      // the one exported function
  llvm::ArrayRef<char> object; // relocatable ELF
};

// Links kernels into an ELF shared object that needs nothing: no undefined symbol, no dynamic relocation. The same
// objects give the same bytes. Errors name the kernel and the symbol.
llvm::Expected<llvm::SmallVector<char, 0>> linkSharedObject(llvm::ArrayRef<KernelObject> kernels);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_TARGET_MACHINECODE_H
