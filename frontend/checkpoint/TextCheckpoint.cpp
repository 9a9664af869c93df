// Hugging Face checkpoints of text encoders: bert, roberta (and what is built as it is), distilbert, electra.
#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/nets/Encoder.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

struct HeadName {
  Head head;
  StringRef option, architecture; // of --head, and the end of an architecture's name
};
constexpr HeadName kHeads[] = {
    {Head::MaskedLm, "masked-lm", "ForMaskedLM"},
    {Head::PreTraining, "pretraining", "ForPreTraining"},
    {Head::SequenceClassification, "sequence-classification", "ForSequenceClassification"},
    {Head::TokenClassification, "token-classification", "ForTokenClassification"},
    {Head::QuestionAnswering, "question-answering", "ForQuestionAnswering"},
};

// A head's own tensors begin with one of these.
bool isOfPreTraining(StringRef name) {
  return llvm::any_of(
      llvm::ArrayRef<StringRef>({"cls.", "lm_head.", "vocab_", "generator_", "discriminator_predictions."}),
      [&](StringRef prefix) { return name.starts_with(prefix); });
}

EncoderFamily familyOf(StringRef type) {
  return llvm::StringSwitch<EncoderFamily>(type)
      .Cases({"roberta", "xlm-roberta", "camembert"}, EncoderFamily::Roberta)
      .Case("distilbert", EncoderFamily::DistilBert)
      .Case("electra", EncoderFamily::Electra)
      .Default(EncoderFamily::Bert);
}

class TextImporter {
public:
  explicit TextImporter(Checkpoint &checkpoint) : checkpoint(checkpoint) {}
  void run();

private:
  void readConfig();
  void chooseHead();
  Head headOf(const std::string &architecture);
  std::string complaint(StringRef name) const;

  Checkpoint &checkpoint;
  EncoderConfig config;
  std::string type;
};

void TextImporter::readConfig() {
  type = checkpoint.text("model_type", "bert");
  config.family = familyOf(type);
  bool distil = config.family == EncoderFamily::DistilBert;
  if (std::string kind = checkpoint.text("position_embedding_type", "absolute"); kind != "absolute")
    checkpoint.problem("config.json: position_embedding_type '" + kind + "' is not supported (absolute is)");
  if (checkpoint.flag("is_decoder", false))
    checkpoint.problem("config.json: is_decoder is not supported; export the model to ONNX instead");
  config.activation = checkpoint.activation(distil ? "activation" : "hidden_act", "gelu");
  config.hidden = checkpoint.positive(distil ? "dim" : "hidden_size");
  config.layers = checkpoint.positive(distil ? "n_layers" : "num_hidden_layers");
  const char *heads = distil ? "n_heads" : "num_attention_heads";
  config.heads = checkpoint.positive(heads);
  config.intermediate = checkpoint.positive(distil ? "hidden_dim" : "intermediate_size");
  config.positions = checkpoint.positive("max_position_embeddings");
  config.embedding =
      config.family == EncoderFamily::Electra ? checkpoint.positive("embedding_size", config.hidden) : config.hidden;
  config.epsilon = checkpoint.positiveReal("layer_norm_eps", 1e-12);
  config.tiedDecoder = checkpoint.flag("tie_word_embeddings", true);
  if (config.family == EncoderFamily::Roberta)
    config.padToken = checkpoint.natural("pad_token_id", 1);
  if (config.heads && config.hidden % config.heads)
    checkpoint.problem(Twine("config.json: ") + heads + " " + Twine(config.heads) + " does not divide " +
                       (distil ? "dim " : "hidden_size ") + Twine(config.hidden));
  if (config.maxSequence() < 1 && config.positions)
    checkpoint.problem("config.json: pad_token_id " + Twine(config.padToken) + " leaves none of the " +
                       Twine(config.positions) + " positions");

  for (StringRef prefix : {"bert.", "roberta.", "distilbert.", "electra."})
    if (checkpoint.stores((prefix + "embeddings.word_embeddings.weight").str()))
      config.prefix = prefix;
  // Stored tables have these many rows, where config.json says it.
  auto rows = [&](const char *key, const char *table) {
    std::string name = config.prefix + "embeddings." + table + ".weight";
    return checkpoint.has(key) ? checkpoint.positive(key) : checkpoint.sizeOf(name, 0, 1);
  };
  config.vocabulary = rows("vocab_size", "word_embeddings");
  config.tokenTypes = distil ? 0 : rows("type_vocab_size", "token_type_embeddings");
}

