#include "codegen/lower/Families.h"
#include "codegen/lower/Lower.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

struct ConvertMlcToLinalg : PassWrapper<ConvertMlcToLinalg, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertMlcToLinalg)
  StringRef getArgument() const override { return "convert-mlc-to-linalg"; }
  StringRef getDescription() const override { return "Lower mlc ops of kernel functions to linalg on tensors"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect>();
  }
  void runOnOperation() override {
    if (failed(convertMlcToLinalg(getOperation())))
      signalPassFailure();
  }
};

} // namespace

bool hasItsOwnEmitter(Operation *op) {
  auto fusible = dyn_cast<FusibleOp>(op);
  return isa<AttentionOp, VarlenAttentionOp, WinogradConvOp>(op) ||
         (fusible && fusible.fusionClass() == FusionClass::Opaque);
}

LogicalResult convertMlcToLinalg(func::FuncOp kernel) {
  makeSignless(kernel);
  SmallVector<Operation *> ops;
  kernel.walk([&](Operation *op) {
    if (isa_and_nonnull<MlcDialect>(op->getDialect()) && !hasItsOwnEmitter(op))
      ops.push_back(op);
  });
  IRRewriter rewriter(kernel.getContext());
  for (Operation *op : ops) {
    rewriter.setInsertionPoint(op);
    Value result;
    for (auto lower :
         {lowerShape, lowerElementwise, lowerReduction, lowerNormalization, lowerContraction, lowerStrassen})
      if ((result = lower(rewriter, op)))
        break;
    if (!result)
      return op->emitOpError("has no lowering to linalg");
    rewriter.replaceOp(op, result);
  }
  // Constants that became scalars of bodies.
  kernel.walk([&](arith::ConstantOp constant) {
    if (constant->use_empty())
      rewriter.eraseOp(constant);
  });
  return success();
}

std::unique_ptr<Pass> createConvertMlcToLinalgPass() { return std::make_unique<ConvertMlcToLinalg>(); }

} // namespace mlc::codegen
