// MobileNetV2: Sandler et al., https://arxiv.org/abs/1801.04381. Names as torchvision's.
#ifndef MLC_FRONTEND_NETS_MOBILENETV2_H
#define MLC_FRONTEND_NETS_MOBILENETV2_H

#include "frontend/nets/Layers.h"

namespace mlc::frontend {

struct MobileNetV2Config {
  int64_t labels = 1000;
  double width = 1; // multiplier of all channels, which are then rounded to multiples of 8
};

// Logits [batch, labels] of `image` [batch, channels, height, width]; null where a part cannot be built.
mlir::Value buildMobileNetV2(GraphBuilder &graph, Weights &weights, const MobileNetV2Config &config, mlir::Value image);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_NETS_MOBILENETV2_H
