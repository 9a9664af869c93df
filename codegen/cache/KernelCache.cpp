// A file: the mark, the BLAKE3 hash of all that follows, the key, the fields of EmittedKernel, the object. Numbers have
// eight bytes, texts their length before them.
#include "codegen/cache/KernelCache.h"

#include "codegen/cache/CompilerId.h"
#include "codegen/target/MachineCode.h"
#include "codegen/target/Target.h"
#include "support/FileWriter.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

namespace fs = std::filesystem;

namespace mlc::codegen {
namespace {

constexpr llvm::StringLiteral kMark = "MLCKERN1";
constexpr size_t kHashBytes = 32;

std::string hashOf(llvm::StringRef bytes) {
  llvm::BLAKE3 hasher;
  hasher.update(bytes);
  llvm::BLAKE3Result<kHashBytes> hash = hasher.final<kHashBytes>();
  return std::string(hash.begin(), hash.end());
}

class Fields {
public:
  std::string bytes;
  void number(int64_t value) { bytes.append(reinterpret_cast<const char *>(&value), sizeof value); }
  void text(llvm::StringRef value) {
    number(int64_t(value.size()));
    bytes.append(value.begin(), value.end());
  }
};

class FieldReader {
public:
  explicit FieldReader(llvm::StringRef bytes) : rest(bytes) {}
  int64_t number() {
    int64_t value = 0;
    llvm::StringRef bytes = take(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  llvm::StringRef text() { return take(uint64_t(number())); }
  bool isComplete() const { return whole && rest.empty(); }

private:
  llvm::StringRef take(uint64_t count) {
    whole &= count <= rest.size();
    llvm::StringRef taken = rest.take_front(whole ? count : 0);
    rest = rest.drop_front(taken.size());
    return taken;
  }
  llvm::StringRef rest;
  bool whole = true;
};

std::string write(llvm::StringRef key, const EmittedKernel &kernel, llvm::ArrayRef<char> object) {
  // Names every field, so that one that is added is not forgotten.
  const auto &[module, name, emitter, schedule, tiles, scratchBytes] = kernel;
  Fields fields;
  for (llvm::StringRef text : {key, llvm::StringRef(name), llvm::StringRef(emitter), llvm::StringRef(schedule)})
    fields.text(text);
  fields.number(tiles);
  fields.number(scratchBytes);
  fields.text(llvm::StringRef(object.data(), object.size()));
  return kMark.str() + hashOf(fields.bytes) + fields.bytes;
}

std::optional<CachedKernel> read(llvm::StringRef bytes, llvm::StringRef key) {
  if (!bytes.consume_front(kMark) || bytes.size() < kHashBytes ||
      hashOf(bytes.drop_front(kHashBytes)) != bytes.take_front(kHashBytes))
    return std::nullopt;
  FieldReader fields(bytes.drop_front(kHashBytes));
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

} // namespace

KernelCache::KernelCache(std::string folder, uint64_t mostBytes) : root(std::move(folder)), mostBytes(mostBytes) {}

std::string KernelCache::keyOf(mlir::func::FuncOp kernel, const TargetDesc &target, llvm::StringRef emitter) {
  // Its number in the model is in a kernel's name; its code does not depend on it.
  std::string name = kernel.getName().str(), text;
  kernel.setName("kernel");
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, mlir::OpPrintingFlags().useLocalScope()); // nothing of the functions beside it
  kernel.setName(name);
  Fields fields;
  for (llvm::StringRef part : {llvm::StringRef(kMark), llvm::StringRef(compilerId()), emitter, llvm::StringRef(text)})
    fields.text(part);
  fields.text(describe(target));
  return llvm::toHex(hashOf(fields.bytes), /*LowerCase=*/true);
}

// Folders of a 256th each: some file systems are slow with many files in one.
std::string KernelCache::pathOf(llvm::StringRef key) const {
  return (root + "/kernels/" + key.take_front(2) + "/" + key.drop_front(2)).str();
}

std::optional<CachedKernel> KernelCache::find(llvm::StringRef key, llvm::StringRef name) {
  std::string path = pathOf(key);
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false,
                                          /*IsVolatile=*/true); // read, not mapped: it may be replaced
  if (!file)
    return std::nullopt;
  std::optional<CachedKernel> cached = read((*file)->getBuffer(), key);
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
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // used now; a folder that is only read keeps its times
  return cached;
}

void KernelCache::store(llvm::StringRef key, const EmittedKernel &kernel, llvm::ArrayRef<char> object) {
  if (!whyNot.empty())
    return;
  std::string path = pathOf(key);
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) {
    whyNot = "cannot make the folder '" + fs::path(path).parent_path().string() + "': " + error.message();
    return;
  }
  Result<FileWriter> file = FileWriter::create(path);
  Status status = file.status();
  if (status.ok())
    status = file->write(std::string_view(write(key, kernel, object)));
  // What a crash of the machine leaves is found out by the checksum.
  if (status.ok())
    status = file->commit(FileWriter::Sync::No);
  if (!status.ok())
    whyNot = status.message();
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
  for (fs::recursive_directory_iterator at(root + "/kernels", error), end; !error && at != end; at.increment(error)) {
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
