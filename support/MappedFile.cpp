#include "support/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mlc {

static Status failure(const std::string &path, int error) {
  return Status::error("cannot read '" + path + "': " + std::strerror(error));
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string &path) {
  // Non-blocking, so that a FIFO given by mistake is reported, not waited for.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return failure(path, errno);
  struct stat info;
  if (fstat(fd, &info) != 0) {
    int error = errno;
    close(fd);
    return failure(path, error);
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return Status::error("cannot read '" + path + "': not a regular file");
  }
  std::span<const std::byte> bytes;
  if (info.st_size > 0) {
    size_t size = static_cast<size_t>(info.st_size);
    void *address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) {
      int error = errno;
      close(fd);
      return failure(path, error);
    }
    bytes = {static_cast<const std::byte *>(address), size};
  }
  close(fd);
  return std::shared_ptr<const MappedFile>(new MappedFile(path, bytes));
}

MappedFile::~MappedFile() {
  if (!content.empty())
    munmap(const_cast<std::byte *>(content.data()), content.size());
}

} // namespace mlc
