// Walks an ONNX graph: binds shapes, inlines model-local functions, folds shape arithmetic, imports node by node, and
// reports everything that is unsupported at once.
#include "frontend/Import.h"
#include "frontend/onnx/NodeContext.h"

#include "mlir/IR/Diagnostics.h"
#include <deque>
#include <set>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

constexpr int64_t kOldestOpset = 6, kNewestOpset = 28;
constexpr int kMaxFunctionDepth = 64;

const OpTable &opTable() {
  static const OpTable table = [] {
    OpTable ops;
    addAttentionOps(ops);
    addConvolutionOps(ops);
    addEinsumOps(ops);
    addImageOps(ops);
    addIndexOps(ops);
    addLossOps(ops);
    addMathOps(ops);
    addNeuralNetOps(ops);
    addNormalizationOps(ops);
    addQuantizationOps(ops);
    addReductionOps(ops);
    addResizeOps(ops);
    addShapeOps(ops);
    return ops;
  }();
  return table;
}

// "ai.onnx" is the long name of the default domain.
std::string normalDomain(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

// Names of one graph or one function call.
struct Scope {
  llvm::StringMap<GraphValue *> values;
  std::map<std::string, int64_t> opsets;
  const AttributeMap *callAttributes = nullptr;
  std::string prefix;
  int depth = 0;
};

class OnnxImporter {
public:
  OnnxImporter(MLIRContext &context, StringRef path, const ImportOptions &options)
      : path(path), options(options), location(NameLoc::get(StringAttr::get(&context, path))),
        module(ModuleOp::create(location)), graph(*module) {}
  ImportResult run();

private:
  void problem(const Twine &text) {
    if (seen.insert(text.str()).second)
      problems.push_back(text.str());
  }
  ImportResult report();
  std::map<std::string, int64_t>
  readOpsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports);
  void importBucket(const ShapeBinding &shape);
  bool bindInputs(const ShapeBinding &shape, SmallVector<Port> &ports);
  std::optional<SmallVector<int64_t>> bindShape(const onnx::ValueInfoProto &input, const ShapeBinding &shape);
  void defineInitializers(Scope &scope);
  void importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, Scope &scope);
  void importNode(const onnx::NodeProto &node, Scope &scope);
  bool inlineFunction(const onnx::NodeProto &node, ArrayRef<GraphValue *> inputs, const AttributeMap &attributes,
                      Scope &scope);
  GraphValue *define(Scope &scope, const std::string &name, GraphValue value);
  std::string label(const onnx::NodeProto &node, const Scope &scope);

  std::string path;
  const ImportOptions &options;
  Location location;
  OwningOpRef<ModuleOp> module;
  GraphBuilder graph;
  std::unique_ptr<ModelFile> file;
  std::map<std::pair<std::string, std::string>, const onnx::FunctionProto *> functions;
  std::set<std::string> initializers, usedBindings;
  std::deque<GraphValue> values;
  std::vector<std::string> problems;
  std::set<std::string> seen;
};

GraphValue *OnnxImporter::define(Scope &scope, const std::string &name, GraphValue value) {
  if (value.name.empty())
    value.name = scope.prefix + name;
  values.push_back(std::move(value));
  GraphValue *&slot = scope.values[name];
  if (slot)
    problem("value '" + name + "' is defined twice; check the model with onnx.checker.check_model");
  return slot = &values.back();
}

std::string OnnxImporter::label(const onnx::NodeProto &node, const Scope &scope) {
  std::string name = node.name();
  if (name.empty())
    name = node.output_size() ? "-> " + node.output(0) : "(unnamed)";
  std::string domain = normalDomain(node.domain());
  auto opset = scope.opsets.find(domain);
  return "node '" + scope.prefix + name + "': op " + node.op_type() + ", domain " +
         (domain.empty() ? "ai.onnx" : domain) + ", opset " +
         (opset == scope.opsets.end() ? "not imported" : std::to_string(opset->second)) + ": ";
}

std::map<std::string, int64_t>
OnnxImporter::readOpsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports) {
  std::map<std::string, int64_t> opsets;
  for (const onnx::OperatorSetIdProto &import : imports)
    opsets[normalDomain(import.domain())] = import.version();
  if (auto own = opsets.find(""); own != opsets.end() && (own->second < kOldestOpset || own->second > kNewestOpset))
    problem("opset " + Twine(own->second) + " of domain ai.onnx is not supported (" + Twine(kOldestOpset) + " to " +
            Twine(kNewestOpset) + " are); convert the model with onnx.version_converter");
  return opsets;
}

