// Hugging Face checkpoints of vision transformers (vit).
#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/nets/VisionTransformer.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

void frontend::importVisionTransformer(Checkpoint &checkpoint) {
  VisionTransformerConfig config;
  config.hidden = checkpoint.positive("hidden_size");
  config.layers = checkpoint.positive("num_hidden_layers");
  config.heads = checkpoint.positive("num_attention_heads");
  config.intermediate = checkpoint.positive("intermediate_size");
  config.channels = checkpoint.positive("num_channels", 3);
  std::tie(config.height, config.width) = checkpoint.extent("image_size", 224);
  std::tie(config.patchHeight, config.patchWidth) = checkpoint.extent("patch_size", 16);
  config.epsilon = checkpoint.positiveReal("layer_norm_eps", 1e-12);
  config.activation = checkpoint.activation("hidden_act", "gelu");
  config.qkvBias = checkpoint.flag("qkv_bias", true);
  if (config.heads && config.hidden % config.heads)
    checkpoint.problem("config.json: num_attention_heads " + Twine(config.heads) + " does not divide hidden_size " +
                       Twine(config.hidden));
  if (config.patchHeight > config.height || config.patchWidth > config.width)
    checkpoint.problem("config.json: patch_size is above image_size");
  // The pooler's activation is stored since it may be chosen.
  if (std::string act = checkpoint.text("pooler_act", "tanh"); act != "tanh")
    checkpoint.problem("config.json: pooler_act '" + act + "' is not supported (tanh is)");
  if (checkpoint.stores("vit.embeddings.cls_token"))
    config.prefix = "vit.";
  Head head = checkpoint.options().head;
  bool classifier = checkpoint.stores("classifier.weight");
  if (head == Head::Auto)
    head = classifier                                                 ? Head::ImageClassification
           : checkpoint.stores(config.prefix + "pooler.dense.weight") ? Head::Pooler
                                                                      : Head::None;
  if (head == Head::ImageClassification)
    config.labels = checkpoint.sizeOf("classifier.weight", 0, 1);
  else if (head != Head::None && head != Head::Pooler)
    checkpoint.problem("--head: a vit encoder has the heads none, pooler and image-classification");
  config.pooler = head == Head::Pooler;
  auto shapes = checkpoint.bindShapes(DimSymbol{"batch"}, "batch=1");
  if (!checkpoint.hasProblems())
    checkpoint.expectLayers("num_hidden_layers", config.layers,
                            [&](int64_t i) { return config.prefix + "encoder.layer." + std::to_string(i) + "."; });
  if (checkpoint.hasProblems())
    return;
  for (auto &shape : shapes)
    checkpoint.endEntry(buildVisionTransformer(checkpoint.graph(), checkpoint, config, shape[0]));
  checkpoint.expectAllUsed([&](StringRef name) -> std::string {
    bool left = name == "classifier.weight" || name == "classifier.bias" ||
                name == config.prefix + "pooler.dense.weight" || name == config.prefix + "pooler.dense.bias" ||
                name == config.prefix + "embeddings.mask_token";
    return left ? "" : "is unexpected in a vit encoder";
  });
}
