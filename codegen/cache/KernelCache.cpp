// A file's content: the key, the fields of EmittedKernel, the object.
#include "codegen/cache/KernelCache.h"

#include "codegen/cache/CacheFile.h"
#include "codegen/cache/CompilerId.h"
#include "codegen/target/MachineCode.h"
#include "codegen/target/Target.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace fs = std::filesystem;

namespace mlc::codegen {
namespace {

constexpr llvm::StringLiteral kMark = "MLCKERN1";

std::string write(llvm::StringRef key, const EmittedKernel &kernel, llvm::ArrayRef<char> object) {
  // Names every field, so that one that is added is not forgotten.
  const auto &[module, name, emitter, schedule, tiles, scratchBytes] = kernel;
  Fields fields;
  for (llvm::StringRef text : {key, llvm::StringRef(name), llvm::StringRef(emitter), llvm::StringRef(schedule)})
    fields.text(text);
  fields.number(tiles);
  fields.number(scratchBytes);
  fields.text(llvm::StringRef(object.data(), object.size()));
  return fields.bytes;
}

std::optional<CachedKernel> read(llvm::StringRef bytes, llvm::StringRef key) {
  FieldReader fields(bytes);
  if (fields.text() != key)
    return std::nullopt;
  CachedKernel cached;
  EmittedKernel &kernel = cached.kernel;
  for (std::string *text : {&kernel.name, &kernel.emitter, &kernel.schedule})
    *text = fields.text().str();
  kernel.tiles = fields.number();
  kernel.scratch_bytes = fields.number();
  llvm::StringRef object = fields.text();
  cached.object.assign(object.begin(), object.end());
  return fields.isComplete() ? std::optional(std::move(cached)) : std::nullopt;
}

std::string textOf(mlir::func::FuncOp kernel) {
  // Its number in the model is in a kernel's name; its code does not depend on it.
  std::string name = kernel.getName().str(), text;
  kernel.setName("kernel");
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, mlir::OpPrintingFlags().useLocalScope()); // nothing of the functions beside it
  kernel.setName(name);
  return text;
}

} // namespace

KernelCache::KernelCache(std::string folder, uint64_t mostBytes) : root(std::move(folder)), mostBytes(mostBytes) {}

std::string identityOf(mlir::func::FuncOp kernel, llvm::StringRef emitter) {
  constexpr size_t digits = 16;
  mlir::Attribute asked = kernel->removeAttr(kScheduleAttr);
  Fields fields;
  fields.text(emitter);
  fields.text(textOf(kernel));
  if (asked)
    kernel->setAttr(kScheduleAttr, asked);
  return hashOf(fields.bytes).substr(0, digits);
}

std::string KernelCache::keyOf(mlir::func::FuncOp kernel, const TargetDesc &target, llvm::StringRef emitter) {
  std::string text = textOf(kernel);
  Fields fields;
  for (llvm::StringRef part : {llvm::StringRef(kMark), llvm::StringRef(compilerId()), emitter, llvm::StringRef(text)})
    fields.text(part);
  fields.text(describe(target));
  return hashOf(fields.bytes);
}

std::string KernelCache::pathOf(llvm::StringRef key) const { return cachePath(root, "kernels", key); }

std::optional<CachedKernel> KernelCache::find(llvm::StringRef key, llvm::StringRef name) {
  std::optional<std::string> content = readCacheFile(pathOf(key), kMark);
  if (!content)
    return std::nullopt;
  std::optional<CachedKernel> cached = read(*content, key);
  if (!cached)
    return std::nullopt;
  if (cached->kernel.name != name) {
    auto renamed = renameSymbol(cached->object, cached->kernel.name, name);
    if (!renamed) {
      llvm::consumeError(renamed.takeError());
      return std::nullopt;
    }
    cached->object = std::move(*renamed);
    cached->kernel.name = name.str();
  }
  return cached;
}

void KernelCache::store(llvm::StringRef key, const EmittedKernel &kernel, llvm::ArrayRef<char> object) {
  if (whyNot.empty())
    whyNot = writeCacheFile(pathOf(key), kMark, write(key, kernel, object));
}

void KernelCache::trim() const {
  struct File {
    fs::file_time_type used;
    uint64_t bytes;
    fs::path path;
  };
  std::vector<File> files;
  uint64_t total = 0;
  std::error_code error; // files come and go with other processes: what cannot be seen is skipped
  auto now = fs::file_time_type::clock::now();
  for (llvm::StringRef kind : {"kernels", "schedules"})
    for (fs::recursive_directory_iterator at(root + "/" + kind.str(), error), end; !error && at != end;
         at.increment(error)) {
      std::error_code gone;
      if (!at->is_regular_file(gone) || gone)
        continue;
      File file{at->last_write_time(gone), at->file_size(gone), at->path()};
      if (gone)
        continue;
      // What is being written belongs to its process; what a killed one was writing, to nobody.
      if (file.path.extension() == ".tmp") {
        if (now - file.used > std::chrono::hours(1))
          fs::remove(file.path, gone);
        continue;
      }
      total += file.bytes;
      files.push_back(std::move(file));
    }
  if (total <= mostBytes)
    return;
  llvm::sort(files, [](const File &a, const File &b) { return std::tie(a.used, a.path) < std::tie(b.used, b.path); });
  for (const File &file : files) {
    if (total <= mostBytes / 10 * 9)
      break;
    std::error_code gone;
    fs::remove(file.path, gone);
    total -= file.bytes;
  }
}

} // namespace mlc::codegen
