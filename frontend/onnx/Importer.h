// Walks an ONNX graph: binds shapes, inlines model-local functions and control flow, folds shape arithmetic, imports
// node by node, and reports everything that is unsupported at once.
#ifndef MLC_FRONTEND_ONNX_IMPORTER_H
#define MLC_FRONTEND_ONNX_IMPORTER_H

#include "frontend/Import.h"
#include "frontend/onnx/NodeContext.h"

#include <deque>
#include <set>

namespace mlc::frontend {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

// Names of one graph, subgraph or function call.
struct Scope {
  Scope() = default;
  // Of a subgraph of `outer`, whose names it sees.
  Scope(const Scope &outer, std::string prefix)
      : opsets(outer.opsets), callAttributes(outer.callAttributes), prefix(std::move(prefix)),
        inFunction(outer.inFunction), outer(&outer) {}

  GraphValue *lookup(llvm::StringRef name) const {
    for (const Scope *scope = this; scope; scope = scope->outer)
      if (GraphValue *value = scope->values.lookup(name))
        return value;
    return nullptr;
  }

  llvm::StringMap<GraphValue *> values;
  std::map<std::string, int64_t> opsets;
  const AttributeMap *callAttributes = nullptr;
  std::string prefix;
  bool inFunction = false;
  const Scope *outer = nullptr;
};

class OnnxImporter {
public:
  OnnxImporter(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options)
      : path(path), options(options), location(mlir::NameLoc::get(mlir::StringAttr::get(&context, path))),
        module(mlir::ModuleOp::create(location)), graph(*module) {}
  ImportResult run();

private:
  struct Node {
    const onnx::NodeProto &proto;
    Scope &scope;
    llvm::SmallVector<GraphValue *> inputs;
    AttributeMap attributes;
  };

  void problem(const llvm::Twine &text) {
    if (seen.insert(text.str()).second)
      problems.push_back(text.str());
  }
  // The model asks for more than an import makes, whatever the size of its file: the end, as what follows is no news.
  void exceed(const llvm::Twine &text) {
    if (excess.empty())
      excess = text.str();
  }
  bool isOver() const { return !excess.empty(); }
  void countNode(const onnx::NodeProto &node, const Scope &scope);
  ImportResult report();
  std::map<std::string, int64_t>
  readOpsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports);
  void importBucket(const ShapeBinding &shape);
  GraphValue *define(Scope &scope, const std::string &name, GraphValue value);
  std::string label(const onnx::NodeProto &node, const Scope &scope);
  std::string innerPrefix(const Node &node);

  // InputBinding.cpp
  bool bindInputs(const ShapeBinding &shape, llvm::SmallVector<Port> &ports);
  std::optional<int64_t> boundSize(llvm::StringRef symbol, const ShapeBinding &shape);
  std::optional<llvm::SmallVector<int64_t>> bindShape(const onnx::ValueInfoProto &input, const ShapeBinding &shape);
  void defineInitializers(const onnx::GraphProto &proto, Scope &scope);

  // Outputs.cpp: what an entry point returns, the graph's outputs and, behind them, what is to be kept.
  using NamedValues = llvm::SmallVector<std::pair<std::string, mlir::Value>>;
  void collectOutputs(const onnx::GraphProto &proto, Scope &scope, NamedValues &results);
  void collectKept(Scope &scope, NamedValues &results);
  void rememberKept(const onnx::NodeProto &node, Scope &scope);
  mlir::Value valueOf(GraphValue &value, const std::string &name);

  void importNodes(const Nodes &nodes, Scope &scope);
  void importNode(const onnx::NodeProto &node, Scope &scope);
  // Makes outputs that are not defined known as missing, so that nothing more is said of their users.
  void poisonOutputs(const onnx::NodeProto &node, Scope &scope);

  // Calls.cpp: what is replaced by the nodes of another graph. False: it is none of these.
  bool importCall(const Node &node);
  void inlineFunction(const Node &node, const onnx::FunctionProto &function);
  void importIf(const Node &node);
  void importLoop(const Node &node);
  void importScan(const Node &node);
  const onnx::GraphProto *subgraph(const Node &node, const char *attribute);
  struct Iterations;
  GraphValue *importHelper(Scope &scope, const std::string &op, llvm::ArrayRef<GraphValue *> inputs,
                           llvm::ArrayRef<std::pair<const char *, int64_t>> attributes);
  GraphValue *stack(Scope &scope, llvm::ArrayRef<GraphValue *> slices, int64_t axis);
  GraphValue *hostValue(HostTensor tensor);

  // Sequences.cpp: sequences and optional values, which no op of the program has. False: the node has none.
  bool importSequence(const Node &node);
  struct SequenceNode;

  std::string path;
  const ImportOptions &options;
  mlir::Location location;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  GraphBuilder graph;
  std::unique_ptr<ModelFile> file;
  std::map<std::pair<std::string, std::string>, const onnx::FunctionProto *> functions;
  std::set<std::string> initializers, usedBindings;
  std::deque<GraphValue> values;
  // With ImportOptions::keep: what is named so in the bucket, and all names that could be.
  std::map<std::string, GraphValue *> kept;
  std::set<std::string> keepable;
  std::vector<std::string> problems;
  int64_t tensorsInSequences = 0; // of all that were made
  std::set<std::string> seen;
  // Nodes of the bucket that were looked at, and bytes of their names, which calls make longer.
  int64_t nodeCount = 0;
  uint64_t nameBytes = 0;
  FoldBudget folds;
  std::string excess;                                             // why the import ended early
  llvm::SmallVector<const onnx::FunctionProto *> activeFunctions; // being inlined
};

// "ai.onnx" is the long name of the default domain.
inline std::string normalDomain(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ONNX_IMPORTER_H
