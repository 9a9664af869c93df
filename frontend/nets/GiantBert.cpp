#include "frontend/nets/GiantBert.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

Outputs frontend::buildGiantBert(GraphBuilder &graph, Weights &weights, const GiantBertConfig &config, int64_t batch,
                                 int64_t seq) {
  Layers l(graph, weights);
  constexpr double kEpsilon = 1e-6;
  RankedTensorType ids = toTensorType(graph.context(), DType::I64, {batch, seq});
  SmallVector<Value> inputs = graph.beginEntry("infer", {{"input_ids", ids}, {"attention_mask", ids}});
  Value x = l.embedding(inputs[0], "embeddings.tokens", config.vocabulary, config.hidden);
  Value positions = weights.get("embeddings.positions.weight", {config.positions, config.hidden}, {0, 0.02});
  x = l.c.add(x, l.c.slice(positions, 0, 0, seq));
  Value mask = l.attentionMask(inputs[1]);
  auto dense = [&](Value value, const std::string &name, int64_t out) {
    return l.dense(value, name, out, /*bias=*/false);
  };
  for (int64_t i = 0; i < config.layers; ++i) {
    std::string name = "layer." + std::to_string(i);
    NamedPart part(graph, name);
    name += ".";
    Value y = l.scaleNorm(x, name + "attention.norm", kEpsilon);
    Value context = l.attention(dense(y, name + "attention.query", config.heads * config.headSize),
                                dense(y, name + "attention.key", config.headSize),
                                dense(y, name + "attention.value", config.headSize), mask, config.heads);
    x = l.c.add(dense(context, name + "attention.output", config.hidden), x);
    y = l.scaleNorm(x, name + "ffn.norm", kEpsilon);
    Value gate = l.activate(dense(y, name + "ffn.gate", config.intermediate), Activation::Gelu);
    y = l.c.mul(gate, dense(y, name + "ffn.up", config.intermediate));
    x = l.c.add(dense(y, name + "ffn.down", config.hidden), x);
  }
  x = l.scaleNorm(x, "norm", kEpsilon);
  NamedPart part(graph, "decoder");
  Value table = weights.get("embeddings.tokens.weight", {config.vocabulary, config.hidden}, {0, 0.02});
  return {{"logits", l.c.matmul(x, table, false, true)}};
}
