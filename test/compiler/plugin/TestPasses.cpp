// Passes that misbehave on purpose, loaded with --load-pass-plugin: what a compiler does when a pass of it does.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include <chrono>
#include <csignal>
#include <thread>

namespace {

template <typename Derived> class TestPass : public mlir::PassWrapper<Derived, mlir::OperationPass<mlir::ModuleOp>> {
public:
  llvm::StringRef getDescription() const final { return "For tests"; }
};

class Fail : public TestPass<Fail> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Fail)
  llvm::StringRef getArgument() const final { return "test-fail"; }
  void runOnOperation() final {
    getOperation().emitError("test-fail was asked to fail");
    signalPassFailure();
  }
};

class Crash : public TestPass<Crash> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Crash)
  llvm::StringRef getArgument() const final { return "test-crash"; }
  void runOnOperation() final {
    // Half-way through a change, as real crashes are.
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<mlir::func::FuncOp>()))
      function->setAttr("half_done", mlir::UnitAttr::get(&getContext()));
    std::raise(SIGSEGV);
  }
};

// As wrong as a pass can be that leaves valid IR: what it returns is computed with another operand.
class Wrong : public TestPass<Wrong> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Wrong)
  llvm::StringRef getArgument() const final { return "test-wrong"; }
  void runOnOperation() final {
    getOperation().walk([](mlir::Operation *op) {
      if (op->getNumOperands() != 2 || op->getOperand(0) == op->getOperand(1) ||
          op->getOperand(0).getType() != op->getOperand(1).getType())
        return mlir::WalkResult::advance();
      op->setOperand(1, op->getOperand(0));
      return mlir::WalkResult::interrupt();
    });
  }
};

class Sleep : public TestPass<Sleep> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Sleep)
  llvm::StringRef getArgument() const final { return "test-sleep"; }
  void runOnOperation() final { std::this_thread::sleep_for(std::chrono::milliseconds(2600)); }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK __attribute__((visibility("default"))) mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "mlc-test-passes", "1", [] {
            mlir::PassRegistration<Fail>();
            mlir::PassRegistration<Crash>();
            mlir::PassRegistration<Wrong>();
            mlir::PassRegistration<Sleep>();
          }};
}
