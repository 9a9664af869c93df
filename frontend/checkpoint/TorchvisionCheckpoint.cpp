// The state_dict of torchvision's residual networks and MobileNetV2, and of timm's that have the same form. There is no
// configuration: the tensors' names and shapes say what the network is.
#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/nets/MobileNetV2.h"
#include "frontend/nets/ResNet.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

static bool isResNet(const Checkpoint &checkpoint) {
  return checkpoint.stores("conv1.weight") && checkpoint.stores("bn1.weight") &&
         checkpoint.stores("layer1.0.conv1.weight");
}

static bool isMobileNetV2(const Checkpoint &checkpoint) {
  return checkpoint.stores("features.1.conv.0.0.weight") && checkpoint.stores("features.18.0.weight");
}

bool frontend::isTorchvision(const Checkpoint &checkpoint) { return isResNet(checkpoint) || isMobileNetV2(checkpoint); }

static ResNetConfig readResNet(const Checkpoint &checkpoint) {
  ResNetConfig config;
  auto size = [&](const std::string &name, size_t dimension) { return checkpoint.sizeOf(name, dimension, 1); };
  config.stem = size("conv1.weight", 0);
  config.bottleneck = checkpoint.stores("layer1.0.conv3.weight");
  for (size_t i = 0; checkpoint.stores(config.stage(i) + "0.conv1.weight"); ++i) {
    ResNetStage stage;
    while (checkpoint.stores(config.block(i, stage.blocks) + "conv1.weight"))
      ++stage.blocks;
    std::string first = config.block(i, 0);
    stage.out = size(first + (config.bottleneck ? "conv3.weight" : "conv2.weight"), 0);
    stage.inner = size(first + "conv2.weight", 0);
    stage.groups = std::max<int64_t>(1, stage.inner / std::max<int64_t>(1, size(first + "conv2.weight", 1)));
    stage.stride = i ? 2 : 1;
    config.stages.push_back(stage);
  }
  return config;
}

static Outputs buildNetwork(Checkpoint &checkpoint, Head head, Value image) {
  GraphBuilder &graph = checkpoint.graph();
  if (isMobileNetV2(checkpoint)) {
    MobileNetV2Config config;
    config.labels = checkpoint.sizeOf("classifier.1.weight", 0, 1);
    // All channels are a multiple of what the last block has with a multiplier of 1; of those that round to it any will
    // do.
    config.width = static_cast<double>(checkpoint.sizeOf("features.17.conv.2.weight", 0, 320)) / 320;
    return {{"logits", buildMobileNetV2(graph, checkpoint, config, image)}};
  }
  ResNetConfig config = readResNet(checkpoint);
  // A classifier that is missing is named where it is read.
  config.labels = head == Head::ImageClassification ? checkpoint.sizeOf("fc.weight", 0, 1) : 0;
  ResNetOutputs net = buildResNet(graph, checkpoint, config, image);
  if (head == Head::ImageClassification)
    return {{"logits", net.logits}};
  Outputs outputs = {{"last_hidden_state", net.features}};
  if (head == Head::Pooler)
    outputs.push_back({"pooler_output", net.pooled});
  return outputs;
}

void frontend::importTorchvision(Checkpoint &checkpoint) {
  Head head = checkpoint.options().head;
  bool mobile = isMobileNetV2(checkpoint);
  if (head == Head::Auto)
    head = mobile || checkpoint.stores("fc.weight") ? Head::ImageClassification : Head::Pooler;
  bool known = head == Head::ImageClassification || (!mobile && (head == Head::None || head == Head::Pooler));
  if (!known)
    checkpoint.problem(mobile ? "--head: a mobilenet_v2 has the head image-classification"
                              : "--head: a resnet has the heads none, pooler and image-classification");
  auto shapes = checkpoint.bindShapes({{"batch"}, {"height", 224}, {"width", 224}}, "batch=1");
  if (checkpoint.hasProblems())
    return;
  GraphBuilder &graph = checkpoint.graph();
  int64_t channels = checkpoint.sizeOf(mobile ? "features.0.0.weight" : "conv1.weight", 1, 1);
  for (auto &shape : shapes) {
    auto image = toTensorType(graph.context(), DType::F32, {shape[0], channels, shape[1], shape[2]});
    checkpoint.endEntry(buildNetwork(checkpoint, head, graph.beginEntry("infer", {{"input", image}})[0]));
  }
  checkpoint.expectAllUsed([](StringRef name) -> std::string {
    bool left = name.ends_with(".num_batches_tracked") || name == "fc.weight" || name == "fc.bias";
    return left ? "" : "is unexpected in the network that the other tensors are of";
  });
}
