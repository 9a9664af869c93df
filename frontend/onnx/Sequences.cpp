// Sequences and optional values of ONNX. Both exist during the import alone: how many tensors a sequence has is known,
// and so is whether an optional value is there. What is left are the tensors.
#include "frontend/onnx/Importer.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

using Sequence = std::vector<GraphValue *>;

struct OnnxImporter::SequenceNode {
  SequenceNode(OnnxImporter &importer, const Node &node) : importer(importer), node(node) {}

  void fail(const Twine &text) { importer.problem(importer.label(node.proto, node.scope) + text); }
  GraphValue *input(size_t index) const { return index < node.inputs.size() ? node.inputs[index] : nullptr; }
  int64_t attribute(const char *name, int64_t otherwise) const {
    const onnx::AttributeProto *value = node.attributes.lookup(name);
    return value ? value->i() : otherwise;
  }

  const Sequence *sequence(size_t index) {
    if (GraphValue *value = input(index); value && value->sequence)
      return &*value->sequence;
    fail("operand " + Twine(index) + " must be a sequence");
    return nullptr;
  }
  GraphValue *tensor(size_t index) {
    if (GraphValue *value = input(index); value && !value->sequence)
      return value;
    fail("operand " + Twine(index) + " must be a tensor");
    return nullptr;
  }
  // A constant place in a sequence, or behind it too; without the operand `otherwise`.
  std::optional<int64_t> position(size_t index, int64_t size, int64_t otherwise, bool orBehind = false) {
    if (!input(index))
      return otherwise;
    const GraphValue &value = *input(index);
    if (!value.host || value.host->numElements() != 1) {
      fail("its position is computed from data at run time; freeze the input it depends on with --const NAME=file.npy");
      return std::nullopt;
    }
    int64_t at = value.host->intAt(0);
    if (at >= -size && (at < size || (orBehind && at == size)))
      return at < 0 ? at + size : at;
    fail("position " + Twine(at) + " is outside of a sequence of " + Twine(size) + " tensors");
    return std::nullopt;
  }

  // Every sequence is kept to the end: one that grows in a loop takes the square of its length.
  static constexpr int64_t mostTensors = 16'000'000;
  void define(Sequence tensors) {
    importer.tensorsInSequences += static_cast<int64_t>(tensors.size());
    if (importer.tensorsInSequences > mostTensors)
      return fail("the model's sequences, one for each op that makes one, hold more than " + Twine(mostTensors) +
                  " tensors in all");
    GraphValue value;
    value.sequence = std::move(tensors);
    importer.define(node.scope, node.proto.output(0), std::move(value));
  }
  void define(GraphValue *value) {
    if (value)
      node.scope.values[node.proto.output(0)] = value;
  }

  void empty() { define(Sequence()); }
  void construct() {
    Sequence tensors;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      tensors.push_back(tensor(i));
    if (!llvm::is_contained(tensors, nullptr))
      define(std::move(tensors));
  }
  void at() {
    const Sequence *from = sequence(0);
    std::optional<int64_t> index = from ? position(1, static_cast<int64_t>(from->size()), 0) : std::nullopt;
    if (index)
      define((*from)[static_cast<size_t>(*index)]);
  }
  void insert() {
    const Sequence *from = sequence(0);
    GraphValue *added = tensor(1);
    int64_t size = from ? static_cast<int64_t>(from->size()) : 0;
    std::optional<int64_t> index = from && added ? position(2, size, size, /*orBehind=*/true) : std::nullopt;
    if (!index)
      return;
    Sequence tensors = *from;
    tensors.insert(tensors.begin() + *index, added);
    define(std::move(tensors));
  }
  void erase() {
    const Sequence *from = sequence(0);
    int64_t size = from ? static_cast<int64_t>(from->size()) : 0;
    std::optional<int64_t> index = from ? position(1, size, size - 1) : std::nullopt;
    if (!index || *index < 0)
      return index ? fail("the sequence is empty") : void();
    Sequence tensors = *from;
    tensors.erase(tensors.begin() + *index);
    define(std::move(tensors));
  }
  void length() {
    if (const Sequence *from = sequence(0))
      define(importer.hostValue(
          HostTensor::from(DType::I64, {}, std::vector<int64_t>{static_cast<int64_t>(from->size())})));
  }

