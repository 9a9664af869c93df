// LLVM modules to machine code, and objects to the shared object that a module file carries.
#ifndef MLC_CODEGEN_TARGET_MACHINECODE_H
#define MLC_CODEGEN_TARGET_MACHINECODE_H

#include "codegen/Kernel.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <functional>

namespace mlc::codegen {

// Gives the module the target's triple and data layout.
llvm::Error setTarget(llvm::Module &module, const TargetDesc &target);

// Optimises a kernel's module (-O3) for `target`. No library call is invented: library functions are unknown to the
// optimiser, and memory intrinsics become loops.
llvm::Error optimizeKernel(llvm::Module &module, const TargetDesc &target);

enum class CodeKind { Object, Assembly };
// Machine code of an optimised module: the bytes of a relocatable ELF object, or text.
llvm::Expected<llvm::SmallVector<char, 0>> generateCode(llvm::Module &module, const TargetDesc &target, CodeKind kind);

// Both in turn.
llvm::Expected<llvm::SmallVector<char, 0>> compileToObject(llvm::Module &module, const TargetDesc &target);
llvm::Expected<std::string> compileToAssembly(llvm::Module &module, const TargetDesc &target);

// The same for each of the kernels, on up to `threads` threads (0: as many as the machine has). Every kernel's module
// must be in an LLVMContext of its own. What is given does not depend on the number of threads. Where the host enabled
// llvm::CrashRecoveryContext, a crash of LLVM is an error that names the kernel.
llvm::Error optimizeKernels(llvm::ArrayRef<EmittedKernel> kernels, const TargetDesc &target, unsigned threads = 0);
// Objects in the kernels' order; an empty one for a kernel without a module. `progress` is called with the number of
// kernels that are done, from any thread.
llvm::Expected<std::vector<llvm::SmallVector<char, 0>>>
compileKernels(llvm::ArrayRef<EmittedKernel> kernels, const TargetDesc &target, unsigned threads = 0,
               const std::function<void(size_t done)> &progress = {});

// The object with its symbol `from` called `to`.
llvm::Expected<llvm::SmallVector<char, 0>> renameSymbol(llvm::ArrayRef<char> object, llvm::StringRef from,
                                                        llvm::StringRef to);

// Copies of all kernels in one module, for people to read; local names that clash are changed.
llvm::Expected<std::unique_ptr<llvm::Module>> linkModules(llvm::ArrayRef<EmittedKernel> kernels,
                                                          llvm::LLVMContext &context);

struct KernelObject {
  llvm::StringRef symbol;      // the one exported function
  llvm::ArrayRef<char> object; // relocatable ELF
};

// Links kernels into an ELF shared object that needs nothing: no undefined symbol, no dynamic relocation. The same
// objects give the same bytes. Errors name the kernel and the symbol.
llvm::Expected<llvm::SmallVector<char, 0>> linkSharedObject(llvm::ArrayRef<KernelObject> kernels);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_TARGET_MACHINECODE_H
