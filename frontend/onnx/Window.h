// Windows of convolutions and pools of ONNX.
#ifndef MLC_FRONTEND_ONNX_WINDOW_H
#define MLC_FRONTEND_ONNX_WINDOW_H

#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

namespace mlc::frontend {

struct Window {
  Dims size, strides, padLow, padHigh, dilations;

  int64_t extent(size_t d) const { return dilations[d] * (size[d] - 1) + 1; }
};

// The attributes kernel_shape, strides, dilations, pads and auto_pad; `kernel`: the window of a filter operand.
std::optional<Window> readWindow(NodeContext &n, llvm::ArrayRef<int64_t> spatial,
                                 std::optional<llvm::ArrayRef<int64_t>> kernel);

struct PoolWindow : Window {
  Dims ceilPad; // The part of padHigh that only 'ceil_mode' adds.
};
std::optional<PoolWindow> readPoolWindow(NodeContext &n, llvm::ArrayRef<int64_t> spatial);
mlir::Value pooled(NodeContext &n, PoolKind kind, mlir::Value x, const PoolWindow &window, bool countPad);

// The convolution of a node whose attributes are Conv's, of any element type.
mlir::Value convolve(NodeContext &n, mlir::Value input, mlir::Value filter);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ONNX_WINDOW_H
