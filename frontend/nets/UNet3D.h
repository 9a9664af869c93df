// The 3-D U-Net of MLPerf Training (image segmentation, v1.1; nnU-Net: Isensee et al.,
// https://arxiv.org/abs/1809.10486): pairs of 3x3x3 convolutions with instance normalisation and ReLU, five steps down
// by strides, five up by transposed convolutions.
#ifndef MLC_FRONTEND_NETS_UNET3D_H
#define MLC_FRONTEND_NETS_UNET3D_H

#include "frontend/nets/Layers.h"

namespace mlc::frontend {

struct UNet3DConfig {
  int64_t labels = 3;
  std::vector<int64_t> filters = {32, 64, 128, 256, 320};
};

// Logits [batch, labels, depth, height, width] of `image` [batch, channels, depth, height, width], whose sizes are
// multiples of 2^filters; null where a part cannot be built.
mlir::Value buildUNet3D(GraphBuilder &graph, Weights &weights, const UNet3DConfig &config, mlir::Value image);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_NETS_UNET3D_H
