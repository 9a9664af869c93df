// Dimensions that a run may be smaller in: which bucket it takes, what is filled up and cut, and what modules may say.
#include "mlc/runtime.hpp"
#include "runtime/core/Format.h"
#include "test/unit/runtime/TestModules.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

namespace mlc::test {
namespace {

using codegen::ProgramDesc;

mlc::Module load(const ProgramDesc &program) { return mlc::Module(writeExample(program, "padding.mlc")); }

// r: f32[3x4] and s: f32[3x4], a copy of it; `r` may be smaller, `s` is as large as said.
ProgramDesc copyProgram(bool isCut) {
  ProgramDesc program = exampleProgram();
  codegen::BucketDesc &rows = program.entryPoints[2].buckets[0];
  rows.inputs[0].padded = {"a", "b"};
  if (isCut)
    rows.outputs[0].padded = {"a", "b"};
  return program;
}

std::vector<float> run(mlc::Session &session, const mlc::Module &module, const std::vector<float> &x) {
  const std::vector<int64_t> ids{0, 15, 7, 1};
  auto outputs = session.run(module, "main", {{"x", mlc::view(x, {int64_t(x.size())})}, {"ids", mlc::view(ids, {4})}});
  const float *y = outputs[0].as<float>();
  return {y, y + outputs[0].spec().elements()};
}

// y = x + i, at every size in both buckets, whatever their order.
TEST(Padding, SmallestThatFits) {
  for (bool isReversed : {false, true}) {
    ProgramDesc program = paddedProgram();
    if (isReversed)
      std::swap(program.entryPoints[0].buckets[0], program.entryPoints[0].buckets[1]);
    mlc::Module module = load(program);
    mlc::Session session(module, 2);
    for (size_t n = 1; n <= 16; ++n) {
      const std::vector<float> x(n, 3);
      std::vector<float> expected(n);
      std::iota(expected.begin(), expected.end(), 3.f);
      EXPECT_EQ(run(session, module, x), expected);
      const int64_t shape = int64_t(n), four = 4;
      const int64_t ids[4] = {};
      size_t bucket = module.findBucket(0, {{const_cast<float *>(x.data()), MLC_F32, 1, &shape, nullptr},
                                            {const_cast<int64_t *>(ids), MLC_I64, 1, &four, nullptr}});
      EXPECT_EQ(bucket, (n <= 8) == isReversed ? 1u : 0u);
    }
  }
}

// The bucket's memory holds what a run before left there.
TEST(Padding, ZerosFillUp) {
  mlc::Module module = load(copyProgram(/*isCut=*/false));
  mlc::Session session(module, 1);
  for (int64_t rows : {3, 1, 2, 3})
    for (int64_t columns : {4, 1, 3, 2}) {
      std::vector<float> r(size_t(rows * columns)), s(12, -1);
      std::iota(r.begin(), r.end(), 1.f);
      mlc::ConstView in = mlc::view(r, {rows, columns}), out = mlc::view(s, {3, 4});
      session.run(2, {in.tensor()}, {out.tensor()});
      for (int64_t i = 0; i < 12; ++i) {
        const int64_t row = i / 4, column = i % 4;
        const bool isGiven = row < rows && column < columns;
        EXPECT_EQ(s[size_t(i)], isGiven ? float(row * columns + column + 1) : 0) << rows << "x" << columns << " " << i;
      }
    }
}

TEST(Padding, Strides) {
  mlc::Module module = load(copyProgram(/*isCut=*/true));
  mlc::Session session(module, 1);
  std::vector<float> r(40), s(40, -1);
  std::iota(r.begin(), r.end(), 0.f);
  // Columns of the input, a row of which is used twice; rows of the output from the last one on.
  for (std::vector<int64_t> strides : {std::vector<int64_t>{1, 5}, {0, 2}, {-1, 3}}) {
    mlc::ConstView in(r.data() + 10, MLC_F32, {2, 3}, strides), out(s.data() + 20, MLC_F32, {2, 3}, {-10, 2});
    session.run(2, {in.tensor()}, {out.tensor()});
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t j = 0; j < 3; ++j)
        EXPECT_EQ(s[size_t(20 - 10 * i + 2 * j)], r[size_t(10 + strides[0] * i + strides[1] * j)]);
  }
  EXPECT_EQ(std::count(s.begin(), s.end(), -1.f), 34);
  // An output that is not wanted.
  mlc::ConstView in = mlc::view(r.data(), {2, 3});
  session.run(2, {in.tensor()}, {mlc_tensor{}});
}

TEST(Padding, Shapes) {
  mlc::Module module = load(copyProgram(/*isCut=*/true));
  EXPECT_EQ(module.paddedDim(2, 0, 0, 0), "a");
  EXPECT_EQ(module.paddedDim(2, 0, 0, 1), "b");
  EXPECT_EQ(module.paddedDim(2, 0, 0, 2), "");
  EXPECT_EQ(module.paddedDim(2, 0, 1, 0), "");
  EXPECT_EQ(module.paddedDim(2, 9, 0, 0), "");
  EXPECT_EQ(module.paddedDim(9, 0, 0, 0), "");
  EXPECT_EQ(module.paddedDim(0, 0, 0, 0), "");
  std::vector<float> r(6);
  mlc::ConstView in = mlc::view(r, {2, 3});
  EXPECT_EQ(module.outputs(2, 0, {in.tensor()})[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(module.outputs(2, 0)[0].shape, (std::vector<int64_t>{3, 4}));
  std::vector<int64_t> shape(2);
  mlc_tensor tensor = in.tensor();
  EXPECT_EQ(mlc_module_output_shape(module.get(), 2, 0, 0, &tensor, 1, nullptr), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(mlc_module_output_shape(module.get(), 2, 0, 0, nullptr, 1, shape.data()), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(mlc_module_output_shape(module.get(), 2, 0, 0, &tensor, 0, shape.data()), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(mlc_module_output_shape(module.get(), 2, 0, 1, &tensor, 1, shape.data()), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(mlc_module_output_shape(module.get(), 2, 1, 0, &tensor, 1, shape.data()), MLC_INVALID_ARGUMENT);
  EXPECT_EQ(mlc_module_output_shape(nullptr, 2, 0, 0, &tensor, 1, shape.data()), MLC_INVALID_ARGUMENT);
}

void expectError(const std::function<void()> &body, const std::string &message) {
  try {
    body();
    ADD_FAILURE() << "no error, expected: " << message;
  } catch (const mlc::RuntimeError &error) {
    EXPECT_EQ(error.status(), MLC_INVALID_ARGUMENT);
    EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
  }
}

TEST(Padding, Refusals) {
  mlc::Module module = load(paddedProgram());
  mlc::Session session(module, 1);
  const std::string buckets = "It was compiled for:\n  x: f32[n<=8], ids: i64[4]\n  x: f32[n<=16], ids: i64[4]\n"
                              "Give inputs of these shapes and types, with one size from 1 on wherever a dimension has "
                              "a name, or compile for yours with --shape";
  for (size_t n : {0, 17, 1000})
    expectError([&] { run(session, module, std::vector<float>(n)); },
                "entry point 'main' was not compiled for inputs x: f32[" + std::to_string(n) + "], ids: i64[4]. " +
                    buckets);
  // Outputs have the sizes of the run, not those of the bucket.
  std::vector<float> x(5), y(8), z(4);
  std::vector<int64_t> ids(4);
  mlc::ConstView in[] = {mlc::view(x, {5}), mlc::view(ids, {4})}, out[] = {mlc::view(y, {8}), mlc::view(z, {4})};
  expectError([&] { session.run(0, {in[0].tensor(), in[1].tensor()}, {out[0].tensor(), out[1].tensor()}); },
              "output 'y' of entry point 'main' is f32[5], but f32[8] was given to fill");
  expectError([&] { (void)module.outputs(0, 0, {in[1].tensor(), in[1].tensor()}); },
              "bucket 0 of entry point 'main' is not for these inputs, but for x: f32[n<=8], ids: i64[4]");
  mlc_tensor garbage{x.data(), MLC_F32, std::numeric_limits<int32_t>::max(), reinterpret_cast<const int64_t *>(8),
                     nullptr};
  expectError([&] { (void)module.findBucket(0, {garbage, in[1].tensor()}); }, "input 'x' has rank 2147483647");
}

// A dimension that stands in two inputs has one size.
TEST(Padding, OneSizeForOneName) {
  ProgramDesc program = paddedProgram();
  for (codegen::BucketDesc &bucket : program.entryPoints[0].buckets) {
    bucket.inputs.push_back({"mask", codegen::DType::i8, bucket.inputs[0].shape});
    bucket.inputs.back().padded = {"n"};
  }
  mlc::Module module = load(program);
  const std::vector<float> x(16);
  const std::vector<int64_t> ids(4);
  const std::vector<int8_t> mask(16);
  auto find = [&](int64_t n, int64_t m) {
    mlc::ConstView in[] = {mlc::view(x.data(), {n}), mlc::view(ids, {4}), mlc::view(mask.data(), {m})};
    return module.findBucket(0, {in[0].tensor(), in[1].tensor(), in[2].tensor()});
  };
  EXPECT_EQ(find(3, 3), 0u);
  EXPECT_EQ(find(9, 9), 1u);
  expectError([&] { find(3, 4); }, "x: f32[3], ids: i64[4], mask: i8[4]");
  expectError([&] { find(9, 3); }, "x: f32[9], ids: i64[4], mask: i8[3]");
}

// With a capacity as well: of the shapes that fit the smallest, and of its buckets the one with the least room.
TEST(Padding, Capacities) {
  ProgramDesc program = paddedProgram();
  auto &buckets = program.entryPoints[0].buckets;
  buckets = {buckets[1], buckets[1], buckets[0], buckets[0]};
  for (size_t i = 0; i < 4; ++i)
    buckets[i].inputs[1].capacity = i % 2 ? 1 : 3;
  mlc::Module module = load(program);
  const std::vector<float> x(16);
  auto find = [&](int64_t n, std::vector<int64_t> ids) {
    mlc::ConstView in[] = {mlc::view(x.data(), {n}), mlc::view(ids, {4})};
    return module.findBucket(0, {in[0].tensor(), in[1].tensor()});
  };
  EXPECT_EQ(find(5, {1, 0, 0, 0}), 3u);
  EXPECT_EQ(find(5, {1, 0, 1, 0}), 2u);
  EXPECT_EQ(find(16, {1, 0, 0, 0}), 1u);
  EXPECT_EQ(find(9, {1, 1, 1, 0}), 0u);
  expectError([&] { find(9, {1, 1, 1, 1}); }, "x: f32[9], ids: i64[4] (4 that are not 0)");
}

void expectInvalid(const std::function<void(codegen::BucketDesc &)> &damage, const std::string &message) {
  ProgramDesc program = paddedProgram();
  damage(program.entryPoints[0].buckets[0]);
  mlc_module *module;
  ASSERT_EQ(mlc_module_load(writeExample(program, "broken.mlc").c_str(), &module), MLC_INVALID_MODULE) << message;
  EXPECT_NE(std::string(mlc_last_error()).find("entry point 'main', " + message), std::string::npos)
      << mlc_last_error();
}

TEST(Padding, DamagedModules) {
  using Bucket = codegen::BucketDesc;
  expectInvalid([](Bucket &b) { b.inputs[0].padded = {"n", "n"}; },
                "input 'x' has 1 dimensions, of which 2 are said to be padded or not");
  expectInvalid([](Bucket &b) { b.outputs[0].padded = {"", "n"}; },
                "output 'y' has 1 dimensions, of which 2 are said to be padded or not");
  expectInvalid([](Bucket &b) { b.outputs[0].padded = {"m"}; }, "output 'y' is padded in 'm', which no input is");
  expectInvalid([](Bucket &b) { b.inputs[0].padded.clear(); }, "output 'y' is padded in 'n', which no input is");
  expectInvalid([](Bucket &b) { b.inputs[1].padded = {"n"}; },
                "input 'ids' is padded in 'n', which has size 4 there, but 8 in input 'x'");
  expectInvalid([](Bucket &b) { b.outputs[1].padded = {"n"}; },
                "output 'z' is padded in 'n', which has size 4 there, but 8 in input 'x'");
  expectInvalid([](Bucket &b) { b.inputs[0].shape = {0}; }, "input 'x' is padded in 'n', which has size 0");
  expectInvalid([](Bucket &b) { b.inputs[0].shape = {-8}; }, "input 'x' has an impossible shape or type");
  expectInvalid([](Bucket &b) { b.inputs[0].shape = {std::numeric_limits<int64_t>::max()}; },
                "input 'x' has an impossible shape or type");
  expectInvalid([](Bucket &b) { b.tiedResults = {{0, 1}}; }, "output 'y' is padded, but kept in a variable");
  expectInvalid(
      [](Bucket &b) {
        b.inputs[0].shape.assign(format::maxPaddedDims + 1, 1);
        b.inputs[0].padded.clear();
        for (char name = 'a'; b.inputs[0].padded.size() <= format::maxPaddedDims; ++name)
          b.inputs[0].padded.emplace_back(1, name);
      },
      "input 'x' is padded in 'q', but there are 16 such dimensions already");
}

} // namespace
} // namespace mlc::test