std::optional<SmallVector<int64_t>> OnnxImporter::bindShape(const onnx::ValueInfoProto &input,
                                                            const ShapeBinding &shape) {
  const onnx::TypeProto_Tensor &type = input.type().tensor_type();
  const std::string &name = input.name();
  auto given = shape.inputs.find(name);
  auto vector = shape.symbols.find(name);
  std::vector<int64_t> dims;
  if (given != shape.inputs.end())
    dims = given->second;
  else if (vector != shape.symbols.end() && type.shape().dim_size() == 1)
    dims = {vector->second};
  bool whole = !dims.empty();
  if (whole)
    usedBindings.insert(name);
  if (!type.has_shape()) {
    if (whole)
      return SmallVector<int64_t>(ArrayRef<int64_t>(dims));
    problem("input '" + name + "' has no shape; pass --shape " + name + "=AxBxC");
    return std::nullopt;
  }
  if (whole && static_cast<int>(dims.size()) != type.shape().dim_size()) {
    problem("--shape gives input '" + name + "' " + Twine(dims.size()) + " dimensions, the model declares " +
            Twine(type.shape().dim_size()));
    return std::nullopt;
  }
  SmallVector<int64_t> result;
  bool ok = true;
  for (int i = 0; i < type.shape().dim_size(); ++i) {
    const onnx::TensorShapeProto_Dimension &dim = type.shape().dim(i);
    bool fixed = dim.has_dim_value() && dim.dim_value() >= 0;
    auto symbol = dim.has_dim_param() ? shape.symbols.find(dim.dim_param()) : shape.symbols.end();
    if (symbol != shape.symbols.end())
      usedBindings.insert(dim.dim_param());
    std::optional<int64_t> size;
    if (fixed)
      size = dim.dim_value();
    else if (symbol != shape.symbols.end())
      size = symbol->second;
    if (whole && size && *size != dims[i]) {
      problem("--shape gives dimension " + Twine(i) + " of input '" + name + "' the size " + Twine(dims[i]) +
              (fixed ? ", the model declares " : ", its symbol is bound to ") + Twine(*size));
      ok = false;
    } else if (!whole && !size) {
      std::string symbolName = dim.has_dim_param() && !dim.dim_param().empty() ? dim.dim_param() : "";
      problem("dimension " + Twine(i) + (symbolName.empty() ? "" : " ('" + symbolName + "')") + " of input '" + name +
              "' is unbound; pass --shape " + (symbolName.empty() ? name + "=AxBxC" : symbolName + "=SIZE"));
      ok = false;
    }
    result.push_back(whole ? dims[i] : size.value_or(1));
  }
  return ok ? std::optional(result) : std::nullopt;
}

bool OnnxImporter::bindInputs(const ShapeBinding &shape, SmallVector<Port> &ports) {
  bool ok = true;
  for (const onnx::ValueInfoProto &input : file->proto().graph().input()) {
    // Before IR version 4 initializers were listed as inputs too.
    if (initializers.contains(input.name()))
      continue;
    if (!input.type().has_tensor_type()) {
      problem("input '" + input.name() + "' is not a tensor");
      ok = false;
      continue;
    }
    int32_t onnxType = input.type().tensor_type().elem_type();
    std::optional<DType> type = fromOnnxType(onnxType);
    if (!type) {
      problem("input '" + input.name() + "': element type " + onnxTypeName(onnxType) + " is not supported");
      ok = false;
      continue;
    }
    if (auto frozen = options.constants.find(input.name()); frozen != options.constants.end()) {
      if (frozen->second.dtype() != *type) {
        problem("--const gives input '" + input.name() + "' elements of " +
                std::string(nameOf(frozen->second.dtype())) + ", the model declares " + std::string(nameOf(*type)));
        ok = false;
      }
      continue;
    }
    if (std::optional<SmallVector<int64_t>> dims = bindShape(input, shape))
      ports.push_back({input.name(), toTensorType(graph.context(), *type, *dims)});
    else
      ok = false;
  }
  return ok;
}

void OnnxImporter::defineInitializers(Scope &scope) {
  for (const onnx::TensorProto &tensor : file->proto().graph().initializer()) {
    if (options.constants.contains(tensor.name()))
      continue;
    Result<TensorData> data = file->read(tensor);
    GraphValue value;
    if (data.ok()) {
      value.host = data->tensor;
      value.file = data->file;
      value.offset = data->offset;
    } else {
      problem(data.message());
      value.poisoned = true;
    }
    define(scope, tensor.name(), std::move(value));
  }
  for (auto &[name, tensor] : options.constants) {
    GraphValue value;
    value.host = tensor;
    define(scope, name, std::move(value));
  }
}

