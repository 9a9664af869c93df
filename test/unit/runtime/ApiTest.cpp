// Calls of the C and C++ interfaces that make no sense: what each is told.
#include "mlc/runtime.hpp"
#include "test/unit/runtime/TestModules.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlc::test;

namespace {

class ApiTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(mlc_module_load(writeExample(exampleProgram(), "api.mlc").c_str(), &module), MLC_OK) << mlc_last_error();
    ASSERT_EQ(mlc_session_create(module, nullptr, &session), MLC_OK) << mlc_last_error();
  }
  void TearDown() override {
    mlc_session_destroy(session);
    mlc_module_destroy(module);
  }

  static void expectError(mlc_status got, const std::string &message, mlc_status expected = MLC_INVALID_ARGUMENT) {
    EXPECT_EQ(got, expected) << mlc_last_error();
    EXPECT_NE(std::string(mlc_last_error()).find(message), std::string::npos) << mlc_last_error();
  }

  mlc_module *module = nullptr;
  mlc_session *session = nullptr;
  std::vector<float> x = std::vector<float>(8);
  const int64_t eight = 8, four = 4;
  int64_t ids[4] = {};
  mlc_tensor tensorX{x.data(), MLC_F32, 1, &eight, nullptr}, tensorIds{ids, MLC_I64, 1, &four, nullptr};
};

TEST_F(ApiTest, NullPointers) {
  mlc_tensor_spec spec;
  size_t index;
  const void *data;
  const char *name = "x", *none = nullptr;
  // Out-parameters are NULL after a failure.
  mlc_module *noModule = module;
  mlc_session *noSession = session;
  expectError(mlc_module_load(nullptr, &noModule), "`path` is NULL");
  EXPECT_EQ(noModule, nullptr);
  expectError(mlc_module_load("m.mlc", nullptr), "`module` is NULL");
  expectError(mlc_module_load_memory(nullptr, 8, &noModule), "`data` is NULL");
  expectError(mlc_module_verify(nullptr), "`module` is NULL");
  expectError(mlc_module_find_entry(module, nullptr, &index), "`name` is NULL");
  expectError(mlc_module_find_entry(module, "main", nullptr), "`entry` is NULL");
  expectError(mlc_module_input_spec(module, 0, 0, 0, nullptr), "`spec` is NULL");
  expectError(mlc_module_output_spec(nullptr, 0, 0, 0, &spec), "`module` is NULL");
  expectError(mlc_module_variable_spec(module, 0, nullptr), "`spec` is NULL");
  expectError(mlc_module_find_bucket(module, 0, nullptr, 2, &index), "`inputs` is NULL");
  expectError(mlc_module_find_bucket(module, 0, &tensorX, 1, nullptr), "`bucket` is NULL");
  expectError(mlc_module_program(module, &data, nullptr), "`size` is NULL");
  expectError(mlc_session_create(nullptr, nullptr, &noSession), "`module` is NULL");
  EXPECT_EQ(noSession, nullptr);
  expectError(mlc_session_create(module, nullptr, nullptr), "`session` is NULL");
  expectError(mlc_session_run(session, 0, &tensorX, 1, nullptr, 2), "`outputs` is NULL");
  expectError(mlc_session_run_named(session, nullptr, nullptr, nullptr, 0, nullptr, nullptr, 0), "`entry` is NULL");
  expectError(mlc_session_run_named(session, "main", &none, &tensorX, 1, nullptr, nullptr, 0),
              "`input_names[i]` is NULL");
  expectError(mlc_session_run_named(session, "main", &name, &tensorX, 1, nullptr, &tensorX, 1),
              "`output_names` is NULL");
  expectError(mlc_session_get_variable(session, "steps", nullptr), "`destination` is NULL");
  expectError(mlc_session_set_variable(session, "steps", nullptr), "`source` is NULL");
  expectError(mlc_session_set_profile(nullptr, nullptr, nullptr), "`session` is NULL");
}

