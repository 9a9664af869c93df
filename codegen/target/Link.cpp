// In-process lld. It works on files: they live in a directory of their own that is removed afterwards.
#include "codegen/target/MachineCode.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <mutex>

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

llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (!code) {
    stream << bytes;
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  return code ? llvm::createStringError("cannot write '" + path + "': " + code.message()) : llvm::Error::success();
}

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
  llvm::SmallString<128> directory;
  if (std::error_code code = llvm::sys::fs::createUniqueDirectory("mlc-link", directory))
    return llvm::createStringError("cannot make a temporary directory: " + code.message() +
                                   "; set TMPDIR to a folder that can be written");
  llvm::scope_exit cleanup([&] { llvm::sys::fs::remove_directories(directory); });
  auto pathOf = [&](const llvm::Twine &name) {
    llvm::SmallString<128> path(directory);
    llvm::sys::path::append(path, name);
    return std::string(path);
  };
  // Everything but the kernels themselves becomes local.
  std::string script = "{\n";
  if (!kernels.empty())
    script += "global:\n";
  for (const KernelObject &kernel : kernels)
    script += "  " + kernel.symbol.str() + ";\n";
  script += "local: *;\n};\n";
  std::string output = pathOf("kernels.so"), scriptPath = pathOf("exports");
  if (llvm::Error error = writeFile(scriptPath, script))
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
                                        "--version-script=" + scriptPath,
                                        "-o",
                                        output};
  for (size_t i = 0; i < kernels.size(); ++i) {
    arguments.push_back(pathOf(llvm::Twine(i) + ".o"));
    if (llvm::Error error =
            writeFile(arguments.back(), llvm::StringRef(kernels[i].object.data(), kernels[i].object.size())))
      return error;
  }
  if (kernels.empty())
    return llvm::createStringError("there is no kernel to link");
  if (llvm::Error error = runLinker(arguments))
    return error;
  auto buffer = llvm::MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError("cannot read the linked kernels: " + buffer.getError().message());
  llvm::StringRef bytes = (*buffer)->getBuffer();
  llvm::SmallVector<char, 0> shared(bytes.begin(), bytes.end());
  if (llvm::Error error = checkShared(shared))
    return error;
  return shared;
}

} // namespace mlc::codegen
