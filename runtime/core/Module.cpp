// Reading, verifying, and loading of module files. docs/module-format.md describes them.
#include "runtime/core/Module.h"

#include "runtime/core/Format.h"
#include "runtime/core/Tensor.h"
#include "runtime/cpu/CpuFeatures.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mlc::runtime {
namespace {

// A file descriptor that closes itself.
struct File {
  int fd;
  ~File() {
    if (fd >= 0)
      close(fd);
  }
};

struct Mapping {
  const char *data = nullptr;
  size_t size = 0;
};

// Maps a whole file. The message of a failure names the path.
Mapping mapFile(const std::string &path) {
  // Without O_NONBLOCK a FIFO would be waited for.
  File file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    int error = errno;
    fail(error == ENOENT || error == ENOTDIR ? MLC_NOT_FOUND : MLC_IO_ERROR,
         concat("cannot open '", path, "': ", strerror(error)));
  }
  struct stat status;
  if (fstat(file.fd, &status) != 0)
    fail(MLC_IO_ERROR, concat("cannot read '", path, "': ", strerror(errno)));
  if (!S_ISREG(status.st_mode))
    fail(MLC_IO_ERROR, concat("cannot read '", path, "': it is not a regular file"));
  if (status.st_size == 0)
    fail(MLC_INVALID_MODULE, concat("'", path, "' is empty; expected a module that mlc-opt wrote"));
  void *data = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (data == MAP_FAILED)
    fail(MLC_IO_ERROR, concat("cannot map '", path, "': ", strerror(errno)));
  // What is not in memory yet is read in huge pages, where the file system has them: sooner, and with fewer TLB misses.
  madvise(data, status.st_size, MADV_HUGEPAGE);
  return {static_cast<const char *>(data), size_t(status.st_size)};
}

bool allZero(const char *begin, const char *end) {
  return std::all_of(begin, end, [](char byte) { return byte == 0; });
}

const char *text(const flatbuffers::String *string) { return string ? string->c_str() : ""; }

// Features of the target that this machine lacks, comma-separated.
std::string missingFeatures(const program::Target &target) {
  std::string missing;
  bool isRefused = false;
  if (target.required_features())
    for (const flatbuffers::String *feature : *target.required_features()) {
      CpuSupport support = cpuSupport(feature->string_view());
      if (support == CpuSupport::usable)
        continue;
      missing += (missing.empty() ? "" : ", ") + feature->str();
      isRefused |= support == CpuSupport::refused;
    }
  if (isRefused)
    missing += " (it has AMX, but Linux refuses this process the state of tiles)";
  return missing;
}

} // namespace

void Module::damaged(const std::string &what) const {
  fail(MLC_INVALID_MODULE, concat("'", name, "' is damaged: ", what, ". Copy or compile it again"));
}

std::shared_ptr<const Module> Module::loadFile(const char *path, Purpose purpose) {
  std::shared_ptr<Module> module(new Module);
  module->purpose = purpose;
  module->name = path;
  Mapping mapping = mapFile(path);
  module->data = mapping.data;
  module->size = mapping.size;
  module->mapped = true;
  module->readContainer();
  return module;
}

std::shared_ptr<const Module> Module::loadMemory(const void *data, size_t size) {
  if (reinterpret_cast<uintptr_t>(data) % MLC_BUFFER_ALIGNMENT)
    fail(MLC_INVALID_ARGUMENT, concat("a module in memory must be aligned to ", MLC_BUFFER_ALIGNMENT, " bytes"));
  std::shared_ptr<Module> module(new Module);
  module->name = "<memory>";
  module->data = static_cast<const char *>(data);
  module->size = size;
  module->readContainer();
  return module;
}

Module::~Module() {
  if (codeHandle)
    dlclose(codeHandle);
  if (mapped)
    munmap(const_cast<char *>(data), size);
}

// Everything but the sections' contents.
void Module::checkHeader() {
  if (size < sizeof(uint64_t) || memcmp(data, &format::magic, sizeof(uint64_t)) != 0)
    fail(MLC_INVALID_MODULE, concat("'", name, "' is not an mlc module; expected a file that mlc-opt wrote"));
  if (size < sizeof(program::FileHeader))
    damaged("it is shorter than its header");
  const auto &header = *reinterpret_cast<const program::FileHeader *>(data);
  // Versions first: another major version may have another header.
  if (header.major() != format::majorVersion || header.minor() > format::minorVersion)
    fail(MLC_UNSUPPORTED,
         concat("'", name, "' has format version ", header.major(), ".", header.minor(), ", but this runtime reads ",
                format::majorVersion, ".0 to ", format::majorVersion, ".", format::minorVersion,
                ". Use the runtime that belongs to the compiler, or compile the model again"));
  if (header.section_count() > format::maxSections ||
      sizeof(header) + header.section_count() * sizeof(program::SectionHeader) > size)
    damaged(concat("its header counts ", header.section_count(), " sections"));
  sections = reinterpret_cast<const program::SectionHeader *>(data + sizeof(header));
  sectionCount = header.section_count();
  if (format::headerChecksum(header, sections) != header.header_checksum())
    damaged("the checksum of its header does not match");
  if (header.file_size() != size)
    damaged(concat("it has ", size, " bytes, expected ", header.file_size()));
  if (header.flags() != 0)
    damaged(concat("its header has the flags ", header.flags(), ", which this runtime does not know"));
}

