#include "mlc/runtime.hpp"
#include "test/unit/runtime/TestModules.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>
#include <thread>

using namespace mlc::test;

// Counts what the run path must not do. Not under sanitizers, which replace the allocator themselves.
#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !__has_feature(address_sanitizer) &&            \
    !__has_feature(thread_sanitizer)
#define MLC_COUNTS_ALLOCATIONS 1
static std::atomic<size_t> allocations{0};
void *operator new(size_t size) {
  ++allocations;
  if (void *block = malloc(size ? size : 1))
    return block;
  throw std::bad_alloc();
}
void *operator new(size_t size, std::align_val_t alignment) {
  ++allocations;
  size_t unit = size_t(alignment);
  if (void *block = aligned_alloc(unit, (size + unit - 1) / unit * unit))
    return block;
  throw std::bad_alloc();
}
void operator delete(void *block) noexcept { free(block); }
void operator delete(void *block, size_t) noexcept { free(block); }
void operator delete(void *block, std::align_val_t) noexcept { free(block); }
void operator delete(void *block, size_t, std::align_val_t) noexcept { free(block); }
#endif

namespace {

const std::string &examplePath() {
  static const std::string path = writeExample(exampleProgram(), "session.mlc");
  return path;
}

std::vector<float> ramp(size_t count, float scale) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = scale * float(i) + 1;
  return values;
}

class SessionTest : public testing::Test {
protected:
  mlc::Module module{examplePath()};
  const std::vector<int64_t> ids{0, 15, 7, 1};

  // Runs `body`, which must throw; the message must contain `message`.
  template <typename Body> static void expectError(Body body, mlc_status status, const std::string &message) {
    try {
      body();
      ADD_FAILURE() << "no error, expected: " << message;
    } catch (const mlc::RuntimeError &error) {
      EXPECT_EQ(error.status(), status);
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  }
};

TEST_F(SessionTest, ComputesInEveryBucketAtEveryThreadCount) {
  for (uint32_t threads : {1u, 2u, 3u, 4u, 5u}) {
    mlc::Session session(module, threads);
    EXPECT_EQ(session.threadCount(), threads);
    for (int64_t n : {8, 16, 8}) {
      std::vector<float> x = ramp(n, 0.25f);
      auto outputs = session.run(module, "main", {{"ids", mlc::view(ids, {4})}, {"x", mlc::view(x, {n})}});
      ASSERT_EQ(outputs.size(), 2u);
      for (int64_t i = 0; i < n; ++i)
        ASSERT_EQ(outputs[0].as<float>()[i], x[i] + float(i));
      for (int i = 0; i < 4; ++i)
        ASSERT_EQ(outputs[1].as<float>()[i], float(ids[i]) / 2);
    }
  }
}

TEST_F(SessionTest, StridedInputsAndOutputs) {
  mlc::Session session(module, 2);
  std::vector<float> r(24), s(24, -1);
  for (size_t i = 0; i < r.size(); ++i)
    r[i] = float(i);
  // r is a transposed view, s every second column of a 3x8 matrix.
  mlc::View input = mlc::view(r.data(), {3, 4}, {1, 3}), output = mlc::view(s.data(), {3, 4}, {8, 2});
  session.run(2, {input.tensor()}, {output.tensor()});
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j) {
      EXPECT_EQ(s[i * 8 + j * 2], r[i + j * 3]);
      EXPECT_EQ(s[i * 8 + j * 2 + 1], -1);
    }
  // Negative strides, as NumPy makes.
  mlc::View reversed = mlc::view(r.data() + 11, {3, 4}, {-4, -1}), dense = mlc::view(s.data(), {3, 4});
  session.run(2, {reversed.tensor()}, {dense.tensor()});
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(s[i], r[11 - i]);
}

TEST_F(SessionTest, VariablesPersistAndAreIndependent) {
  mlc::Session a(module, 1), b(module, 1);
  a.run(1, {}, {});
  a.run(1, {}, {});
  b.run(1, {}, {});
  float steps = 0;
  a.getVariable("steps", mlc::view(&steps, {1}));
  EXPECT_EQ(steps, 6);
  b.getVariable("steps", mlc::view(&steps, {1}));
  EXPECT_EQ(steps, 3);
  steps = 100;
  a.setVariable("steps", mlc::view(&steps, {1}));
  a.run(1, {}, {});
  a.getVariable("steps", mlc::view(&steps, {1}));
  EXPECT_EQ(steps, 103);
  std::vector<float> weights(16);
  a.getVariable("weights", mlc::view(weights, {16}));
  EXPECT_EQ(weights[15], 7.5f); // starts from the parameter
  expectError([&] { a.getVariable("step", mlc::view(&steps, {1})); }, MLC_NOT_FOUND, "there are steps, weights");
  expectError([&] { a.getVariable("steps", mlc::view(&steps, {})); }, MLC_INVALID_ARGUMENT,
              "variable 'steps' has rank 0, expected 1");
}

TEST_F(SessionTest, SessionOutlivesModule) {
  auto own = std::make_unique<mlc::Module>(examplePath());
  mlc::Session session(*own, 2);
  own.reset();
  session.run(1, {}, {});
}

