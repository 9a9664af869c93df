// The emitter: matching, blocking, and MLIR to LLVM IR.
#include "codegen/winograd/WinogradEmitter.h"
#include "codegen/cpu/ModuleEmitter.h"
#include "codegen/winograd/Kernel.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

// The one that the kernel asks for; nothing where there is none of the name.
std::optional<WinogradBlocking> blockingOf(func::FuncOp function, const WinogradKernel &kernel,
                                           const TargetDesc &target) {
  auto wanted = function->getAttrOfType<StringAttr>(kScheduleAttr);
  if (!wanted)
    return chooseBlocking(kernel, target);
  for (const WinogradBlocking &blocking : candidateBlockings(kernel, target))
    if (nameOf(kernel, blocking) == wanted.getValue())
      return blocking;
  return std::nullopt;
}

class WinogradEmitter final : public cpu::ModuleEmitter {
public:
  llvm::StringRef name() const override { return "winograd"; }
  std::vector<std::string> schedules(func::FuncOp function, const TargetDesc &target) const override {
    std::vector<std::string> names;
    if (std::optional<WinogradKernel> kernel = matchWinograd(function, target))
      for (const WinogradBlocking &blocking : candidateBlockings(*kernel, target))
        names.push_back(nameOf(*kernel, blocking));
    return names;
  }

private:
  llvm::StringRef takes() const override {
    return "one mlc.winograd_conv of the kernel's arguments, in f32 or of bf16 in pairs with sums in f32, with an "
           "elementwise epilogue";
  }
  OwningOpRef<ModuleOp> build(func::FuncOp function, const TargetDesc &target, EmittedKernel &emitted) const override {
    std::optional<WinogradKernel> kernel = matchWinograd(function, target);
    if (!kernel)
      return {};
    std::optional<WinogradBlocking> chosen = blockingOf(function, *kernel, target);
    if (!chosen)
      return {};
    const WinogradBlocking &blocking = *chosen;
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
