// mlc.attention and mlc.varlen_attention as one kernel, the scores of a few queries at a time in the first-level cache.
#ifndef MLC_CODEGEN_ATTENTION_ATTENTIONEMITTER_H
#define MLC_CODEGEN_ATTENTION_ATTENTIONEMITTER_H

#include "codegen/Kernel.h"
#include "dialects/mlc/MlcDialect.h"

namespace mlc::codegen {

// Whether the emitter takes the op, an mlc.attention or mlc.varlen_attention: f32, f16 or bf16, nothing empty. Others
// are decomposed (mlc-decompose-attention).
bool isFusedAttention(mlir::Operation *op);

std::unique_ptr<Emitter> createAttentionEmitter();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_ATTENTION_ATTENTIONEMITTER_H