TEST_F(SessionTest, ErrorsSayWhatWasExpected) {
  mlc::Session session(module, 1);
  std::vector<float> x(8), x7(7);
  std::vector<double> x64(8);
  mlc::ConstView good = mlc::view(x, {8}), idView = mlc::view(ids, {4});
  auto run = [&](const mlc::Session::Inputs &inputs, const char *entry = "main") {
    return [&session, this, inputs, entry] { session.run(module, entry, inputs); };
  };
  expectError(run({{"x", good}, {"ids", idView}}, "mane"), MLC_NOT_FOUND, "it has main, count, rows");
  expectError(run({{"x", good}}), MLC_INVALID_ARGUMENT, "entry point 'main' also needs the inputs ids: i64[4]");
  expectError(run({{"x", good}, {"idz", idView}}), MLC_INVALID_ARGUMENT,
              "has no input 'idz'; its inputs are x: f32[8], ids: i64[4]");
  expectError(run({{"x", good}, {"x", good}, {"ids", idView}}), MLC_INVALID_ARGUMENT, "'x' is given twice");
  expectError(run({{"x", mlc::view(x7, {7})}, {"ids", idView}}), MLC_INVALID_ARGUMENT,
              "not compiled for inputs x: f32[7], ids: i64[4]. It was compiled for:\n  x: f32[8], ids: i64[4]\n"
              "  x: f32[16], ids: i64[4]");
  expectError(run({{"x", mlc::view(x64, {8})}, {"ids", idView}}), MLC_INVALID_ARGUMENT, "x: f64[8]");
  expectError(run({{"x", mlc::view<float>(nullptr, {8})}, {"ids", idView}}), MLC_INVALID_ARGUMENT, "has no data");
  const char *raw = reinterpret_cast<const char *>(x.data()) + 1;
  expectError(run({{"x", mlc::View(const_cast<char *>(raw), MLC_F32, {8})}, {"ids", idView}}), MLC_INVALID_ARGUMENT,
              "not aligned");
  expectError([&] { session.run(0, {good.tensor()}, {}); }, MLC_INVALID_ARGUMENT, "takes 2 inputs");
  expectError([&] { session.run(0, {good.tensor(), idView.tensor()}, {}); }, MLC_INVALID_ARGUMENT, "gives 2 outputs");
  expectError([&] { session.run(9, {}, {}); }, MLC_INVALID_ARGUMENT, "entry point 9 does not exist");
  std::vector<float> z(3);
  expectError([&] { session.run(0, {good.tensor(), idView.tensor()}, {good.tensor(), mlc::view(z, {3}).tensor()}); },
              MLC_INVALID_ARGUMENT, "'z' of entry point 'main' is f32[4], but f32[3] was given");
}

TEST_F(SessionTest, OutOfRangeIndexIsAnErrorAndTheSessionLives) {
  for (uint32_t threads : {1u, 4u}) {
    mlc::Session session(module, threads);
    std::vector<float> x(8);
    std::vector<int64_t> bad{0, 16, 0, 0};
    expectError([&] { session.run(module, "main", {{"x", mlc::view(x, {8})}, {"ids", mlc::view(bad, {4})}}); },
                MLC_KERNEL_FAILED, "kernel 'lookup' (gather) failed: an index lies outside of its axis");
    session.run(module, "main", {{"x", mlc::view(x, {8})}, {"ids", mlc::view(ids, {4})}});
  }
}

