// The interpreter: params, fused regions, f64, lifetimes, errors; attributes to tensors and back.
#include "dialects/mlc/ConstantTensor.h"
#include "test/unit/reference/Evaluate.h"

#include "llvm/Support/FileSystem.h"
#include <fstream>

namespace mlc::reference {
namespace {

constexpr const char *kFusedModule = R"(
mlc.param @w : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
mlc.param_pack @packed : tensor<1x2x4xf32> {
  %0 = mlc.load_param @w : tensor<2x2xf32>
  %1 = mlc.pack %0 {lanes = 4 : i64} : (tensor<2x2xf32>) -> tensor<1x2x4xf32>
  mlc.yield %1 : tensor<1x2x4xf32>
}
func.func @main(%x: tensor<1x2xf32> {mlc.name = "x"}) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %w = mlc.load_param @packed : tensor<1x2x4xf32>
  %bias = mlc.constant dense<0.5> : tensor<2xf32>
  %r = mlc.fused contraction (%a = %x, %b = %w, %c = %bias)
      : (tensor<1x2xf32>, tensor<1x2x4xf32>, tensor<2xf32>) -> tensor<1x2xf32> {
    %0 = mlc.packed_matmul %a, %b {n = 2 : i64} : (tensor<1x2xf32>, tensor<1x2x4xf32>) -> tensor<1x2xf32>
    %1 = mlc.add %0, %c : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
    mlc.yield %1 : tensor<1x2xf32>
  }
  func.return %r, %x : tensor<1x2xf32>, tensor<1x2xf32>
})";

TEST_F(Reference, ParamsPacksConstantsAndFusedRegions) {
  InterpretOptions options;
  std::vector<std::string> ops;
  options.onResults = [&](mlir::Operation *op, llvm::ArrayRef<HostTensor> results) {
    EXPECT_EQ(results.size(), op->getNumResults());
    ops.push_back(op->getName().getStringRef().str());
  };
  auto results = runModule(kFusedModule, {f32({1, 2}, {10, 1})}, options);
  ASSERT_TRUE(results.ok()) << results.message();
  ASSERT_EQ(results->size(), 2u);
  expectValues((*results)[0], {1, 2}, {13.5, 24.5});
  expectValues((*results)[1], {1, 2}, {10, 1});
  EXPECT_EQ(ops, (std::vector<std::string>{"mlc.load_param", "mlc.pack", "mlc.load_param", "mlc.constant",
                                           "mlc.packed_matmul", "mlc.add", "mlc.fused"}));
}

TEST_F(Reference, InF64NothingRounds) {
  InterpretOptions options;
  options.inF64 = true;
  const char *type = "(tensor<1xf32>) -> tensor<1xf32>";
  std::string module = "func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {\n"
                       "  %t = mlc.constant dense<1.0> : tensor<1xf32>\n"
                       "  %s = mlc.add %x, %t : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>\n"
                       "  %r = mlc.sub %s, %t : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>\n"
                       "  func.return %r : tensor<1xf32>\n}";
  auto rounded = runModule(module, {f32({1}, {0x1p-30f})});
  ASSERT_TRUE(rounded.ok()) << rounded.message();
  EXPECT_EQ(rounded->front().dtype(), DType::F32);
  EXPECT_EQ(rounded->front().floatAt(0), 0);
  auto exact = runModule(module, {f32({1}, {0x1p-30f})}, options);
  ASSERT_TRUE(exact.ok()) << exact.message();
  EXPECT_EQ(exact->front().dtype(), DType::F64);
  EXPECT_EQ(exact->front().floatAt(0), 0x1p-30);
  // f64 inputs are taken as they are; without inF64 they are refused.
  expectValues(run("mlc.neg %0 : (tensor<1xf32>) -> tensor<1xf32>", type, {f64({1}, {0.1})}, options), {1}, {-0.1});
  EXPECT_FALSE(run("mlc.neg %0 : (tensor<1xf32>) -> tensor<1xf32>", type, {f64({1}, {0.1})}).ok());
}

TEST_F(Reference, AnF64ProgramStillCastsToF32) {
  auto result =
      run("mlc.cast %0 to f32 : tensor<1xf64> -> tensor<1xf32>", "(tensor<1xf64>) -> tensor<1xf32>", {f64({1}, {0.1})});
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->dtype(), DType::F32);
  EXPECT_EQ(result->at<float>(0), 0.1f);
}

