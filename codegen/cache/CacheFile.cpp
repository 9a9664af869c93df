// A file: the mark, the BLAKE3 hash of all that follows, the content.
#include "codegen/cache/CacheFile.h"

#include "support/FileWriter.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

namespace fs = std::filesystem;

namespace mlc::codegen {
namespace {

constexpr size_t kHashBytes = 32;

llvm::BLAKE3Result<kHashBytes> digestOf(llvm::StringRef bytes) {
  llvm::BLAKE3 hasher;
  hasher.update(bytes);
  return hasher.final<kHashBytes>();
}

llvm::StringRef asText(const llvm::BLAKE3Result<kHashBytes> &digest) {
  return {reinterpret_cast<const char *>(digest.data()), digest.size()};
}

} // namespace

std::string hashOf(llvm::StringRef bytes) { return llvm::toHex(digestOf(bytes), /*LowerCase=*/true); }

int64_t FieldReader::number() {
  int64_t value = 0;
  llvm::StringRef bytes = take(sizeof value);
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

llvm::StringRef FieldReader::take(uint64_t count) {
  whole &= count <= rest.size();
  llvm::StringRef taken = rest.take_front(whole ? count : 0);
  rest = rest.drop_front(taken.size());
  return taken;
}

// Folders of a 256th each: some file systems are slow with many files in one.
std::string cachePath(llvm::StringRef folder, llvm::StringRef kind, llvm::StringRef key) {
  return (folder + "/" + kind + "/" + key.take_front(2) + "/" + key.drop_front(2)).str();
}

std::optional<std::string> readCacheFile(const std::string &path, llvm::StringRef mark) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false,
                                          /*IsVolatile=*/true); // read, not mapped: it may be replaced
  if (!file)
    return std::nullopt;
  llvm::StringRef bytes = (*file)->getBuffer();
  if (!bytes.consume_front(mark) || bytes.size() < kHashBytes)
    return std::nullopt;
  llvm::StringRef hash = bytes.take_front(kHashBytes), content = bytes.drop_front(kHashBytes);
  if (asText(digestOf(content)) != hash)
    return std::nullopt;
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // a folder that is only read keeps its times
  return content.str();
}

std::string writeCacheFile(const std::string &path, llvm::StringRef mark, llvm::StringRef content) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error)
    return "cannot make the folder '" + fs::path(path).parent_path().string() + "': " + error.message();
  Result<FileWriter> file = FileWriter::create(path);
  Status status = file.status();
  if (status.ok())
    status = file->write(std::string_view((mark + asText(digestOf(content)) + content).str()));
  // What a crash of the machine leaves is found out by the hash.
  if (status.ok())
    status = file->commit(FileWriter::Sync::No);
  return status.ok() ? "" : status.message();
}

} // namespace mlc::codegen