TEST_F(ApiTest, NumbersThatDoNotExist) {
  mlc_tensor_spec spec;
  expectError(mlc_module_input_spec(module, 9, 0, 0, &spec), "entry point 9 does not exist: '");
  expectError(mlc_module_input_spec(module, 0, 2, 0, &spec), "bucket 2 does not exist: entry point 'main' has 2");
  expectError(mlc_module_input_spec(module, 0, 0, 5, &spec), "input 5 does not exist: there are 2");
  expectError(mlc_module_output_spec(module, 1, 0, 0, &spec), "output 0 does not exist: there are 0");
  expectError(mlc_module_variable_spec(module, 7, &spec), "variable 7 does not exist: there are 2");
  alignas(64) const char memory[128] = {};
  mlc_module *none;
  expectError(mlc_module_load_memory(memory + 8, 64, &none), "a module in memory must be aligned to 64 bytes");
}

TEST_F(ApiTest, Tensors) {
  mlc_tensor wrong = tensorX;
  mlc_tensor inputs[] = {wrong, tensorIds};
  auto run = [&](mlc_tensor first) {
    inputs[0] = first;
    return mlc_session_run(session, 0, inputs, 2, nullptr, 0);
  };
  wrong.dtype = mlc_dtype(99);
  expectError(run(wrong), "input 'x': dtype 99 does not exist");
  wrong = tensorX;
  wrong.shape = nullptr;
  expectError(run(wrong), "input 'x' has rank 1 but no shape");
  wrong = tensorX;
  wrong.data = nullptr;
  expectError(run(wrong), "input 'x' has no data");
  wrong.data = reinterpret_cast<char *>(x.data()) + 1;
  expectError(run(wrong), "input 'x' is not aligned to its elements of 4 bytes");
  expectError(run(tensorX), "entry point 'main' gives 2 outputs, but 0 were given to fill");
  mlc_tensor three[] = {tensorX, tensorIds, wrong};
  expectError(mlc_session_run(session, 0, three, 3, nullptr, 0),
              "entry point 'main' takes 2 inputs (x: f32[8], ids: i64[4]), but 3 were given");
}

TEST_F(ApiTest, NamedOutputs) {
  const char *inputs[] = {"x", "ids"}, *outputs[] = {"y", "y"};
  mlc_tensor given[] = {tensorX, tensorIds}, filled[] = {tensorX, tensorX};
  auto run = [&](size_t count) {
    return mlc_session_run_named(session, "main", inputs, given, 2, outputs, filled, count);
  };
  expectError(run(2), "output 'y' is given twice");
  filled[0].dtype = mlc_dtype(99);
  expectError(run(1), "output 'y': dtype 99 does not exist");
  outputs[0] = "q";
  expectError(run(1), "entry point 'main' has no output 'q'; its outputs are y: f32[8], z: f32[4]");
  // A result that updates a variable is none of the caller's.
  outputs[0] = "steps";
  expectError(mlc_session_run_named(session, "count", nullptr, nullptr, 0, outputs, filled, 1),
              "entry point 'count' has no output 'steps'; its outputs are none");
}

TEST_F(ApiTest, Options) {
  mlc_session_options options{};
  mlc_session *none = nullptr;
  auto create = [&](mlc_module *of) { return mlc_session_create(of, &options, &none); };
  expectError(create(module), "`options->struct_size` is 0; set it to sizeof(mlc_session_options), which is ");
  options.struct_size = sizeof(options);
  mlc_allocator allocator{};
  options.allocator = &allocator;
  expectError(create(module), "the allocator lacks `allocate` or `release`");
  options.allocator = nullptr;
  mlc_host_pool pool{};
  options.pool = &pool;
  expectError(create(module), "the host's pool lacks `parallel`, or has no workers");
  pool.parallel = [](void *, void (*)(void *, uint32_t), void *) {};
  pool.worker_count = 1 << 20;
  expectError(create(module), "`worker_count` is 1048576; at most 65536 are possible");
  pool.worker_count = 1 << 16;
  auto program = exampleProgram();
  program.kernels[2].scratchBytes = uint64_t(1) << 46;
  mlc_module *greedy = nullptr;
  ASSERT_EQ(mlc_module_load(writeExample(program, "greedy.mlc").c_str(), &greedy), MLC_OK) << mlc_last_error();
  expectError(create(greedy), "cannot allocate 4611686018427387904 bytes for scratch memory", MLC_OUT_OF_MEMORY);
  mlc_module_destroy(greedy);
}

