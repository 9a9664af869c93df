// The table of the zoo, and how its keys become configurations.
#include "frontend/nets/Encoder.h"
#include "frontend/nets/GiantBert.h"
#include "frontend/nets/MobileNetV2.h"
#include "frontend/nets/ResNet.h"
#include "frontend/nets/UNet3D.h"
#include "frontend/nets/VisionTransformer.h"
#include "frontend/zoo/Zoo.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// More would not end in any useful time: each is tens of ops.
constexpr int64_t kMostLayers = 10000;

void end(const ZooRequest &request, ArrayRef<std::pair<std::string, Value>> outputs) {
  if (llvm::all_of(outputs, [](auto &output) { return static_cast<bool>(output.second); }))
    request.graph.endEntry(outputs);
  else
    request.problem("the model cannot be built with these sizes");
}

void check(const ZooRequest &request, bool holds, const Twine &text) {
  if (!holds)
    request.problem(text);
}

void checkLayers(const ZooRequest &request) {
  check(request, request["layers"] <= kMostLayers,
        "layers=" + Twine(request["layers"]) + " is more than " + Twine(kMostLayers));
}

void checkHeads(const ZooRequest &request) {
  check(request, request["hidden"] % request["heads"] == 0,
        "heads=" + Twine(request["heads"]) + " does not divide hidden=" + Twine(request["hidden"]));
}

void checkPositions(const ZooRequest &request) {
  check(request, request.dims[1] <= request["positions"],
        "--shape: seq=" + Twine(request.dims[1]) + " exceeds the model's " + Twine(request["positions"]) +
            " positions; choose positions=" + Twine(request.dims[1]));
}

void checkNoHead(const ZooRequest &request, Head only, StringRef name) {
  check(request, request.head == Head::Auto || request.head == only,
        "--head: the model has one, " + name + "; leave --head out");
}

void bert(const ZooRequest &request) {
  EncoderConfig config;
  config.hidden = config.embedding = request["hidden"];
  config.layers = request["layers"];
  config.heads = request["heads"];
  config.intermediate = request["intermediate"];
  config.positions = request["positions"];
  config.vocabulary = request["vocabulary"];
  config.tokenTypes = request["types"];
  config.labels = request["labels"];
  config.head = request.head == Head::Auto ? Head::Pooler : request.head;
  config.prefix = "bert.";
  checkLayers(request);
  checkHeads(request);
  checkPositions(request);
  check(request, hasHead(config.family, config.head), "--head: a bert encoder has no such head");
  if (!request.hasProblems())
    end(request, buildEncoder(request.graph, request.weights, config, request.dims[0], request.dims[1]));
}

void giantBert(const ZooRequest &request) {
  GiantBertConfig config;
  config.hidden = request["hidden"];
  config.layers = request["layers"];
  config.heads = request["heads"];
  config.headSize = request["head_size"];
  config.intermediate = request["intermediate"];
  config.vocabulary = request["vocabulary"];
  config.positions = request["positions"];
  checkLayers(request);
  checkPositions(request);
  checkNoHead(request, Head::MaskedLm, "masked-lm");
  if (!request.hasProblems())
    end(request, buildGiantBert(request.graph, request.weights, config, request.dims[0], request.dims[1]));
}

Value beginImage(const ZooRequest &request, int64_t channels) {
  Dims shape = {request.dims[0], channels};
  shape.append(request.dims.begin() + 1, request.dims.end());
  return request.graph.beginEntry("infer", {{"input", toTensorType(request.graph.context(), DType::F32, shape)}})[0];
}

template <bool bottleneck, int64_t a, int64_t b, int64_t c, int64_t d> void resnet(const ZooRequest &request) {
  ResNetConfig config;
  config.bottleneck = bottleneck;
  config.channels = request["channels"];
  config.labels = request["labels"];
  int64_t width = 64;
  for (int64_t blocks : {a, b, c, d}) {
    config.stages.push_back({.blocks = blocks,
                             .out = bottleneck ? 4 * width : width,
                             .inner = width,
                             .stride = config.stages.empty() ? 1 : 2});
    width *= 2;
  }
  checkNoHead(request, Head::ImageClassification, "image-classification");
  if (!request.hasProblems())
    end(request,
        {{"logits",
          buildResNet(request.graph, request.weights, config, beginImage(request, request["channels"])).logits}});
}

void mobileNetV2(const ZooRequest &request) {
  MobileNetV2Config config;
  config.labels = request["labels"];
  config.width = static_cast<double>(request["width_percent"]) / 100;
  checkNoHead(request, Head::ImageClassification, "image-classification");
  if (!request.hasProblems())
    end(request, {{"logits", buildMobileNetV2(request.graph, request.weights, config,
                                              beginImage(request, request["channels"]))}});
}

