#include "frontend/nets/Encoder.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// What Hugging Face calls the parts of a layer.
struct LayerNames {
  const char *layers, *query, *key, *value, *attended, *attendedNorm, *intermediate, *output, *outputNorm;
};
constexpr LayerNames kBertNames = {"encoder.layer.",       "attention.self.query",   "attention.self.key",
                                   "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
                                   "intermediate.dense",   "output.dense",           "output.LayerNorm"};
constexpr LayerNames kDistilBertNames = {"transformer.layer.", "attention.q_lin",   "attention.k_lin",
                                         "attention.v_lin",    "attention.out_lin", "sa_layer_norm",
                                         "ffn.lin1",           "ffn.lin2",          "output_layer_norm"};

const LayerNames &namesOf(EncoderFamily family) {
  return family == EncoderFamily::DistilBert ? kDistilBertNames : kBertNames;
}

// The head that predicts masked tokens: a transform, and the product with the word embeddings or a table of its own.
struct DecoderNames {
  const char *transform, *norm, *decoder, *bias;
};
DecoderNames decoderOf(EncoderFamily family) {
  switch (family) {
  case EncoderFamily::Bert:
    return {"cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder.weight",
            "cls.predictions.bias"};
  case EncoderFamily::Roberta: return {"lm_head.dense", "lm_head.layer_norm", "lm_head.decoder.weight", "lm_head.bias"};
  case EncoderFamily::DistilBert:
    return {"vocab_transform", "vocab_layer_norm", "vocab_projector.weight", "vocab_projector.bias"};
  case EncoderFamily::Electra:
    return {"generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head.weight",
            "generator_lm_head.bias"};
  }
  llvm_unreachable("all families are above");
}

class Encoder {
public:
  Encoder(GraphBuilder &graph, Weights &weights, const EncoderConfig &config)
      : g(graph), weights(weights), config(config), l(graph, weights) {}

  Outputs build(int64_t batch, int64_t seq);

private:
  Value embeddings(Value ids, Value types, int64_t batch, int64_t seq);
  Value positions(Value ids, int64_t seq);
  Value layer(Value x, Value mask, int64_t index);
  Value pooled(Value x);
  Value sentence(Value x, Value mask);
  Value maskedTokens(Value x);
  Value classified(Value x);
  Outputs questionAnswering(Value x);
  Outputs preTraining(Value x);
  std::string own(const std::string &name) const { return config.prefix + name; }

  GraphBuilder &g;
  Weights &weights;
  const EncoderConfig &config;
  Layers l;
};

Value Encoder::positions(Value ids, int64_t seq) {
  const std::string name = own("embeddings.position_embeddings");
  if (config.family == EncoderFamily::Roberta) {
    // Padding is at position `padToken`; the others count from behind it.
    Value real = g.cast(l.c.compare(ComparePredicate::NE, ids, static_cast<double>(config.padToken)), l.c.i64());
    Value count = g.make<CumSumOp>(real, g.integer("axis", 1));
    Value indices = l.c.add(l.c.mul(count, real), static_cast<double>(config.padToken));
    return l.embedding(indices, name, config.positions, config.embedding);
  }
  Value table = weights.get(name + ".weight", {config.positions, config.embedding}, {0, 0.02});
  return l.c.slice(table, 0, 0, seq);
}

Value Encoder::embeddings(Value ids, Value types, int64_t batch, int64_t seq) {
  Value x = l.embedding(ids, own("embeddings.word_embeddings"), config.vocabulary, config.embedding);
  const std::string typeName = own("embeddings.token_type_embeddings");
  if (types)
    x = l.c.add(x, l.embedding(types, typeName, config.tokenTypes, config.embedding));
  else if (config.tokenTypes == 1)
    x = l.c.add(x, weights.get(typeName + ".weight", {1, config.embedding}, {0, 0.02}));
  x = l.layerNorm(l.c.add(x, positions(ids, seq)), own("embeddings.LayerNorm"), config.epsilon);
  return config.embedding == config.hidden ? x : l.dense(x, own("embeddings_project"), config.hidden);
}

Value Encoder::layer(Value x, Value mask, int64_t index) {
  const LayerNames &names = namesOf(config.family);
  std::string name = own(encoderLayer(config.family, index));
  NamedPart part(g, StringRef(name).drop_back());
  auto dense = [&](Value value, const char *which, int64_t out) { return l.dense(value, name + which, out); };
  Value context = l.attention(dense(x, names.query, config.hidden), dense(x, names.key, config.hidden),
                              dense(x, names.value, config.hidden), mask, config.heads);
  Value attended = dense(context, names.attended, config.hidden);
  x = l.layerNorm(l.c.add(attended, x), name + names.attendedNorm, config.epsilon);
  Value y = l.activate(dense(x, names.intermediate, config.intermediate), config.activation);
  y = dense(y, names.output, config.hidden);
  return l.layerNorm(l.c.add(y, x), name + names.outputNorm, config.epsilon);
}

Value Encoder::pooled(Value x) {
  return l.activate(l.dense(l.token(x, 0), own("pooler.dense"), config.hidden), Activation::Tanh);
}

