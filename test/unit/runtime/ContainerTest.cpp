// Modules whose checksums are right and that no compiler writes: one of each message of the loader.
#include "mlc/runtime.h"
#include "runtime/core/Format.h"
#include "test/unit/runtime/TestModules.h"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>

using namespace mlc;
using namespace mlc::test;
using codegen::ProgramDesc;

namespace {

// A module's bytes, aligned, to be changed.
class Container {
public:
  explicit Container(const ProgramDesc &program) : bytes(readFile(writeExample(program, "container.mlc"))) {}

  program::FileHeader &header() { return *reinterpret_cast<program::FileHeader *>(bytes.data()); }
  program::SectionHeader &section(int i) {
    return reinterpret_cast<program::SectionHeader *>(bytes.data() + sizeof(program::FileHeader))[i];
  }
  program::Program &program() { return *program::GetMutableProgram(bytes.data() + section(0).offset()); }
  void seal() {
    program::SectionHeader &code = section(0);
    code.mutate_checksum(XXH3_64bits(bytes.data() + code.offset(), code.size()));
    header().mutate_header_checksum(format::headerChecksum(header(), &section(0)));
  }
  void resize(size_t size) {
    bytes.resize(size);
    header().mutate_file_size(size);
  }

  std::string bytes;
};

void expectRefused(const std::string &message, mlc_status expected, Container container) {
  std::string path = temporaryPath("refused.mlc");
  writeFile(path, container.bytes);
  mlc_module *module = nullptr;
  EXPECT_EQ(mlc_module_load(path.c_str(), &module), expected) << mlc_last_error();
  EXPECT_NE(std::string(mlc_last_error()).find(message), std::string::npos) << mlc_last_error();
  mlc_module_destroy(module);
}

void expectDamaged(const std::string &message, const std::function<void(Container &)> &damage, bool sealed = true) {
  Container container(exampleProgram());
  damage(container);
  if (sealed)
    container.seal();
  expectRefused(message, MLC_INVALID_MODULE, container);
}

void expectInvalid(const std::string &message, const std::function<void(ProgramDesc &)> &change,
                   mlc_status status = MLC_INVALID_MODULE) {
  ProgramDesc program = exampleProgram();
  change(program);
  expectRefused(message, status, Container(program));
}

TEST(Container, Header) {
  expectDamaged("its header counts 2000 sections", [](auto &c) { c.header().mutate_section_count(2000); }, false);
  expectDamaged(
      "the checksum of its header does not match", [](auto &c) { c.header().mutate_section_count(2); }, false);
  expectDamaged("its header has the flags 4, which this runtime does not know",
                [](auto &c) { c.header().mutate_flags(4); });
}

TEST(Container, Sections) {
  expectDamaged("section 1 lies outside of the file",
                [](auto &c) { c.section(1).mutate_offset(c.section(1).offset() + 1); });
  expectDamaged("section 2 lies outside of the file", [](auto &c) { c.section(2).mutate_size(~uint64_t(0)); });
  expectDamaged("the gap before section 0 is not zero", [](auto &c) { c.bytes[c.section(0).offset() - 1] = 1; });
  expectDamaged("the checksum of section 1 (code) does not match",
                [](auto &c) { c.bytes[c.section(1).offset()] ^= 1; });
  expectDamaged("it has two programs", [](auto &c) { c.section(1).mutate_kind(program::SectionKind::program); });
  expectDamaged("it has two sections of parameters",
                [](auto &c) { c.section(1).mutate_kind(program::SectionKind::params); });
  expectDamaged("it has no program", [](auto &c) { c.section(0).mutate_kind(program::SectionKind::code); });
  expectDamaged("bytes follow its last section", [](auto &c) { c.resize(c.bytes.size() + 1); });
  expectDamaged("it has no code for target x86-64", [](auto &c) { c.section(1).mutate_index(5); });
  expectDamaged("its program is not well-formed",
                [](auto &c) { memset(c.bytes.data() + c.section(0).offset(), 0, c.section(0).size()); });
}

TEST(Container, Parameters) {
  expectDamaged("its parameters take 0 bytes, expected 64", [](auto &c) {
    c.section(2).mutate_size(0);
    c.resize(c.section(2).offset());
  });
  expectDamaged("parameter 'w' lies outside of its section",
                [](auto &c) { c.program().mutable_params()->GetMutableObject(0)->mutate_size(128); });
  expectDamaged("its constants are not aligned", [](auto &c) {
    // A vector of one byte that begins, with its length, where the bytes of the old one did.
    auto *constants = reinterpret_cast<uint8_t *>(c.program().mutable_constants());
    auto *table = reinterpret_cast<flatbuffers::Table *>(&c.program());
    auto *offset = reinterpret_cast<flatbuffers::uoffset_t *>(
        reinterpret_cast<uint8_t *>(table) + table->GetOptionalFieldOffset(program::Program::VT_CONSTANTS));
    *offset += sizeof(flatbuffers::uoffset_t);
    *reinterpret_cast<flatbuffers::uoffset_t *>(constants + sizeof(flatbuffers::uoffset_t)) = 1;
  });
}

TEST(Container, CodeFile) {
  ProgramDesc program = exampleProgram();
  program.targets[0].externalCode = true;
  Container container(program);
  size_t at = container.bytes.find("container.mlc.so");
  ASSERT_NE(at, std::string::npos);
  container.bytes[at + 1] = '/';
  container.seal();
  expectRefused("the name of its code file is not a plain file name", MLC_INVALID_MODULE, container);
}

TEST(Container, Targets) {
  expectInvalid("cannot run on this machine. Its targets: none", [](auto &p) { p = ProgramDesc(); }, MLC_UNSUPPORTED);
  expectInvalid("kernel 'add' has a target that does not exist", [](auto &p) { p.kernels[0].target = 7; });
  expectInvalid("target 5 does not exist", [](auto &p) { p.entryPoints[0].buckets[0].target = 5; });
  expectInvalid("command 0: kernel 'add' belongs to another target", [](auto &p) {
    p.targets.push_back(p.targets[0]);
    p.kernels[0].target = 1;
  });
}

TEST(Container, TensorsOfEntryPoints) {
  auto twice = [](auto &tensors) { tensors[1].name = tensors[0].name; };
  expectInvalid("two inputs are named 'x'", [&](auto &p) { twice(p.entryPoints[0].buckets[0].inputs); });
  expectInvalid("two outputs are named 'y'", [&](auto &p) { twice(p.entryPoints[0].buckets[0].outputs); });
  expectInvalid("output 'y' has an impossible shape or type",
                [](auto &p) { p.entryPoints[0].buckets[0].outputs[0].shape = {-1}; });
  expectInvalid("tied result 0 is larger than its variable",
                [](auto &p) { p.entryPoints[1].buckets[0].outputs[0].shape = {2}; });
  expectInvalid("copies 16 bytes to 8", [](auto &p) {
    auto &repeat = std::get<codegen::RepeatDesc>(p.entryPoints[2].buckets[0].stages[0].commands[0].op);
    std::get<codegen::CopyDesc>(repeat.body[0].commands[0].op).destination.size = 8;
  });
}

TEST(Container, Variables) {
  expectInvalid("variable 'steps' has an impossible shape or type", [](auto &p) { p.variables[0].shape = {-1}; });
  expectInvalid("variable 'steps' has 1125899906842624 bytes", [](auto &p) {
    p.variables[0].layout = "[N/16][K][16]";
    p.variables[0].size = uint64_t(1) << 50;
  });
}

TEST(Container, CommandOfAnotherDevice) {
  Container container(exampleProgram());
  auto *bucket =
      container.program().mutable_entry_points()->GetMutableObject(0)->mutable_buckets()->GetMutableObject(0);
  auto *command = bucket->mutable_stages()->GetMutableObject(0)->mutable_commands()->GetMutableObject(0);
  auto *table = reinterpret_cast<flatbuffers::Table *>(command);
  ASSERT_TRUE(table->SetField<uint8_t>(program::Command::VT_OP_TYPE, 200, 0));
  container.seal();
  expectRefused(
      "entry point 'main': command 0 is of a kind that this runtime does not know, but this runtime runs on one "
      "CPU device (LaunchCpu, Copy, Repeat)",
      MLC_UNSUPPORTED, container);
}

} // namespace
