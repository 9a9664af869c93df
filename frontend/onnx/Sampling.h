// Weighted sums of pixels at positions that are data. A sample is a sum of rows of a table: one row for each pixel,
// with an element for each channel.
#ifndef MLC_FRONTEND_ONNX_SAMPLING_H
#define MLC_FRONTEND_ONNX_SAMPLING_H

#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

namespace mlc::frontend {

// A pixel along one dimension: its index, inside of the image; its weight; where it counts. The latter may be null.
struct Tap {
  mlir::Value index, weight, counts;
};
using Taps = llvm::SmallVector<Tap>;

// [N * pixels, C] of [N, C, D...].
mlir::Value pixelRows(Compose &c, mlir::Value image);
// The rows of all combinations of one tap in each dimension, weighted; `first` is the row of an image's first pixel.
llvm::SmallVector<mlir::Value> weightedRows(Compose &c, mlir::Value rows, llvm::ArrayRef<int64_t> size,
                                            mlir::Value first, llvm::ArrayRef<Taps> taps);
// The two pixels around positions of a dimension, interpolated linearly; what is outside is 0.
Taps linearTaps(Compose &c, mlir::Value position, int64_t size);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ONNX_SAMPLING_H
