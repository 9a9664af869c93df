// Counting, packing and unpacking of tokens: every type of mask and of rows, stretched operands, empty sequences, and
// masks and offsets that do not fit.
#include "codegen/loops/LoopEmitter.h"
#include "test/unit/codegen/Harness.h"

namespace mlc::codegen {
namespace {

using namespace test;

// The masks [sequences, length] of the tests: random, all, none, and one token.
std::vector<HostTensor> masksOf(const std::string &element, int64_t sequences, int64_t length) {
  std::string text = "func.func @k(%m: tensor<" + std::to_string(sequences) + "x" + std::to_string(length) + "x" +
                     element + ">) -> tensor<" + std::to_string(sequences + 1) + "xi32> { %r = mlc.cu_seqlens %m " +
                     "{capacity = 99 : i64} : (tensor<" + std::to_string(sequences) + "x" + std::to_string(length) +
                     "x" + element + ">) -> tensor<" + std::to_string(sequences + 1) + "xi32> return %r : tensor<" +
                     std::to_string(sequences + 1) + "xi32> }";
  Kernel kernel(text);
  std::vector<HostTensor> masks;
  for (uint64_t seed : {1, 2})
    masks.push_back(randomInputs(kernel.function, seed)[0]);
  masks.emplace_back(masks[0].dtype(), masks[0].shape()); // no token
  return masks;
}

void check(const std::string &text, const std::vector<HostTensor> &inputs) {
  SCOPED_TRACE(text);
  Kernel kernel(text);
  ASSERT_TRUE(kernel.function);
  std::vector<HostTensor> expected = interpret(text, inputs);
  LoadedKernel loaded(*createVarlenEmitter(), kernel.function, targetOf("x86-64-v3"));
  ASSERT_TRUE(loaded.loaded());
  expectClose(loaded.run(inputs)[0], expected[0], 0);
}

std::string tensor(const std::string &shape, const std::string &element) { return "tensor<" + shape + element + ">"; }

std::string unary(const std::string &op, const std::string &x, const std::string &mask, const std::string &offsets,
                  const std::string &attributes, const std::string &result) {
  return "func.func @k(%x: " + x + ", %m: " + mask + ", %c: " + offsets + ") -> " + result + " { %r = mlc." + op +
         " %x, %m, %c " + attributes + ": (" + x + ", " + mask + ", " + offsets + ") -> " + result +
         " return %r : " + result + " }";
}

HostTensor offsetsOf(const HostTensor &mask, int64_t sequences, int64_t length) {
  std::vector<int32_t> offsets{0};
  for (int64_t b = 0; b < sequences; ++b) {
    offsets.push_back(offsets.back());
    for (int64_t s = 0; s < length; ++s)
      offsets.back() += mask.floatAt(b * length + s) != 0;
  }
  return HostTensor::from(DType::I32, {sequences + 1}, offsets);
}

TEST(Varlen, MasksOfEveryType) {
  for (const char *element : {"i1", "i8", "i32", "i64", "f32", "f64", "f16", "bf16"})
    for (const HostTensor &mask : masksOf(element, 3, 7)) {
      std::string m = tensor("3x7x", element);
      check("func.func @k(%m: " + m + ") -> tensor<4xi32> { %r = mlc.cu_seqlens %m {capacity = 21 : i64} : (" + m +
                ") -> tensor<4xi32> return %r : tensor<4xi32> }",
            {mask});
      check(unary("unpad", "tensor<3x7x5xf32>", m, "tensor<4xi32>", "{capacity = 21 : i64} ", "tensor<21x5xf32>"),
            {HostTensor::from(DType::F32, {3, 7, 5}, noise(105, 1)), mask, offsetsOf(mask, 3, 7)});
      check(unary("repad", "tensor<21x5xf32>", m, "tensor<4xi32>", "", "tensor<3x7x5xf32>"),
            {HostTensor::from(DType::F32, {21, 5}, noise(105, 1)), mask, offsetsOf(mask, 3, 7)});
    }
}

TEST(Varlen, OperandsStretch) {
  for (const HostTensor &mask : masksOf("i64", 3, 7))
    for (auto [shape, size] : {std::pair("1x7x5x", 35), std::pair("3x1x5x", 15), std::pair("1x1x5x", 5)}) {
      std::vector<int64_t> dims{shape[0] - '0', shape[2] - '0', 5};
      check(unary("unpad", tensor(shape, "f32"), "tensor<3x7xi64>", "tensor<4xi32>", "{capacity = 21 : i64} ",
                  "tensor<21x5xf32>"),
            {HostTensor::from(DType::F32, dims, noise(size, 1)), mask, offsetsOf(mask, 3, 7)});
    }
}

// The mask itself is packed, too.
TEST(Varlen, RowsAreElements) {
  for (const HostTensor &mask : masksOf("i64", 3, 7))
    check(
        "func.func @k(%m: tensor<3x7xi64>, %c: tensor<4xi32>) -> tensor<21xi64> { %r = mlc.unpad %m, %m, %c {capacity "
        "= "
        "21 : i64} : (tensor<3x7xi64>, tensor<3x7xi64>, tensor<4xi32>) -> tensor<21xi64> return %r : tensor<21xi64> }",
        {mask, offsetsOf(mask, 3, 7)});
}

TEST(Varlen, WrongOffsetsAreReported) {
  auto launch = [](const std::string &text, std::vector<void *> bindings) {
    Kernel kernel(text);
    LoadedKernel loaded(*createVarlenEmitter(), kernel.function, targetOf("x86-64-v3"));
    return loaded.launch(bindings, 0, loaded.tiles());
  };
  int64_t mask[4] = {1, 1, 1, 1};
  int32_t counted[3];
  auto count = [](int capacity) {
    return "func.func @k(%m: tensor<2x2xi64>) -> tensor<3xi32> { %r = mlc.cu_seqlens %m {capacity = " +
           std::to_string(capacity) + " : i64} : (tensor<2x2xi64>) -> tensor<3xi32> return %r : tensor<3xi32> }";
  };
  EXPECT_EQ(launch(count(4), {mask, counted}), MLC_KERNEL_OK);
  EXPECT_EQ(launch(count(3), {mask, counted}), MLC_KERNEL_INDEX_OUT_OF_RANGE);
  std::string unpad = unary("unpad", "tensor<2x2xf32>", "tensor<2x2xi64>", "tensor<3xi32>", "{capacity = 3 : i64} ",
                            "tensor<3xf32>"),
              repad = unary("repad", "tensor<3xf32>", "tensor<2x2xi64>", "tensor<3xi32>", "", "tensor<2x2xf32>");
  for (auto [offsets, code] : {std::pair(std::vector<int32_t>{0, 1, 3}, MLC_KERNEL_OK),
                               {{0, 2, 4}, MLC_KERNEL_INDEX_OUT_OF_RANGE},
                               {{0, 2, 1}, MLC_KERNEL_INDEX_OUT_OF_RANGE},
                               {{1, 2, 3}, MLC_KERNEL_INDEX_OUT_OF_RANGE},
                               {{0, -1, 3}, MLC_KERNEL_INDEX_OUT_OF_RANGE}}) {
    std::vector<int32_t> given = offsets;
    float x[4] = {1, 2, 3, 4}, packed[3] = {5, 6, 7}, out[4];
    EXPECT_EQ(launch(unpad, {x, mask, given.data(), out}), code);
    EXPECT_EQ(launch(repad, {packed, mask, given.data(), out}), code);
  }
}

} // namespace
} // namespace mlc::codegen
