// Which family a checkpoint is of: by model_type of its config.json, or by the names of its tensors.
#include "frontend/checkpoint/Checkpoint.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {
struct Family {
  StringRef type;
  void (*import)(Checkpoint &);
};
constexpr Family kFamilies[] = {
    {"bert", importTextCheckpoint},
    {"camembert", importTextCheckpoint},
    {"distilbert", importTextCheckpoint},
    {"electra", importTextCheckpoint},
    {"resnet", importResNet},
    {"roberta", importTextCheckpoint},
    {"vit", importVisionTransformer},
    {"xlm-roberta", importTextCheckpoint},
};
} // namespace

static void importByConfig(Checkpoint &checkpoint) {
  std::string type = checkpoint.text("model_type", "(none)");
  for (const Family &family : kFamilies)
    if (family.type == type)
      return family.import(checkpoint);
  if (type == "(none)" && isTorchvision(checkpoint)) // timm's, which has a config.json of its own
    return importTorchvision(checkpoint);
  auto names = llvm::map_range(kFamilies, [](const Family &family) { return family.type; });
  checkpoint.problem("config.json: model_type '" + type + "' is not supported (" + llvm::join(names, ", ") +
                     " are); export the model to ONNX instead");
}

ImportResult mlc::importCheckpoint(MLIRContext &context, StringRef path, const ImportOptions &options) {
  context.loadDialect<MlcDialect, func::FuncDialect>();
  Checkpoint checkpoint(context, path, options);
  checkpoint.readTensors();
  bool bare = !llvm::sys::fs::is_directory(path) || (!checkpoint.hasFile("config.json") && isTorchvision(checkpoint));
  if (!bare) {
    checkpoint.readConfig();
    if (checkpoint.isConfigured())
      importByConfig(checkpoint);
  } else if (isTorchvision(checkpoint)) {
    importTorchvision(checkpoint);
  } else if (!checkpoint.hasProblems()) {
    checkpoint.problem(
        "its tensors are not those of a torchvision ResNet or MobileNetV2; pass the folder with its config.json, "
        "or export the model to ONNX instead");
  }
  return checkpoint.finish();
}