void Module::readContainer() {
  checkHeader();
  uint64_t end = sizeof(program::FileHeader) + sectionCount * sizeof(program::SectionHeader);
  for (uint32_t i = 0; i < sectionCount; ++i) {
    const program::SectionHeader &section = sections[i];
    if (section.offset() < end || section.offset() % format::sectionAlignment || section.offset() > size ||
        section.size() > size - section.offset())
      damaged(concat("section ", i, " lies outside of the file"));
    if (!allZero(data + end, data + section.offset()))
      damaged(concat("the gap before section ", i, " is not zero"));
    end = section.offset() + section.size();
    const char *bytes = data + section.offset();
    switch (section.kind()) {
    case program::SectionKind::program:
      if (programData)
        damaged("it has two programs");
      programData = bytes;
      programSize = section.size();
      break;
    case program::SectionKind::params:
      if (paramsSection)
        damaged("it has two sections of parameters");
      paramsSection = &section;
      params = bytes;
      paramsSize = section.size();
      continue;     // verified on request
    default: break; // code; kinds of newer minor versions
    }
    if (XXH3_64bits(bytes, section.size()) != section.checksum())
      damaged(concat("the checksum of section ", i, section.kind() == program::SectionKind::program ? " (program)" : "",
                     section.kind() == program::SectionKind::code ? " (code)" : "", " does not match"));
  }
  if (end != size)
    damaged("bytes follow its last section");
  if (!programData)
    damaged("it has no program");

  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t *>(programData), programSize, /*max_depth=*/128,
                                 /*max_tables=*/100'000'000);
  if (!program::VerifyProgramBuffer(verifier))
    damaged("its program is not well-formed");
  program = program::GetProgram(programData);
  checkProgram(*this);
  if (purpose == Purpose::describe)
    return;
  selectTarget();
  entries = planEntries(*this, target);
  resolveKernels();
}

// The richest CPU target that the machine can run.
void Module::selectTarget() {
  std::string refused;
  int best = -1;
  size_t bestFeatures = 0;
  for (uint32_t i = 0, count = program->targets() ? program->targets()->size() : 0; i < count; ++i) {
    const program::Target &candidate = *program->targets()->Get(i);
    if (candidate.device() != program::DeviceKind::cpu) {
      refused += concat("\n  ", text(candidate.name()), ": not a CPU target");
      continue;
    }
    if (candidate.kernel_abi() != MLC_KERNEL_ABI_VERSION) {
      refused += concat("\n  ", text(candidate.name()), ": kernel ABI ", candidate.kernel_abi(),
                        ", but this runtime has ", MLC_KERNEL_ABI_VERSION, "; compile the model again");
      continue;
    }
    if (std::string missing = missingFeatures(candidate); !missing.empty()) {
      refused += concat("\n  ", text(candidate.name()), ": this CPU lacks ", missing,
                        "; compile with --target-cpu=native here, or with --target-cpu=x86-64-v3 for most machines");
      continue;
    }
    size_t features = candidate.required_features() ? candidate.required_features()->size() : 0;
    if (best < 0 || features > bestFeatures) {
      best = int(i);
      bestFeatures = features;
    }
  }
  if (best < 0)
    fail(MLC_UNSUPPORTED,
         concat("'", name, "' cannot run on this machine. Its targets:", refused.empty() ? " none" : refused));
  target = uint32_t(best);
}

