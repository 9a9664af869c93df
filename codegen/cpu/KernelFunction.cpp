#include "codegen/cpu/KernelFunction.h"
#include "mlc/kernel_abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace mlc::codegen::cpu {

OwningOpRef<ModuleOp> buildKernelFunction(func::FuncOp kernel,
                                          llvm::function_ref<bool(OpBuilder &, KernelFrame &)> body) {
  MLIRContext *context = kernel.getContext();
  context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect, LLVM::LLVMDialect, math::MathDialect,
                       scf::SCFDialect, vector::VectorDialect>();
  Location loc = kernel.getLoc();
  OpBuilder b(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToEnd(module->getBody());
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = b.getI64Type();
  auto function =
      func::FuncOp::create(b, loc, kernel.getName(), b.getFunctionType({pointer, pointer, i64, i64}, {b.getI32Type()}));
  b.setInsertionPointToStart(function.addEntryBlock());
  KernelFrame frame{LLVM::LoadOp::create(b, loc, pointer, function.getArgument(0)), // mlc_kernel_args.bindings
                    LLVM::LoadOp::create(b, loc, pointer, function.getArgument(1)), // mlc_worker.scratch
                    function.getArgument(2),
                    function.getArgument(3),
                    {}};
  if (!body(b, frame))
    return {};
  if (!frame.status)
    frame.status = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(MLC_KERNEL_OK));
  func::ReturnOp::create(b, loc, frame.status);
  return module;
}

} // namespace mlc::codegen::cpu