TEST_F(ApiTest, StagingThatCannotBeAllocated) {
  bool refuse = false;
  mlc_allocator allocator{&refuse,
                          [](void *context, size_t size, size_t alignment) -> void * {
                            return *static_cast<bool *>(context) ? nullptr
                                                                 : aligned_alloc(alignment, (size + 63) / 64 * 64);
                          },
                          [](void *, void *block, size_t) { free(block); }};
  mlc_session_options options{};
  options.struct_size = sizeof(options);
  options.allocator = &allocator;
  mlc_session *own = nullptr;
  ASSERT_EQ(mlc_session_create(module, &options, &own), MLC_OK) << mlc_last_error();
  refuse = true;
  std::vector<float> wide(16), z(4);
  const int64_t two = 2;
  mlc_tensor strided{wide.data(), MLC_F32, 1, &eight, &two}, tensorZ{z.data(), MLC_F32, 1, &four, nullptr};
  mlc_tensor inputs[] = {strided, tensorIds}, outputs[] = {strided, tensorZ};
  std::vector<float> other(16); // of the output
  outputs[0] = {other.data(), MLC_F32, 1, &eight, nullptr};
  expectError(mlc_session_run(own, 0, inputs, 2, outputs, 2), "cannot allocate 64 bytes for a copy of a strided input",
              MLC_OUT_OF_MEMORY);
  inputs[0] = tensorX;
  outputs[0].strides = &two;
  expectError(mlc_session_run(own, 0, inputs, 2, outputs, 2), "cannot allocate 64 bytes for a copy of a strided output",
              MLC_OUT_OF_MEMORY);
  mlc_session_destroy(own);
}

TEST_F(ApiTest, ProgramsOfOtherCompilers) {
  auto program = exampleProgram();
  program.kernels[1].symbol = "fail_unknown";
  program.variables[1].layout = "[N/16][K][16]";
  mlc::Module other(writeExample(program, "other.mlc"));
  mlc_session *own = nullptr;
  ASSERT_EQ(mlc_session_create(other.get(), nullptr, &own), MLC_OK) << mlc_last_error();
  std::vector<float> y(8), z(4);
  mlc_tensor inputs[] = {tensorX, tensorIds},
             outputs[] = {{y.data(), MLC_F32, 1, &eight, nullptr}, {z.data(), MLC_F32, 1, &four, nullptr}};
  expectError(mlc_session_run(own, 0, inputs, 2, outputs, 2), "(gather) failed: it returned an unknown code",
              MLC_KERNEL_FAILED);
  expectError(mlc_session_get_variable(own, "weights", &tensorX),
              "variable 'weights' is stored packed as [N/16][K][16] and cannot be read or written", MLC_UNSUPPORTED);
  mlc_session_destroy(own);
  program.entryPoints.clear();
  program.variables.clear();
  mlc::Module empty(writeExample(program, "empty.mlc"));
  size_t entry;
  expectError(mlc_module_find_entry(empty.get(), "main", &entry), "empty.mlc' has no entry point 'main'; it has none",
              MLC_NOT_FOUND);
  ASSERT_EQ(mlc_session_create(empty.get(), nullptr, &own), MLC_OK) << mlc_last_error();
  expectError(mlc_session_get_variable(own, "v", &tensorX), "there is no variable 'v'; there are none", MLC_NOT_FOUND);
  mlc_session_destroy(own);
}

template <typename Body> void expectInvalid(Body body, const std::string &message) {
  try {
    body();
    ADD_FAILURE() << "no error, expected: " << message;
  } catch (const std::invalid_argument &error) {
    EXPECT_EQ(error.what(), message);
  }
}

TEST(CppApi, ViewsAndBuffers) {
  std::vector<float> values(6);
  expectInvalid([&] { mlc::view(values.data(), {2, 3}, {3}); }, "a view needs one stride per dimension");
  expectInvalid([&] { mlc::view(values, {2, 4}); }, "the vector has 6 elements, the shape 8");
  const int64_t shape[] = {2};
  mlc::Buffer buffer(mlc::Spec({"y", MLC_F32, 1, shape}));
  expectInvalid([&] { (void)buffer.as<double>(); }, "'y' has elements of f32");
}

} // namespace
