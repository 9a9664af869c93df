// What ops of com.microsoft share with each other and with ai.onnx.
#ifndef MLC_FRONTEND_ONNX_CONTRIB_H
#define MLC_FRONTEND_ONNX_CONTRIB_H

#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

namespace mlc::frontend {

// Over the last dimension. `bias` may be null.
mlir::Value layerNormalized(Compose &c, mlir::Value x, mlir::Value scale, mlir::Value bias, double epsilon);
mlir::Value rmsNormalized(Compose &c, mlir::Value x, mlir::Value scale, double epsilon);

// The first `turned` elements of each head of x [batch, heads, sequence, size] (or heads and sequence swapped), turned
// by the angles whose cosines and sines broadcast to their halves.
mlir::Value rotated(Compose &c, mlir::Value x, mlir::Value cosine, mlir::Value sine, int64_t turned, bool interleaved);

// Self-attention of [batch, sequence, query + key + value], as the nodes Attention and QAttention define it by their
// attributes. Operand `mask` of the node says what is masked, operand `bias` what is added to the scores.
mlir::LogicalResult selfAttention(NodeContext &n, mlir::Value projected, llvm::ArrayRef<int64_t> hiddenSizes,
                                  size_t mask, std::optional<size_t> bias);

// Operands of quantised ops (QuantizationOps.cpp). The product of operands 0 and `b`, less their zero points, in i32;
// null where it is not supported.
mlir::Value integerMatmul(NodeContext &n, size_t b, size_t aZero, size_t bZero);
// An operand less its zero point, in i32. `line` is the shape in which a vector of zero points stands.
mlir::Value centred(NodeContext &n, size_t operand, size_t zeroPoint, llvm::ArrayRef<int64_t> line);
// saturate(round(ratio) + zero) as elements of `type`; `zero` may be null.
mlir::Value quantized(Compose &c, mlir::Value ratio, mlir::Value zero, mlir::Type type);

// DynamicQuantizeLinear: u8 numbers, their scale and zero point.
struct DynamicallyQuantized {
  mlir::Value numbers, scale, zero;
};
DynamicallyQuantized dynamicallyQuantized(Compose &c, mlir::Value x);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ONNX_CONTRIB_H