// The head of an architecture whose tensors are stored; Auto where it has none.
Head TextImporter::headOf(const std::string &architecture) {
  StringRef name = architecture;
  size_t at = name.find("For");
  if (at == StringRef::npos)
    return Head::Auto;
  for (const HeadName &known : kHeads)
    if (name.drop_front(at) == known.architecture && hasHead(config.family, known.head))
      return known.head;
  bool stored = llvm::any_of(checkpoint.index(), [&](auto &entry) {
    return !StringRef(entry.first).starts_with(config.prefix) || config.prefix.empty();
  });
  if (stored)
    checkpoint.problem("config.json: the head of " + architecture +
                       " is not supported; export the model to ONNX, or choose a head by --head");
  return Head::Auto;
}

void TextImporter::chooseHead() {
  SentenceModules sentence = readSentenceModules(checkpoint);
  config.normalize = sentence.normalize;
  config.head = checkpoint.options().head;
  if (config.head == Head::Auto)
    config.head = sentence.head;
  if (config.head == Head::Auto && !checkpoint.hasFile("modules.json")) {
    config.head = headOf(checkpoint.architecture());
    // Some say what they were trained as, and store the encoder alone.
    auto isOfAHead = [&](auto &entry) {
      StringRef name = entry.first;
      return isOfPreTraining(name) || name.starts_with("classifier.") || name.starts_with("qa_outputs.") ||
             name.starts_with("pre_classifier.");
    };
    if (config.head != Head::Auto && llvm::none_of(checkpoint.index(), isOfAHead))
      config.head = Head::Auto;
  }
  if (config.head == Head::Auto) {
    bool stored = checkpoint.stores(config.prefix + "pooler.dense.weight");
    config.head = stored && hasHead(config.family, Head::Pooler) ? Head::Pooler : Head::None;
  }
  if (!hasHead(config.family, config.head))
    checkpoint.problem("--head: a " + type + " encoder has no such head");
  bool projected = config.head == Head::SequenceClassification &&
                   (config.family == EncoderFamily::Roberta || config.family == EncoderFamily::Electra);
  config.labels = checkpoint.sizeOf(projected ? "classifier.out_proj.weight" : "classifier.weight", 0, 1);
}

// Why a tensor that no part reads should be there; empty where it may.
std::string TextImporter::complaint(StringRef name) const {
  StringRef own = name;
  bool encoder =
      own.consume_front(config.prefix) && (own.starts_with("embeddings.") || own.starts_with("encoder.") ||
                                           own.starts_with("transformer.") || own.starts_with("embeddings_project."));
  // Position ids are 0, 1, 2, ...; poolers and heads of pre-training are left out where they are not asked for.
  if (own == "embeddings.position_ids" || own == "embeddings.token_type_ids" || own.starts_with("pooler.") ||
      isOfPreTraining(name))
    return "";
  if (encoder)
    return "is unexpected in a " + type + " encoder";
  if (checkpoint.options().head != Head::Auto)
    return "";
  return "is of a head that config.json does not name; choose one by --head (" + kHeads[0].option.str() + ", " +
         kHeads[2].option.str() + ", " + kHeads[3].option.str() + ", " + kHeads[4].option.str() +
         "), or leave it out (--head=none, mean, cls or pooler)";
}

void TextImporter::run() {
  readConfig();
  chooseHead();
  auto shapes = checkpoint.bindShapes({{"batch"}, {"seq"}}, "batch=1,seq=128");
  for (auto &shape : shapes)
    if (config.positions && shape[1] > config.maxSequence())
      checkpoint.problem("--shape: seq=" + Twine(shape[1]) + " exceeds the checkpoint's " +
                         Twine(config.maxSequence()) + " positions");
  if (checkpoint.hasProblems())
    return;
  checkpoint.expectLayers(config.family == EncoderFamily::DistilBert ? "n_layers" : "num_hidden_layers", config.layers,
                          [&](int64_t i) { return config.prefix + encoderLayer(config.family, i); });
  if (checkpoint.hasProblems())
    return;
  for (auto &shape : shapes)
    checkpoint.endEntry(buildEncoder(checkpoint.graph(), checkpoint, config, shape[0], shape[1]));
  checkpoint.expectAllUsed([&](StringRef name) { return complaint(name); });
}

} // namespace

void frontend::importTextCheckpoint(Checkpoint &checkpoint) { TextImporter(checkpoint).run(); }
