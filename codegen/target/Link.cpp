// In-process lld. It works on files, which are in memory here.
#include "codegen/target/MachineCode.h"
#include "lld/Common/Driver.h"
#include "support/MemoryFile.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace mlc::codegen {
namespace {

llvm::Expected<std::unique_ptr<llvm::object::ObjectFile>> open(llvm::ArrayRef<char> bytes, llvm::StringRef name) {
  return llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(bytes.data(), bytes.size()), name));
}

// What a kernel's object may not hold: undefined symbols, and absolute addresses, which the loader would have to patch.
llvm::Error checkObject(const KernelObject &kernel) {
  auto file = open(kernel.object, kernel.symbol);
  if (!file)
    return llvm::createStringError("kernel '" + kernel.symbol + "': " + llvm::toString(file.takeError()));
  bool defined = false;
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (!flags || !name) {
      llvm::consumeError(flags.takeError());
      llvm::consumeError(name.takeError());
      continue;
    }
    if ((*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty())
      return llvm::createStringError("kernel '" + kernel.symbol + "' needs the symbol '" + *name +
                                     "'; generated code may need nothing from outside");
    defined |= *name == kernel.symbol && (*flags & llvm::object::SymbolRef::SF_Global);
  }
  if (!defined)
    return llvm::createStringError("kernel '" + kernel.symbol + "': its object does not define that symbol");
  for (const llvm::object::SectionRef &section : (*file)->sections()) {
    auto target = section.getRelocatedSection();
    if (!target || *target == (*file)->section_end()) {
      llvm::consumeError(target.takeError());
      continue;
    }
    if (!(llvm::object::ELFSectionRef(**target).getFlags() & llvm::ELF::SHF_ALLOC))
      continue;
    for (const llvm::object::RelocationRef &relocation : section.relocations())
      if (relocation.getType() == llvm::ELF::R_X86_64_64 || relocation.getType() == llvm::ELF::R_X86_64_32 ||
          relocation.getType() == llvm::ELF::R_X86_64_32S) {
        std::string of = "a section";
        if (relocation.getSymbol() != (*file)->symbol_end()) {
          if (auto name = relocation.getSymbol()->getName(); name && !name->empty())
            of = "'" + name->str() + "'";
          else
            llvm::consumeError(name.takeError());
        }
        return llvm::createStringError("kernel '" + kernel.symbol + "' holds the absolute address of " + of +
                                       "; generated code must be position-independent without relocations");
      }
  }
  return llvm::Error::success();
}

llvm::Error checkShared(llvm::ArrayRef<char> bytes) {
  auto file = open(bytes, "linked kernels");
  if (!file)
    return file.takeError();
  auto *elf = llvm::dyn_cast<llvm::object::ELFObjectFileBase>(file->get());
  for (const llvm::object::ELFSymbolRef symbol : elf->getDynamicSymbolIterators()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (flags && name && !name->empty() && (*flags & llvm::object::SymbolRef::SF_Undefined))
      return llvm::createStringError("the linked kernels need the symbol '" + *name + "'");
    llvm::consumeError(flags.takeError());
    llvm::consumeError(name.takeError());
  }
  for (const llvm::object::ELFSectionRef section : elf->sections())
    if ((section.getType() == llvm::ELF::SHT_RELA || section.getType() == llvm::ELF::SHT_REL) && section.getSize())
      return llvm::createStringError("the linked kernels hold dynamic relocations");
  return llvm::Error::success();
}

// What is written to a path. lld would replace a file by a new one of the same name; into a pipe it writes.
class Collector {
public:
  llvm::Error open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      return llvm::createStringError(std::string("cannot make a pipe for the linker: ") + std::strerror(errno));
    writeEnd = ends[1];
    reader = std::thread([this, readEnd = ends[0]] {
      char buffer[1 << 16];
      ssize_t count;
      while ((count = read(readEnd, buffer, sizeof buffer)) > 0 || (count < 0 && errno == EINTR))
        bytes.append(buffer, buffer + std::max<ssize_t>(count, 0));
      close(readEnd);
    });
    return llvm::Error::success();
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(writeEnd); }
  // After this no more can be written.
  llvm::SmallVector<char, 0> take() {
    finish();
    return std::move(bytes);
  }
  ~Collector() { finish(); }

private:
  void finish() {
    if (!reader.joinable())
      return;
    close(writeEnd);
    reader.join();
  }
  int writeEnd = -1;
  std::thread reader;
  llvm::SmallVector<char, 0> bytes;
};

llvm::Error runLinker(llvm::ArrayRef<std::string> arguments) {
  // lld keeps global state: one link at a time, and none after it crashed.
  static std::mutex mutex;
  static bool usable = true;
  std::lock_guard lock(mutex);
  if (!usable)
    return llvm::createStringError("the linker crashed before and cannot run again in this process");
  llvm::SmallVector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string output;
  llvm::raw_string_ostream stream(output);
  lld::Result result = lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  usable = result.canRunAgain;
  return result.retCode ? llvm::createStringError("linking the kernels failed: " + output) : llvm::Error::success();
}

} // namespace

llvm::Expected<llvm::SmallVector<char, 0>> linkSharedObject(llvm::ArrayRef<KernelObject> kernels) {
  llvm::StringSet<> symbols;
  for (const KernelObject &kernel : kernels) {
    if (!symbols.insert(kernel.symbol).second)
      return llvm::createStringError("two kernels are called '" + kernel.symbol + "'");
    if (llvm::Error error = checkObject(kernel))
      return error;
  }
  if (kernels.empty())
    return llvm::createStringError("there is no kernel to link");
  std::vector<MemoryFile> files;
  auto newFile = [&](const std::string &name, llvm::StringRef bytes) -> llvm::Expected<std::string> {
    Result<MemoryFile> file = MemoryFile::create(name);
    if (!file.ok())
      return llvm::createStringError(file.message());
    if (Status status = file->write(std::string_view(bytes)); !status.ok())
      return llvm::createStringError(status.message());
    files.push_back(*std::move(file));
    return files.back().path();
  };
  // Everything but the kernels themselves becomes local.
  std::string script = "{\nglobal:\n";
  for (const KernelObject &kernel : kernels)
    script += "  " + kernel.symbol.str() + ";\n";
  script += "local: *;\n};\n";
  auto scriptPath = newFile("exports", script);
  if (!scriptPath)
    return scriptPath.takeError();
  Collector output;
  if (llvm::Error error = output.open())
    return error;
  std::vector<std::string> arguments = {"ld.lld",
                                        "-shared",
                                        "--no-undefined",
                                        "-Bsymbolic",
                                        "--build-id=none",
                                        "--hash-style=sysv",
                                        "--strip-all",
                                        "--threads=1",
                                        "-znoexecstack",
                                        "-znow",
                                        "--gc-sections",
                                        "--no-dependent-libraries",
                                        "--version-script=" + *scriptPath,
                                        "-o",
                                        output.path()};
  for (const KernelObject &kernel : kernels) {
    auto path = newFile(kernel.symbol.str(), llvm::StringRef(kernel.object.data(), kernel.object.size()));
    if (!path)
      return path.takeError();
    arguments.push_back(*path);
  }
  if (llvm::Error error = runLinker(arguments))
    return error;
  llvm::SmallVector<char, 0> shared = output.take();
  if (llvm::Error error = checkShared(shared))
    return error;
  return shared;
}

} // namespace mlc::codegen
