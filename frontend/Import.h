// A model in a file or folder becomes a module of the mlc dialect with static shapes and parameters by reference.
#ifndef MLC_FRONTEND_IMPORT_H
#define MLC_FRONTEND_IMPORT_H

#include "support/HostTensor.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <string>
#include <vector>

namespace mlc {

// One --shape: values of symbolic dimensions, and whole shapes of inputs.
struct ShapeBinding {
  std::map<std::string, int64_t> symbols;
  std::map<std::string, std::vector<int64_t>> inputs;
};
// "batch=8,seq=128" (symbols) or "ids=8x128" (an input's shape), mixed as one likes.
llvm::Expected<ShapeBinding> parseShapeBinding(llvm::StringRef text);

// Of --pad: symbolic dimensions that a run may be smaller in, and the input that hides what they are filled up with.
struct Padding {
  std::vector<std::string> dims; // none: runs have exactly the sizes of a bucket
  std::string mask;              // may be empty
  std::string text;              // as it was given
};
// "batch,seq,mask=attention_mask"
llvm::Expected<Padding> parsePadding(llvm::StringRef text);

// What a checkpoint's network ends in. Auto: what its modules.json says; else what it was saved with, where that is
// stored; else the pooler where one is stored; else none.
enum class Head {
  Auto,
  None,
  Mean,
  FirstToken,
  Pooler,
  MaskedLm,
  PreTraining,
  SequenceClassification,
  TokenClassification,
  QuestionAnswering,
  ImageClassification
};

struct ImportOptions {
  // One entry function each; none means one bucket without bindings.
  std::vector<ShapeBinding> shapes;
  Padding padding;
  Head head = Head::Auto;
  // Inputs that are frozen.
  std::map<std::string, HostTensor> constants;
  // Intermediate values that become further outputs of these names: of an ONNX model nodes or values, of others parts
  // as locations name them.
  std::vector<std::string> keep;
};

using ImportResult = mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>;

// All problems of a model are reported in one diagnostic.
ImportResult importOnnx(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options);
// The ops that it reads, a line each: name, first opset, what of it is not supported.
void listOnnxOps(llvm::raw_ostream &out);
// A Hugging Face directory (config.json and safetensors), or a torchvision ResNet's state_dict in safetensors.
ImportResult importCheckpoint(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options);
// A model of the zoo, "zoo:NAME[,key=value...]", with weights drawn from a seed.
constexpr const char *kZooPrefix = "zoo:";
ImportResult importZoo(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options);
// What the zoo has, and what can be chosen about each model.
void listZoo(llvm::raw_ostream &out);
// By what `path` is: zoo:NAME, a directory or a .safetensors file, a .mlir file, or an ONNX model.
ImportResult importModel(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options);

} // namespace mlc

#endif // MLC_FRONTEND_IMPORT_H