bool OnnxImporter::inlineFunction(const onnx::NodeProto &node, ArrayRef<GraphValue *> inputs,
                                  const AttributeMap &attributes, Scope &scope) {
  auto found = functions.find({normalDomain(node.domain()), node.op_type()});
  if (found == functions.end())
    return false;
  const onnx::FunctionProto &function = *found->second;
  if (scope.depth == kMaxFunctionDepth) {
    problem(label(node, scope) + "functions are nested too deep, or call themselves");
    return true;
  }
  AttributeMap bound = attributes;
  for (const onnx::AttributeProto &otherwise : function.attribute_proto())
    bound.try_emplace(otherwise.name(), &otherwise);
  Scope inner;
  inner.opsets = readOpsets(function.opset_import());
  inner.callAttributes = &bound;
  inner.prefix = scope.prefix + (node.name().empty() ? node.output(0) : node.name()) + "/";
  inner.depth = scope.depth + 1;
  for (int i = 0; i < function.input_size(); ++i)
    if (static_cast<size_t>(i) < inputs.size() && inputs[i])
      inner.values[function.input(i)] = inputs[i];
  importNodes(function.node(), inner);
  for (int i = 0; i < node.output_size() && i < function.output_size(); ++i) {
    GraphValue *value = inner.values.lookup(function.output(i));
    if (!value)
      problem(label(node, scope) + "its function does not define output '" + function.output(i) + "'");
    else if (!node.output(i).empty())
      scope.values[node.output(i)] = value;
  }
  return true;
}

void OnnxImporter::importNode(const onnx::NodeProto &node, Scope &scope) {
  auto poisonOutputs = [&] {
    for (const std::string &output : node.output())
      if (!output.empty() && !scope.values.contains(output)) {
        GraphValue poisoned;
        poisoned.poisoned = true;
        define(scope, output, std::move(poisoned));
      }
  };
  if (node.output_size() == 0)
    return problem(label(node, scope) + "it has no output");
  SmallVector<GraphValue *> inputs;
  bool poisoned = false;
  for (const std::string &input : node.input()) {
    GraphValue *value = input.empty() ? nullptr : scope.values.lookup(input);
    // An absent optional input of the enclosing function is absent here too.
    if (!input.empty() && !value && scope.depth == 0) {
      problem(label(node, scope) + "input '" + input + "' is not defined before it");
      poisoned = true;
    }
    poisoned |= value && value->poisoned;
    inputs.push_back(value);
  }
  while (!inputs.empty() && !inputs.back())
    inputs.pop_back();
  AttributeMap attributes;
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    const onnx::AttributeProto *value = &attribute;
    if (!attribute.ref_attr_name().empty())
      value = scope.callAttributes ? scope.callAttributes->lookup(attribute.ref_attr_name()) : nullptr;
    if (value)
      attributes[attribute.name()] = value;
  }
  std::string domain = normalDomain(node.domain());
  if (inlineFunction(node, inputs, attributes, scope))
    return poisonOutputs();

  auto opset = scope.opsets.find(domain);
  auto op = opTable().find(node.op_type());
  if (!domain.empty() || op == opTable().end() || opset == scope.opsets.end()) {
    problem(label(node, scope) +
            "the op is not supported; express it by supported ops, or import a model-local function");
    return poisonOutputs();
  }
  if (opset->second < op->second.sinceOpset) {
    problem(label(node, scope) + "the op is supported since opset " + Twine(op->second.sinceOpset) +
            "; convert the model with onnx.version_converter");
    return poisonOutputs();
  }
  if (poisoned)
    return poisonOutputs();

  graph.setLocation(NameLoc::get(
      StringAttr::get(graph.context(), scope.prefix + (node.name().empty() ? node.op_type() : node.name()))));
  NodeContext context(*file, graph, node, opset->second, inputs, attributes);
  LogicalResult done = success();
  if (std::optional<HostTensor> folded = foldConstants(context)) {
    context.results[0].host = std::move(folded);
  } else {
    // Violated constraints come as diagnostics; they join the list.
    ScopedDiagnosticHandler handler(graph.context(), [&](Diagnostic &diagnostic) {
      context.problems.push_back(diagnostic.str());
      return success();
    });
    done = op->second.handler(context);
    if (succeeded(done))
      foldResults(context);
  }
  if (succeeded(done))
    context.finish();
  else if (context.problems.empty())
    context.problems.push_back("its operands do not fit; check the model with onnx.checker.check_model");
  for (const std::string &text : context.problems)
    problem(label(node, scope) + text);
  if (!context.problems.empty())
    return poisonOutputs();
  for (int i = 0; i < node.output_size(); ++i)
    if (!node.output(i).empty() && (context.results[i].value || context.results[i].host))
      define(scope, node.output(i), std::move(context.results[i]));
    else if (!node.output(i).empty() && i == 0)
      problem(label(node, scope) + "it has no result");
}

