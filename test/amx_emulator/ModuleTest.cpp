// Modules whose code has AMX instructions, in the runtime. The emulator kills a process that did not ask for the tiles:
// what runs here proves that the runtime asks.
#include "mlc/kernel_abi.h"
#include "mlc/runtime.hpp"
#include "test/unit/runtime/TestModules.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlc::test;
using namespace mlc::codegen;

namespace {

constexpr int64_t kBatch = 12;

// "main": x i8[12x16x64], w i8[16x64] -> y i32[12x16x16]
ProgramDesc tileProgram() {
  ProgramDesc program;
  TargetSpec target;
  target.name = "tiles";
  target.requiredFeatures = {"sse2", "amx_tile", "amx_int8"};
  target.kernelAbi = MLC_KERNEL_ABI_VERSION;
  target.code = readFile(MLC_TILE_KERNELS);
  program.targets = {target};
  program.kernels = {{"multiply_tiles", 0, 0, 3, 0, "matmul", "test", "", 0, 0, ""}};
  auto bind = [](Base base, uint32_t index, uint64_t bytes) { return BindingDesc{base, index, 0, bytes}; };
  BucketDesc bucket;
  bucket.inputs = {{"x", DType::i8, {kBatch, 16, 64}, 0, {}}, {"w", DType::i8, {16, 64}, 0, {}}};
  bucket.outputs = {{"y", DType::i32, {kBatch, 16, 16}, 0, {}}};
  bucket.stages = {{{{LaunchCpuDesc{
      0,
      kBatch,
      {bind(Base::input, 0, kBatch * 1024), bind(Base::input, 1, 1024), bind(Base::output, 0, kBatch * 1024)},
      {}}}}}};
  program.entryPoints = {{"main", {bucket}}};
  return program;
}

TEST(AmxModules, RunOnEveryThreadOfTheRuntime) {
  if (!mlc_cpu_has_feature("amx_int8"))
    GTEST_SKIP() << "needs AMX, or LD_PRELOAD=libmlc_amx_emulator.so";
  mlc::Module module(writeExample(tileProgram(), "tiles.mlc"));
  std::vector<int8_t> x(kBatch * 1024), w(1024);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = int8_t(i * 7 + i / 64);
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = int8_t(i * 13 + i / 32);
  for (uint32_t threads : {1u, 2u, 4u}) {
    mlc::Session session(module, threads);
    auto outputs = session.run(module, "main", {{"x", mlc::view(x, {kBatch, 16, 64})}, {"w", mlc::view(w, {16, 64})}});
    for (int64_t row = 0; row < kBatch * 16; ++row)
      for (int64_t n = 0; n < 16; ++n) {
        int32_t sum = 0;
        for (int64_t k = 0; k < 64; ++k)
          sum += x[size_t(row * 64 + k)] * w[size_t(k / 4 * 64 + n * 4 + k % 4)];
        ASSERT_EQ(outputs[0].as<int32_t>()[row * 16 + n], sum) << row << ", " << n << ", threads " << threads;
      }
  }
}

// In a process of its own: whether the kernel grants the tiles is asked once.
TEST(AmxRefused, ErrorSaysThatTheKernelRefused) {
  if (!getenv("MLC_AMX_EMULATOR_REFUSE") || mlc_cpu_has_feature("amx_tile"))
    GTEST_SKIP() << "needs LD_PRELOAD=libmlc_amx_emulator.so, MLC_AMX_EMULATOR_REFUSE=1 and a CPU without AMX";
  try {
    mlc::Module module(writeExample(tileProgram(), "refused.mlc"));
    ADD_FAILURE() << "it loads";
  } catch (const mlc::RuntimeError &error) {
    EXPECT_EQ(error.status(), MLC_UNSUPPORTED);
    EXPECT_NE(
        std::string(error.what())
            .find("tiles: this CPU lacks amx_tile, amx_int8 (it has AMX, but Linux refuses this process the state "
                  "of tiles); compile with "),
        std::string::npos)
        << error.what();
  }
}

} // namespace
