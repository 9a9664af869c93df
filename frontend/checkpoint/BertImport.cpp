// Hugging Face `bert` checkpoints: config.json, safetensors, and, for sentence-transformers models, modules.json.
// Architecture: Devlin et al., "BERT", https://arxiv.org/abs/1810.04805; sentence embeddings: Reimers and Gurevych,
// https://arxiv.org/abs/1908.10084 (mean over the tokens of the mask, or the first token, then L2 normalisation).
#include "frontend/GraphBuilder.h"
#include "frontend/Import.h"
#include "support/MappedFile.h"
#include "support/Safetensors.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;
using Json = nlohmann::json;

namespace {

std::string joinPath(StringRef folder, StringRef file) {
  SmallString<256> path(folder);
  llvm::sys::path::append(path, file);
  return std::string(path);
}

struct BertConfig {
  int64_t hidden = 0, layers = 0, heads = 0, intermediate = 0, positions = 0;
  int64_t vocabulary = 0, tokenTypes = 0; // 0: as many as are stored
  double epsilon = 1e-12;
  bool relu = false, tanhGelu = false;
};

class BertImporter {
public:
  BertImporter(MLIRContext &context, StringRef folder, const ImportOptions &options)
      : folder(folder), options(options), location(NameLoc::get(StringAttr::get(&context, folder))),
        module(ModuleOp::create(location)), graph(*module) {
    graph.setLocation(location);
  }

  ImportResult run();

private:
  void problem(const Twine &text) { problems.insert(text.str()); }
  Json readJson(StringRef file);
  void readConfig();
  void readSentenceModules();
  void readPooling(const Json &pooling);
  int64_t positive(const Json &config, const char *key);
  Value weight(const std::string &name, ArrayRef<int64_t> shape);
  Value dense(Value x, const std::string &name, int64_t in, int64_t out);
  Value layerNorm(Value x, const std::string &name);
  Value layer(Value x, Value mask, const std::string &name);
  Value first(Value x);
  Value meanPooling(Value x, Value maskInput);
  Value normalized(Value x);
  void buildEntry(int64_t batch, int64_t seq);
  ImportResult report();

