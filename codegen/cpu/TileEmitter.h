// Contractions of any layout (batched, transposed, grouped, depthwise, unpacked convolutions) with elementwise
// epilogues, and elementwise or movement kernels, as register-tiled vector code. The vector emitter of codegen/cpu goes
// first where weights are packed; this one takes what has no packed operand.
#ifndef MLC_CODEGEN_CPU_TILEEMITTER_H
#define MLC_CODEGEN_CPU_TILEEMITTER_H

#include "codegen/Kernel.h"
#include "mlir/IR/DialectRegistry.h"

namespace mlc::codegen {

// What the emitter needs of a context; append it before the first emit.
void registerTileEmitter(mlir::DialectRegistry &registry);
std::unique_ptr<Emitter> createTileEmitter();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CPU_TILEEMITTER_H
