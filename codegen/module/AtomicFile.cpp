#include "codegen/module/AtomicFile.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mlc::codegen {

AtomicFile::~AtomicFile() {
  if (fd >= 0)
    ::close(fd);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

std::string AtomicFile::fail(const char *what, int error) {
  std::string message = "cannot " + std::string(what) + " '" + path + "': " + strerror(error);
  if (error == ENOSPC || error == EDQUOT)
    message += "; what was there before is untouched. Free some space, or write to another disk";
  return message;
}

std::string AtomicFile::open(const std::string &file) {
  path = file;
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode))
      return fail("write", EISDIR);
    if (!S_ISREG(status.st_mode))
      return "cannot write '" + path + "': it is not a regular file, and the output replaces it by renaming";
  }
  temporary = path + ".XXXXXX";
  fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) {
    int error = errno;
    temporary.clear();
    return fail("create a file beside", error);
  }
  // mkostemp makes the file private; give it what open() would have.
  mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(fd, 0666 & ~mask) != 0)
    return fail("set the permissions of", errno);
  return "";
}

std::string AtomicFile::write(const void *data, size_t size) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t count = ::write(fd, bytes, size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return fail("write", errno);
    bytes += count;
    size -= count;
  }
  return "";
}

std::string AtomicFile::writeAt(uint64_t offset, const void *data, size_t size) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t count = ::pwrite(fd, bytes, size, offset);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return fail("write", errno);
    bytes += count;
    offset += count;
    size -= count;
  }
  return "";
}

std::string AtomicFile::commit() {
  if (::fsync(fd) != 0)
    return fail("sync", errno);
  int closed = ::close(fd);
  fd = -1;
  if (closed != 0)
    return fail("close", errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return fail("rename the finished file to", errno);
  temporary.clear();
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  // The name itself is durable once its folder is synced; a file system that cannot do so still has the file.
  int folderFd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folderFd >= 0) {
    ::fsync(folderFd);
    ::close(folderFd);
  }
  return "";
}

} // namespace mlc::codegen
