// The emitter: matching, blocking, and MLIR to LLVM IR.
#include "codegen/winograd/WinogradEmitter.h"
#include "codegen/cpu/VectorToLLVM.h"
#include "codegen/winograd/Kernel.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

class WinogradEmitter final : public Emitter {
public:
  llvm::StringRef name() const override { return "winograd"; }

  // Whether the epilogue can be evaluated is known when it has been.
  bool accepts(func::FuncOp kernel, const TargetDesc &target) const override {
    EmittedKernel emitted;
    return bool(build(kernel, target, emitted));
  }

  FailureOr<EmittedKernel> emit(func::FuncOp kernel, const TargetDesc &target,
                                llvm::LLVMContext &context) const override {
    EmittedKernel emitted;
    OwningOpRef<ModuleOp> module = build(kernel, target, emitted);
    if (!module)
      return kernel.emitError(
          "the winograd emitter takes one mlc.winograd_conv of the kernel's arguments, in f32, with "
          "an elementwise epilogue");
    emitted.module = cpu::lowerVectorToLLVM(*module, context);
    if (!emitted.module)
      return kernel.emitError("lowering of the kernel's vector code to LLVM failed");
    return emitted;
  }

private:
  OwningOpRef<ModuleOp> build(func::FuncOp function, const TargetDesc &target, EmittedKernel &emitted) const {
    std::optional<WinogradKernel> kernel = matchWinograd(function, target);
    if (!kernel)
      return {};
    WinogradBlocking blocking = chooseBlocking(*kernel, target);
    emitted.name = function.getName().str();
    emitted.emitter = name().str();
    emitted.schedule =
        llvm::formatv("F({0}x{0},3x3), {1}x{2}, {3} blocks of {4} tiles", kernel->winograd.tile,
                      std::min(blocking.mostRows, blocking.largestBlock()), blocking.groupPanels * kernel->panelWidth,
                      blocking.blocks.parts, blocking.largestBlock())
            .str();
    emitted.tiles = blocking.launchTiles();
    emitted.scratch_bytes = blocking.scratchBytes;
    return cpu::buildKernelFunction(function, [&](OpBuilder &b, const cpu::KernelFrame &frame) {
      return emitWinograd(b, function, *kernel, blocking, frame);
    });
  }
};

} // namespace

std::unique_ptr<Emitter> createWinogradEmitter() { return std::make_unique<WinogradEmitter>(); }

} // namespace mlc::codegen
