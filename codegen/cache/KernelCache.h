// What comes of kernel functions, kept in files between compilations. A kernel is found by its content: the hash of
// everything that decides about its code is the name of its file. Nothing is looked up that could be out of date.
//
// Any number of processes may use a folder at the same time: a file is written aside and renamed, two that write the
// same one write the same bytes, and a reader takes a file as it is when it opens it. Each file carries a checksum;
// what does not match it is compiled again and replaced.
#ifndef MLC_CODEGEN_CACHE_KERNELCACHE_H
#define MLC_CODEGEN_CACHE_KERNELCACHE_H

#include "codegen/Kernel.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace mlc::codegen {

// What tells a kernel from others in every version of the compiler that makes the same kernel function of it, whatever
// its name and the schedule that it asks for: 16 hexadecimal digits.
std::string identityOf(mlir::func::FuncOp kernel, llvm::StringRef emitter);

struct CachedKernel {
  EmittedKernel kernel; // without its LLVM module
  llvm::SmallVector<char, 0> object;
};

class KernelCache {
public:
  static constexpr uint64_t defaultMostBytes = uint64_t(256) << 20;

  // Files are below `folder`, which is made when the first kernel is stored.
  explicit KernelCache(std::string folder, uint64_t mostBytes = defaultMostBytes);

  // The hash, in hexadecimal digits, of the kernel function without its name, the target, the emitter, and this build
  // of the compiler.
  static std::string keyOf(mlir::func::FuncOp kernel, const TargetDesc &target, llvm::StringRef emitter);

  // The kernel that was stored under `key`, named `name`; nothing where there is none that is whole.
  std::optional<CachedKernel> find(llvm::StringRef key, llvm::StringRef name);
  // What cannot be stored is compiled again next time: see problem().
  void store(llvm::StringRef key, const EmittedKernel &kernel, llvm::ArrayRef<char> object);
  // Removes files until they take 9/10 of mostBytes, those that were not used for the longest time first, if they take
  // more than mostBytes.
  void trim() const;

  const std::string &folder() const { return root; }
  // Why nothing more is stored; empty where all is well.
  const std::string &problem() const { return whyNot; }

private:
  std::string pathOf(llvm::StringRef key) const;

  std::string root, whyNot;
  uint64_t mostBytes;
};

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CACHE_KERNELCACHE_H
