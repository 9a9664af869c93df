// What callers may do wrong, or unusually, is an error with a message; never a crash, a hang, or wrong numbers.
#include "mlc/runtime.hpp"
#include "test/unit/runtime/TestModules.h"

#include <climits>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>

using namespace mlc::test;

namespace {

const std::string &examplePath() {
  static const std::string path = writeExample(exampleProgram(), "misuse.mlc");
  return path;
}

void expectError(mlc_status got, mlc_status expected, const std::string &message) {
  EXPECT_EQ(got, expected) << mlc_last_error();
  EXPECT_NE(std::string(mlc_last_error()).find(message), std::string::npos) << mlc_last_error();
}

mlc_session_options optionsOf(uint32_t threads) {
  mlc_session_options options{};
  options.struct_size = sizeof(options);
  options.threads = threads;
  return options;
}

class MisuseTest : public testing::Test {
protected:
  mlc_status runMain(mlc::Session &session, const mlc_tensor &x, const mlc_tensor &y) {
    const mlc_tensor inputs[] = {x, idView.tensor()}, outputs[] = {y, zView.tensor()};
    return mlc_session_run(session.get(), 0, inputs, 2, outputs, 2);
  }
  mlc_status create(const mlc_session_options &options) {
    mlc_session *session = reinterpret_cast<mlc_session *>(this);
    const mlc_status status = mlc_session_create(module.get(), &options, &session);
    EXPECT_EQ(session == nullptr, status != MLC_OK);
    mlc_session_destroy(session);
    return status;
  }