  std::string folder;
  const ImportOptions &options;
  Location location;
  OwningOpRef<ModuleOp> module;
  GraphBuilder graph;
  BertConfig config;
  Head head = Head::Auto;
  bool normalize = false;
  TensorIndex tensors;
  std::string prefix;
  std::set<std::string> used, problems;
};

Json BertImporter::readJson(StringRef file) {
  std::string path = joinPath(folder, file);
  auto mapped = MappedFile::open(path);
  if (!mapped.ok()) {
    problem(mapped.message());
    return nullptr;
  }
  const char *text = reinterpret_cast<const char *>((*mapped)->bytes().data());
  Json json = Json::parse(text, text + (*mapped)->bytes().size(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    problem("'" + path + "' is not JSON");
  return json;
}

int64_t BertImporter::positive(const Json &json, const char *key) {
  if (json.contains(key) && json[key].is_number_integer() && json[key] > 0)
    return json[key];
  problem(Twine("config.json: '") + key + "' must be a positive integer");
  return 0;
}

void BertImporter::readConfig() {
  Json json = readJson("config.json");
  if (!json.is_object()) {
    if (problems.empty())
      problem("config.json is not a JSON object");
    return;
  }
  auto text = [&](const char *key, const char *otherwise) {
    if (json.contains(key) && !json[key].is_string())
      problem(Twine("config.json: '") + key + "' must be a string");
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string(otherwise);
  };
  if (std::string type = text("model_type", "(none)"); type != "bert")
    problem("config.json: model_type '" + type + "' is not supported (bert is); export the model to ONNX instead");
  if (std::string kind = text("position_embedding_type", "absolute"); kind != "absolute")
    problem("config.json: position_embedding_type '" + kind + "' is not supported (absolute is)");
  if (json.contains("is_decoder") && json["is_decoder"] == true)
    problem("config.json: is_decoder is not supported; export the model to ONNX instead");
  std::string act = text("hidden_act", "gelu");
  config.relu = act == "relu";
  config.tanhGelu = act == "gelu_new" || act == "gelu_pytorch_tanh";
  if (act != "gelu" && !config.relu && !config.tanhGelu)
    problem("config.json: hidden_act '" + act + "' is not supported (gelu, gelu_new, gelu_pytorch_tanh, relu are)");
  config.hidden = positive(json, "hidden_size");
  config.layers = positive(json, "num_hidden_layers");
  config.heads = positive(json, "num_attention_heads");
  config.intermediate = positive(json, "intermediate_size");
  config.positions = positive(json, "max_position_embeddings");
  // Stored tables have these many rows, where it is said.
  config.vocabulary = json.contains("vocab_size") ? positive(json, "vocab_size") : 0;
  config.tokenTypes = json.contains("type_vocab_size") ? positive(json, "type_vocab_size") : 0;
  if (json.contains("layer_norm_eps")) {
    const Json &epsilon = json["layer_norm_eps"];
    if (epsilon.is_number() && epsilon.get<double>() > 0)
      config.epsilon = epsilon.get<double>();
    else
      problem("config.json: 'layer_norm_eps' must be a positive number");
  }
  if (config.heads && config.hidden % config.heads)
    problem("config.json: num_attention_heads " + Twine(config.heads) + " does not divide hidden_size " +
            Twine(config.hidden));
}

// The configuration of a Pooling module: which of its modes is on.
void BertImporter::readPooling(const Json &pooling) {
  if (!pooling.is_object())
    return problem("modules.json: the configuration of Pooling is not a JSON object");
  for (auto &[key, value] : pooling.items()) {
    if (!StringRef(key).starts_with("pooling_mode_") || value != true)
      continue;
    Head mode = key == "pooling_mode_mean_tokens" ? Head::Mean
                : key == "pooling_mode_cls_token" ? Head::FirstToken
                                                  : Head::Auto;
    if (mode == Head::Auto)
      problem("modules.json: " + key +
              " is not supported (pooling_mode_mean_tokens and pooling_mode_cls_token are); "
              "pass --head to choose another head");
    else if (head != Head::Auto)
      problem("modules.json: two modes of pooling at once are not supported; pass --head to choose a head");
    else
      head = mode;
  }
  if (head == Head::Auto && problems.empty())
    problem("modules.json: Pooling has no mode; pass --head to choose a head");
}

// modules.json: Transformer, Pooling, and possibly Normalize, in this order.
void BertImporter::readSentenceModules() {
  head = options.head;
  if (!llvm::sys::fs::exists(joinPath(folder, "modules.json")))
    return;
  Json modules = readJson("modules.json");
  if (!modules.is_array())
    return problem("modules.json is not a list of modules");
  for (const Json &entry : modules) {
    if (!entry.is_object() || !entry.contains("type") || !entry["type"].is_string())
      return problem("modules.json: a module has no type");
    std::string type = entry["type"];
    StringRef kind = StringRef(type).rsplit('.').second;
    if (kind == "Normalize") {
      normalize = true;
    } else if (kind == "Pooling") {
      if (options.head != Head::Auto)
        continue; // What the user asked for stands instead.
      std::string path = entry.contains("path") && entry["path"].is_string() ? entry["path"].get<std::string>() : "";
      readPooling(readJson(joinPath(path, "config.json")));
    } else if (kind != "Transformer") {
      problem("modules.json: module '" + type + "' is not supported (Transformer, Pooling, Normalize are)");
    }
  }
}

Value BertImporter::weight(const std::string &name, ArrayRef<int64_t> shape) {
  std::string full = prefix + name;
  auto found = tensors.find(full);
  // Checkpoints that were converted from TensorFlow's keep its names of a layer norm's scale and bias.
  for (auto [suffix, older] : {std::pair("LayerNorm.weight", "gamma"), std::pair("LayerNorm.bias", "beta")})
    if (StringRef(full).ends_with(suffix) && found == tensors.end())
      found = tensors.find((StringRef(full).rsplit('.').first + "." + older).str());
  if (found == tensors.end()) {
    problem("tensor '" + full + "' is missing");
    return {};
  }
  used.insert(found->first);
  const StoredTensor &tensor = found->second;
  if (ArrayRef<int64_t>(tensor.shape) != shape || !isFloat(tensor.dtype)) {
    problem("tensor '" + full + "': expected f32" + describe(DType::F32, shape).substr(3) + ", got " +
            describe(tensor.dtype, tensor.shape));
    return {};
  }
  auto type = toTensorType(graph.context(), tensor.dtype, shape);
  Value value =
      graph.param(full, type, FileAttr::get(graph.context(), tensor.file, static_cast<int64_t>(tensor.offset)));
  return graph.cast(value, graph.attrs().getF32Type());
}

Value BertImporter::dense(Value x, const std::string &name, int64_t in, int64_t out) {
  NamedPart part(graph, name);
  Value w = weight(name + ".weight", {out, in}), b = weight(name + ".bias", out);
  return graph.make<AddOp>({graph.make<MatmulOp>({x, w}, graph.unit("transpose_rhs")), b});
}

Value BertImporter::layerNorm(Value x, const std::string &name) {
  NamedPart part(graph, name);
  Value scale = weight(name + ".weight", config.hidden), bias = weight(name + ".bias", config.hidden);
  return graph.make<LayerNormOp>({x, scale, bias},
                                 {graph.integer("axis", 2), graph.real("epsilon", config.epsilon),
                                  graph.attr("operandSegmentSizes", graph.attrs().getDenseI32ArrayAttr({1, 1, 1}))});
}

Value BertImporter::layer(Value x, Value mask, const std::string &name) {
  NamedPart part(graph, name);
  int64_t headSize = config.hidden / config.heads;
  auto project = [&](const char *which) {
    Value y = dense(x, name + ".attention.self." + which, config.hidden, config.hidden);
    if (!y)
      return y;
    ArrayRef<int64_t> shape = mlir::cast<RankedTensorType>(y.getType()).getShape();
    return graph.reshape(y, {shape[0], shape[1], config.heads, headSize});
  };
  Value q = project("query"), k = project("key"), v = project("value");
  Value context = graph.make<AttentionOp>(
      {q, k, v, mask}, {graph.real("scale", 1 / std::sqrt(static_cast<double>(headSize))),
                        graph.attr("layout", HeadLayoutAttr::get(graph.context(), HeadLayout::BSHD))});
  if (context)
    context = graph.reshape(context, mlir::cast<RankedTensorType>(x.getType()).getShape());
  Value attended = dense(context, name + ".attention.output.dense", config.hidden, config.hidden);
  x = layerNorm(graph.make<AddOp>({attended, x}), name + ".attention.output.LayerNorm");
  Value y = dense(x, name + ".intermediate.dense", config.hidden, config.intermediate);
  if (config.relu)
    y = graph.make<ReluOp>(y);
  else if (config.tanhGelu)
    y = graph.make<GeluOp>(y, graph.unit("tanh_approximation"));
  else
    y = graph.make<GeluOp>(y);
  y = dense(y, name + ".output.dense", config.intermediate, config.hidden);
  return layerNorm(graph.make<AddOp>({y, x}), name + ".output.LayerNorm");
}

Value BertImporter::meanPooling(Value x, Value maskInput) {
  if (!x)
    return {};
  NamedPart part(graph, "pooling");
  Type f32 = graph.attrs().getF32Type();
  ArrayRef<int64_t> shape = mlir::cast<RankedTensorType>(x.getType()).getShape();
  auto sum = [&](Value value) {
    return graph.make<ReduceOp>(
        value, {graph.attr("kind", ReduceKindAttr::get(graph.context(), ReduceKind::Sum)), graph.ints("axes", 1)});
  };
  Value mask = graph.reshape(graph.cast(maskInput, f32), {shape[0], shape[1], 1});
  Value total = sum(graph.make<MulOp>({x, mask}));
  Value count = graph.make<MaxOp>({sum(mask), graph.scalar(f32, 1e-9)});
  Value mean = graph.make<DivOp>({total, count});
  return mean;
}

// Of the token in front of each sequence, [CLS].
Value BertImporter::first(Value x) {
  if (!x)
    return {};
  ArrayRef<int64_t> shape = mlir::cast<RankedTensorType>(x.getType()).getShape();
  return graph.reshape(graph.slice(x, {0, 0, 0}, {shape[0], 1, shape[2]}, {1, 1, 1}), {shape[0], shape[2]});
}

// x / max(|x|, 1e-12)
Value BertImporter::normalized(Value x) {
  Type f32 = graph.attrs().getF32Type();
  Value norm = graph.make<SqrtOp>(graph.make<ReduceOp>(
      graph.make<MulOp>({x, x}), {graph.attr("kind", ReduceKindAttr::get(graph.context(), ReduceKind::Sum)),
                                  graph.ints("axes", 1), graph.unit("keep_dims")}));
  return graph.make<DivOp>({x, graph.make<MaxOp>({norm, graph.scalar(f32, 1e-12)})});
}

void BertImporter::buildEntry(int64_t batch, int64_t seq) {
  Type f32 = graph.attrs().getF32Type();
  auto ids = toTensorType(graph.context(), DType::I64, {batch, seq});
  SmallVector<Value> inputs =
      graph.beginEntry("infer", {{"input_ids", ids}, {"attention_mask", ids}, {"token_type_ids", ids}});
  auto embedding = [&](const char *name, int64_t rows, Value indices) {
    NamedPart part(graph, std::string("embeddings.") + name);
    return graph.make<GatherOp>({weight(std::string("embeddings.") + name + ".weight", {rows, config.hidden}), indices},
                                graph.integer("axis", 0));
  };
  auto rows = [&](const char *name, int64_t said) {
    if (said)
      return said;
    auto found = tensors.find(prefix + "embeddings." + name + ".weight");
    return found == tensors.end() || found->second.shape.empty() ? int64_t{1} : found->second.shape[0];
  };
  Value positions = weight("embeddings.position_embeddings.weight", {config.positions, config.hidden});
  if (positions && seq <= config.positions)
    positions = graph.slice(positions, {0, 0}, {seq, config.hidden}, {1, 1});
  Value x = graph.make<AddOp>(
      {embedding("word_embeddings", rows("word_embeddings", config.vocabulary), inputs[0]),
       embedding("token_type_embeddings", rows("token_type_embeddings", config.tokenTypes), inputs[2])});
  if (seq <= config.positions)
    x = graph.make<AddOp>({x, positions});
  x = layerNorm(x, "embeddings.LayerNorm");

  // Zero where a token counts, the lowest finite number where it does not.
  Value masked = graph.make<SubOp>({graph.scalar(f32, 1), graph.cast(inputs[1], f32)});
  Value mask = graph.make<MulOp>({masked, graph.scalar(f32, std::numeric_limits<float>::lowest())});
  mask = graph.reshape(mask, {batch, 1, 1, seq});
  for (int64_t i = 0; i < config.layers; ++i)
    x = layer(x, mask, "encoder.layer." + std::to_string(i));

  SmallVector<std::pair<std::string, Value>> results = {{"last_hidden_state", x}};
  Head chosen = head;
  if (chosen == Head::Auto)
    chosen = tensors.contains(prefix + "pooler.dense.weight") ? Head::Pooler : Head::None;
  if (chosen == Head::Pooler) {
    Value pooled = dense(first(x), "pooler.dense", config.hidden, config.hidden);
    results.push_back({"pooler_output", graph.make<TanhOp>(pooled)});
  } else if (chosen != Head::None) {
    Value embedding = chosen == Head::Mean ? meanPooling(x, inputs[1]) : first(x);
    results.push_back({"sentence_embedding", normalize ? normalized(embedding) : embedding});
  }
  if (llvm::all_of(results, [](auto &result) { return static_cast<bool>(result.second); }))
    graph.endEntry(results);
  else if (problems.empty())
    problem("the encoder cannot be built with these shapes");
}

ImportResult BertImporter::report() {
  InFlightDiagnostic diagnostic = emitError(location, "cannot import the checkpoint '") << folder << "':";
  for (const std::string &text : problems)
    diagnostic << "\n  " << text;
  return failure();
}

ImportResult BertImporter::run() {
  readConfig();
  readSentenceModules();
  Result<TensorIndex> index = readSafetensorsFolder(folder);
  if (!index.ok())
    problem(index.message());
  if (!options.constants.empty())
    problem("--const does not apply to checkpoints: all inputs are data");
  std::vector<ShapeBinding> shapes = options.shapes;
  if (shapes.empty())
    shapes.emplace_back();
  for (const ShapeBinding &shape : shapes) {
    for (const char *symbol : {"batch", "seq"})
      if (!shape.symbols.contains(symbol))
        problem(Twine("dimension '") + symbol + "' is unbound; pass --shape batch=1,seq=128");
      else if (shape.symbols.at(symbol) < 1)
        problem(Twine("--shape: '") + symbol + "' must be at least 1");
    for (auto &[symbol, value] : shape.symbols)
      if (symbol != "batch" && symbol != "seq")
        problem("--shape: a checkpoint has no dimension '" + symbol + "' (batch and seq are its dimensions)");
    for (auto &[input, dims] : shape.inputs)
      problem("--shape: bind batch and seq instead of the shape of '" + input + "'");
    if (auto seq = shape.symbols.find("seq");
        config.positions && seq != shape.symbols.end() && seq->second > config.positions)
      problem("--shape: seq=" + Twine(seq->second) + " exceeds the checkpoint's " + Twine(config.positions) +
              " positions");
  }
  if (!problems.empty())
    return report();
  tensors = *std::move(index);
  if (tensors.contains("bert.embeddings.word_embeddings.weight"))
    prefix = "bert.";
  // Before any layer is built: a config of another model may ask for any number.
  int64_t stored = 0;
  while (llvm::any_of(tensors, [&](auto &entry) {
    return StringRef(entry.first).starts_with(prefix + "encoder.layer." + std::to_string(stored) + ".");
  }))
    ++stored;
  if (config.layers != stored) {
    problem("config.json: num_hidden_layers is " + Twine(config.layers) + ", but tensors of " + Twine(stored) +
            " layers are stored; config.json and the tensors are of different models");
    return report();
  }
  for (const ShapeBinding &shape : shapes)
    buildEntry(shape.symbols.at("batch"), shape.symbols.at("seq"));
  for (auto &[name, tensor] : tensors) {
    // The pooler, and heads of pre-training, are left out where they are not asked for; position ids are 0, 1, 2, ...
    StringRef own = name;
    bool encoder = own.consume_front(prefix) && (own.starts_with("embeddings.") || own.starts_with("encoder."));
    if (used.contains(name) || own.starts_with("pooler.") || own == "embeddings.position_ids" ||
        own == "embeddings.token_type_ids" || own.starts_with("cls."))
      continue;
    if (encoder)
      problem("tensor '" + name + "' is unexpected in a bert encoder");
    else if (options.head == Head::Auto)
      problem("tensor '" + name +
              "' is of a head that is not supported; export the model to ONNX, or leave its head out "
              "(--head=none, mean, cls or pooler)");
  }
  if (!problems.empty())
    return report();
  return std::move(module);
}

} // namespace

ImportResult mlc::importCheckpoint(MLIRContext &context, StringRef path, const ImportOptions &options) {
  context.loadDialect<MlcDialect, func::FuncDialect>();
  return BertImporter(context, path, options).run();
}
