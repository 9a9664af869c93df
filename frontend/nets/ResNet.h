// Residual networks: He et al., https://arxiv.org/abs/1512.03385; ResNeXt (groups): Xie et al.,
// https://arxiv.org/abs/1611.05431; wide: Zagoruyko and Komodakis, https://arxiv.org/abs/1605.07146.
// The stride of a bottleneck block is that of its 3x3 convolution ("v1.5") unless said otherwise.
#ifndef MLC_FRONTEND_NETS_RESNET_H
#define MLC_FRONTEND_NETS_RESNET_H

#include "frontend/nets/Layers.h"

namespace mlc::frontend {

enum class ResNetNaming { Torchvision, HuggingFace };

struct ResNetStage {
  int64_t blocks = 0;
  int64_t out = 0;   // channels
  int64_t inner = 0; // channels of a bottleneck's 3x3 convolution
  int64_t groups = 1;
  int64_t stride = 1; // of the first block
};

struct ResNetConfig {
  ResNetNaming naming = ResNetNaming::Torchvision;
  int64_t channels = 3, stem = 64, labels = 0; // of the image, of the first convolution, of the classifier (0: none)
  bool bottleneck = true, strideInFirst = false;
  Activation activation = Activation::Relu;
  std::vector<ResNetStage> stages;
  std::string prefix; // of all but the classifier

  std::string stage(size_t index) const; // what the names of its tensors begin with, up to the dot
  std::string block(size_t stage, int64_t index) const;
};

struct ResNetOutputs {
  mlir::Value features; // [batch, channels, h, w]
  mlir::Value pooled;   // [batch, channels, 1, 1]
  mlir::Value logits;   // [batch, labels]; null without a classifier
};

// Of `image` [batch, channels, height, width].
ResNetOutputs buildResNet(GraphBuilder &graph, Weights &weights, const ResNetConfig &config, mlir::Value image);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_NETS_RESNET_H
