// --per-op-compare finds the kernel that is wrong. An emitter of this test makes wrong ones: it negates a sum.
#include "compiler/PerOpCompare.h"

#include "codegen/loops/LoopEmitter.h"
#include "codegen/program/WriteProgram.h"
#include "codegen/target/MachineCode.h"
#include "codegen/target/Target.h"
#include "compiler/Registration.h"
#include "dialects/mlc/ConstantTensor.h"
#include "reference/Interpreter.h"
#include "support/RandomTensor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

namespace mlc {
namespace {

// Subtracts where kernels named `victim` add.
class WrongEmitter : public codegen::Emitter {
public:
  explicit WrongEmitter(std::string victim) : victim(std::move(victim)) {}
  llvm::StringRef name() const override { return "wrong"; }
  bool accepts(mlir::func::FuncOp kernel, const codegen::TargetDesc &) const override {
    return !victim.empty() && kernel.getSymName().contains(victim);
  }
  mlir::FailureOr<codegen::EmittedKernel> emit(mlir::func::FuncOp kernel, const codegen::TargetDesc &target,
                                               llvm::LLVMContext &context) const override {
    kernel.walk([](mlir::arith::AddFOp add) {
      mlir::OpBuilder b(add);
      add.replaceAllUsesWith(mlir::arith::SubFOp::create(b, add.getLoc(), add.getLhs(), add.getRhs()).getResult());
      add.erase();
    });
    auto emitted = codegen::createLoopEmitter()->emit(kernel, target, context);
    if (succeeded(emitted))
      emitted->emitter = "wrong";
    return emitted;
  }

private:
  std::string victim;
};

class PerOpCompare : public testing::Test {
protected:
  PerOpCompare() {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  // Compares the only function of `text`, compiled with wrong kernels for `victim`; keeps what is printed and said.
  bool compare(const std::string &text, const std::string &victim) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    auto entry = *module->getOps<mlir::func::FuncOp>().begin();
    std::vector<HostTensor> inputs;
    for (mlir::Type type : entry.getArgumentTypes())
      inputs.push_back(randomTensor(dtypeOf(type), shapeOf(type), inputs.size() + 1, /*bound=*/5));
    auto compile = [&](mlir::OwningOpRef<mlir::ModuleOp> probes, const std::string &path) -> mlir::LogicalResult {
      codegen::EmitterTable emitters;
      emitters.add(std::make_unique<WrongEmitter>(victim));
      emitters.add(codegen::createGatherEmitter());
      emitters.add(codegen::createLoopEmitter());
      codegen::ScheduleOptions scheduleOptions;
      scheduleOptions.emitters = &emitters;
      codegen::TargetDesc target = llvm::cantFail(codegen::resolveTarget("x86-64-v3"));
      auto schedule = codegen::scheduleModule(*probes, target, scheduleOptions);
      if (failed(schedule))
        return mlir::failure();
      auto kernels = codegen::emitKernels(*schedule, target, {});
      if (failed(kernels))
        return mlir::failure();
      ParamStore store;
      codegen::ProgramOptions options;
      options.writeParam = [&](mlir::Operation *param, const codegen::ByteSink &sink) -> std::string {
        Result<HostTensor> tensor = reference::evaluateParam(param, store);
        return tensor.ok() && sink(tensor->bytes(), tensor->sizeBytes()) ? "" : "cannot write";
      };
      llvm::cantFail(codegen::makeObjects(*kernels, target));
      return codegen::writeProgram({{target, *schedule, *kernels}}, options, path);
    };
    mlir::ScopedDiagnosticHandler handler(&context,
                                          [&](mlir::Diagnostic &diagnostic) { message += diagnostic.str() + "\n"; });
    llvm::raw_string_ostream os(table);
    return succeeded(comparePerOp(entry, inputs, {std::nullopt, compile}, os));
  }

