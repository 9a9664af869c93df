// The emitter of contractions and elementwise kernels: linalg to vector code, MLIR to LLVM IR.
#include "codegen/cpu/VectorEmitter.h"
#include "codegen/cpu/ContractionKernel.h"
#include "codegen/cpu/Depthwise.h"
#include "codegen/cpu/DotProduct.h"
#include "codegen/cpu/Elementwise.h"
#include "codegen/cpu/ModuleEmitter.h"
#include "codegen/cpu/Pool.h"
#include "codegen/cpu/Scan.h"
#include "codegen/cpu/StrassenKernel.h"
#include "codegen/cpu/Transpose.h"
#include "dialects/mlc/MlcDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

using namespace mlir;

namespace mlc::codegen {

void registerVectorEmitter(DialectRegistry &registry) {
  registry
      .insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, linalg::LinalgDialect, LLVM::LLVMDialect,
              math::MathDialect, scf::SCFDialect, tensor::TensorDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

bool cpu::bodyIsSupported(linalg::GenericOp op) {
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (isa<linalg::IndexOp, vector::ExtractOp>(inner)) // lookups in tables
      continue;
    if (isa<math::MathDialect>(inner.getDialect())) {
      if (!isa<math::FmaOp, math::SqrtOp, math::AbsFOp, math::AbsIOp, math::FloorOp, math::CeilOp, math::RoundEvenOp,
               math::TruncOp, math::CopySignOp>(inner))
        return false;
    } else if (!isa<arith::ArithDialect>(inner.getDialect()) || isa<arith::RemFOp>(inner)) {
      return false;
    }
  }
  return true;
}

namespace {

using namespace cpu;

bool isElementwise(func::FuncOp kernel) {
  for (Operation &op : kernel.getBody().front())
    if (auto generic = dyn_cast<linalg::GenericOp>(op); generic && generic.getNumReductionLoops() != 0)
      return false;
  return true;
}

// Everything in the kernel is known and static.
bool isSupported(func::FuncOp kernel) {
  if (!kernel.getBody().hasOneBlock())
    return false;
  auto isStatic = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return !tensor ||
           (tensor.hasStaticShape() && tensor.getElementType().isIntOrIndexOrFloat() && tensor.getNumElements() != 0);
  };
  for (Value argument : kernel.getArguments())
    if (!isa<RankedTensorType>(argument.getType()) || !isStatic(argument.getType()))
      return false;
  for (Operation &op : kernel.getBody().front()) {
    if (!llvm::all_of(op.getOperandTypes(), isStatic) || !llvm::all_of(op.getResultTypes(), isStatic))
      return false;
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (!bodyIsSupported(generic))
        return false;
    } else if (!isa<linalg::FillOp, tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                    tensor::ExtractSliceOp, tensor::InsertSliceOp, tensor::PadOp, arith::ConstantOp, func::ReturnOp>(
                   op)) {
      return false;
    }
  }
  return true;
}

class VectorEmitter final : public ModuleEmitter {
public:
  llvm::StringRef name() const override { return "vector"; }
  // A vector is computed from its own elements, then stored; tails are masked, nothing overlaps. Where elements change
  // places an operand is not read element by element.
  bool allowsInPlace() const override { return true; }
  std::vector<std::string> schedules(func::FuncOp kernel, const TargetDesc &target) const override {
    if (!isSupported(kernel) || matchStrassen(kernel, target))
      return {};
    std::optional<Contraction> contraction = matchContraction(kernel, target);
    return contraction ? schedulesOf(kernel, *contraction, target) : std::vector<std::string>();
  }

private:
  llvm::StringRef takes() const override {
    return "one contraction or running sum with an elementwise epilogue, or elementwise and movement ops, on static "
           "tensors; use the loop emitter for this kernel";
  }
  OwningOpRef<ModuleOp> build(func::FuncOp kernel, const TargetDesc &target, EmittedKernel &emitted) const override {
    if (!isSupported(kernel))
      return {};
    std::optional<StrassenProduct> strassen = matchStrassen(kernel, target);
    std::optional<Depthwise> depthwise = strassen ? std::nullopt : matchDepthwise(kernel, target);
    std::optional<Contraction> contraction;
    if (!strassen && !depthwise)
      contraction = matchContraction(kernel, target);
    std::optional<Scan> scan = matchScan(kernel);
    std::optional<Pool> pool = matchPool(kernel, target);
    if (!strassen && !depthwise && !contraction && !scan && !pool && !isElementwise(kernel))
      return {};
    return buildKernelFunction(kernel, [&](OpBuilder &b, const KernelFrame &frame) {
      if (strassen)
        return emitStrassen(b, kernel, *strassen, target, frame, emitted);
      if (depthwise)
        return emitDepthwise(b, kernel, *depthwise, target, frame, emitted);
      if (scan)
        return emitScan(b, kernel, *scan, target, frame, emitted);
      if (pool)
        return emitPool(b, kernel, *pool, target, frame, emitted);
      if (isStrassenSums(kernel))
        return emitStrassenSums(b, kernel, target, frame, emitted);
      if (auto transposition = matchTransposition(kernel)) {
        emitTransposition(b, kernel, *transposition, target, frame, emitted);
        return true;
      }
      return contraction ? emitContraction(b, kernel, *contraction, target, frame, emitted)
                         : emitElementwise(b, kernel, target, frame, emitted);
    });
  }
};

} // namespace

MathInstructions mathInstructionsOf(func::FuncOp kernel, const TargetDesc &target) {
  bool has16Lanes = target.vector_bytes == 64;
  if (matchStrassen(kernel, target))
    return {.looksUp = has16Lanes};
  // codegen/winograd rounds as the products of bf16 do.
  for (auto conv : kernel.getBody().front().getOps<WinogradConvOp>())
    return {.roundsToBF16 = conv.getInput().getType().getElementType().isBF16() && multipliesPairsOfBF16(target)};
  std::optional<Contraction> contraction = matchContraction(kernel, target);
  if (!contraction)
    return {};
  bool isWide = BodyEvaluator::elementBytes(getElementTypeOrSelf(contraction->init)) > 4;
  return {.roundsToBF16 = contraction->dot == Dot::BF16, .looksUp = has16Lanes && !isWide};
}

std::unique_ptr<Emitter> createVectorEmitter() { return std::make_unique<VectorEmitter>(); }

} // namespace mlc::codegen
