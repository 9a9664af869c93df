// A checkpoint on its way into IR: its configuration, its stored tensors, and everything that is wrong with it, which
// is reported at once.
#ifndef MLC_FRONTEND_CHECKPOINT_CHECKPOINT_H
#define MLC_FRONTEND_CHECKPOINT_CHECKPOINT_H

#include "frontend/BindDims.h"
#include "frontend/Import.h"
#include "frontend/nets/Layers.h"
#include "support/Safetensors.h"

#include <nlohmann/json.hpp>
#include <set>

namespace mlc::frontend {

using Json = nlohmann::json;

class Checkpoint final : public Weights {
public:
  // `path`: a folder, or a safetensors file.
  Checkpoint(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options);

  const ImportOptions &options() const { return importOptions; }
  GraphBuilder &graph() { return builder; }
  void problem(const llvm::Twine &text) { problems.insert(text.str()); }
  bool hasProblems() const { return !problems.empty(); }

  // A file of the folder; null, and a problem, where it is not JSON.
  Json readJson(llvm::StringRef file);
  bool hasFile(llvm::StringRef file) const;
  void readTensors();
  void readConfig();

  // Members of config.json. What is of another type is a problem.
  bool isConfigured() const { return config.is_object(); }
  bool has(const char *key) const;
  int64_t positive(const char *key);
  int64_t positive(const char *key, int64_t otherwise) { return has(key) ? positive(key) : otherwise; }
  int64_t natural(const char *key, int64_t otherwise); // 0 or more
  std::vector<int64_t> positives(const char *key);
  std::pair<int64_t, int64_t> extent(const char *key, int64_t otherwise); // one size, or [height, width]
  double positiveReal(const char *key, double otherwise);
  bool flag(const char *key, bool otherwise);
  std::string text(const char *key, const char *otherwise);
  Activation activation(const char *key, const char *otherwise);
  // What the model was saved as, as "BertForMaskedLM"; empty where it is not said.
  std::string architecture();

  // Stored tensors.
  bool stores(const std::string &name) const { return tensors.count(name) != 0; }
  // The size of a dimension of a stored tensor; `otherwise` where there is none.
  int64_t sizeOf(const std::string &name, size_t dimension, int64_t otherwise) const;
  const TensorIndex &index() const { return tensors; }
  mlir::Value get(const std::string &name, llvm::ArrayRef<int64_t> shape, Fill) override;
  // That the tensors of as many layers are stored as config.json says in `key`. Asked before any layer is built: a
  // config of another model may ask for any number.
  void expectLayers(const char *key, int64_t count, llvm::function_ref<std::string(int64_t)> prefixOf);

  // Sizes of `symbols` in each --shape; `advice` is an example of a binding.
  std::vector<llvm::SmallVector<int64_t>> bindShapes(llvm::ArrayRef<DimSymbol> symbols, llvm::StringRef advice);
  // Ends an entry; where an output is null and nobody said why, that is a problem.
  void endEntry(llvm::ArrayRef<std::pair<std::string, mlir::Value>> outputs);
  // Asks about every stored tensor that was not used: empty, or what the problem is.
  void expectAllUsed(llvm::function_ref<std::string(llvm::StringRef name)> complaint);

  // The module, or a diagnostic with all problems.
  ImportResult finish();

private:
  std::string path;
  const ImportOptions &importOptions;
  mlir::Location location;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  GraphBuilder builder;
  Json config;
  TensorIndex tensors;
  std::set<std::string> used, problems;
};

// Families. Each reads the configuration and builds an entry per shape; what is wrong is kept in the checkpoint.
void importTextCheckpoint(Checkpoint &checkpoint);    // bert, roberta, distilbert, electra
void importVisionTransformer(Checkpoint &checkpoint); // vit
void importResNet(Checkpoint &checkpoint);            // resnet
void importTorchvision(Checkpoint &checkpoint);       // by its tensors alone
bool isTorchvision(const Checkpoint &checkpoint);

// The head that modules.json of sentence-transformers asks for.
struct SentenceModules {
  Head head = Head::Auto; // Auto: none is asked for
  bool normalize = false;
};
SentenceModules readSentenceModules(Checkpoint &checkpoint);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_CHECKPOINT_CHECKPOINT_H
