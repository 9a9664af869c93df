#include "support/MemoryFile.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace mlc {

static Status failure(const std::string &action, const std::string &name) {
  return Status::error("cannot " + action + " '" + name + "' in memory: " + std::strerror(errno));
}

Result<MemoryFile> MemoryFile::create(const std::string &name) {
  int fd = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (fd < 0)
    return failure("make a file", name);
  return MemoryFile(name, fd);
}

MemoryFile::MemoryFile(MemoryFile &&other) noexcept : name(std::move(other.name)), fd(std::exchange(other.fd, -1)) {}

MemoryFile::~MemoryFile() {
  if (fd >= 0)
    close(fd);
}

std::string MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(fd); }

Status MemoryFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return failure("write", name);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Status::success();
}

Result<std::string> MemoryFile::read() const {
  struct stat status;
  if (fstat(fd, &status) != 0)
    return failure("read", name);
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  for (size_t at = 0; at < bytes.size();) {
    ssize_t count = pread(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return failure("read", name);
    if (count == 0)
      return Status::error("'" + name + "' in memory became shorter while it was read");
    at += static_cast<size_t>(count);
  }
  return bytes;
}

} // namespace mlc