Value Encoder::sentence(Value x, Value mask) {
  if (!x)
    return {};
  NamedPart part(g, "pooling");
  Value embedding = l.token(x, 0);
  if (config.head == Head::Mean) {
    ArrayRef<int64_t> shape = Compose::shape(x);
    Value kept = g.reshape(g.cast(mask, l.c.f32()), {shape[0], shape[1], 1});
    Value total = l.c.reduce(ReduceKind::Sum, l.c.mul(x, kept), 1, false);
    embedding = l.c.div(total, l.c.apply<MaxOp>(l.c.reduce(ReduceKind::Sum, kept, 1, false), 1e-9));
  }
  if (!config.normalize)
    return embedding;
  // x / max(|x|, 1e-12)
  Value norm = g.make<SqrtOp>(l.c.reduce(ReduceKind::Sum, l.c.mul(embedding, embedding), 1, true));
  return l.c.div(embedding, l.c.apply<MaxOp>(norm, 1e-12));
}

Value Encoder::maskedTokens(Value x) {
  DecoderNames names = decoderOf(config.family);
  // ELECTRA's generator and RoBERTa have GELU here whatever their layers have.
  bool gelu = config.family == EncoderFamily::Electra || config.family == EncoderFamily::Roberta;
  x = l.activate(l.dense(x, names.transform, config.embedding), gelu ? Activation::Gelu : config.activation);
  x = l.layerNorm(x, names.norm, config.epsilon);
  std::string table = config.tiedDecoder ? own("embeddings.word_embeddings.weight") : names.decoder;
  NamedPart part(g, names.decoder);
  x = l.c.matmul(x, weights.get(table, {config.vocabulary, config.embedding}, {0, 0.02}), false, true);
  return l.c.add(x, weights.get(names.bias, config.vocabulary, {}));
}

Value Encoder::classified(Value x) {
  switch (config.family) {
  case EncoderFamily::Bert: return l.dense(pooled(x), "classifier", config.labels);
  case EncoderFamily::DistilBert:
    x = l.activate(l.dense(l.token(x, 0), "pre_classifier", config.hidden), Activation::Relu);
    return l.dense(x, "classifier", config.labels);
  case EncoderFamily::Roberta:
  case EncoderFamily::Electra: {
    Activation between = config.family == EncoderFamily::Roberta ? Activation::Tanh : Activation::Gelu;
    x = l.activate(l.dense(l.token(x, 0), "classifier.dense", config.hidden), between);
    return l.dense(x, "classifier.out_proj", config.labels);
  }
  }
  llvm_unreachable("all families are above");
}

Outputs Encoder::questionAnswering(Value x) {
  Value logits = l.dense(x, "qa_outputs", 2);
  auto column = [&](int64_t index) {
    if (!logits)
      return logits;
    ArrayRef<int64_t> shape = Compose::shape(logits);
    return g.reshape(l.c.slice(logits, 2, index, 1), {shape[0], shape[1]});
  };
  return {{"start_logits", column(0)}, {"end_logits", column(1)}};
}

Outputs Encoder::preTraining(Value x) {
  if (config.family == EncoderFamily::Bert)
    return {{"prediction_logits", maskedTokens(x)},
            {"seq_relationship_logits", l.dense(pooled(x), "cls.seq_relationship", 2)}};
  // ELECTRA's discriminator: was the token replaced?
  Value y = l.activate(l.dense(x, "discriminator_predictions.dense", config.hidden), config.activation);
  y = l.dense(y, "discriminator_predictions.dense_prediction", 1);
  return {{"logits", y ? g.reshape(y, Compose::shape(y).drop_back()) : y}};
}

Outputs Encoder::build(int64_t batch, int64_t seq) {
  RankedTensorType ids = toTensorType(g.context(), DType::I64, {batch, seq});
  SmallVector<Port> ports = {{"input_ids", ids}, {"attention_mask", ids}};
  if (config.tokenTypes > 1)
    ports.push_back({"token_type_ids", ids});
  SmallVector<Value> inputs = g.beginEntry("infer", ports);
  Value x = embeddings(inputs[0], inputs.size() > 2 ? inputs[2] : Value(), batch, seq);
  Value mask = l.attentionMask(inputs[1]);
  for (int64_t i = 0; i < config.layers; ++i)
    x = layer(x, mask, i);
  switch (config.head) {
  case Head::MaskedLm: return {{"logits", maskedTokens(x)}};
  case Head::PreTraining: return preTraining(x);
  case Head::SequenceClassification: return {{"logits", classified(x)}};
  case Head::TokenClassification: return {{"logits", l.dense(x, "classifier", config.labels)}};
  case Head::QuestionAnswering: return questionAnswering(x);
  case Head::Pooler: return {{"last_hidden_state", x}, {"pooler_output", pooled(x)}};
  case Head::Mean:
  case Head::FirstToken: return {{"last_hidden_state", x}, {"sentence_embedding", sentence(x, inputs[1])}};
  case Head::Auto:
  case Head::None:
  case Head::ImageClassification: break;
  }
  return {{"last_hidden_state", x}};
}

} // namespace

int64_t EncoderConfig::maxSequence() const {
  return family == EncoderFamily::Roberta ? positions - padToken - 1 : positions;
}

bool frontend::hasHead(EncoderFamily family, Head head) {
  bool pooler = family == EncoderFamily::Bert || family == EncoderFamily::Roberta;
  switch (head) {
  case Head::ImageClassification: return false;
  case Head::Pooler: return pooler;
  case Head::PreTraining: return family == EncoderFamily::Bert || family == EncoderFamily::Electra;
  default: return true;
  }
}

std::string frontend::encoderLayer(EncoderFamily family, int64_t index) {
  return namesOf(family).layers + std::to_string(index) + ".";
}

Outputs frontend::buildEncoder(GraphBuilder &graph, Weights &weights, const EncoderConfig &config, int64_t batch,
                               int64_t seq) {
  return Encoder(graph, weights, config).build(batch, seq);
}
