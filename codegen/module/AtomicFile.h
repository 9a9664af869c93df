// A file that appears whole or not at all: written aside, synced, renamed over the old one.
#ifndef MLC_CODEGEN_MODULE_ATOMICFILE_H
#define MLC_CODEGEN_MODULE_ATOMICFILE_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace mlc::codegen {

// Every function returns an empty string on success, else what went wrong. Destruction without commit() removes the
// temporary and leaves what stood at the path before as it was.
class AtomicFile {
public:
  AtomicFile() = default;
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  std::string open(const std::string &path);
  std::string write(const void *data, size_t size); // appends
  std::string writeAt(uint64_t offset, const void *data, size_t size);
  std::string commit();

private:
  std::string fail(const char *what, int error);

  std::string path;
  std::string temporary;
  int fd = -1;
};

} // namespace mlc::codegen

#endif // MLC_CODEGEN_MODULE_ATOMICFILE_H
