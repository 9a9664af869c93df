// Everything that may be wrong with a module file is an error with a message, never a crash.
#include "mlc/kernel_abi.h"
#include "mlc/runtime.h"
#include "runtime/core/Format.h"
#include "test/unit/runtime/TestModules.h"

#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>

using namespace mlc;
using namespace mlc::test;
using codegen::ProgramDesc;

namespace {

mlc_status load(const std::string &path) {
  mlc_module *module = nullptr;
  mlc_status status = mlc_module_load(path.c_str(), &module);
  EXPECT_EQ(module != nullptr, status == MLC_OK);
  mlc_module_destroy(module);
  return status;
}

void expectLoadError(const std::string &path, mlc_status status, const std::string &message) {
  EXPECT_EQ(load(path), status) << mlc_last_error();
  EXPECT_NE(std::string(mlc_last_error()).find(message), std::string::npos) << mlc_last_error();
}

void expectProgramError(const ProgramDesc &program, mlc_status status, const std::string &message) {
  expectLoadError(writeExample(program, "bad.mlc"), status, message);
}

codegen::LaunchCpuDesc &firstLaunch(ProgramDesc &program) {
  return std::get<codegen::LaunchCpuDesc>(program.entryPoints[0].buckets[0].stages[0].commands[0].op);
}

TEST(Loader, LoadsAndDescribes) {
  std::string path = writeExample(exampleProgram(), "good.mlc");
  mlc_module *module;
  ASSERT_EQ(mlc_module_load(path.c_str(), &module), MLC_OK) << mlc_last_error();
  EXPECT_EQ(mlc_module_verify(module), MLC_OK);
  ASSERT_EQ(mlc_module_entry_count(module), 3u);
  EXPECT_STREQ(mlc_module_entry_name(module, 0), "main");
  EXPECT_EQ(mlc_module_entry_name(module, 3), nullptr);
  EXPECT_EQ(mlc_module_bucket_count(module, 0), 2u);
  mlc_tensor_spec spec;
  ASSERT_EQ(mlc_module_input_spec(module, 0, 1, 0, &spec), MLC_OK);
  EXPECT_STREQ(spec.name, "x");
  EXPECT_EQ(spec.dtype, MLC_F32);
  ASSERT_EQ(spec.rank, 1);
  EXPECT_EQ(spec.shape[0], 16);
  EXPECT_EQ(mlc_module_output_count(module, 1), 0u); // its only result is tied to a variable
  EXPECT_EQ(mlc_module_input_spec(module, 0, 2, 0, &spec), MLC_INVALID_ARGUMENT);
  mlc_module_destroy(module);
}

TEST(Loader, MemoryAndAlignment) {
  std::string bytes = readFile(writeExample(exampleProgram(), "memory.mlc"));
  char *memory = static_cast<char *>(aligned_alloc(4096, (bytes.size() + 2 * 4096) / 4096 * 4096));
  memcpy(memory, bytes.data(), bytes.size());
  mlc_module *module;
  ASSERT_EQ(mlc_module_load_memory(memory, bytes.size(), &module), MLC_OK) << mlc_last_error();
  mlc_module_destroy(module);
  EXPECT_EQ(mlc_module_load_memory(memory + 8, bytes.size(), &module), MLC_INVALID_ARGUMENT);
  free(memory);
}

TEST(Loader, ForeignEmptyMissing) {
  std::string path = temporaryPath("foreign.mlc");
  expectLoadError(temporaryPath("missing.mlc"), MLC_NOT_FOUND, "missing.mlc");
  expectLoadError(std::filesystem::path(path).parent_path(), MLC_IO_ERROR, "not a regular file");
  writeFile(path, "");
  expectLoadError(path, MLC_INVALID_MODULE, "is empty");
  writeFile(path, "\x7f"
                  "ELF and so on, at some length");
  expectLoadError(path, MLC_INVALID_MODULE, "is not an mlc module");
  EXPECT_EQ(mlc_module_load(nullptr, nullptr), MLC_INVALID_ARGUMENT);
}

TEST(Loader, TruncatedAnywhere) {
  std::string bytes = readFile(writeExample(exampleProgram(), "whole.mlc"));
  std::string path = temporaryPath("truncated.mlc");
  for (size_t size = 0; size < bytes.size(); size += size < 256 ? 1 : 509) {
    writeFile(path, bytes.substr(0, size));
    ASSERT_EQ(load(path), MLC_INVALID_MODULE) << size;
  }
  writeFile(path, bytes + "x");
  expectLoadError(path, MLC_INVALID_MODULE, "bytes, expected");
}

// A flip in header, program, code or padding is found by loading; in the parameters, by verification.
TEST(Loader, EveryRegionIsCovered) {
  std::string bytes = readFile(writeExample(exampleProgram(), "whole.mlc"));
  std::string path = temporaryPath("flipped.mlc");
  const auto *sections = reinterpret_cast<const program::SectionHeader *>(bytes.data() + sizeof(program::FileHeader));
  ASSERT_EQ(sections[2].kind(), program::SectionKind::params);
  const size_t params = sections[2].offset();
  for (size_t position = 0; position < bytes.size(); position += position < 256 ? 1 : 61) {
    std::string flipped = bytes;
    flipped[position] ^= char(1 << (position % 8));
    writeFile(path, flipped);
    mlc_module *module = nullptr;
    mlc_status status = mlc_module_load(path.c_str(), &module);
    if (position >= params) {
      ASSERT_EQ(status, MLC_OK) << position;
      status = mlc_module_verify(module);
    }
    mlc_module_destroy(module);
    ASSERT_TRUE(status == MLC_INVALID_MODULE || (status == MLC_UNSUPPORTED && position >= 8 && position < 12))
        << position << ": " << status;
  }
}

// Past the checksums: every byte of the program changed in turn, with checksums made right again. Loading may succeed
// or fail with a message, but must not read out of bounds (the sanitizer build sees it).
class ChangedPrograms : public testing::TestWithParam<bool> {};

TEST_P(ChangedPrograms, AreSafe) {
  ProgramDesc example = exampleProgram();
  if (GetParam()) { // what is about shapes of inputs alone
    example = paddedProgram();
    example.entryPoints.resize(1);
    for (codegen::BucketDesc &bucket : example.entryPoints[0].buckets)
      bucket.inputs[1].capacity = 2;
  }
  std::string bytes = readFile(writeExample(example, "whole.mlc"));
  const size_t size = bytes.size();
  char *memory = static_cast<char *>(aligned_alloc(4096, (size + 4095) / 4096 * 4096));
  auto &header = *reinterpret_cast<program::FileHeader *>(memory);
  auto *sections = reinterpret_cast<program::SectionHeader *>(memory + sizeof(header));
  memcpy(memory, bytes.data(), size);
  const size_t begin = sections[0].offset(), length = sections[0].size();
  ASSERT_EQ(sections[0].kind(), program::SectionKind::program);
  size_t refused = 0;
  std::vector<float> x(5);
  std::vector<int64_t> ids(4);
  const int64_t five = 5, four = 4;
  const mlc_tensor inputs[] = {{x.data(), MLC_F32, 1, &five, nullptr}, {ids.data(), MLC_I64, 1, &four, nullptr}};
  for (size_t position = 0; position < length; ++position) {
    for (int change : {0x01, 0x80, 0xff}) {
      memcpy(memory, bytes.data(), size);
      memory[begin + position] ^= char(change);
      sections[0].mutate_checksum(XXH3_64bits(memory + begin, length));
      header.mutate_header_checksum(format::headerChecksum(header, sections));
      mlc_module *module = nullptr;
      if (mlc_module_load_memory(memory, size, &module) != MLC_OK) {
        ++refused;
        ASSERT_STRNE(mlc_last_error(), "");
      }
      // What was loaded describes itself, and finds buckets.
      size_t bucket;
      std::vector<int64_t> outputShape(8);
      if (mlc_module_find_bucket(module, 0, inputs, 2, &bucket) == MLC_OK)
        for (size_t output = 0; output < mlc_module_output_count(module, 0); ++output) {
          mlc_tensor_spec spec;
          if (mlc_module_output_spec(module, 0, bucket, output, &spec) == MLC_OK && spec.rank <= 8)
            ASSERT_EQ(mlc_module_output_shape(module, 0, bucket, output, inputs, 2, outputShape.data()), MLC_OK);
        }
      mlc_module_destroy(module);
    }
  }
  EXPECT_GT(refused, length); // of three times as many
  free(memory);
}

INSTANTIATE_TEST_SUITE_P(Loader, ChangedPrograms, testing::Bool());

TEST(Loader, EmptyCommand) {
  std::string bytes = readFile(writeExample(exampleProgram(), "empty_command.mlc"));
  auto &header = *reinterpret_cast<program::FileHeader *>(bytes.data());
  auto *sections = reinterpret_cast<program::SectionHeader *>(bytes.data() + sizeof(header));
  char *begin = bytes.data() + sections[0].offset();
  const program::Stage &stage =
      *program::GetProgram(begin)->entry_points()->Get(0)->buckets()->Get(0)->stages()->Get(0);
  // Its type stays; the table of fields says that there is no content.
  const auto &command = *reinterpret_cast<const flatbuffers::Table *>(stage.commands()->Get(0));
  *reinterpret_cast<flatbuffers::voffset_t *>(const_cast<uint8_t *>(command.GetVTable()) + program::Command::VT_OP) = 0;
  sections[0].mutate_checksum(XXH3_64bits(begin, sections[0].size()));
  header.mutate_header_checksum(format::headerChecksum(header, sections));
  std::string path = temporaryPath("empty_command.mlc");
  writeFile(path, bytes);
  expectLoadError(path, MLC_INVALID_MODULE, "entry point 'main': command 0 is empty");
}

TEST(Loader, Versions) {
  std::string bytes = readFile(writeExample(exampleProgram(), "version.mlc"));
  std::string path = temporaryPath("version.mlc");
  // A newer minor version is refused even though its checksum is right.
  for (auto [major, minor] : {std::pair(format::majorVersion + 1, 0), {0, 0}, {1, format::minorVersion + 1}}) {
    auto &header = *reinterpret_cast<program::FileHeader *>(bytes.data());
    header.mutate_major(major);
    header.mutate_minor(minor);
    const auto *sections = reinterpret_cast<const program::SectionHeader *>(bytes.data() + sizeof(header));
    header.mutate_header_checksum(format::headerChecksum(header, sections));
    writeFile(path, bytes);
    expectLoadError(path, MLC_UNSUPPORTED,
                    ", but this runtime reads 1.0 to 1.2. Use the runtime that belongs to the compiler, or compile the "
                    "model again");
  }
}

TEST(Loader, MissingCpuFeature) {
  ProgramDesc program = exampleProgram();
  program.targets[0].requiredFeatures = {"sse2", "avx1024", "amx_quantum"};
  expectProgramError(program, MLC_UNSUPPORTED,
                     "this CPU lacks avx1024, amx_quantum; compile with --target-cpu=native here, or with "
                     "--target-cpu=x86-64-v3 for most machines");
}

TEST(Loader, KernelAbi) {
  ProgramDesc program = exampleProgram();
  program.targets[0].kernelAbi = 999;
  expectProgramError(program, MLC_UNSUPPORTED,
                     "cannot run on this machine. Its targets:\n  x86-64: kernel ABI 999, but this runtime has " +
                         std::to_string(MLC_KERNEL_ABI_VERSION) + "; compile the model again");
}

TEST(Loader, GpuTargetOnly) {
  ProgramDesc program = exampleProgram();
  program.targets[0].device = codegen::DeviceKind::cuda;
  expectProgramError(program, MLC_UNSUPPORTED, "Its targets:\n  x86-64: not a CPU target");
}

TEST(Loader, MissingKernelSymbol) {
  ProgramDesc program = exampleProgram();
  program.kernels[1].symbol = "nowhere";
  expectProgramError(program, MLC_INVALID_MODULE, "its code for target x86-64 lacks the kernel 'nowhere'");
}

TEST(Loader, CodeThatIsNotElf) {
  ProgramDesc program = exampleProgram();
  program.targets[0].code = "not an ELF file";
  expectProgramError(program, MLC_UNSUPPORTED,
                     ". Where code may not be loaded from memory, compile with --code=external");
}

TEST(Loader, ExternalCode) {
  ProgramDesc program = exampleProgram();
  program.targets[0].externalCode = true;
  std::string path = writeExample(program, "external.mlc");
  EXPECT_EQ(load(path), MLC_OK) << mlc_last_error();
  std::string code = readFile(path + ".so");
  code.back() ^= 1;
  writeFile(path + ".so", code);
  expectLoadError(path, MLC_INVALID_MODULE,
                  "external.mlc.so' is not the code of '" + path + "': its checksum does not match");
  mlc_module *opened;
  ASSERT_EQ(mlc_module_open(path.c_str(), &opened), MLC_OK) << mlc_last_error();
  EXPECT_EQ(mlc_module_verify(opened), MLC_INVALID_MODULE);
  mlc_module_destroy(opened);
  std::filesystem::remove(path + ".so");
  expectLoadError(path, MLC_NOT_FOUND, "external.mlc.so");
}

TEST(Loader, BindingsOutOfBounds) {
  auto broken = [](auto change) {
    ProgramDesc program = exampleProgram();
    change(firstLaunch(program));
    return program;
  };
  using codegen::Base;
  expectProgramError(broken([](auto &launch) { launch.bindings[0].size = 33; }), MLC_INVALID_MODULE,
                     "entry point 'main', command 0: a binding covers bytes 0 + 33 of input[0], which has 32");
  expectProgramError(broken([](auto &launch) { launch.bindings[0].index = 2; }), MLC_INVALID_MODULE,
                     "a binding refers to input[2], but there are 2");
  expectProgramError(broken([](auto &launch) { launch.bindings[1].offset = 64; }), MLC_INVALID_MODULE, "of params");
  expectProgramError(broken([](auto &launch) { launch.bindings[2].offset = ~0ull; }), MLC_INVALID_MODULE, "of arena");
  expectProgramError(broken([](auto &launch) { launch.bindings[2].index = 1; }), MLC_INVALID_MODULE,
                     "a binding refers to arena[1], but there are 1");
  expectProgramError(broken([](auto &launch) { launch.bindings[2].base = Base(77); }), MLC_INVALID_MODULE, "refers");
  expectProgramError(broken([](auto &launch) { launch.bindings[0].slotStride = 4; }), MLC_INVALID_MODULE,
                     "a binding moves with slot 0, but stands in no Repeat of that slot");
  expectProgramError(broken([](auto &launch) { launch.kernel = 3; }), MLC_INVALID_MODULE, "kernel 3 does not exist");
  expectProgramError(broken([](auto &launch) { launch.tiles = -1; }), MLC_INVALID_MODULE,
                     "kernel 'add' is launched over -1 tiles");
  expectProgramError(broken([](auto &launch) { launch.bindings.pop_back(); }), MLC_INVALID_MODULE,
                     "kernel 'add' takes 3 bindings and 1 constants, but gets 2 and 1");
  expectProgramError(broken([](auto &launch) { launch.constants.clear(); }), MLC_INVALID_MODULE,
                     "kernel 'add' takes 3 bindings and 1 constants, but gets 3 and 0");
}

TEST(Loader, RepeatsOutOfBounds) {
  auto broken = [](auto change) {
    ProgramDesc program = exampleProgram();
    change(std::get<codegen::RepeatDesc>(program.entryPoints[2].buckets[0].stages[0].commands[0].op));
    return program;
  };
  expectProgramError(broken([](auto &repeat) { repeat.count = 4; }), MLC_INVALID_MODULE, "of output[0]");
  expectProgramError(broken([](auto &repeat) { repeat.count = 0; }), MLC_INVALID_MODULE,
                     "command 0: Repeat runs 0 times");
  expectProgramError(broken([](auto &repeat) { repeat.slot = 8; }), MLC_INVALID_MODULE,
                     "Repeat uses slot 8, which is above 7 or in use");
  expectProgramError(broken([](auto &repeat) { repeat.slot = 1; }), MLC_INVALID_MODULE, "no Repeat of that slot");
  expectProgramError(broken([](auto &repeat) {
                       auto &copy = std::get<codegen::CopyDesc>(repeat.body[0].commands[0].op);
                       copy.destination.slotStride = -16;
                     }),
                     MLC_INVALID_MODULE, "the destination covers");
  expectProgramError(broken([](auto &repeat) {
                       auto &copy = std::get<codegen::CopyDesc>(repeat.body[0].commands[0].op);
                       copy.destination = copy.source;
                     }),
                     MLC_INVALID_MODULE, "the destination writes to input, which is read-only");
}

TEST(Loader, Tables) {
  ProgramDesc program = exampleProgram();
  program.variables[1].initialParam = 5;
  expectProgramError(program, MLC_INVALID_MODULE, "parameter of another size");
  program = exampleProgram();
  program.variables[0].size = 8;
  expectProgramError(program, MLC_INVALID_MODULE, "8 bytes, expected 4");
  program = exampleProgram();
  program.entryPoints[1].buckets[0].tiedResults = {{0, 2}};
  expectProgramError(program, MLC_INVALID_MODULE,
                     "tied result 0 refers to an output or variable that does not exist, or is tied twice");
  program = exampleProgram();
  program.entryPoints[0].buckets[1].inputs[0].name = "other";
  expectProgramError(program, MLC_INVALID_MODULE, "buckets of entry point 'main' have different inputs or outputs");
  program = exampleProgram();
  program.entryPoints[0].buckets[0].inputs[0].shape = {int64_t(1) << 62, 4};
  expectProgramError(program, MLC_INVALID_MODULE, "impossible shape");
  program = exampleProgram();
  program.entryPoints[0].buckets[0].arenas = {~uint64_t(0)};
  expectProgramError(program, MLC_INVALID_MODULE, "arena 0 has 18446744073709551615 bytes");
  program = exampleProgram();
  program.kernels[2].scratchBytes = ~uint64_t(0);
  expectProgramError(program, MLC_INVALID_MODULE, "bytes of scratch");
}

} // namespace
