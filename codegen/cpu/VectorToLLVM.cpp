#include "codegen/cpu/VectorToLLVM.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace mlc::codegen::cpu {

// arith's expansion of a maximum that keeps a NaN is two comparisons and a selection; LLVM has an instruction for most
// of it, and for all of it where one side is known to be a number. Neither cares which zero it is of two.
static void keepExtrema(ModuleOp module) {
  module.walk([](Operation *op) {
    if (!isa<arith::MaximumFOp, arith::MinimumFOp>(op))
      return;
    OpBuilder b(op);
    Value x = op->getOperand(0), y = op->getOperand(1), extremum;
    if (isa<arith::MaximumFOp>(op))
      extremum = LLVM::MaximumOp::create(b, op->getLoc(), x, y, LLVM::FastmathFlags::nsz);
    else
      extremum = LLVM::MinimumOp::create(b, op->getLoc(), x, y, LLVM::FastmathFlags::nsz);
    op->replaceAllUsesWith(ValueRange{extremum});
    op->erase();
  });
}

std::unique_ptr<llvm::Module> lowerVectorToLLVM(ModuleOp module, llvm::LLVMContext &context) {
  keepExtrema(module);
  PassManager passes(module.getContext());
  passes.addPass(createCSEPass());
  passes.addPass(arith::createArithExpandOpsPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  if (failed(passes.run(module)))
    return nullptr;
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  return translateModuleToLLVMIR(module, context, "mlc_kernel");
}

} // namespace mlc::codegen::cpu
