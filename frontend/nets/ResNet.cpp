#include "frontend/nets/ResNet.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

std::string ResNetConfig::stage(size_t index) const {
  return naming == ResNetNaming::Torchvision ? prefix + "layer" + std::to_string(index + 1) + "."
                                             : prefix + "encoder.stages." + std::to_string(index) + ".";
}

std::string ResNetConfig::block(size_t index, int64_t number) const {
  return stage(index) + (naming == ResNetNaming::Torchvision ? "" : "layers.") + std::to_string(number) + ".";
}

namespace {

class ResNet {
public:
  ResNet(GraphBuilder &graph, Weights &weights, const ResNetConfig &config) : config(config), l(graph, weights) {}

  ResNetOutputs build(Value image);

private:
  bool torchvision() const { return config.naming == ResNetNaming::Torchvision; }
  Value convNorm(Value x, const std::string &conv, const std::string &norm, const Layers::ConvShape &shape) {
    return l.batchNorm(l.conv(x, conv, shape), norm);
  }
  Value block(Value x, const std::string &name, const ResNetStage &stage, int64_t stride);

  const ResNetConfig &config;
  Layers l;
};

Value ResNet::block(Value x, const std::string &name, const ResNetStage &stage, int64_t stride) {
  if (!x)
    return {};
  NamedPart part(l.c.g, StringRef(name).drop_back());
  // The i-th convolution and its normalisation.
  auto unit = [&](Value value, int64_t i, const Layers::ConvShape &shape) {
    std::string index = std::to_string(i);
    return torchvision()
               ? convNorm(value, name + "conv" + std::to_string(i + 1), name + "bn" + std::to_string(i + 1), shape)
               : convNorm(value, name + "layer." + index + ".convolution", name + "layer." + index + ".normalization",
                          shape);
  };
  auto act = [&](Value value) { return l.activate(value, config.activation); };
  Value shortcut = x, y = x;
  if (stride != 1 || Compose::shape(x)[1] != stage.out)
    shortcut = convNorm(x, name + (torchvision() ? "downsample.0" : "shortcut.convolution"),
                        name + (torchvision() ? "downsample.1" : "shortcut.normalization"),
                        {.out = stage.out, .window = 1, .stride = stride});
  if (config.bottleneck) {
    y = act(unit(y, 0, {.out = stage.inner, .window = 1, .stride = config.strideInFirst ? stride : 1}));
    y = act(unit(
        y, 1, {.out = stage.inner, .window = 3, .stride = config.strideInFirst ? 1 : stride, .groups = stage.groups}));
    y = unit(y, 2, {.out = stage.out, .window = 1});
  } else {
    y = act(unit(y, 0, {.out = stage.out, .window = 3, .stride = stride}));
    y = unit(y, 1, {.out = stage.out, .window = 3});
  }
  return act(l.c.add(y, shortcut));
}

ResNetOutputs ResNet::build(Value x) {
  std::string stem = config.prefix + (torchvision() ? "" : "embedder.embedder.");
  x = convNorm(x, stem + (torchvision() ? "conv1" : "convolution"), stem + (torchvision() ? "bn1" : "normalization"),
               {.out = config.stem, .window = 7, .stride = 2});
  x = l.maxPool(l.activate(x, config.activation), 3, 2, 1);
  for (auto [i, stage] : llvm::enumerate(config.stages))
    for (int64_t b = 0; b < stage.blocks; ++b)
      x = block(x, config.block(i, b), stage, b == 0 ? stage.stride : 1);
  ResNetOutputs outputs;
  outputs.features = x;
  outputs.pooled = l.globalMean(x, /*keepDims=*/true);
  if (config.labels && outputs.pooled) {
    Value flat = l.c.g.reshape(outputs.pooled, Compose::shape(outputs.pooled).take_front(2));
    outputs.logits = l.dense(flat, torchvision() ? config.prefix + "fc" : "classifier.1", config.labels);
  }
  return outputs;
}

} // namespace

ResNetOutputs frontend::buildResNet(GraphBuilder &graph, Weights &weights, const ResNetConfig &config, Value image) {
  return ResNet(graph, weights, config).build(image);
}
