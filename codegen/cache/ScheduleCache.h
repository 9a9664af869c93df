// Which schedule of a kernel is the fastest on this machine, kept in files between compilations, beside the kernels.
#ifndef MLC_CODEGEN_CACHE_SCHEDULECACHE_H
#define MLC_CODEGEN_CACHE_SCHEDULECACHE_H

#include "codegen/Kernel.h"
#include <optional>

namespace mlc::codegen {

class ScheduleCache {
public:
  // `machine` names the CPU: what was measured on another one is not found.
  ScheduleCache(std::string folder, std::string machine) : root(std::move(folder)), machine(std::move(machine)) {}

  // The schedule's name that was kept for the kernel, whatever schedule it asks for now; nothing where there is none.
  std::optional<std::string> find(mlir::func::FuncOp kernel, const TargetDesc &target, llvm::StringRef emitter) const;
  // What cannot be stored is measured again next time: see problem().
  void store(mlir::func::FuncOp kernel, const TargetDesc &target, llvm::StringRef emitter, llvm::StringRef schedule);

  // Why nothing more is stored; empty where all is well.
  const std::string &problem() const { return whyNot; }

private:
  std::string pathOf(mlir::func::FuncOp kernel, const TargetDesc &target, llvm::StringRef emitter) const;

  std::string root, machine, whyNot;
};

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CACHE_SCHEDULECACHE_H
