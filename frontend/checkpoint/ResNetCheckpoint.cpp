// Hugging Face checkpoints of residual networks (resnet).
#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/nets/ResNet.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

void frontend::importResNet(Checkpoint &checkpoint) {
  ResNetConfig config;
  config.naming = ResNetNaming::HuggingFace;
  config.channels = checkpoint.positive("num_channels", 3);
  config.stem = checkpoint.positive("embedding_size", 64);
  config.activation = checkpoint.activation("hidden_act", "relu");
  config.strideInFirst = checkpoint.flag("downsample_in_bottleneck", false);
  bool strideInFirstStage = checkpoint.flag("downsample_in_first_stage", false);
  std::string layer = checkpoint.text("layer_type", "bottleneck");
  config.bottleneck = layer == "bottleneck";
  if (!config.bottleneck && layer != "basic")
    checkpoint.problem("config.json: layer_type '" + layer + "' is not supported (basic and bottleneck are)");
  std::vector<int64_t> depths = checkpoint.positives("depths"), widths = checkpoint.positives("hidden_sizes");
  if (depths.size() != widths.size())
    checkpoint.problem("config.json: depths has " + Twine(depths.size()) + " stages, hidden_sizes " +
                       Twine(widths.size()));
  if (checkpoint.stores("resnet.embedder.embedder.convolution.weight"))
    config.prefix = "resnet.";
  Head head = checkpoint.options().head;
  bool classifier = checkpoint.stores("classifier.1.weight");
  if (head == Head::Auto)
    head = classifier ? Head::ImageClassification : Head::Pooler;
  if (head == Head::ImageClassification)
    config.labels = checkpoint.sizeOf("classifier.1.weight", 0, 1);
  else if (head != Head::None && head != Head::Pooler)
    checkpoint.problem("--head: a resnet has the heads none, pooler and image-classification");
  auto shapes = checkpoint.bindShapes({{"batch"}, {"height", 224}, {"width", 224}}, "batch=1");
  if (checkpoint.hasProblems())
    return;
  for (size_t i = 0; i < depths.size(); ++i)
    config.stages.push_back({.blocks = depths[i],
                             .out = widths[i],
                             .inner = std::max<int64_t>(1, widths[i] / 4),
                             .stride = i || strideInFirstStage ? 2 : 1});
  for (size_t i = 0; i < config.stages.size(); ++i)
    checkpoint.expectLayers("depths", config.stages[i].blocks, [&](int64_t b) { return config.block(i, b); });
  if (checkpoint.hasProblems())
    return;
  GraphBuilder &graph = checkpoint.graph();
  for (auto &shape : shapes) {
    auto image = toTensorType(graph.context(), DType::F32, {shape[0], config.channels, shape[1], shape[2]});
    ResNetOutputs net = buildResNet(graph, checkpoint, config, graph.beginEntry("infer", {{"pixel_values", image}})[0]);
    Outputs outputs = {{"last_hidden_state", net.features}};
    if (head == Head::Pooler)
      outputs.push_back({"pooler_output", net.pooled});
    if (head == Head::ImageClassification)
      outputs = {{"logits", net.logits}};
    checkpoint.endEntry(outputs);
  }
  checkpoint.expectAllUsed([](StringRef name) -> std::string {
    bool left = name.ends_with(".num_batches_tracked") || name.starts_with("classifier.");
    return left ? "" : "is unexpected in a resnet";
  });
}
