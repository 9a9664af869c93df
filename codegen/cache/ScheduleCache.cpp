#include "codegen/cache/ScheduleCache.h"

#include "codegen/cache/CacheFile.h"
#include "codegen/cache/KernelCache.h"

namespace mlc::codegen {
namespace {

constexpr llvm::StringLiteral kMark = "MLCSCHD1";

} // namespace

std::string ScheduleCache::pathOf(mlir::func::FuncOp kernel, const TargetDesc &target, llvm::StringRef emitter) const {
  mlir::Attribute asked = kernel->removeAttr(kScheduleAttr);
  Fields fields;
  fields.text(kMark);
  fields.text(machine);
  fields.text(KernelCache::keyOf(kernel, target, emitter));
  if (asked)
    kernel->setAttr(kScheduleAttr, asked);
  return cachePath(root, "schedules", hashOf(fields.bytes));
}

std::optional<std::string> ScheduleCache::find(mlir::func::FuncOp kernel, const TargetDesc &target,
                                               llvm::StringRef emitter) const {
  return readCacheFile(pathOf(kernel, target, emitter), kMark);
}

void ScheduleCache::store(mlir::func::FuncOp kernel, const TargetDesc &target, llvm::StringRef emitter,
                          llvm::StringRef schedule) {
  if (whyNot.empty())
    whyNot = writeCacheFile(pathOf(kernel, target, emitter), kMark, schedule);
}

} // namespace mlc::codegen