  std::optional<int64_t> axis(int64_t rank) {
    int64_t given = attribute("axis", 0);
    if (given >= -rank && given < rank)
      return given < 0 ? given + rank : given;
    fail("axis " + Twine(given) + " is outside of [" + Twine(-rank) + ", " + Twine(rank) + ")");
    return std::nullopt;
  }
  GraphValue *vector(int64_t value) {
    return importer.hostValue(HostTensor::from(DType::I64, {1}, std::vector<int64_t>{value}));
  }
  // Parts of a number of elements each; of one each without the operand, then without the dimension if one likes.
  void split() {
    GraphValue *whole = tensor(0);
    if (!whole)
      return;
    RankedTensorType type = whole->type(importer.graph.context());
    std::optional<int64_t> along = axis(type.getRank());
    if (!along)
      return;
    int64_t size = type.getDimSize(*along), sum = 0;
    const GraphValue *given = input(1);
    if (given && !given->host)
      return fail(
          "its split is computed from data at run time; freeze the input it depends on with --const NAME=file.npy");
    std::vector<int64_t> sizes;
    if (given && !given->host->shape().empty())
      for (int64_t i = 0; i < given->host->numElements(); ++i)
        sizes.push_back(given->host->intAt(i));
    int64_t one = given && sizes.empty() && given->host->numElements() == 1 ? given->host->intAt(0) : 1;
    if (one < 1)
      return fail("its parts must have at least one element");
    if (sizes.empty() && size / one > mostTensors)
      return fail("it makes a sequence of more than " + Twine(mostTensors) + " tensors");
    for (int64_t at = 0; (!given || given->host->shape().empty()) && at < size; at += one)
      sizes.push_back(std::min(one, size - at));
    for (int64_t part : sizes)
      sum += part;
    if (sum != size || llvm::any_of(sizes, [](int64_t part) { return part < 0; }))
      return fail("its parts do not sum to the dimension of " + Twine(size));
    Sequence tensors;
    sum = 0;
    for (int64_t part : sizes) {
      GraphValue *slice =
          importer.importHelper(node.scope, "Slice", {whole, vector(sum), vector(sum + part), vector(*along)}, {});
      sum += part;
      if (slice && !given && !attribute("keepdims", 1))
        slice = importer.importHelper(node.scope, "Squeeze", {slice, vector(*along)}, {});
      if (!slice)
        return;
      tensors.push_back(slice);
    }
    define(std::move(tensors));
  }
  void concat() {
    const Sequence *from = sequence(0);
    if (!from || from->empty())
      return from ? fail("the sequence is empty") : void();
    bool isNew = attribute("new_axis", 0) != 0;
    int64_t rank = from->front()->type(importer.graph.context()).getRank() + (isNew ? 1 : 0);
    if (std::optional<int64_t> along = axis(rank))
      define(isNew ? importer.stack(node.scope, *from, *along)
                   : importer.importHelper(node.scope, "Concat", *from, {{"axis", *along}}));
  }

  // An optional value that is there is that value.
  void hasElement() {
    define(importer.hostValue(HostTensor::from(DType::I1, {}, std::vector<uint8_t>{input(0) != nullptr})));
  }
  void element() {
    if (input(0))
      define(input(0));
    else
      fail("operand 0 is missing");
  }

  OnnxImporter &importer;
  const Node &node;
};

bool OnnxImporter::importSequence(const Node &node) {
  using Importer = void (SequenceNode::*)();
  static const llvm::StringMap<Importer> importers = {
      {"SequenceEmpty", &SequenceNode::empty},
      {"SequenceConstruct", &SequenceNode::construct},
      {"SequenceAt", &SequenceNode::at},
      {"SequenceInsert", &SequenceNode::insert},
      {"SequenceErase", &SequenceNode::erase},
      {"SequenceLength", &SequenceNode::length},
      {"SplitToSequence", &SequenceNode::split},
      {"ConcatFromSequence", &SequenceNode::concat},
      {"Optional", &SequenceNode::element},
      {"OptionalGetElement", &SequenceNode::element},
      {"OptionalHasElement", &SequenceNode::hasElement},
  };
  bool isSequence = !node.inputs.empty() && node.inputs[0] && node.inputs[0]->sequence.has_value();
  auto found = importers.find(node.proto.op_type());
  if (!normalDomain(node.proto.domain()).empty() || !node.scope.opsets.contains(""))
    return false;
  if (isSequence && node.proto.op_type() == "Identity")
    SequenceNode(*this, node).element();
  else if (found != importers.end() &&
           llvm::none_of(node.inputs, [](GraphValue *input) { return input && input->poisoned; }))
    (SequenceNode(*this, node).*found->second)();
  else
    return found != importers.end();
  return true;
}
