#include "frontend/nets/VisionTransformer.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

class VisionTransformer {
public:
  VisionTransformer(GraphBuilder &graph, Weights &weights, const VisionTransformerConfig &config)
      : weights(weights), config(config), l(graph, weights) {}

  Outputs build(int64_t batch);

private:
  Value embeddings(Value image, int64_t batch);
  Value layer(Value x, const std::string &name);

  Weights &weights;
  const VisionTransformerConfig &config;
  Layers l;
};

// One token a patch, behind the class token.
Value VisionTransformer::embeddings(Value image, int64_t batch) {
  GraphBuilder &g = l.c.g;
  const std::string name = config.prefix + "embeddings.";
  Value x;
  {
    NamedPart part(g, name + "patch_embeddings");
    Dims strides = {config.patchHeight, config.patchWidth};
    Value filter = weights.get(name + "patch_embeddings.projection.weight",
                               {config.hidden, config.channels, config.patchHeight, config.patchWidth}, {0, 0.02});
    x = g.make<ConvOp>({image, filter}, {g.ints("strides", strides), g.ints("pad_low", {0, 0}),
                                         g.ints("pad_high", {0, 0}), g.ints("dilations", {1, 1})});
    if (x)
      x = g.transpose(g.reshape(x, {batch, config.hidden, config.tokens() - 1}), {0, 2, 1});
    x = l.c.add(x, weights.get(name + "patch_embeddings.projection.bias", config.hidden, {}));
  }
  NamedPart part(g, StringRef(name).drop_back());
  Value first = weights.get(name + "cls_token", {1, 1, config.hidden}, {0, 0.02});
  Value positions = weights.get(name + "position_embeddings", {1, config.tokens(), config.hidden}, {0, 0.02});
  if (!x || !first || !positions)
    return {};
  return l.c.add(l.c.concat({l.c.broadcast(first, {batch, 1, config.hidden}), x}, 1), positions);
}

Value VisionTransformer::layer(Value x, const std::string &name) {
  NamedPart part(l.c.g, StringRef(name).drop_back());
  Value y = l.layerNorm(x, name + "layernorm_before", config.epsilon);
  auto project = [&](const char *which) {
    return l.dense(y, name + "attention.attention." + which, config.hidden, config.qkvBias);
  };
  y = l.attention(project("query"), project("key"), project("value"), {}, config.heads);
  x = l.c.add(l.dense(y, name + "attention.output.dense", config.hidden), x);
  y = l.layerNorm(x, name + "layernorm_after", config.epsilon);
  y = l.activate(l.dense(y, name + "intermediate.dense", config.intermediate), config.activation);
  return l.c.add(l.dense(y, name + "output.dense", config.hidden), x);
}

Outputs VisionTransformer::build(int64_t batch) {
  RankedTensorType image =
      toTensorType(l.c.g.context(), DType::F32, {batch, config.channels, config.height, config.width});
  Value x = embeddings(l.c.g.beginEntry("infer", {{"pixel_values", image}})[0], batch);
  for (int64_t i = 0; i < config.layers; ++i)
    x = layer(x, config.prefix + "encoder.layer." + std::to_string(i) + ".");
  x = l.layerNorm(x, config.prefix + "layernorm", config.epsilon);
  if (config.labels)
    return {{"logits", l.dense(l.token(x, 0), "classifier", config.labels)}};
  Outputs outputs = {{"last_hidden_state", x}};
  if (config.pooler)
    outputs.push_back(
        {"pooler_output",
         l.activate(l.dense(l.token(x, 0), config.prefix + "pooler.dense", config.hidden), Activation::Tanh)});
  return outputs;
}

} // namespace

Outputs frontend::buildVisionTransformer(GraphBuilder &graph, Weights &weights, const VisionTransformerConfig &config,
                                         int64_t batch) {
  return VisionTransformer(graph, weights, config).build(batch);
}
