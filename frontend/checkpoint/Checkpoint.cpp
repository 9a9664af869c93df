#include "frontend/checkpoint/Checkpoint.h"
#include "support/MappedFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <limits>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

static std::string joinPath(StringRef folder, StringRef file) {
  SmallString<256> path(folder);
  llvm::sys::path::append(path, file);
  return std::string(path);
}

Checkpoint::Checkpoint(MLIRContext &context, StringRef path, const ImportOptions &options)
    : path(path), importOptions(options), location(NameLoc::get(StringAttr::get(&context, path))),
      module(ModuleOp::create(location)), builder(*module) {
  builder.setLocation(location);
  if (!options.constants.empty())
    problem("--const does not apply to checkpoints: all inputs are data");
}

bool Checkpoint::hasFile(StringRef file) const { return llvm::sys::fs::exists(joinPath(path, file)); }

Json Checkpoint::readJson(StringRef file) {
  std::string full = joinPath(path, file);
  auto mapped = MappedFile::open(full);
  if (!mapped.ok()) {
    problem(mapped.message());
    return nullptr;
  }
  const char *text = reinterpret_cast<const char *>((*mapped)->bytes().data());
  Json json = Json::parse(text, text + (*mapped)->bytes().size(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    problem("'" + full + "' is not JSON");
  return json;
}

void Checkpoint::readTensors() {
  bool folder = llvm::sys::fs::is_directory(path);
  Result<TensorIndex> read = folder ? readSafetensorsFolder(path) : readSafetensors(path);
  if (read.ok())
    tensors = *std::move(read);
  else
    problem(read.message());
}

void Checkpoint::readConfig() {
  config = readJson("config.json");
  if (!config.is_object() && !config.is_discarded() && !hasProblems())
    problem("config.json is not a JSON object");
}

bool Checkpoint::has(const char *key) const {
  return config.is_object() && config.contains(key) && !config[key].is_null();
}

// Whether it is a size or a number of things. No network has 2^31 of any; so products of two do not overflow.
static bool isCount(const Json &value, int64_t least) {
  return value.is_number_integer() && value >= least && value <= std::numeric_limits<int32_t>::max();
}

int64_t Checkpoint::positive(const char *key) {
  if (has(key) && isCount(config[key], 1))
    return config[key];
  problem(Twine("config.json: '") + key + "' must be a positive integer below 2^31");
  return 0;
}

int64_t Checkpoint::natural(const char *key, int64_t otherwise) {
  if (!has(key))
    return otherwise;
  if (isCount(config[key], 0))
    return config[key];
  problem(Twine("config.json: '") + key + "' must be an integer from 0 to 2^31 - 1");
  return otherwise;
}

std::vector<int64_t> Checkpoint::positives(const char *key) {
  std::vector<int64_t> values;
  if (has(key) && config[key].is_array())
    for (const Json &value : config[key])
      if (isCount(value, 1))
        values.push_back(value);
  if (values.empty() || values.size() != config[key].size()) {
    problem(Twine("config.json: '") + key + "' must be a list of positive integers below 2^31");
    values.clear();
  }
  return values;
}

std::pair<int64_t, int64_t> Checkpoint::extent(const char *key, int64_t otherwise) {
  if (!has(key) || !config[key].is_array()) {
    int64_t side = positive(key, otherwise);
    return {side, side};
  }
  std::vector<int64_t> sides = positives(key);
  if (sides.size() == 2)
    return {sides[0], sides[1]};
  problem(Twine("config.json: '") + key + "' must be a size, or a height and a width");
  return {otherwise, otherwise};
}

double Checkpoint::positiveReal(const char *key, double otherwise) {
  if (!has(key))
    return otherwise;
  if (config[key].is_number() && config[key].get<double>() > 0)
    return config[key];
  problem(Twine("config.json: '") + key + "' must be a positive number");
  return otherwise;
}

bool Checkpoint::flag(const char *key, bool otherwise) {
  if (!has(key))
    return otherwise;
  if (!config[key].is_boolean())
    problem(Twine("config.json: '") + key + "' must be true or false");
  return config[key] == true;
}

std::string Checkpoint::text(const char *key, const char *otherwise) {
  if (!has(key))
    return otherwise;
  if (config[key].is_string())
    return config[key];
  problem(Twine("config.json: '") + key + "' must be a string");
  return otherwise;
}

Activation Checkpoint::activation(const char *key, const char *otherwise) {
  std::string name = text(key, otherwise);
  std::optional<Activation> known = parseActivation(name);
  if (!known)
    problem(Twine("config.json: ") + key + " '" + name + "' is not supported (" + kActivations + " are)");
  return known.value_or(Activation::Gelu);
}

std::string Checkpoint::architecture() {
  if (!has("architectures"))
    return "";
  const Json &list = config["architectures"];
  if (list.is_array() && !list.empty() && list[0].is_string())
    return list[0];
  problem("config.json: 'architectures' must be a list of strings");
  return "";
}

int64_t Checkpoint::sizeOf(const std::string &name, size_t dimension, int64_t otherwise) const {
  auto found = tensors.find(name);
  return found == tensors.end() || found->second.shape.size() <= dimension ? otherwise : found->second.shape[dimension];
}

// Stands for a weight that cannot be had, so that the others are asked for and all problems are found.
static Value placeholder(GraphBuilder &graph, ArrayRef<int64_t> shape) {
  return elementCount(shape)
             ? graph.make<BroadcastOp>(graph.scalar(graph.attrs().getF32Type(), 0), graph.ints("shape", shape))
             : Value();
}

Value Checkpoint::get(const std::string &name, ArrayRef<int64_t> shape, Fill) {
  auto found = tensors.find(name);
  // Checkpoints that were converted from TensorFlow's keep its names of a layer norm's scale and bias.
  for (auto [suffix, older] : {std::pair("LayerNorm.weight", "gamma"), std::pair("LayerNorm.bias", "beta")})
    if (StringRef(name).ends_with(suffix) && found == tensors.end())
      found = tensors.find((StringRef(name).rsplit('.').first + "." + older).str());
  if (found == tensors.end()) {
    problem("tensor '" + name + "' is missing");
    return placeholder(builder, shape);
  }
  used.insert(found->first);
  const StoredTensor &tensor = found->second;
  if (ArrayRef<int64_t>(tensor.shape) != shape || !isFloat(tensor.dtype)) {
    problem("tensor '" + name + "': expected f32" + describe(DType::F32, shape).substr(3) + ", got " +
            describe(tensor.dtype, tensor.shape));
    return placeholder(builder, shape);
  }
  MLIRContext *context = builder.context();
  Value value = builder.param(name, toTensorType(context, tensor.dtype, shape),
                              FileAttr::get(context, tensor.file, static_cast<int64_t>(tensor.offset)));
  return builder.cast(value, builder.attrs().getF32Type());
}

void Checkpoint::expectLayers(const char *key, int64_t count, llvm::function_ref<std::string(int64_t)> prefixOf) {
  auto isStored = [&](int64_t index) {
    std::string prefix = prefixOf(index);
    auto found = tensors.lower_bound(prefix);
    return found != tensors.end() && StringRef(found->first).starts_with(prefix);
  };
  int64_t stored = 0;
  while (isStored(stored))
    ++stored;
  if (count != stored)
    problem(Twine("config.json: ") + key + " is " + Twine(count) + ", but tensors of " + Twine(stored) +
            " layers are stored; config.json and the tensors are of different models");
}

std::vector<SmallVector<int64_t>> Checkpoint::bindShapes(ArrayRef<DimSymbol> symbols, StringRef advice) {
  return bindDims(importOptions.shapes, symbols, "a checkpoint", advice, [&](const Twine &text) { problem(text); });
}

void Checkpoint::endEntry(ArrayRef<std::pair<std::string, Value>> outputs) {
  if (llvm::all_of(outputs, [](auto &output) { return static_cast<bool>(output.second); }))
    builder.endEntry(outputs);
  else if (!hasProblems())
    problem("the model cannot be built with these shapes");
}

void Checkpoint::expectAllUsed(llvm::function_ref<std::string(StringRef)> complaint) {
  for (auto &[name, tensor] : tensors)
    if (!used.count(name))
      if (std::string text = complaint(name); !text.empty())
        problem("tensor '" + name + "' " + text);
}

ImportResult Checkpoint::finish() {
  if (!hasProblems())
    return std::move(module);
  InFlightDiagnostic diagnostic = emitError(location, "cannot import the checkpoint '") << path << "':";
  for (const std::string &text : problems)
    diagnostic << "\n  " << text;
  return failure();
}