  mlir::MLIRContext context;
  std::string table, message;
};

constexpr const char *kModel = R"(
mlc.param @w : tensor<8x6xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%ids: tensor<3xi64>, %table: tensor<5x8xf32>) -> (tensor<18xf32> {mlc.name = "y"}, tensor<3x6xf32>)
    attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<8x6xf32>
  %c = mlc.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %x = mlc.gather %table, %ids {axis = 0 : i64} : (tensor<5x8xf32>, tensor<3xi64>) -> tensor<3x8xf32> loc("embed")
  %0 = mlc.fused contraction (%a = %x, %b = %w) : (tensor<3x8xf32>, tensor<8x6xf32>) -> tensor<3x6xf32> {
    %m = mlc.matmul %a, %b : (tensor<3x8xf32>, tensor<8x6xf32>) -> tensor<3x6xf32>
    mlc.yield %m : tensor<3x6xf32>
  } loc("dense")
  %1 = mlc.fused elementwise (%a = %0, %b = %c) : (tensor<3x6xf32>, tensor<6xf32>) -> tensor<3x6xf32> {
    %s = mlc.add %a, %b : (tensor<3x6xf32>, tensor<6xf32>) -> tensor<3x6xf32>
    mlc.yield %s : tensor<3x6xf32>
  } loc("bias")
  %flat = mlc.reshape %1 {shape = array<i64: 18>} : (tensor<3x6xf32>) -> tensor<18xf32>
  %2 = mlc.fused elementwise (%a = %flat) : (tensor<18xf32>) -> tensor<18xf32> {
    %r = mlc.relu %a : (tensor<18xf32>) -> tensor<18xf32>
    mlc.yield %r : tensor<18xf32>
  } loc("activation")
  return %2, %1 : tensor<18xf32>, tensor<3x6xf32>
})";

TEST_F(PerOpCompare, RightKernelsAgree) {
  EXPECT_TRUE(compare(kModel, "")) << table << message;
  EXPECT_NE(table.find("4 kernels agree"), std::string::npos) << table;
  EXPECT_NE(table.find("matmul at dense"), std::string::npos) << table;
  EXPECT_NE(table.find("output y"), std::string::npos) << table;
}

TEST_F(PerOpCompare, NamesTheFirstWrongKernel) {
  EXPECT_FALSE(compare(kModel, "matmul"));
  EXPECT_NE(message.find("1 of 4 kernels disagree"), std::string::npos) << message;
  EXPECT_NE(message.find("emitter 'wrong', matmul at dense: rel-L2 2"), std::string::npos) << message;
}

// Those behind a wrong kernel are fed right operands, and are right.
TEST_F(PerOpCompare, ErrorsDoNotSpread) {
  EXPECT_FALSE(compare(kModel, "add"));
  EXPECT_NE(message.find("1 of 4 kernels disagree"), std::string::npos) << message;
  EXPECT_NE(message.find("add at bias"), std::string::npos) << message;
}

TEST_F(PerOpCompare, VariablesAreUpdatedInPlace) {
  constexpr const char *text = R"(
mlc.variable @v : tensor<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
func.func @main(%x: tensor<4xf32>, %v: tensor<4xf32> {mlc.variable = @v})
    -> (tensor<4xf32> {mlc.variable = @v}, tensor<4xf32>) attributes {mlc.entry = "step"} {
  %0 = mlc.fused elementwise (%a = %x, %b = %v) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> {
    %s = mlc.add %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    mlc.yield %s : tensor<4xf32>
  }
  %1 = mlc.fused elementwise (%a = %0) : (tensor<4xf32>) -> tensor<4xf32> {
    %e = mlc.mul %a, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    mlc.yield %e : tensor<4xf32>
  }
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
})";
  EXPECT_TRUE(compare(text, "")) << table << message;
  EXPECT_NE(table.find("variable v"), std::string::npos) << table;
  message.clear();
  EXPECT_FALSE(compare(text, "add"));
  EXPECT_NE(message.find("1 of 2 kernels disagree"), std::string::npos) << message;
}

TEST_F(PerOpCompare, KernelThatFailsIsNamed) {
  std::string text = kModel;
  text.replace(text.find("tensor<5x8xf32>) -> (t"), 15, "tensor<1x8xf32>"); // random indices go to 4
  text.replace(text.find("tensor<5x8xf32>, tensor<3xi64>"), 15, "tensor<1x8xf32>");
  EXPECT_FALSE(compare(text, ""));
  EXPECT_NE(message.find("outside of [-1, 1)"), std::string::npos) << message;
}

} // namespace
} // namespace mlc
