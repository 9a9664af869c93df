// Writes a file aside (in the same folder), syncs it, and renames it into place: a reader sees the old file or the
// whole new one, which has the mode of the old one. Where anything fails the old file stays and the temporary one is
// removed; where the file system can (O_TMPFILE) it has no name until it is complete, so that a killed process leaves
// nothing either.
//
// What is appended goes to the file in aligned blocks as large as a huge page: the page cache then keeps a block in one
// piece, and who maps the file has it behind one entry of the TLB (weights of a module, a few percent of a run).
#pragma once

#include "support/Status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlc {

class FileWriter {
public:
  static Result<FileWriter> create(const std::string &path);
  FileWriter(FileWriter &&other) noexcept;
  FileWriter &operator=(FileWriter &&) = delete;
  // Discards what was not committed.
  ~FileWriter();

  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text.data(), text.size()))); }
  // Overwrites bytes that were written before (headers whose content is known last).
  Status writeAt(uint64_t offset, std::span<const std::byte> bytes);
  // Zero bytes up to the next multiple of `alignment`.
  Status alignTo(uint64_t alignment);
  uint64_t position() const { return offset; }
  // Sync and rename. Nothing may be written afterwards. Without a sync, a crash of the machine may leave a file of this
  // name that is not whole: for what is checked when it is read, and can be made again.
  enum class Sync { Yes, No };
  Status commit(Sync sync = Sync::Yes);

private:
  FileWriter(std::string path, std::string aside, int fd) : path(std::move(path)), aside(std::move(aside)), fd(fd) {}
  Status writeAll(uint64_t at, std::span<const std::byte> bytes);
  Status flush();
  Status closed() const;
  Status fail(const char *action, int error);
  void discard();

  std::string path, aside; // aside is empty while the file has no name
  int fd;
  uint64_t offset = 0;
  std::vector<std::byte> waiting; // the bytes in front of offset that are not in the file yet
};

// The whole file in one go.
Status writeFile(const std::string &path, std::span<const std::byte> bytes);

} // namespace mlc
