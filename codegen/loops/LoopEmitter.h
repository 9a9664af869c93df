// The emitter of last resort: any kernel function, as plain loops that LLVM vectorises. One tile, intermediates in
// scratch. It is the yardstick of the others, and takes what they refuse; --report shows where it is used.
#ifndef MLC_CODEGEN_LOOPS_LOOPEMITTER_H
#define MLC_CODEGEN_LOOPS_LOOPEMITTER_H

#include "codegen/Kernel.h"
#include "mlir/IR/DialectRegistry.h"

namespace mlc::codegen {

// What the emitter needs of a context; append it before the first emit.
void registerLoopEmitter(mlir::DialectRegistry &registry);
std::unique_ptr<Emitter> createLoopEmitter();
// A kernel that is one mlc.gather: row copies, every index checked. (Library mlc_gather.)
std::unique_ptr<Emitter> createGatherEmitter();
// A kernel that is one mlc.scatter. (Library mlc_gather.)
std::unique_ptr<Emitter> createScatterEmitter();
// A kernel that is one mlc.cu_seqlens, mlc.unpad or mlc.repad. (Library mlc_gather.)
std::unique_ptr<Emitter> createVarlenEmitter();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_LOOPS_LOOPEMITTER_H