TEST_F(SessionTest, ManySessionsRunAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      mlc::Session session(module, 1 + t % 2);
      std::vector<float> x = ramp(16, float(t + 1)), y(16), z(4);
      std::vector<mlc::ConstView> views{mlc::view(x, {16}), mlc::view(ids, {4}), mlc::view(y, {16}), mlc::view(z, {4})};
      for (int i = 0; i < 200; ++i) {
        session.run(0, {views[0].tensor(), views[1].tensor()}, {views[2].tensor(), views[3].tensor()});
        for (int j = 0; j < 16; ++j)
          wrong += y[j] != x[j] + float(j);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

#ifdef MLC_COUNTS_ALLOCATIONS
TEST_F(SessionTest, RunAllocatesNothingAfterWarmUp) {
  for (uint32_t threadCount : {1u, 2u}) {
    mlc::Session session(module, threadCount);
    std::vector<float> x(32), y(16), z(4);
    mlc::ConstView views[] = {mlc::view(x.data(), {16}, {2}), mlc::view(ids, {4}), mlc::view(y, {16}),
                              mlc::view(z, {4})};
    mlc_tensor inputs[] = {views[0].tensor(), views[1].tensor()}, outputs[] = {views[2].tensor(), views[3].tensor()};
    ASSERT_EQ(mlc_session_run(session.get(), 0, inputs, 2, outputs, 2), MLC_OK);
    size_t before = allocations;
    for (int i = 0; i < 50; ++i)
      ASSERT_EQ(mlc_session_run(session.get(), 0, inputs, 2, outputs, 2), MLC_OK);
    EXPECT_EQ(allocations, before);
    const char *inputNames[] = {"x", "ids"}, *outputNames[] = {"y", "z"};
    for (int i = 0; i < 50; ++i)
      ASSERT_EQ(mlc_session_run_named(session.get(), "main", inputNames, inputs, 2, outputNames, outputs, 2), MLC_OK);
    EXPECT_EQ(allocations, before);
  }
}

TEST_F(SessionTest, PaddedRunAllocatesNothingAfterWarmUp) {
  mlc::Module padded(writeExample(paddedProgram(), "padded.mlc"));
  mlc::Session session(padded, 2);
  std::vector<float> x(16), y(16), z(4);
  mlc::ConstView idsView = mlc::view(ids, {4}), zView = mlc::view(z, {4});
  auto run = [&](int64_t n) {
    const mlc_tensor inputs[] = {{x.data(), MLC_F32, 1, &n, nullptr}, idsView.tensor()},
                     outputs[] = {{y.data(), MLC_F32, 1, &n, nullptr}, zView.tensor()};
    return mlc_session_run(session.get(), 0, inputs, 2, outputs, 2);
  };
  ASSERT_EQ(run(3), MLC_OK); // one run in each bucket
  ASSERT_EQ(run(11), MLC_OK);
  size_t before = allocations;
  for (int64_t n = 1; n <= 16; ++n)
    ASSERT_EQ(run(n), MLC_OK);
  EXPECT_EQ(allocations, before);
}
#endif

TEST_F(SessionTest, ProfileNamesEachCommand) {
  mlc::Session session(module, 2);
  std::vector<std::string> events;
  session.setProfile(
      [](void *context, const mlc_profile_event *event) {
        EXPECT_LE(event->start_ns, event->end_ns);
        static_cast<std::vector<std::string> *>(context)->push_back(event->kernel);
      },
      &events);
  std::vector<float> x(8);
  session.run(module, "main", {{"x", mlc::view(x, {8})}, {"ids", mlc::view(ids, {4})}});
  EXPECT_EQ(events, (std::vector<std::string>{"add", "lookup", "add", "through_scratch"}));
  events.clear();
  session.setProfile(nullptr, nullptr);
  session.run(1, {}, {});
  EXPECT_TRUE(events.empty());
}

struct HostState {
  int regions = 0, blocks = 0;
  bool refuse = false;
};

TEST_F(SessionTest, HostPoolAndAllocator) {
  HostState state;
  mlc_host_pool pool{&state, 3, [](void *context, void (*body)(void *, uint32_t), void *argument) {
                       ++static_cast<HostState *>(context)->regions;
                       for (uint32_t worker : {2u, 0u, 1u})
                         body(argument, worker);
                     }};
  mlc_allocator allocator{&state,
                          [](void *context, size_t size, size_t alignment) -> void * {
                            HostState &host = *static_cast<HostState *>(context);
                            if (host.refuse)
                              return nullptr;
                            ++host.blocks;
                            return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
                          },
                          [](void *context, void *block, size_t) {
                            --static_cast<HostState *>(context)->blocks;
                            free(block);
                          }};
  mlc_session_options options{};
  options.struct_size = sizeof(options);
  options.pool = &pool;
  options.allocator = &allocator;
  {
    mlc::Session session(module, options);
    EXPECT_EQ(session.threadCount(), 3u);
    EXPECT_GT(state.blocks, 0);
    std::vector<float> x = ramp(8, 2);
    auto outputs = session.run(module, "main", {{"x", mlc::view(x, {8})}, {"ids", mlc::view(ids, {4})}});
    EXPECT_EQ(outputs[0].as<float>()[7], x[7] + 7);
    EXPECT_EQ(state.regions, 4);
  }
  EXPECT_EQ(state.blocks, 0);
  state.refuse = true;
  expectError([&] { mlc::Session session(module, options); }, MLC_OUT_OF_MEMORY, "cannot allocate");
  options.struct_size = 4;
  expectError([&] { mlc::Session session(module, options); }, MLC_INVALID_ARGUMENT, "struct_size");
}

TEST_F(SessionTest, SecondThreadIsRefusedWhileRunning) {
  // The host's pool holds the run until another thread has tried.
  struct Gate {
    std::atomic<bool> inside{false}, leave{false};
  } gate;
  mlc_host_pool pool{&gate, 2, [](void *context, void (*body)(void *, uint32_t), void *argument) {
                       Gate &gate = *static_cast<Gate *>(context);
                       gate.inside = true;
                       while (!gate.leave)
                         std::this_thread::yield();
                       body(argument, 0);
                       body(argument, 1);
                     }};
  mlc_session_options options{};
  options.struct_size = sizeof(options);
  options.pool = &pool;
  mlc::Session session(module, options);
  std::vector<float> x(8);
  std::thread runner([&] { session.run(module, "main", {{"x", mlc::view(x, {8})}, {"ids", mlc::view(ids, {4})}}); });
  while (!gate.inside)
    std::this_thread::yield();
  expectError([&] { session.run(1, {}, {}); }, MLC_BUSY, "in use by another thread");
  gate.leave = true;
  runner.join();
}

} // namespace
