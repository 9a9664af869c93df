// What the importer of one ONNX op sees: the node, its attributes, its operands, and the builder.
#ifndef MLC_FRONTEND_ONNX_NODECONTEXT_H
#define MLC_FRONTEND_ONNX_NODECONTEXT_H

#include "frontend/GraphBuilder.h"
#include "frontend/onnx/ModelFile.h"

#include "llvm/ADT/StringSet.h"

namespace mlc::frontend {

// A value of the graph. Constants stay on the host until an op of the program uses them: shape arithmetic never does.
struct GraphValue {
  std::string name;
  mlir::Value value;
  std::optional<HostTensor> host;
  // Place of a constant's bytes.
  std::string file;
  uint64_t offset = 0;
  // A sequence has tensors instead of a value of its own.
  std::optional<std::vector<GraphValue *>> sequence;
  // Its node could not be imported; users are skipped without another message.
  bool poisoned = false;
  // Of a poisoned constant: why it cannot be read. No matter, where nothing uses it.
  std::string unreadable;

  mlir::RankedTensorType type(mlir::MLIRContext *context) const {
    return host ? toTensorType(context, host->dtype(), host->shape())
                : mlir::cast<mlir::RankedTensorType>(value.getType());
  }
};

using AttributeMap = llvm::StringMap<const onnx::AttributeProto *>;

class NodeContext {
public:
  NodeContext(ModelFile &file, GraphBuilder &graph, const onnx::NodeProto &node, int64_t opset,
              llvm::SmallVector<GraphValue *> inputs, AttributeMap attributes)
      : g(graph), node(node), opset(opset), results(node.output_size()), file(file), inputs(std::move(inputs)),
        attributes(std::move(attributes)) {}

  GraphBuilder &g;
  const onnx::NodeProto &node;
  const int64_t opset;

  // Operands. An absent optional operand is null.
  size_t numInputs() const { return inputs.size(); }
  bool has(size_t index) const { return index < inputs.size() && inputs[index]; }
  mlir::Value operand(size_t index);
  llvm::SmallVector<mlir::Value> operands();
  // A missing operand is a problem of the node, and then a scalar.
  mlir::RankedTensorType typeOf(size_t index);
  llvm::ArrayRef<int64_t> shapeOf(size_t index) { return typeOf(index).getShape(); }
  int64_t rankOf(size_t index) { return typeOf(index).getRank(); }
  const HostTensor *constant(size_t index) const;
  // The elements of an operand that must be constant; otherwise nothing, and a problem that names it `what`.
  std::optional<std::vector<int64_t>> constantInts(size_t index, llvm::StringRef what);
  std::optional<double> constantScalar(size_t index, llvm::StringRef what);

  // Attributes. Those that no handler asks for are reported as unsupported.
  bool hasAttr(llvm::StringRef name) const { return attributes.contains(name); }
  int64_t intAttr(llvm::StringRef name, int64_t otherwise);
  double floatAttr(llvm::StringRef name, double otherwise);
  std::string stringAttr(llvm::StringRef name, llvm::StringRef otherwise);
  std::optional<std::vector<int64_t>> intsAttr(llvm::StringRef name);
  std::vector<int64_t> intsAttr(llvm::StringRef name, std::vector<int64_t> otherwise);
  const onnx::AttributeProto *rawAttr(llvm::StringRef name);
  // One of another type is a problem, and as absent.
  const onnx::AttributeProto *typedAttr(llvm::StringRef name, onnx::AttributeProto::AttributeType type);
  // An attribute that may only have one value.
  bool requireInt(llvm::StringRef name, int64_t only, int64_t otherwise);
  // Brings an axis into [0, rank), or reports it.
  std::optional<int64_t> axis(int64_t value, int64_t rank);
  std::optional<llvm::SmallVector<int64_t>> axes(llvm::ArrayRef<int64_t> values, int64_t rank);

  bool wantsOutput(int index) const { return index < node.output_size() && !node.output(index).empty(); }

  // Results.
  mlir::LogicalResult result(mlir::Value value) { return result(0, value); }
  mlir::LogicalResult result(size_t index, mlir::Value value);
  mlir::LogicalResult result(HostTensor tensor);
  mlir::LogicalResult alias(size_t input);
  mlir::LogicalResult tensorResult(const onnx::TensorProto &tensor);
  mlir::LogicalResult unsupported(const llvm::Twine &what);

  // Problems so far, unread attributes included once `finish` was called.
  void finish();
  std::vector<std::string> problems;
  // An operand that a handler asked for in vain.
  std::optional<size_t> absent;
  std::vector<GraphValue> results;

private:
  ModelFile &file;
  llvm::SmallVector<GraphValue *> inputs;
  AttributeMap attributes;
  llvm::StringSet<> read;
};

using OpHandler = mlir::LogicalResult (*)(NodeContext &);
struct OpImport {
  OpHandler handler;
  int64_t sinceOpset;
  // What of the op is not imported, in words, for docs/onnx-ops.md.
  const char *limits = "";
};
// By name; by domain, a dot and name outside of ai.onnx.
using OpTable = llvm::StringMap<OpImport>;
const OpTable &opTable();

void addAttentionOps(OpTable &table);
void addContribAttentionOps(OpTable &table);
void addContribOps(OpTable &table);
void addContribQuantizationOps(OpTable &table);
void addConvolutionOps(OpTable &table);
void addDeformConvOps(OpTable &table);
void addEinsumOps(OpTable &table);
void addImageOps(OpTable &table);
void addIndexOps(OpTable &table);
void addLinearAttentionOps(OpTable &table);
void addLossOps(OpTable &table);
void addMathOps(OpTable &table);
void addNeuralNetOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addPoolingOps(OpTable &table);
void addQuantizationOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addReductionOps(OpTable &table);
void addResizeOps(OpTable &table);
void addSamplingOps(OpTable &table);
void addShapeOps(OpTable &table);
void addSignalOps(OpTable &table);
void addTrigonometryOps(OpTable &table);

// Elements that the import may still compute on the host. Each node computes few, but a small file, a loop in it, has a
// million nodes.
class FoldBudget {
public:
  static constexpr int64_t kElements = 1 << 27;
  // False: there are not so many left, now or later.
  bool take(int64_t elements) {
    left = elements <= left ? left - elements : 0;
    return left > 0;
  }
  bool isSpent() const { return left == 0; }

private:
  int64_t left = kElements;
};

// Evaluates a node of shape arithmetic whose operands are small constants. Nothing when it is none.
std::optional<HostTensor> foldConstants(NodeContext &node, FoldBudget &budget);
// Evaluates the results of a node whose operands are small constants, where the ops that its handler made have a
// definition (ReferenceOp): an exporter may compute the pads of an image, or the axes of a sum, by any op.
void foldResults(NodeContext &node, FoldBudget &budget);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ONNX_NODECONTEXT_H
