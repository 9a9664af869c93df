// Target descriptions: what code is generated for.
//
// x86-64-v3 and x86-64-v4 are the levels of the x86-64 psABI (https://gitlab.com/x86-psABIs/x86-64-ABI). `native` is
// resolved once, here, to an explicit description; nothing behind this function looks at the machine.
#ifndef MLC_CODEGEN_TARGET_TARGET_H
#define MLC_CODEGEN_TARGET_TARGET_H

#include "codegen/Kernel.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

namespace mlc::codegen {

// Names that resolveTarget knows, for messages and --help.
llvm::ArrayRef<llvm::StringLiteral> knownTargets();

llvm::Expected<TargetDesc> resolveTarget(llvm::StringRef name);

// Features that code for the target needs and this process cannot use, with commas. One that is said to be usable is:
// for AMX the kernel was asked. Code for a target that misses nothing may be run here.
std::string missingFeatures(const TargetDesc &target);

// All of a description as text: equal ones, and no others, are spelled alike.
std::string describe(const TargetDesc &target);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_TARGET_TARGET_H
