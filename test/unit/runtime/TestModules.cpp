#include "test/unit/runtime/TestModules.h"

#include "mlc/kernel_abi.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <unistd.h>

namespace mlc::test {

using namespace mlc::codegen;

std::string readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(bytes.data(), std::streamsize(bytes.size()));
}

std::string temporaryPath(const std::string &name) {
  // One folder for the process, removed at its end.
  static const struct Folder {
    Folder() : path(std::filesystem::temp_directory_path() / ("mlc-runtime-tests-" + std::to_string(getpid()))) {
      std::filesystem::create_directories(path);
    }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
  } folder;
  return folder.path / name;
}

static BindingDesc bind(Base base, uint32_t index, uint64_t offset, uint64_t size) {
  return {base, index, offset, size, 0, 0};
}

ProgramDesc exampleProgram() {
  ProgramDesc program;
  TargetSpec target;
  target.name = "x86-64";
  target.requiredFeatures = {"sse2"};
  target.kernelAbi = MLC_KERNEL_ABI_VERSION;
  target.code = readFile(MLC_TEST_KERNELS);
  program.targets = {target};
  program.kernels = {{"add", 0, 0, 3, 1, "add", "test", "tile 1", 8, 96},
                     {"lookup", 0, 0, 3, 1, "gather", "test", "", 0, 64},
                     {"through_scratch", 0, 256, 2, 0, "copy", "test", "", 0, 64}};
  program.params = {{"w", DType::f32, {16}, "", 0, 64}};
  layoutParams(program.params);
  program.variables = {{"steps", VariableRole::state, false, DType::f32, {1}, "", 4, -1},
                       {"weights", VariableRole::weight, true, DType::f32, {16}, "", 64, 0}};
  float one = 1;
  program.constants.assign(reinterpret_cast<const char *>(&one), sizeof(one));

  EntryPointDesc main{"main", {}};
  for (int64_t n : {8, 16}) {
    const uint64_t bytes = 4 * n;
    BucketDesc bucket;
    bucket.inputs = {{"x", DType::f32, {n}}, {"ids", DType::i64, {4}}};
    bucket.outputs = {{"y", DType::f32, {n}}, {"z", DType::f32, {4}}};
    bucket.arenas = {128};
    LaunchCpuDesc first{
        0, n, {bind(Base::input, 0, 0, bytes), bind(Base::params, 0, 0, bytes), bind(Base::arena, 0, 64, bytes)}, {1}};
    LaunchCpuDesc second{
        0, n, {bind(Base::arena, 0, 64, bytes), bind(Base::params, 0, 0, bytes), bind(Base::arena, 0, 0, bytes)}, {1}};
    LaunchCpuDesc third{2, n, {bind(Base::arena, 0, 0, bytes), bind(Base::output, 0, 0, bytes)}, {}};
    LaunchCpuDesc lookup{
        1, 4, {bind(Base::input, 1, 0, 32), bind(Base::params, 0, 0, 64), bind(Base::output, 1, 0, 16)}, {16}};
    bucket.stages = {{{{first}, {lookup}}}, {{{second}}}, {{{third}}}};
    bucket.arenaBytes = 128;
    bucket.maxLiveBytes = 128;
    main.buckets.push_back(bucket);
  }

  BucketDesc count;
  count.outputs = {{"steps", DType::f32, {1}}};
  count.tiedResults = {{0, 0}};
  LaunchCpuDesc increment{
      0, 1, {bind(Base::variable, 0, 0, 4), bind(Base::constant, 0, 0, 4), bind(Base::output, 0, 0, 4)}, {1}};
  count.stages = {{{{RepeatDesc{3, 0, {{{{increment}}}}}}}}};

  BucketDesc rows;
  rows.inputs = {{"r", DType::f32, {3, 4}}};
  rows.outputs = {{"s", DType::f32, {3, 4}}};
  CopyDesc copy{{Base::input, 0, 0, 16, 16, 2}, {Base::output, 0, 0, 16, 16, 2}};
  rows.stages = {{{{RepeatDesc{3, 2, {{{{copy}}}}}}}}};

  program.entryPoints = {main, {"count", {count}}, {"rows", {rows}}};
  program.compiler = "test";
  program.source = "example.onnx";
  program.options = {{"target-cpu", "x86-64"}};
  return program;
}

ProgramDesc paddedProgram() {
  ProgramDesc program = exampleProgram();
  for (BucketDesc &bucket : program.entryPoints[0].buckets)
    bucket.inputs[0].padded = bucket.outputs[0].padded = {"n"};
  return program;
}

std::string writeExample(const ProgramDesc &program, const std::string &name) {
  std::string path = temporaryPath(name);
  std::string error = writeModule(
      program,
      [](size_t, const ByteSink &sink) {
        for (int i = 0; i < 16; ++i) {
          float value = float(i) / 2;
          if (!sink(&value, sizeof(value)))
            break;
        }
        return std::string();
      },
      path);
  EXPECT_EQ(error, "");
  return path;
}

} // namespace mlc::test
