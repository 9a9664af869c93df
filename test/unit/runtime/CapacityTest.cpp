// Buckets of the same shapes for masks of more or fewer elements that are not 0: which one a run takes.
#include "mlc/runtime.hpp"
#include "test/unit/runtime/TestModules.h"

#include <gtest/gtest.h>
#include <limits>

namespace mlc::test {
namespace {

// The entry point `main` for x: f32[8] and a mask ids: i64[4], once for each capacity; 0 is none.
codegen::ProgramDesc withCapacities(const std::vector<uint64_t> &capacities,
                                    codegen::DType dtype = codegen::DType::i64) {
  codegen::ProgramDesc program = exampleProgram();
  codegen::EntryPointDesc &main = program.entryPoints[0];
  const codegen::BucketDesc bucket = main.buckets[0];
  main.buckets.clear();
  for (uint64_t capacity : capacities) {
    main.buckets.push_back(bucket);
    main.buckets.back().inputs[1].dtype = dtype;
    main.buckets.back().inputs[1].capacity = capacity;
  }
  if (dtype != codegen::DType::i64) // its kernels read 32 bytes
    for (codegen::BucketDesc &each : main.buckets)
      each.stages.clear();
  return program;
}

mlc::Module load(const codegen::ProgramDesc &program) { return mlc::Module(writeExample(program, "capacity.mlc")); }

// The bucket that a run with this mask takes.
template <typename T> size_t bucketFor(const mlc::Module &module, const std::vector<T> &mask, mlc_dtype dtype) {
  const std::vector<float> x(8);
  const int64_t xShape = 8, maskShape = 4;
  std::vector<mlc_tensor> inputs{{const_cast<float *>(x.data()), MLC_F32, 1, &xShape, nullptr},
                                 {const_cast<T *>(mask.data()), dtype, 1, &maskShape, nullptr}};
  return module.findBucket(0, inputs);
}

TEST(Capacity, SmallestThatFits) {
  mlc::Module module = load(withCapacities({3, 1, 2, 4}));
  auto bucket = [&](std::vector<int64_t> mask) { return bucketFor(module, mask, MLC_I64); };
  EXPECT_EQ(bucket({0, 0, 0, 0}), 1u);
  EXPECT_EQ(bucket({0, 0, 0, -7}), 1u);
  EXPECT_EQ(bucket({1, 0, 0, 1}), 2u);
  EXPECT_EQ(bucket({1, 1, int64_t(1) << 40, 0}), 0u);
  EXPECT_EQ(bucket({1, 1, 1, 1}), 3u);
}

TEST(Capacity, OneWithoutComesLast) {
  mlc::Module module = load(withCapacities({0, 2}));
  EXPECT_EQ(bucketFor<int64_t>(module, {1, 1, 0, 0}, MLC_I64), 1u);
  EXPECT_EQ(bucketFor<int64_t>(module, {1, 1, 1, 0}, MLC_I64), 0u);
}

template <typename T> void checkType(codegen::DType dtype, mlc_dtype runtimeType, T zero, T one, T other) {
  SCOPED_TRACE(mlc_dtype_name(runtimeType));
  mlc::Module module = load(withCapacities({1, 2, 3, 4}, dtype));
  EXPECT_EQ(bucketFor<T>(module, {zero, one, zero, zero}, runtimeType), 0u);
  EXPECT_EQ(bucketFor<T>(module, {zero, one, other, one}, runtimeType), 2u);
}

TEST(Capacity, MasksOfEveryType) {
  using codegen::DType;
  checkType<uint8_t>(DType::i1, MLC_I1, 0, 1, 1);
  checkType<int8_t>(DType::i8, MLC_I8, 0, 1, -128);
  checkType<uint16_t>(DType::u16, MLC_U16, 0, 1, 0x8000);
  checkType<int32_t>(DType::i32, MLC_I32, 0, 1, INT32_MIN);
  // -0 is 0, a NaN is not.
  checkType<float>(DType::f32, MLC_F32, -0.f, 1, std::numeric_limits<float>::quiet_NaN());
  checkType<double>(DType::f64, MLC_F64, -0., 1e-310, std::numeric_limits<double>::infinity());
  checkType<uint16_t>(DType::f16, MLC_F16, 0x8000, 0x3c00, 0xfe00);
  checkType<uint16_t>(DType::bf16, MLC_BF16, 0x8000, 0x3f80, 1);
}

TEST(Capacity, MasksWithStrides) {
  mlc::Module module = load(withCapacities({1, 2, 3, 4}));
  mlc::Session session(module, 1);
  const std::vector<int64_t> spread{1, 9, 0, 9, 3, 9, 0, 9};
  std::vector<float> x(8), y(8), z(4);
  const int64_t eight = 8, four = 4, two = 2, zero = 0;
  mlc_tensor inputs[] = {{x.data(), MLC_F32, 1, &eight, nullptr},
                         {const_cast<int64_t *>(spread.data()), MLC_I64, 1, &four, &two}};
  EXPECT_EQ(module.findBucket(0, {inputs[0], inputs[1]}), 1u);
  inputs[1].strides = &zero;
  EXPECT_EQ(module.findBucket(0, {inputs[0], inputs[1]}), 3u);
}

TEST(Capacity, NoneThatFits) {
  mlc::Module module = load(withCapacities({1, 2}));
  try {
    bucketFor<int64_t>(module, {1, 1, 0, 1}, MLC_I64);
    ADD_FAILURE() << "no error";
  } catch (const mlc::RuntimeError &error) {
    EXPECT_EQ(error.status(), MLC_INVALID_ARGUMENT);
    EXPECT_EQ(
        std::string(error.what()),
        "entry point 'main' was not compiled for inputs x: f32[8], ids: i64[4] (3 that are not 0). It was compiled "
        "for:\n  x: f32[8], ids: i64[4] (at most 1 that are not 0)\n  x: f32[8], ids: i64[4] (at most 2 that are "
        "not 0)\nGive fewer tokens, or compile for as many with --unpad");
  }
}

// The data of a mask is read to find the bucket: it is checked before.
TEST(Capacity, MaskWithoutData) {
  mlc::Module module = load(withCapacities({1, 2}));
  const int64_t eight = 8, four = 4;
  float x[8] = {};
  std::vector<mlc_tensor> inputs{{x, MLC_F32, 1, &eight, nullptr}, {nullptr, MLC_I64, 1, &four, nullptr}};
  size_t bucket;
  EXPECT_THROW(bucket = module.findBucket(0, inputs), mlc::RuntimeError);
  alignas(8) char bytes[40] = {};
  inputs[1].data = bytes + 1;
  EXPECT_THROW(bucket = module.findBucket(0, inputs), mlc::RuntimeError);
  (void)bucket;
}

TEST(Capacity, RunsInItsBucket) {
  mlc::Module module = load(withCapacities({1, 2, 4}));
  mlc::Session session(module, 2);
  const std::vector<float> x(8, 1);
  for (int64_t ones : {0, 1, 2, 3, 4}) {
    std::vector<int64_t> ids(4, 0);
    std::fill_n(ids.begin(), ones, 1);
    auto outputs = session.run(module, "main", {{"ids", mlc::view(ids, {4})}, {"x", mlc::view(x, {8})}});
    for (int64_t i = 0; i < 8; ++i)
      EXPECT_EQ(outputs[0].as<float>()[i], 1 + float(i));
  }
}

void expectInvalid(const codegen::ProgramDesc &program, const std::string &message) {
  mlc_module *module;
  ASSERT_EQ(mlc_module_load(writeExample(program, "broken.mlc").c_str(), &module), MLC_INVALID_MODULE);
  EXPECT_NE(std::string(mlc_last_error()).find(message), std::string::npos) << mlc_last_error();
}

TEST(Capacity, BeyondTheInput) {
  expectInvalid(withCapacities({5}), "input 'ids' has room for 5 elements that are not 0");
  expectInvalid(withCapacities({~uint64_t(0)}), "has room for 18446744073709551615 elements that are not 0");
  codegen::ProgramDesc program = exampleProgram();
  program.entryPoints[0].buckets[0].outputs[0].capacity = 1;
  expectInvalid(program, "output 'y' has room for 1 elements that are not 0");
}

} // namespace
} // namespace mlc::test