TEST_F(Reference, InputErrorsNameTheInput) {
  auto wrongShape = runModule(kFusedModule, {f32({2}, {1, 2})});
  ASSERT_FALSE(wrongShape.ok());
  EXPECT_NE(wrongShape.message().find("input 'x' is f32[2], expected f32[1,2]"), std::string::npos)
      << wrongShape.message();
  auto tooFew = runModule(kFusedModule);
  ASSERT_FALSE(tooFew.ok());
  EXPECT_NE(tooFew.message().find("takes 1 inputs, 0 are given"), std::string::npos) << tooFew.message();
  auto noTensor = runModule("func.func @main(%x: i32) -> i32 {\n  func.return %x : i32\n}", {f32({}, {1})});
  ASSERT_FALSE(noTensor.ok());
  EXPECT_NE(noTensor.message().find("argument 0 is no tensor of a static shape"), std::string::npos)
      << noTensor.message();
}

TEST_F(Reference, OpsWithoutAModelAreNamed) {
  auto result = runModule("func.func private @main() -> tensor<1xf32> {\n"
                          "  %r = func.call @main() : () -> tensor<1xf32> loc(\"model\":7:3)\n"
                          "  func.return %r : tensor<1xf32>\n}");
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.message().find("func.call at model:7:3: "), std::string::npos) << result.message();
}

TEST_F(Reference, StoredTensorsOfFilesAndSeeds) {
  llvm::SmallString<64> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("weights", "bin", path));
  float stored[] = {1.5f, -2.5f};
  std::ofstream(path.c_str(), std::ios::binary).write("head", 4).write(reinterpret_cast<char *>(stored), 8);
  auto module = parse("mlc.param @file : tensor<2xf32> = #mlc.file<\"" + std::string(path) + "\", 4>\n" +
                      "mlc.param @short : tensor<3xf32> = #mlc.file<\"" + std::string(path) + "\", 4>\n" +
                      "mlc.param @ones : tensor<3xf32> = #mlc.seeded<7, ones, 0.0 : f64, 0.0 : f64>\n"
                      "mlc.param @draw : tensor<1000xf32> = #mlc.seeded<7, uniform, 2.0 : f64, 3.0 : f64>\n"
                      "mlc.variable @step : tensor<i64> = dense<5> : tensor<i64> {role = \"optimizer_state\"}\n"
                      "mlc.param @mask : tensor<4xi1> = dense<[true, false, false, true]> : tensor<4xi1>\n");
  ParamStore params;
  auto evaluate = [&](const char *name) { return evaluateParam(module->lookupSymbol(name), params); };
  expectValues(evaluate("file"), {2}, {1.5, -2.5});
  expectValues(evaluate("ones"), {3}, {1, 1, 1});
  expectValues(evaluate("step"), {}, {5});
  expectValues(evaluate("mask"), {4}, {1, 0, 0, 1});
  Result<HostTensor> drawn = evaluate("draw");
  ASSERT_TRUE(drawn.ok()) << drawn.message();
  double mean = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    EXPECT_GE(drawn->floatAt(i), 2);
    EXPECT_LE(drawn->floatAt(i), 3);
    mean += drawn->floatAt(i) / 1000;
  }
  EXPECT_NEAR(mean, 2.5, 0.05);
  Result<HostTensor> tooShort = evaluate("short");
  ASSERT_FALSE(tooShort.ok());
  EXPECT_NE(tooShort.message().find("'short': "), std::string::npos) << tooShort.message();
  llvm::sys::fs::remove(path);
}

TEST_F(Reference, AttributesRoundTrip) {
  for (const HostTensor &tensor : {f32({2}, {1, -2}), i64({2, 1}, {1, -2}), i1({10}, {1, 0, 0, 1, 1, 0, 1, 0, 1, 1}),
                                   i1({3}, {1, 1, 1}), f32({0}, {}), f64({}, {0.1})}) {
    mlir::DenseElementsAttr attribute = toDenseElements(&context, tensor);
    Result<HostTensor> back = toHostTensor(attribute);
    ASSERT_TRUE(back.ok()) << back.message();
    EXPECT_EQ(back->dtype(), tensor.dtype());
    EXPECT_EQ(back->shape(), tensor.shape());
    EXPECT_EQ(0, std::memcmp(back->bytes(), tensor.bytes(), tensor.sizeBytes()));
  }
}

} // namespace
} // namespace mlc::reference
