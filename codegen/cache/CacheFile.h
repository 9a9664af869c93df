// A file of the cache: found by the hash of everything that decides about its content, and whole or not there.
//
// It is written aside and renamed, so that any number of processes may use a folder; it carries the hash of its
// content, so that what a crash of the machine or a bad disk left is found out.
#ifndef MLC_CODEGEN_CACHE_CACHEFILE_H
#define MLC_CODEGEN_CACHE_CACHEFILE_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace mlc::codegen {

// BLAKE3, as hexadecimal digits.
std::string hashOf(llvm::StringRef bytes);

// Numbers have eight bytes, texts their length before them.
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
  int64_t number();
  llvm::StringRef text() { return take(uint64_t(number())); }
  // Was all there that was read, and no more?
  bool isComplete() const { return whole && rest.empty(); }

private:
  llvm::StringRef take(uint64_t count);
  llvm::StringRef rest;
  bool whole = true;
};

// Below `folder`, which has a folder for each kind of file.
std::string cachePath(llvm::StringRef folder, llvm::StringRef kind, llvm::StringRef key);

// The content behind `mark`, which says kind and version; nothing where there is no file that is whole. The file counts
// as used now.
std::optional<std::string> readCacheFile(const std::string &path, llvm::StringRef mark);

// Makes the file and its folder. Returns why it cannot; empty where all is well.
std::string writeCacheFile(const std::string &path, llvm::StringRef mark, llvm::StringRef content);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CACHE_CACHEFILE_H