  mlc::Module module{examplePath()};
  std::vector<int64_t> ids{0, 15, 7, 1};
  std::vector<float> x = std::vector<float>(16, 1), y = std::vector<float>(16), z = std::vector<float>(4);
  mlc::View idView = mlc::view(ids, {4}), zView = mlc::view(z, {4});
  mlc::View xView = mlc::view(x.data(), {8}), yView = mlc::view(y.data(), {8});
};

// ThreadSanitizer lets no child of a process with threads start any.
#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
constexpr uint32_t threadsOfChild = 1;
#else
constexpr uint32_t threadsOfChild = 2;
#endif

// The exit code of a child that does `body`; -1 where it does not come back.
template <typename Body> int inChild(Body body) {
  const pid_t child = fork();
  if (child == 0)
    _exit(body());
  for (int tenths = 0; tenths < 200; ++tenths) {
    int status;
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
    usleep(100'000);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return -1;
}

TEST_F(MisuseTest, ForkedChildIsToldAndMayDestroy) {
  auto session = std::make_unique<mlc::Session>(module, 3);
  ASSERT_EQ(runMain(*session, xView.tensor(), yView.tensor()), MLC_OK);
  const int code = inChild([&] {
    if (runMain(*session, xView.tensor(), yView.tensor()) != MLC_UNSUPPORTED || !strstr(mlc_last_error(), "fork"))
      return 1;
    session.reset();
    mlc::Session own(module, threadsOfChild);
    return runMain(own, xView.tensor(), yView.tensor()) == MLC_OK ? 0 : 2;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(runMain(*session, xView.tensor(), yView.tensor()), MLC_OK);
}

TEST_F(MisuseTest, ForkedChildRunsASessionOfOneThread) {
  mlc::Session session(module, 1);
  EXPECT_EQ(inChild([&] { return int(runMain(session, xView.tensor(), yView.tensor())); }), 0);
}

TEST_F(MisuseTest, GarbageRankIsNotFollowed) {
  mlc::Session session(module, 1);
  for (int32_t rank : {-1, 0, 2, 1'000'000, INT_MAX}) {
    mlc_tensor bad = xView.tensor();
    bad.rank = rank;
    const std::string message = "' has rank " + std::to_string(rank) + ", expected 1";
    expectError(runMain(session, bad, yView.tensor()), MLC_INVALID_ARGUMENT, "input 'x" + message);
    expectError(runMain(session, xView.tensor(), bad), MLC_INVALID_ARGUMENT, "output 'y" + message);
    expectError(mlc_session_get_variable(session.get(), "steps", &bad), MLC_INVALID_ARGUMENT, "'steps" + message);
    const mlc_tensor inputs[] = {bad, idView.tensor()};
    size_t bucket = 7;
    expectError(mlc_module_find_bucket(module.get(), 0, inputs, 2, &bucket), MLC_INVALID_ARGUMENT, "'x" + message);
    EXPECT_EQ(bucket, SIZE_MAX);
  }
  mlc_tensor bad = xView.tensor();
  bad.shape = nullptr;
  expectError(runMain(session, bad, yView.tensor()), MLC_INVALID_ARGUMENT, "has rank 1 but no shape");
  bad.dtype = mlc_dtype(14);
  expectError(runMain(session, bad, yView.tensor()), MLC_INVALID_ARGUMENT, "dtype 14 does not exist");
}

TEST_F(MisuseTest, CountsAreComparedBeforeTensorsAreRead) {
  mlc::Session session(module, 1);
  const mlc_tensor one = xView.tensor();
  expectError(mlc_session_run(session.get(), 0, &one, 3, nullptr, 0), MLC_INVALID_ARGUMENT, "takes 2 inputs");
  expectError(mlc_session_run(session.get(), 0, &one, SIZE_MAX, nullptr, 0), MLC_INVALID_ARGUMENT, "takes 2 inputs");
}

TEST_F(MisuseTest, OutputThatOverlaps) {
  mlc::Session session(module, 2);
  expectError(runMain(session, xView.tensor(), xView.tensor()), MLC_INVALID_ARGUMENT,
              "output 'y' overlaps input 'x' in memory");
  expectError(runMain(session, mlc::view(x.data(), {8}).tensor(), mlc::view(x.data() + 7, {8}).tensor()),
              MLC_INVALID_ARGUMENT, "overlaps");
  EXPECT_EQ(runMain(session, mlc::view(x.data(), {8}).tensor(), mlc::view(x.data() + 8, {8}).tensor()), MLC_OK);
  zView = mlc::view(y.data() + 4, {4});
  expectError(runMain(session, xView.tensor(), yView.tensor()), MLC_INVALID_ARGUMENT, "outputs 'y' and 'z' overlap");
}

TEST_F(MisuseTest, StridesThatCannotBe) {
  mlc::Session session(module, 1);
  EXPECT_EQ(runMain(session, mlc::view(x.data(), {8}, {0}).tensor(), yView.tensor()), MLC_OK); // a broadcast
  EXPECT_EQ(runMain(session, xView.tensor(), mlc::view(y.data() + 7, {8}, {-1}).tensor()), MLC_OK);
  expectError(runMain(session, xView.tensor(), mlc::view(y.data(), {8}, {0}).tensor()), MLC_INVALID_ARGUMENT,
              "output 'y' has stride 0 in dimension 0");
  for (int64_t stride : {INT64_MAX, INT64_MIN, INT64_MAX / 16, int64_t(1) << 61}) {
    const std::string message = "has strides that lead out of the address space";
    expectError(runMain(session, mlc::view(x.data(), {8}, {stride}).tensor(), yView.tensor()), MLC_INVALID_ARGUMENT,
                message);
    expectError(runMain(session, xView.tensor(), mlc::view(y.data(), {8}, {stride}).tensor()), MLC_INVALID_ARGUMENT,
                message);
  }
}

TEST_F(MisuseTest, OptionsOfAnotherVersion) {
  mlc_session_options options = optionsOf(1);
  options.reserved = 1;
  expectError(create(options), MLC_INVALID_ARGUMENT, "does not know");
  struct Newer {
    mlc_session_options known;
    uint64_t more;
  } newer{optionsOf(1), 0};
  newer.known.struct_size = sizeof(newer);
  EXPECT_EQ(create(newer.known), MLC_OK) << mlc_last_error();
  newer.more = 1;
  expectError(create(newer.known), MLC_INVALID_ARGUMENT, "does not know");
  options = optionsOf(1);
  options.struct_size = SIZE_MAX;
  expectError(create(options), MLC_INVALID_ARGUMENT, "struct_size");
  expectError(create(optionsOf(UINT32_MAX)), MLC_INVALID_ARGUMENT, "`threads` is 4294967295; at most 65536");
  mlc_host_pool pool{nullptr, UINT32_MAX, [](void *, void (*)(void *, uint32_t), void *) {}};
  options = optionsOf(0);
  options.pool = &pool;
  expectError(create(options), MLC_INVALID_ARGUMENT, "`worker_count` is 4294967295");
}

TEST_F(MisuseTest, AllocatorThatDoesNotAlign) {
  int blocks = 0;
  mlc_allocator allocator{&blocks,
                          [](void *context, size_t size, size_t alignment) -> void * {
                            ++*static_cast<int *>(context);
                            const size_t rounded = (size + 2 * alignment - 1) / alignment * alignment;
                            return static_cast<char *>(aligned_alloc(alignment, rounded)) + 16;
                          },
                          [](void *context, void *block, size_t) {
                            --*static_cast<int *>(context);
                            free(static_cast<char *>(block) - 16);
                          }};
  mlc_session_options options = optionsOf(1);
  options.allocator = &allocator;
  expectError(create(options), MLC_INVALID_ARGUMENT, "not aligned to the 64 bytes");
  EXPECT_EQ(blocks, 0);
}

TEST_F(MisuseTest, HostPoolThatLeavesWorkersOut) {
  std::vector<uint32_t> calls;
  mlc_host_pool pool{&calls, 3, [](void *context, void (*body)(void *, uint32_t), void *argument) {
                       for (uint32_t worker : *static_cast<std::vector<uint32_t> *>(context))
                         body(argument, worker);
                     }};
  mlc_session_options options = optionsOf(0);
  options.pool = &pool;
  mlc::Session session(module, options);
  for (const std::vector<uint32_t> &few : {std::vector<uint32_t>{}, {0}, {0, 1}}) {
    calls = few;
    expectError(runMain(session, xView.tensor(), yView.tensor()), MLC_INVALID_ARGUMENT,
                "the host's pool ran " + std::to_string(few.size()) + " of 3 workers");
  }
  for (const std::vector<uint32_t> &wrong : {std::vector<uint32_t>{0, 1, 1}, {0, 1, 1, 2}, {0, 1, 2, 3}}) {
    calls = wrong;
    expectError(runMain(session, xView.tensor(), yView.tensor()), MLC_INVALID_ARGUMENT,
                "twice for a worker, or for one");
  }
  calls = {2, 0, 1};
  EXPECT_EQ(runMain(session, xView.tensor(), yView.tensor()), MLC_OK) << mlc_last_error();
}

TEST_F(MisuseTest, CallbackThatUsesItsSession) {
  struct Caller {
    mlc::Session session;
    std::string message;
  } caller{mlc::Session(module, 1), ""};
  caller.session.setProfile(
      [](void *context, const mlc_profile_event *) {
        Caller &self = *static_cast<Caller *>(context);
        if (mlc_session_run(self.session.get(), 1, nullptr, 0, nullptr, 0) == MLC_BUSY)
          self.message = mlc_last_error();
      },
      &caller);
  caller.session.run(1, {}, {});
  EXPECT_NE(caller.message.find("in this very thread"), std::string::npos) << caller.message;
}

TEST_F(MisuseTest, ResultsOfFailedCallsAreEmpty) {
  mlc_module *loaded = module.get();
  EXPECT_EQ(mlc_module_load(nullptr, &loaded), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(loaded, nullptr);
  loaded = module.get();
  EXPECT_EQ(mlc_module_load_memory(nullptr, 0, &loaded), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(loaded, nullptr);
  size_t entry = 1, size = 1;
  EXPECT_EQ(mlc_module_find_entry(module.get(), "nope", &entry), MLC_NOT_FOUND);
  EXPECT_EQ(entry, SIZE_MAX);
  mlc_tensor_spec spec{"x", MLC_F32, 1, nullptr};
  EXPECT_EQ(mlc_module_input_spec(module.get(), 0, 0, 9, &spec), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(spec.name, nullptr);
  const void *data = &entry;
  EXPECT_EQ(mlc_module_program(nullptr, &data, &size), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(data, nullptr);
  EXPECT_EQ(size, 0u);
  mlc_session *session = reinterpret_cast<mlc_session *>(&entry);
  EXPECT_EQ(mlc_session_create(nullptr, nullptr, &session), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(session, nullptr);
}

TEST_F(MisuseTest, FilesThatAreNone) {
  const std::string fifo = temporaryPath("fifo.mlc");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  mlc_module *loaded;
  expectError(mlc_module_load(fifo.c_str(), &loaded), MLC_IO_ERROR, "not a regular file");

  auto program = exampleProgram();
  program.targets[0].externalCode = true;
  const std::string path = writeExample(program, "fifo-code.mlc");
  std::filesystem::remove(path + ".so");
  ASSERT_EQ(mkfifo((path + ".so").c_str(), 0600), 0);
  expectError(mlc_module_load(path.c_str(), &loaded), MLC_IO_ERROR, "not a regular file");
}

TEST_F(MisuseTest, ModuleInMemoryDoesNotTakeCodeFromTheCurrentFolder) {
  auto program = exampleProgram();
  program.targets[0].externalCode = true;
  const std::string path = writeExample(program, "beside.mlc"), bytes = readFile(path);
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(std::filesystem::path(path).parent_path());
  const std::unique_ptr<char, decltype(&free)> memory(
      static_cast<char *>(aligned_alloc(64, (bytes.size() + 63) / 64 * 64)), free);
  memcpy(memory.get(), bytes.data(), bytes.size());
  mlc_module *loaded;
  expectError(mlc_module_load_memory(memory.get(), bytes.size(), &loaded), MLC_UNSUPPORTED, "Load it by its path");
  std::filesystem::current_path(before);
}

size_t openFiles() { return size_t(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {})); }

// And each gets code of its own, though descriptors have the same number again and again.
TEST_F(MisuseTest, LoadedModulesKeepNoDescriptors) {
  auto other = exampleProgram();
  std::string &code = other.targets[0].code;
  for (size_t at = 0; (at = code.find(std::string("\0add\0", 5), at)) != std::string::npos; ++at)
    code[at + 1] = 'o';
  const std::string otherPath = writeExample(other, "without-add.mlc");
  const size_t before = openFiles();
  std::vector<std::unique_ptr<mlc::Module>> modules;
  for (int i = 0; i < 20; ++i)
    modules.push_back(std::make_unique<mlc::Module>(examplePath()));
  EXPECT_EQ(openFiles(), before);
  for (const auto &loaded : modules) {
    mlc::Session session(*loaded, 1);
    EXPECT_EQ(runMain(session, xView.tensor(), yView.tensor()), MLC_OK);
    EXPECT_EQ(y[7], 8);
  }
  mlc_module *loaded;
  expectError(mlc_module_load(otherPath.c_str(), &loaded), MLC_INVALID_MODULE, "lacks the kernel 'add'");
}

TEST_F(MisuseTest, ModuleForAnotherMachineIsDescribed) {
  auto program = exampleProgram();
  program.targets[0].requiredFeatures = {"sse2", "avx1024"};
  const std::string path = writeExample(program, "other-machine.mlc");
  mlc::Module opened = mlc::Module::open(path);
  opened.verify();
  EXPECT_EQ(opened.entryCount(), 0u);
  EXPECT_EQ(opened.variables().size(), 2u);
  mlc_session *session;
  expectError(mlc_session_create(opened.get(), nullptr, &session), MLC_INVALID_ARGUMENT, "mlc_module_load");
  EXPECT_TRUE(mlc_cpu_has_feature("sse2"));
  EXPECT_FALSE(mlc_cpu_has_feature("avx1024"));
  EXPECT_FALSE(mlc_cpu_has_feature(nullptr));
}

TEST_F(MisuseTest, WrapperRefuses) {
  EXPECT_THROW(module.inputs(9), std::out_of_range);
  EXPECT_THROW(module.outputs(0, 9), std::out_of_range);
  EXPECT_THROW(module.outputs(1, 9), std::out_of_range); // has no outputs
  // What is const is not written.
  const std::vector<float> constant(1);
  static_assert(std::is_same_v<decltype(mlc::view(constant, {1})), mlc::ConstView>);
  static_assert(std::is_same_v<decltype(mlc::view(constant.data(), {1})), mlc::ConstView>);
  static_assert(!std::is_convertible_v<mlc::ConstView, mlc::View>);
  static_assert(std::is_convertible_v<mlc::View, mlc::ConstView>);
  const int64_t dims[] = {8};
  mlc::Buffer half(mlc::Spec(mlc_tensor_spec{"h", MLC_F16, 1, dims}));
  EXPECT_EQ(half.as<uint16_t>(MLC_F16), half.data());
  EXPECT_THROW(half.as<uint16_t>(), std::invalid_argument);
  EXPECT_THROW(half.as<float>(MLC_F16), std::invalid_argument);
}

TEST_F(MisuseTest, WrapperLoadsFromMemory) {
  const std::string bytes = readFile(examplePath());
  const std::unique_ptr<char, decltype(&free)> memory(
      static_cast<char *>(aligned_alloc(64, (bytes.size() + 63) / 64 * 64)), free);
  memcpy(memory.get(), bytes.data(), bytes.size());
  mlc::Module loaded(memory.get(), bytes.size());
  mlc::Session session(loaded, 1);
  EXPECT_EQ(runMain(session, xView.tensor(), yView.tensor()), MLC_OK);
}

} // namespace
