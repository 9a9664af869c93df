// libFuzzer target: a module, through loading, verification and a session. Checksums are made right, so that changes
// get past them; but not that of code, which would be run.
#include "mlc/kernel_abi.h"
#include "mlc/runtime.h"
#include "runtime/core/Format.h"
#include "support/Check.h"
#include "test/fuzz/FuzzTarget.h"
#include "test/fuzz/Mutator.h"
#include "test/unit/runtime/TestModules.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

using namespace mlc;
using namespace mlc::test;

namespace {

struct Free {
  void operator()(char *memory) const { free(memory); }
};
using Memory = std::unique_ptr<char, Free>;

// Where a module would be mapped: what is read behind its end is found by AddressSanitizer.
Memory placed(const uint8_t *data, size_t size) {
  Memory memory(static_cast<char *>(aligned_alloc(MLC_BUFFER_ALIGNMENT, (size + 63) / 64 * 64)));
  memcpy(memory.get(), data, size);
  return memory;
}

// The sections that the header tells of, as far as they are there.
std::span<program::SectionHeader> sectionsOf(char *memory, size_t size) {
  if (size < sizeof(program::FileHeader))
    return {};
  const auto &header = *reinterpret_cast<program::FileHeader *>(memory);
  const size_t most = std::min<size_t>((size - sizeof(header)) / sizeof(program::SectionHeader), format::maxSections);
  return {reinterpret_cast<program::SectionHeader *>(memory + sizeof(header)),
          std::min<size_t>(header.section_count(), most)};
}

bool isInside(const program::SectionHeader &section, size_t size) {
  return section.offset() <= size && section.size() <= size - section.offset();
}

void makeChecksumsRight(char *memory, size_t size) {
  const auto sections = sectionsOf(memory, size);
  for (program::SectionHeader &section : sections)
    if (section.kind() != program::SectionKind::code && isInside(section, size))
      section.mutate_checksum(XXH3_64bits(memory + section.offset(), section.size()));
  if (auto &header = *reinterpret_cast<program::FileHeader *>(memory);
      size >= sizeof(header) && header.section_count() == sections.size())
    header.mutate_header_checksum(format::headerChecksum(header, sections.data()));
}

// Sessions of damaged programs may want any amount of memory: they get some.
constexpr size_t kMostMemory = size_t{16} << 20;
void *allocateSome(void *, size_t size, size_t alignment) {
  return size > kMostMemory ? nullptr : aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void describe(const mlc_module *module) {
  mlc_tensor_spec spec;
  for (size_t entry = 0; entry < mlc_module_entry_count(module); ++entry)
    for (size_t bucket = 0; bucket < mlc_module_bucket_count(module, entry); ++bucket) {
      for (size_t i = 0; i < mlc_module_input_count(module, entry); ++i)
        MLC_CHECK(mlc_module_input_spec(module, entry, bucket, i, &spec) == MLC_OK, "an input has no spec");
      for (size_t i = 0; i < mlc_module_output_count(module, entry); ++i)
        MLC_CHECK(mlc_module_output_spec(module, entry, bucket, i, &spec) == MLC_OK, "an output has no spec");
    }
  for (size_t i = 0; i < mlc_module_variable_count(module); ++i)
    MLC_CHECK(mlc_module_variable_spec(module, i, &spec) == MLC_OK, "a variable has no spec");
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const Memory memory = placed(data, size);
  makeChecksumsRight(memory.get(), size);
  mlc_module *module = nullptr;
  if (mlc_module_load_memory(memory.get(), size, &module) != MLC_OK) {
    MLC_CHECK(*mlc_last_error() != 0, "refused without a message");
    return 0;
  }
  describe(module);
  mlc_module_verify(module);
  const mlc_allocator allocator = {nullptr, allocateSome, [](void *, void *block, size_t) { free(block); }};
  mlc_session_options options = {};
  options.struct_size = sizeof(options);
  options.threads = 1;
  options.allocator = &allocator;
  mlc_session *session = nullptr;
  mlc_session_create(module, &options, &session);
  mlc_session_destroy(session);
  mlc_module_destroy(module);
  return 0;
}

// Changes the program, or now and then header and section table. A program that grows moves what follows it.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  Mutator mutator(seed);
  auto change = [&](std::string part, size_t room) {
    return mutator.chance(2) ? mutator.bytes(std::move(part)) : mutateBytes(std::move(part), room);
  };
  std::string file(reinterpret_cast<const char *>(data), size);
  const auto sections = sectionsOf(file.data(), size);
  const size_t headSize = sizeof(program::FileHeader) + sections.size_bytes();
  if (sections.empty() || !isInside(sections[0], size) || sections[0].offset() < headSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  const program::SectionHeader program = sections[0];
  if (mutator.chance(8)) {
    std::string head = change(file.substr(0, headSize), 0);
    return giveBack(file.replace(0, head.size(), head), data, size, maxSize);
  }

  const std::string changed = change(file.substr(program.offset(), program.size()), 256);
  auto aligned = [](uint64_t end) { return (end + format::sectionAlignment - 1) & -format::sectionAlignment; };
  const uint64_t oldEnd = std::min<uint64_t>(aligned(program.offset() + program.size()), size);
  const uint64_t newEnd = aligned(program.offset() + changed.size());
  std::string rest = file.substr(oldEnd);
  file.resize(program.offset());
  file += changed;
  file.resize(newEnd);
  file += rest;
  const auto moved = sectionsOf(file.data(), file.size());
  moved[0].mutate_size(changed.size());
  for (program::SectionHeader &section : moved.subspan(1))
    section.mutate_offset(section.offset() + newEnd - oldEnd);
  reinterpret_cast<program::FileHeader *>(file.data())->mutate_file_size(file.size());
  return giveBack(file, data, size, maxSize);
}

void mlc::test::writeSeeds(const std::filesystem::path &folder) {
  writeBytes(folder / "example.mlc", readFile(writeExample(exampleProgram(), "seed.mlc")));
}
