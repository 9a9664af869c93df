#include "support/FileWriter.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace mlc {

static std::string folderOf(const std::string &path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A name beside `path` that fits where the path's own name is as long as names may be.
static std::string nameAside(const std::string &path, const std::string &unique) {
  return folderOf(path) + "/.mlc-" + unique + ".tmp";
}

// Gives the nameless file `fd` the name `name`. Its link in /proc leads to it (open(2), O_TMPFILE).
static int linkTo(int fd, const std::string &name) {
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  return linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
}

Result<FileWriter> FileWriter::create(const std::string &path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  // The target of a symbolic link is replaced, not the link.
  std::string target = path;
  if (fs::is_symlink(path, ignored)) {
    fs::path resolved = fs::weakly_canonical(path, ignored);
    if (!ignored)
      target = resolved.string();
  }
  // Asked once: another process may remove or replace it at any time.
  struct stat old;
  const bool replaces = stat(target.c_str(), &old) == 0;
  if (replaces && S_ISDIR(old.st_mode))
    return Status::error("cannot write '" + path + "': it is a directory; name a file");
  if (replaces && !S_ISREG(old.st_mode))
    return Status::error("cannot write '" + path + "': it is not a regular file, and the output replaces a file");
  // What replaces a file has its mode: a private one stays private.
  if (access("/proc/self/fd", X_OK) == 0)
    if (int fd = open(folderOf(target).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666); fd >= 0) {
      if (replaces)
        fchmod(fd, old.st_mode & 0777);
      return FileWriter(std::move(target), "", fd);
    }
  std::string aside = nameAside(target, "XXXXXX");
  int fd = mkostemps(aside.data(), 4, O_CLOEXEC);
  if (fd < 0)
    return Status::error("cannot write '" + path + "': " + std::strerror(errno) +
                         "; its folder must exist and be writable");
  // mkstemp makes the file private: give it what open() would have.
  mode_t mask = umask(0);
  umask(mask);
  fchmod(fd, replaces ? old.st_mode & 0777 : 0666 & ~mask);
  return FileWriter(std::move(target), std::move(aside), fd);
}

FileWriter::FileWriter(FileWriter &&other) noexcept
    : path(std::move(other.path)), aside(std::move(other.aside)), fd(other.fd), offset(other.offset),
      waiting(std::move(other.waiting)) {
  other.fd = -1;
}

FileWriter::~FileWriter() { discard(); }

void FileWriter::discard() {
  if (fd < 0)
    return;
  close(fd);
  if (!aside.empty())
    unlink(aside.c_str());
  fd = -1;
}

Status FileWriter::fail(const char *action, int error) {
  discard();
  std::string message = "cannot " + std::string(action) + " '" + path + "': " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT)
    message += "; free space there or write elsewhere";
  return Status::error(message + " (an older file of this name is unchanged)");
}

Status FileWriter::closed() const {
  return Status::error("cannot write '" + path + "': an earlier write failed or the file is complete");
}

Status FileWriter::writeAll(uint64_t at, std::span<const std::byte> bytes) {
  if (fd < 0)
    return closed();
  while (!bytes.empty()) {
    ssize_t written = pwrite(fd, bytes.data(), std::min<size_t>(bytes.size(), size_t{1} << 30), static_cast<off_t>(at));
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return fail("write", errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
    at += static_cast<uint64_t>(written);
  }
  return Status::success();
}

Status FileWriter::flush() {
  Status status = writeAll(offset - waiting.size(), waiting);
  waiting.clear();
  return status;
}

Status FileWriter::write(std::span<const std::byte> bytes) {
  if (fd < 0)
    return closed();
  constexpr size_t block = 2 << 20;
  while (!bytes.empty()) {
    size_t room = block - offset % block;
    if (room == block && bytes.size() >= block) { // nothing waits in front of a block's beginning
      size_t whole = bytes.size() / block * block;
      if (Status status = writeAll(offset, bytes.first(whole)); !status.ok())
        return status;
      offset += whole;
      bytes = bytes.subspan(whole);
      continue;
    }
    size_t count = std::min(room, bytes.size());
    waiting.insert(waiting.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    offset += count;
    bytes = bytes.subspan(count);
    if (count == room)
      if (Status status = flush(); !status.ok())
        return status;
  }
  return Status::success();
}

Status FileWriter::writeAt(uint64_t at, std::span<const std::byte> bytes) {
  MLC_CHECK(at + bytes.size() <= offset, "writeAt overwrites what was written");
  if (Status status = flush(); !status.ok())
    return status;
  return writeAll(at, bytes);
}

Status FileWriter::alignTo(uint64_t alignment) {
  static constexpr std::byte zeros[4096] = {};
  uint64_t padding = (alignment - offset % alignment) % alignment;
  while (padding) {
    uint64_t chunk = std::min<uint64_t>(padding, sizeof(zeros));
    if (Status status = write(std::span(zeros, chunk)); !status.ok())
      return status;
    padding -= chunk;
  }
  return Status::success();
}

Status FileWriter::commit(Sync sync) {
  if (Status status = flush(); !status.ok())
    return status;
  if (sync == Sync::Yes && fsync(fd) != 0)
    return fail("write", errno);
  for (uint32_t attempt = 0; aside.empty(); ++attempt) {
    std::string name = nameAside(path, std::to_string(getpid()) + "-" + std::to_string(attempt));
    if (linkTo(fd, name) == 0)
      aside = std::move(name);
    else if (errno != EEXIST)
      return fail("write", errno);
  }
  if (rename(aside.c_str(), path.c_str()) != 0)
    return fail("replace", errno);
  int error = close(fd) != 0 ? errno : 0;
  fd = -1;
  if (error)
    return Status::error("cannot write '" + path + "': " + std::strerror(error));
  if (sync == Sync::No)
    return Status::success();
  // The name is durable only when its folder is synced; a file system without that is no error.
  int folderFd = open(folderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folderFd >= 0) {
    fsync(folderFd);
    close(folderFd);
  }
  return Status::success();
}

Status writeFile(const std::string &path, std::span<const std::byte> bytes) {
  Result<FileWriter> writer = FileWriter::create(path);
  if (!writer.ok())
    return writer.status();
  if (Status status = writer->write(bytes); !status.ok())
    return status;
  return writer->commit();
}

} // namespace mlc