void OnnxImporter::importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, Scope &scope) {
  for (const onnx::NodeProto &node : nodes)
    importNode(node, scope);
}

void OnnxImporter::importBucket(const ShapeBinding &shape) {
  const onnx::GraphProto &proto = file->proto().graph();
  Scope scope;
  scope.opsets = readOpsets(file->proto().opset_import());
  SmallVector<Port> ports;
  if (!bindInputs(shape, ports))
    return;
  graph.setLocation(location);
  SmallVector<Value> arguments = graph.beginEntry("infer", ports);
  values.clear();
  for (auto [port, argument] : llvm::zip(ports, arguments)) {
    GraphValue value;
    value.value = argument;
    define(scope, port.name, std::move(value));
  }
  defineInitializers(scope);
  importNodes(proto.node(), scope);
  SmallVector<std::pair<std::string, Value>> results;
  for (const onnx::ValueInfoProto &output : proto.output()) {
    GraphValue *value = scope.values.lookup(output.name());
    if (!value) {
      problem("output '" + output.name() + "' is not defined by any node");
      continue;
    }
    if (value->poisoned)
      continue;
    if (!value->value) {
      // A constant output.
      onnx::NodeProto identity;
      identity.add_output(output.name());
      value->value = NodeContext(*file, graph, identity, 0, {value}, {}).operand(0);
    }
    // The declared type, where it says anything, must agree.
    const onnx::TypeProto_Tensor &declared = output.type().tensor_type();
    auto type = mlir::cast<RankedTensorType>(value->value.getType());
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
    results.push_back({output.name(), value->value});
  }
  graph.setLocation(location);
  if (problems.empty())
    graph.endEntry(results);
}

ImportResult OnnxImporter::report() {
  InFlightDiagnostic diagnostic = emitError(location, "cannot import '") << path << "':";
  for (const std::string &text : problems)
    diagnostic << "\n  " << text;
  return failure();
}

ImportResult OnnxImporter::run() {
  Result<std::unique_ptr<ModelFile>> loaded = ModelFile::load(path);
  if (!loaded.ok()) {
    emitError(location) << loaded.message();
    return failure();
  }
  file = *std::move(loaded);
  for (const onnx::FunctionProto &function : file->proto().functions())
    functions[{normalDomain(function.domain()), function.name()}] = &function;
  for (const onnx::TensorProto &tensor : file->proto().graph().initializer())
    initializers.insert(tensor.name());
  for (const onnx::SparseTensorProto &tensor : file->proto().graph().sparse_initializer())
    problem("sparse initializer '" + tensor.values().name() + "' is not supported; make it dense");
  std::set<std::string> names = initializers;
  for (const onnx::ValueInfoProto &input : file->proto().graph().input())
    names.insert(input.name());
  for (auto &[name, tensor] : options.constants)
    if (!names.contains(name))
      problem("--const names '" + name + "', which is no input of the model");
  std::vector<ShapeBinding> shapes = options.shapes;
  if (shapes.empty())
    shapes.emplace_back();
  for (const ShapeBinding &shape : shapes) {
    importBucket(shape);
    if (!problems.empty())
      return report();
  }
  for (const ShapeBinding &shape : shapes) {
    for (auto &[name, size] : shape.symbols)
      if (!usedBindings.contains(name))
        problem("--shape names '" + name + "', which is no symbolic dimension of the model's inputs");
    for (auto &[name, dims] : shape.inputs)
      if (!usedBindings.contains(name))
        problem("--shape names '" + name + "', which is no input of the model");
  }
  if (!problems.empty())
    return report();
  return std::move(module);
}

} // namespace

ImportResult mlc::importOnnx(MLIRContext &context, StringRef path, const ImportOptions &options) {
  context.loadDialect<MlcDialect, func::FuncDialect>();
  return OnnxImporter(context, path, options).run();
}