void visionTransformer(const ZooRequest &request) {
  VisionTransformerConfig config;
  config.hidden = request["hidden"];
  config.layers = request["layers"];
  config.heads = request["heads"];
  config.intermediate = request["intermediate"];
  config.channels = request["channels"];
  config.height = config.width = request["image"];
  config.patchHeight = config.patchWidth = request["patch"];
  config.labels = request["labels"];
  config.prefix = "vit.";
  checkLayers(request);
  checkHeads(request);
  check(request, config.patchHeight <= config.height,
        "patch=" + Twine(config.patchHeight) + " is above image=" + Twine(config.height));
  checkNoHead(request, Head::ImageClassification, "image-classification");
  if (!request.hasProblems())
    end(request, buildVisionTransformer(request.graph, request.weights, config, request.dims[0]));
}

void unet3D(const ZooRequest &request) {
  UNet3DConfig config;
  config.labels = request["labels"];
  checkNoHead(request, Head::Auto, "a logit per voxel and label");
  for (int64_t size : llvm::drop_begin(request.dims))
    check(request, size % 32 == 0,
          "--shape: depth, height and width must be multiples of 32, " + Twine(size) + " is not");
  if (!request.hasProblems())
    end(request,
        {{"logits", buildUNet3D(request.graph, request.weights, config, beginImage(request, request["channels"]))}});
}

std::vector<ZooKey> bertKeys(int64_t layers, int64_t hidden, int64_t heads) {
  return {{"layers", layers, "of the encoder"},
          {"hidden", hidden, "width of the encoder"},
          {"heads", heads, "of attention; they divide hidden"},
          {"intermediate", 4 * hidden, "width of the feed-forward layers"},
          {"vocabulary", 30522, "rows of the word embeddings"},
          {"positions", 512, "the longest sequence"},
          {"types", 2, "token types; with one there is no input token_type_ids"},
          {"labels", 2, "of --head=sequence-classification and token-classification"}};
}

std::vector<ZooKey> imageKeys() { return {{"labels", 1000, "of the classifier"}, {"channels", 3, "of the image"}}; }

std::vector<ZooKey> transformerKeys(int64_t layers, int64_t hidden, int64_t heads) {
  std::vector<ZooKey> keys = {{"layers", layers, "of the encoder"},
                              {"hidden", hidden, "width of the encoder"},
                              {"heads", heads, "of attention; they divide hidden"},
                              {"intermediate", 4 * hidden, "width of the feed-forward layers"},
                              {"image", 224, "height and width in pixels"},
                              {"patch", 16, "height and width of a token in pixels"}};
  llvm::append_range(keys, imageKeys());
  return keys;
}

std::vector<ZooModel> makeModels() {
  const std::vector<DimSymbol> text = {{"batch", 1}, {"seq", 128}},
                               image = {{"batch", 1}, {"height", 224}, {"width", 224}};
  std::vector<ZooKey> mobile = imageKeys();
  mobile.push_back({"width_percent", 100, "multiplier of all channels, in percent"});
  return {
      {"bert", "BERT of any size; --head chooses what it ends in", bertKeys(12, 768, 12), text, bert},
      {"bert-base", "BERT-base", bertKeys(12, 768, 12), text, bert},
      {"bert-large", "BERT-large", bertKeys(24, 1024, 16), text, bert},
      {"giant-bert",
       "Google's BERT of MLPerf Training v1.1: gated, multi-query, 481,815,347,200 parameters",
       {{"layers", 64, "of the encoder"},
        {"hidden", 16384, "width of the encoder"},
        {"heads", 256, "of the queries; keys and values have one"},
        {"head_size", 128, "width of a head"},
        {"intermediate", 131072, "width of the feed-forward layers"},
        {"vocabulary", 30522, "rows of the embeddings"},
        {"positions", 512, "the longest sequence"}},
       {{"batch", 1}, {"seq", 512}},
       giantBert},
      {"mobilenet_v2", "MobileNetV2", mobile, image, mobileNetV2},
      {"resnet18", "ResNet-18", imageKeys(), image, resnet<false, 2, 2, 2, 2>},
      {"resnet34", "ResNet-34", imageKeys(), image, resnet<false, 3, 4, 6, 3>},
      {"resnet50", "ResNet-50 v1.5", imageKeys(), image, resnet<true, 3, 4, 6, 3>},
      {"resnet101", "ResNet-101 v1.5", imageKeys(), image, resnet<true, 3, 4, 23, 3>},
      {"resnet152", "ResNet-152 v1.5", imageKeys(), image, resnet<true, 3, 8, 36, 3>},
      {"unet3d",
       "the 3-D U-Net of MLPerf Training",
       {{"labels", 3, "per voxel"}, {"channels", 1, "of the volume"}},
       {{"batch", 1}, {"depth", 128}, {"height", 128}, {"width", 128}},
       unet3D},
      {"vit-base", "ViT-B/16", transformerKeys(12, 768, 12), {{"batch", 1}}, visionTransformer},
      {"vit-large", "ViT-L/16", transformerKeys(24, 1024, 16), {{"batch", 1}}, visionTransformer},
  };
}

} // namespace

ArrayRef<ZooModel> frontend::zooModels() {
  static const std::vector<ZooModel> models = makeModels();
  return models;
}
