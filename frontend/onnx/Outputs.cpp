// What an entry point returns: the graph's outputs, and what --keep names.
#include "frontend/Keep.h"
#include "frontend/onnx/Importer.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

// A constant becomes an op here.
Value OnnxImporter::valueOf(GraphValue &value, const std::string &name) {
  if (value.value)
    return value.value;
  onnx::NodeProto identity;
  identity.add_output(name);
  return value.value = NodeContext(*file, graph, identity, 0, {&value}, {}).operand(0);
}

void OnnxImporter::collectOutputs(const onnx::GraphProto &proto, Scope &scope, NamedValues &results) {
  for (const onnx::ValueInfoProto &output : proto.output()) {
    GraphValue *value = scope.values.lookup(output.name());
    if (!value) {
      problem("output '" + output.name() + "' is not defined by any node");
      continue;
    }
    if (!value->unreadable.empty())
      problem(value->unreadable);
    if (value->poisoned)
      continue;
    if (value->sequence) {
      problem("output '" + output.name() +
              "' is a sequence; return its tensors one by one, or joined by ConcatFromSequence");
      continue;
    }
    Value result = valueOf(*value, output.name());
    // The declared type, where it says anything, must agree.
    const onnx::TypeProto_Tensor &declared = output.type().tensor_type();
    auto type = mlir::cast<RankedTensorType>(result.getType());
    std::optional<DType> element = fromOnnxType(declared.elem_type());
    if (element && toElementType(graph.context(), *element) != type.getElementType())
      problem("output '" + output.name() + "' is declared with elements of " + std::string(nameOf(*element)) +
              ", the graph computes others; fix the declaration");
    if (declared.has_shape()) {
      bool agrees = declared.shape().dim_size() == type.getRank();
      for (int i = 0; agrees && i < declared.shape().dim_size(); ++i)
        agrees = !declared.shape().dim(i).has_dim_value() || declared.shape().dim(i).dim_value() < 0 ||
                 declared.shape().dim(i).dim_value() == type.getDimSize(i);
      if (!agrees && declared.shape().dim_size() > 0)
        problem("output '" + output.name() + "' is declared with another shape than the graph computes (" +
                llvm::join(llvm::map_range(type.getShape(), [](int64_t d) { return std::to_string(d); }), "x") +
                "); bind --shape accordingly or fix the declaration");
    }
    results.push_back({output.name(), result});
  }
}

// A value's name goes before that of a node, which means the node's first output. Names are unique only within a
// function or a branch: those inside have the node's name in front.
void OnnxImporter::rememberKept(const onnx::NodeProto &node, Scope &scope) {
  if (options.keep.empty())
    return;
  auto remember = [&](const std::string &own, const std::string &output, bool isValue) {
    std::string name = scope.prefix + own;
    GraphValue *value = own.empty() ? nullptr : scope.values.lookup(output);
    if (!value)
      return;
    keepable.insert(name);
    if (!llvm::is_contained(options.keep, name))
      return;
    GraphValue *&slot = kept[name];
    if (isValue || !slot)
      slot = value;
  };
  if (node.output_size())
    remember(node.name(), node.output(0), /*isValue=*/false);
  for (const std::string &output : node.output())
    remember(output, output, /*isValue=*/true);
}

void OnnxImporter::collectKept(Scope &scope, NamedValues &results) {
  for (const std::string &name : options.keep) {
    if (llvm::any_of(results, [&](auto &result) { return result.first == name; }))
      continue; // an output already
    auto found = kept.find(name);
    GraphValue *value = found != kept.end() ? found->second : scope.values.lookup(name);
    if (!value)
      problem("--keep names '" + name + "', which is no node and no value of the model" +
              describeNear(name, {keepable.begin(), keepable.end()}));
    else if (value->sequence)
      problem("--keep names '" + name + "', which is a sequence; name a tensor that it is made of");
    else if (!value->poisoned)
      results.push_back({name, valueOf(*value, name)});
  }
}
