// Entry functions, through the phases schedule, kernels, objects and module, to files that the runtime loads and runs.
#include "codegen/program/WriteProgram.h"
#include "codegen/loops/LoopEmitter.h"
#include "codegen/target/MachineCode.h"
#include "codegen/target/Target.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlc/runtime.hpp"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include <gtest/gtest.h>

namespace mlc::codegen {
namespace {

class WriteProgram : public testing::Test {
protected:
  WriteProgram() {
    mlir::DialectRegistry registry;
    registerLoopEmitter(registry);
    registry.insert<MlcDialect>();
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    llvm::sys::fs::createTemporaryFile("module", "mlc", path);
  }
  ~WriteProgram() override { llvm::sys::fs::remove(path); }

  mlir::LogicalResult compile(const std::string &text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      return mlir::failure();
    EmitterTable emitters;
    emitters.add(createGatherEmitter());
    emitters.add(createLoopEmitter());
    ScheduleOptions scheduleOptions;
    scheduleOptions.emitters = &emitters;
    TargetDesc target = llvm::cantFail(resolveTarget("x86-64-v3"));
    auto schedule = scheduleModule(*module, target, scheduleOptions);
    if (failed(schedule))
      return mlir::failure();
    auto kernels = emitKernels(*schedule, target, {});
    if (failed(kernels))
      return mlir::failure();
    if (llvm::Error error = makeObjects(*kernels, target))
      return module->emitError(llvm::toString(std::move(error)));
    ProgramOptions options;
    options.writeParam = [](mlir::Operation *op, const ByteSink &sink) -> std::string {
      auto param = llvm::dyn_cast<ParamOp>(op);
      auto values = param ? llvm::dyn_cast<mlir::DenseElementsAttr>(param.getSource()) : mlir::DenseElementsAttr();
      if (!values)
        return "not a dense param";
      std::vector<float> data(values.getValues<float>().begin(), values.getValues<float>().end());
      return sink(data.data(), data.size() * sizeof(float)) ? "" : "cannot write";
    };
    return writeProgram({{target, *schedule, *kernels}}, options, std::string(path));
  }

  mlir::MLIRContext context;
  llvm::SmallString<64> path;
};

constexpr const char *kProgram = R"(
mlc.param @w : tensor<2x2xf32> = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
func.func @main(%ids: tensor<3xi64> {mlc.name = "ids"}) -> (tensor<3x2xf32> {mlc.name = "y"}, tensor<6xf32> {mlc.name = "z"})
    attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<2x2xf32>
  %bias = mlc.constant dense<[1.0, -1.0]> : tensor<2xf32>
  %half = mlc.constant dense<0.5> : tensor<f32>
  %rows = mlc.gather %w, %ids {axis = 0 : i64} : (tensor<2x2xf32>, tensor<3xi64>) -> tensor<3x2xf32>
  %0 = mlc.fused contraction (%x = %rows, %k = %w, %b = %bias)
      : (tensor<3x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<3x2xf32> {
    %m = mlc.matmul %x, %k : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
    %s = mlc.add %m, %b : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
    mlc.yield %s : tensor<3x2xf32>
  }
  %1 = mlc.mul %0, %half : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xf32>
  %2 = mlc.mul %1, %half : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xf32>
  %flat = mlc.reshape %2 {shape = array<i64: 6>} : (tensor<3x2xf32>) -> tensor<6xf32>
  return %2, %flat : tensor<3x2xf32>, tensor<6xf32>
})";

TEST_F(WriteProgram, RunsParamsConstantsRegionsAndReturns) {
  ASSERT_TRUE(mlir::succeeded(compile(kProgram)));
  Module module{std::string(path)};
  Session session(module, 2);
  std::vector<int64_t> ids = {1, 0, -1};
  auto results = session.run(module, "infer", {{"ids", view(ids, {3})}});
  const float expected[] = {4, 5.25, 2, 2.25, 4, 5.25}; // ((rows x w) + bias) / 4
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(results[0].as<float>()[i], expected[i]) << i;
    EXPECT_EQ(results[1].as<float>()[i], expected[i]) << i;
  }
}

TEST_F(WriteProgram, IndexOutOfRangeIsAnError) {
  ASSERT_TRUE(mlir::succeeded(compile(kProgram)));
  Module module{std::string(path)};
  Session session(module, 1);
  for (int64_t bad : {int64_t(2), int64_t(-3)}) {
    std::vector<int64_t> ids = {0, bad, 1};
    EXPECT_THROW(session.run(module, "infer", {{"ids", view(ids, {3})}}), RuntimeError) << bad;
  }
}

TEST_F(WriteProgram, WithoutEntryPointFails) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) { message += diagnostic.str(); });
  EXPECT_TRUE(mlir::failed(compile("func.func @f() { return }")));
  EXPECT_EQ(message, "there is no entry point: no func.func carries 'mlc.entry'");
}

TEST_F(WriteProgram, MissingFunctionIsNamed) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) { message += diagnostic.str(); });
  EXPECT_TRUE(mlir::failed(compile(R"(func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {mlc.entry} {
    %0 = mlc.rem %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    return %0 : tensor<4xf32>
  })")));
  EXPECT_NE(message.find("kernel 'k0_rem' needs the symbol 'fmodf'"), std::string::npos) << message;
}

} // namespace
} // namespace mlc::codegen
