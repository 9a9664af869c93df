// A file in memory, for libraries that want the path of one: nothing is left on a disk, none can be full, and a killed
// process leaves nothing.
#pragma once

#include "support/Status.h"

#include <cstddef>
#include <span>
#include <string>

namespace mlc {

class MemoryFile {
public:
  // `name` is for messages and debuggers.
  static Result<MemoryFile> create(const std::string &name);
  MemoryFile(MemoryFile &&other) noexcept;
  MemoryFile &operator=(MemoryFile &&) = delete;
  ~MemoryFile();

  // Valid in this process, as long as the file is.
  std::string path() const;
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text.data(), text.size()))); }
  // All that was written, by whomever.
  Result<std::string> read() const;

private:
  MemoryFile(std::string name, int fd) : name(std::move(name)), fd(fd) {}
  std::string name;
  int fd;
};

} // namespace mlc
