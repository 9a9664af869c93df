// An axis of sliding windows over an image, as depthwise convolutions and maxima of windows walk along it.
#ifndef MLC_CODEGEN_CPU_WINDOWAXIS_H
#define MLC_CODEGEN_CPU_WINDOWAXIS_H

#include "codegen/cpu/BodyEvaluator.h"
#include <utility>

namespace mlc::codegen::cpu {

// A dimension of the image: result i reads elements i * stride + tap * dilation - low, where they exist.
struct WindowAxis {
  int64_t results, elements, taps;
  int64_t stride, dilation, low;
  int64_t imageStride, filterStride; // elements of the operands between neighbouring elements, taps

  // Does result i read the image alone?
  bool isInside(int64_t i) const { return i * stride >= low && i * stride - low + (taps - 1) * dilation < elements; }
};

// The taps [first, second) that lie in the image, of the window whose first one is at element `start`, which may be
// negative.
std::pair<mlir::Value, mlir::Value> tapsInside(BodyEvaluator &e, const WindowAxis &axis, mlir::Value start);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_WINDOWAXIS_H
