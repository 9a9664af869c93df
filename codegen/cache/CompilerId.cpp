#include "codegen/cache/CompilerId.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Path.h"
#include <cstring>
#include <link.h>
#include <sys/stat.h>
#include <vector>

namespace mlc::codegen {
namespace {

// The id in a note of the linker's: name size, content size, type, "GNU\0", content.
std::string buildIdOf(const dl_phdr_info &object) {
  for (const ElfW(Phdr) &segment : llvm::ArrayRef(object.dlpi_phdr, object.dlpi_phnum)) {
    if (segment.p_type != PT_NOTE)
      continue;
    const char *at = reinterpret_cast<const char *>(object.dlpi_addr + segment.p_vaddr), *end = at + segment.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const char *name = at + sizeof note, *content = name + (note.n_namesz + 3) / 4 * 4;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0)
        return llvm::toHex(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(content), note.n_descsz),
                           /*LowerCase=*/true);
      at = content + (note.n_descsz + 3) / 4 * 4;
    }
  }
  struct stat file;
  if (stat(object.dlpi_name && *object.dlpi_name ? object.dlpi_name : "/proc/self/exe", &file) != 0)
    return "";
  return std::to_string(file.st_size) + "@" + std::to_string(file.st_mtim.tv_sec) + "." +
         std::to_string(file.st_mtim.tv_nsec);
}

bool holdsThisCode(const dl_phdr_info &object) {
  auto here = reinterpret_cast<ElfW(Addr)>(&compilerId);
  return llvm::any_of(llvm::ArrayRef(object.dlpi_phdr, object.dlpi_phnum), [&](const ElfW(Phdr) & segment) {
    ElfW(Addr) begin = object.dlpi_addr + segment.p_vaddr;
    return segment.p_type == PT_LOAD && here >= begin && here < begin + segment.p_memsz;
  });
}

} // namespace

const std::string &compilerId() {
  static const std::string id = [] {
    std::vector<std::string> ids; // in an order that does not depend on the host process
    dl_iterate_phdr(
        [](dl_phdr_info *object, size_t, void *found) {
          llvm::StringRef file = llvm::sys::path::filename(object->dlpi_name ? object->dlpi_name : "");
          if (holdsThisCode(*object) || file.starts_with("libLLVM") || file.starts_with("libMLIR") ||
              file.starts_with("libHalide"))
            static_cast<std::vector<std::string> *>(found)->push_back(buildIdOf(*object));
          return 0;
        },
        &ids);
    llvm::sort(ids);
    return llvm::join(ids, " ");
  }();
  return id;
}

} // namespace mlc::codegen
