// Attention as matrix products and a softmax.
#ifndef MLC_CODEGEN_ATTENTION_DECOMPOSEATTENTION_H
#define MLC_CODEGEN_ATTENTION_DECOMPOSEATTENTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlc::codegen {

// Rewrites each mlc.attention of `function` that the attention emitter does not take.
void decomposeAttention(mlir::func::FuncOp function);

// The same as a pass on func.func, `mlc-decompose-attention`. Before fusion, the products and the softmax become
// kernels of their own: tiled and threaded, unlike one region that only the loop emitter takes.
void registerDecomposeAttentionPass();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_ATTENTION_DECOMPOSEATTENTION_H