// The path of the code file, which was checked to be the one.
std::string Module::findExternalCode(const program::Target &candidate) const {
  const std::string file = text(candidate.external_file());
  if (file.empty() || file.find('/') != std::string::npos)
    damaged("the name of its code file is not a plain file name");
  // A file of that name in the current folder could be anyone's.
  if (!mapped)
    fail(MLC_UNSUPPORTED, concat("the code of a module in memory must be in the module, but this one's is in '", file,
                                 "'. Load it by its path, or compile it with --code=embedded"));
  const size_t slash = name.rfind('/');
  std::string path = (slash == std::string::npos ? "./" : name.substr(0, slash + 1)) + file;
  Mapping mapping = mapFile(path);
  const bool matches = XXH3_64bits(mapping.data, mapping.size) == candidate.external_checksum();
  munmap(const_cast<char *>(mapping.data), mapping.size);
  if (!matches)
    fail(MLC_INVALID_MODULE, concat("'", path, "' is not the code of '", name, "': its checksum does not match"));
  return path;
}

// dlopen wants a path, and takes what has the path of a library that is loaded for that library. A descriptor's number
// is used again once it is closed, so the path to it is spelled with the file's inode, which is not while the library
// is there: a "/." for each bit that is set, a "//" for others.
static std::string uniquePath(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0)
    fail(MLC_IO_ERROR, concat("cannot look at memory for code: ", strerror(errno)));
  std::string path = "/proc/self/fd";
  for (uint64_t bits = status.st_ino; bits; bits >>= 1)
    path += bits & 1 ? "/." : "//";
  return path + "/" + std::to_string(fd);
}

void Module::openFromMemory(const program::Target &candidate) {
  const program::SectionHeader *section = nullptr;
  for (uint32_t i = 0; i < sectionCount; ++i)
    if (sections[i].kind() == program::SectionKind::code && sections[i].index() == target)
      section = &sections[i];
  if (!section)
    damaged(concat("it has no code for target ", text(candidate.name())));
  File file{memfd_create("mlc-code", MFD_CLOEXEC)};
  if (file.fd < 0)
    fail(MLC_IO_ERROR, concat("cannot create memory for the code of '", name, "': ", strerror(errno),
                              ". Where memfd_create is forbidden, compile with --code=external"));
  const char *bytes = data + section->offset();
  for (uint64_t done = 0; done < section->size();) {
    ssize_t count = write(file.fd, bytes + done, section->size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      fail(MLC_OUT_OF_MEMORY, concat("cannot store the code of '", name, "': ", strerror(errno)));
    done += uint64_t(count);
  }
  codeHandle = dlopen(uniquePath(file.fd).c_str(), RTLD_NOW | RTLD_LOCAL);
}

void Module::loadCode(const program::Target &candidate) {
  const bool external = candidate.code() == program::CodeLocation::external;
  if (external)
    codeHandle = dlopen(findExternalCode(candidate).c_str(), RTLD_NOW | RTLD_LOCAL);
  else
    openFromMemory(candidate);
  if (!codeHandle)
    fail(MLC_UNSUPPORTED,
         concat("cannot load the code of '", name, "': ", dlerror(),
                external ? "" : ". Where code may not be loaded from memory, compile with --code=external"));
}

void Module::resolveKernels() {
  const program::Target &chosen = *program->targets()->Get(target);
  size_t count = program->kernels() ? program->kernels()->size() : 0;
  kernels.assign(count, nullptr);
  for (size_t i = 0; i < count; ++i) {
    const program::Kernel &kernel = *program->kernels()->Get(i);
    if (kernel.target() != target)
      continue;
    if (!codeHandle)
      loadCode(chosen);
    kernels[i] = reinterpret_cast<mlc_kernel_fn>(dlsym(codeHandle, kernel.symbol()->c_str()));
    if (!kernels[i])
      damaged(
          concat("its code for target ", text(chosen.name()), " lacks the kernel '", kernel.symbol()->c_str(), "'"));
    maxScratchBytes = std::max(maxScratchBytes, kernel.scratch_bytes());
  }
}

void Module::verify() const {
  if (paramsSection && XXH3_64bits(params, paramsSize) != paramsSection->checksum())
    damaged("the checksum of its parameters does not match");
  if (mapped && program->targets())
    for (const program::Target *candidate : *program->targets())
      if (candidate->code() == program::CodeLocation::external)
        findExternalCode(*candidate);
}

const EntryPlan &Module::entry(size_t index) const {
  if (index >= entries.size())
    fail(MLC_INVALID_ARGUMENT, concat("entry point ", index, " does not exist: '", name, "' has ", entries.size()));
  return entries[index];
}

size_t Module::findEntry(const char *wanted) const {
  std::string known;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (strcmp(entries[i].entry->name()->c_str(), wanted) == 0)
      return i;
    known += (i ? ", " : "") + entries[i].entry->name()->str();
  }
  fail(MLC_NOT_FOUND,
       concat("'", name, "' has no entry point '", wanted, "'; it has ", known.empty() ? "none" : known));
}

} // namespace mlc::runtime
