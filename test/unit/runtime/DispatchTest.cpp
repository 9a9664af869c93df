// What a run costs beside its kernels: the work of runtime/core/SessionRun.cpp for each launch, and of a run as such.
#include "mlc/runtime.hpp"
#include "test/unit/runtime/TestModules.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>

namespace mlc::test {
namespace {

// x: f32[1] -> y: f32[1] = x + w, so many times one after the other.
codegen::ProgramDesc withLaunches(size_t count) {
  using namespace codegen;
  ProgramDesc program = exampleProgram();
  BucketDesc bucket;
  bucket.inputs = {{"x", DType::f32, {1}, 0, {}}};
  bucket.outputs = {{"y", DType::f32, {1}, 0, {}}};
  const LaunchCpuDesc launch{
      0, 1, {{Base::input, 0, 0, 4, 0, 0}, {Base::params, 0, 0, 4, 0, 0}, {Base::output, 0, 0, 4, 0, 0}}, {1}};
  for (size_t i = 0; i < count; ++i)
    bucket.stages.push_back({{{launch}}});
  program.entryPoints = {{"main", {bucket}}};
  return program;
}

// Microseconds of one run, the least of many.
double timeOf(size_t launches, uint32_t threads) {
  mlc::Module module(writeExample(withLaunches(launches), "dispatch.mlc"));
  mlc::Session session(module, threads);
  const float x = 1;
  float y = 0;
  mlc::ConstView in = mlc::view(&x, {1});
  mlc::View out = mlc::view(&y, {1});
  const mlc_tensor input = in.tensor(), output = out.tensor();
  double least = 1e30;
  for (int round = 0; round < 200; ++round) {
    constexpr int runs = 20;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i)
      mlc_session_run(session.get(), 0, &input, 1, &output, 1);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
    least = std::min(least, time.count() / runs);
  }
  EXPECT_EQ(y, 1);
  return least;
}

// A launch of one tile is run where the session runs, however many threads there are; what it costs to share tiles is
// the pool's (PoolTest).
TEST(Dispatch, IsCheap) {
  for (uint32_t threads : {1u, 2u}) {
    const double few = timeOf(1, threads), many = timeOf(1001, threads);
    const double launch = (many - few) / 1000, run = few - launch;
    RecordProperty("launch_ns_" + std::to_string(threads), std::to_string(launch * 1e3));
    RecordProperty("run_ns_" + std::to_string(threads), std::to_string(run * 1e3));
    EXPECT_LT(launch, 0.2) << "microseconds for each launch";
    EXPECT_LT(run, 2) << "microseconds for a run";
  }
}

} // namespace
} // namespace mlc::test
