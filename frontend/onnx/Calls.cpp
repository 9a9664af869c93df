// What is replaced by the nodes of another graph: calls of model-local functions, and control flow whose condition and
// number of iterations are constants (https://onnx.ai/onnx/operators/onnx__If.html, __Loop, __Scan).
#include "frontend/onnx/Importer.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

static constexpr size_t kMaxFunctionDepth = 64;
// Loops that stop by their condition alone are given up behind this number.
static constexpr int64_t kMaxIterations = 65536;
// Of the helpers that move slices; their attributes and operands are those of this opset.
static constexpr int64_t kHelperOpset = 13;

bool OnnxImporter::importCall(const Node &node) {
  std::string domain = normalDomain(node.proto.domain());
  if (auto found = functions.find({domain, node.proto.op_type()}); found != functions.end()) {
    inlineFunction(node, *found->second);
    return true;
  }
  using Importer = void (OnnxImporter::*)(const Node &);
  static const llvm::StringMap<Importer> importers = {
      {"If", &OnnxImporter::importIf}, {"Loop", &OnnxImporter::importLoop}, {"Scan", &OnnxImporter::importScan}};
  auto found = importers.find(node.proto.op_type());
  if (!domain.empty() || found == importers.end() || !node.scope.opsets.contains(""))
    return false;
  if (llvm::none_of(node.inputs, [](GraphValue *input) { return input && input->poisoned; }))
    (this->*found->second)(node);
  return true;
}

void OnnxImporter::inlineFunction(const Node &node, const onnx::FunctionProto &function) {
  // ONNX forbids recursion.
  if (llvm::is_contained(activeFunctions, &function))
    return problem(label(node.proto, node.scope) + "the function calls itself");
  if (activeFunctions.size() == kMaxFunctionDepth)
    return problem(label(node.proto, node.scope) + "functions are nested deeper than " + Twine(kMaxFunctionDepth));
  if (node.proto.input_size() > function.input_size() || node.proto.output_size() > function.output_size())
    return problem(label(node.proto, node.scope) + "its function has " + Twine(function.input_size()) + " inputs and " +
                   Twine(function.output_size()) + " outputs, the node " + Twine(node.proto.input_size()) + " and " +
                   Twine(node.proto.output_size()));
  AttributeMap bound = node.attributes;
  for (const onnx::AttributeProto &otherwise : function.attribute_proto())
    bound.try_emplace(otherwise.name(), &otherwise);
  Scope inner;
  inner.opsets = readOpsets(function.opset_import());
  inner.callAttributes = &bound;
  inner.prefix = innerPrefix(node);
  inner.inFunction = true;
  for (auto [i, input] : llvm::enumerate(node.inputs))
    if (input)
      inner.values[function.input(static_cast<int>(i))] = input;
  activeFunctions.push_back(&function);
  importNodes(function.node(), inner);
  activeFunctions.pop_back();
  for (int i = 0; i < node.proto.output_size() && i < function.output_size(); ++i) {
    GraphValue *value = inner.values.lookup(function.output(i));
    if (!value)
      problem(label(node.proto, node.scope) + "its function does not define output '" + function.output(i) + "'");
    else if (!node.proto.output(i).empty())
      node.scope.values[node.proto.output(i)] = value;
  }
}

const onnx::GraphProto *OnnxImporter::subgraph(const Node &node, const char *attribute) {
  const onnx::AttributeProto *value = node.attributes.lookup(attribute);
  if (value && value->has_g())
    return &value->g();
  problem(label(node.proto, node.scope) + "attribute '" + attribute + "' is missing, or no graph");
  return nullptr;
}

// A constant of one element.
static const HostTensor *scalarOf(const GraphValue *value) {
  return value && value->host && value->host->numElements() == 1 ? &*value->host : nullptr;
}

void OnnxImporter::importIf(const Node &node) {
  const HostTensor *condition = scalarOf(node.inputs.empty() ? nullptr : node.inputs[0]);
  if (!condition)
    return problem(label(node.proto, node.scope) + "its condition is computed from data at run time; freeze the input "
                                                   "it depends on with --const NAME=file.npy, or compute both "
                                                   "branches and choose with Where");
  const char *branch = condition->intAt(0) ? "then_branch" : "else_branch";
  const onnx::GraphProto *proto = subgraph(node, branch);
  if (!proto)
    return;
  Scope inner(node.scope, innerPrefix(node) + branch + "/");
  defineInitializers(*proto, inner);
  importNodes(proto->node(), inner);
  for (int i = 0; i < node.proto.output_size(); ++i) {
    GraphValue *value = i < proto->output_size() ? inner.lookup(proto->output(i).name()) : nullptr;
    if (!value)
      problem(label(node.proto, node.scope) + "its " + branch + " does not define output " + Twine(i));
    else if (!node.proto.output(i).empty())
      node.scope.values[node.proto.output(i)] = value;
  }
}

GraphValue *OnnxImporter::hostValue(HostTensor tensor) {
  values.emplace_back();
  values.back().host = std::move(tensor);
  return &values.back();
}

// Imports a node that the file does not have; null where that failed.
GraphValue *OnnxImporter::importHelper(Scope &scope, const std::string &op, ArrayRef<GraphValue *> inputs,
                                       ArrayRef<std::pair<const char *, int64_t>> attributes) {
  Scope helper(scope, scope.prefix);
  helper.opsets[""] = kHelperOpset;
  onnx::NodeProto node;
  node.set_op_type(op);
  for (auto [index, input] : llvm::enumerate(inputs)) {
    std::string name = "operand " + std::to_string(index);
    helper.values[name] = input;
    node.add_input(name);
  }
  for (auto [name, value] : attributes) {
    onnx::AttributeProto &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  // Values of a scope have names of their own: a constant may become a parameter of that name.
  std::string name = op + " " + std::to_string(values.size());
  node.add_output(name);
  importNode(node, helper);
  GraphValue *result = helper.values.lookup(name);
  return result && !result->poisoned ? result : nullptr;
}

// The slices along a new dimension.
GraphValue *OnnxImporter::stack(Scope &scope, ArrayRef<GraphValue *> slices, int64_t axis) {
  GraphValue *at = hostValue(HostTensor::from(DType::I64, {1}, std::vector<int64_t>{axis}));
  SmallVector<GraphValue *> expanded;
  for (GraphValue *slice : slices)
    if (GraphValue *one = importHelper(scope, "Unsqueeze", {slice, at}, {}))
      expanded.push_back(one);
    else
      return nullptr;
  return importHelper(scope, "Concat", expanded, {{"axis", axis}});
}

// The body of a Loop or Scan, imported once for each iteration.
struct OnnxImporter::Iterations {
  Iterations(OnnxImporter &importer, const Node &node, const onnx::GraphProto &body)
      : importer(importer), node(node), body(body), shared(node.scope, importer.innerPrefix(node)) {
    // Weights of the body are the same in every iteration.
    importer.defineInitializers(body, shared);
  }

  // Says what is wrong; false.
  bool fail(const Twine &text) {
    importer.problem(importer.label(node.proto, node.scope) + text);
    return false;
  }

  // Runs the body on `arguments`; its results are in `results`.
  bool run(ArrayRef<GraphValue *> arguments) {
    // A body without nodes takes time, too.
    importer.countNode(node.proto, node.scope);
    if (importer.isOver())
      return false;
    if (static_cast<size_t>(body.input_size()) != arguments.size())
      return fail("its body has " + Twine(body.input_size()) + " inputs, expected " + Twine(arguments.size()));
    Scope scope(shared, shared.prefix + std::to_string(count++) + "/");
    for (auto [input, argument] : llvm::zip(body.input(), arguments))
      scope.values[input.name()] = argument;
    size_t problems = importer.problems.size();
    importer.importNodes(body.node(), scope);
    results.clear();
    for (const onnx::ValueInfoProto &output : body.output()) {
      results.push_back(scope.lookup(output.name()));
      if (!results.back())
        return fail("its body does not define output '" + output.name() + "'");
      if (results.back()->poisoned)
        return false;
    }
    // One wrong iteration says what all of them would say.
    return importer.problems.size() == problems;
  }

  // Does the body have outputs for the node's, behind `before` of its own?
  bool hasOutputs(size_t before, size_t states) {
    auto outputs = static_cast<size_t>(body.output_size());
    return (outputs >= before + states && static_cast<size_t>(node.proto.output_size()) + before <= outputs) ||
           fail("its body has " + Twine(outputs) + " outputs, too few for " + Twine(states) +
                " carried values and the node's " + Twine(node.proto.output_size()) + " outputs");
  }

  // Defines the node's outputs: the carried values, then each list of slices along a new dimension of its own.
  void finish(ArrayRef<GraphValue *> carried, ArrayRef<SmallVector<GraphValue *>> scanned, ArrayRef<int64_t> axes) {
    for (auto [i, name] : llvm::enumerate(node.proto.output())) {
      if (name.empty())
        continue;
      if (i < carried.size()) {
        if (carried[i]) // absent in a call of the enclosing function
          node.scope.values[name] = carried[i];
        continue;
      }
      ArrayRef<GraphValue *> slices = scanned[i - carried.size()];
      if (llvm::any_of(slices, [](GraphValue *slice) { return slice->sequence.has_value(); })) {
        fail("output '" + name + "' would be made of sequences");
        continue;
      }
      if (slices.empty()) {
        fail("it runs for no iteration: the shape of output '" + name + "' is not known");
        continue;
      }
      int64_t rank = slices[0]->type(importer.graph.context()).getRank() + 1, axis = axes[i - carried.size()];
      if (axis < -rank || axis >= rank)
        fail("attribute 'scan_output_axes' has the entry " + Twine(axis) + " for a rank of " + Twine(rank));
      else if (GraphValue *value = importer.stack(node.scope, slices, axis < 0 ? axis + rank : axis))
        node.scope.values[name] = value;
    }
  }

  OnnxImporter &importer;
  const Node &node;
  const onnx::GraphProto &body;
  Scope shared;
  SmallVector<GraphValue *> results;
  int64_t count = 0;
};

void OnnxImporter::importLoop(const Node &node) {
  const onnx::GraphProto *body = subgraph(node, "body");
  if (!body)
    return;
  Iterations iterations(*this, node, *body);
  auto input = [&](size_t index) { return index < node.inputs.size() ? node.inputs[index] : nullptr; };
  const HostTensor *trips = scalarOf(input(0));
  const HostTensor *condition = scalarOf(input(1));
  if (input(0) && !trips)
    return (void)iterations.fail("its trip count is computed from data at run time; freeze the input it depends on "
                                 "with --const NAME=file.npy");
  static const char *const kDynamic = "its condition is computed from data at run time; loops are unrolled, and need "
                                      "a constant one";
  if (input(1) && !condition)
    return (void)iterations.fail(kDynamic);

  SmallVector<GraphValue *> carried(ArrayRef(node.inputs).drop_front(std::min<size_t>(2, node.inputs.size())));
  // Trailing operands that are absent in a function are dropped from its node's inputs.
  carried.resize(std::max(0, node.proto.input_size() - 2), nullptr);
  size_t states = carried.size();
  if (!iterations.hasOutputs(1, states))
    return;
  size_t scans = static_cast<size_t>(body->output_size()) - 1 - states;
  SmallVector<SmallVector<GraphValue *>> scanned(scans);
  GraphValue *going = condition ? input(1) : hostValue(HostTensor::from(DType::I1, {}, std::vector<uint8_t>{1}));
  for (int64_t i = 0; (!trips || i < trips->intAt(0)) && going->host->intAt(0); ++i) {
    if (i == kMaxIterations)
      return (void)iterations.fail("it runs for over " + Twine(kMaxIterations) + " iterations");
    SmallVector<GraphValue *> arguments = {hostValue(HostTensor::from(DType::I64, {}, std::vector<int64_t>{i})), going};
    arguments.append(carried);
    if (!iterations.run(arguments))
      return;
    ArrayRef<GraphValue *> results = iterations.results;
    going = results[0];
    if (!scalarOf(going))
      return (void)iterations.fail(kDynamic);
    carried.assign(results.begin() + 1, results.begin() + 1 + static_cast<ptrdiff_t>(states));
    for (size_t s = 0; s < scans; ++s)
      scanned[s].push_back(results[1 + states + s]);
  }
  iterations.finish(carried, scanned, std::vector<int64_t>(scans, 0));
}

void OnnxImporter::importScan(const Node &node) {
  const onnx::GraphProto *body = subgraph(node, "body");
  if (!body)
    return;
  Iterations iterations(*this, node, *body);
  if (node.scope.opsets.at("") < 9)
    return (void)iterations.fail("Scan is supported since opset 9; convert the model with onnx.version_converter");
  NodeContext attributes(*file, graph, node.proto, kHelperOpset, {}, node.attributes);
  auto scans = static_cast<size_t>(std::max<int64_t>(0, attributes.intAttr("num_scan_inputs", 0)));
  if (scans == 0 || scans > node.inputs.size() || llvm::is_contained(node.inputs, nullptr))
    return (void)iterations.fail("attribute 'num_scan_inputs' = " + Twine(scans) + " does not fit its " +
                                 Twine(node.inputs.size()) + " inputs");
  size_t states = node.inputs.size() - scans;
  if (llvm::any_of(ArrayRef(node.inputs).drop_front(states),
                   [](GraphValue *input) { return input->sequence.has_value(); }))
    return (void)iterations.fail("it scans a sequence; only tensors are scanned");
  if (!iterations.hasOutputs(0, states))
    return;
  size_t outs = static_cast<size_t>(body->output_size()) - states;
  auto perScan = [&](const char *name, size_t size) {
    std::vector<int64_t> given = attributes.intsAttr(name, std::vector<int64_t>(size, 0));
    if (given.size() != size)
      (void)attributes.unsupported("attribute '" + Twine(name) + "' has " + Twine(given.size()) + " entries for " +
                                   Twine(size));
    given.resize(size);
    return given;
  };
  std::vector<int64_t> inputAxes = perScan("scan_input_axes", scans), outputAxes = perScan("scan_output_axes", outs);
  std::vector<int64_t> inputBack = perScan("scan_input_directions", scans);
  std::vector<int64_t> outputBack = perScan("scan_output_directions", outs);

  std::optional<int64_t> length;
  for (size_t s = 0; s < scans; ++s) {
    RankedTensorType type = node.inputs[states + s]->type(graph.context());
    std::optional<int64_t> axis = attributes.axis(inputAxes[s], type.getRank());
    if (!axis)
      continue;
    inputAxes[s] = *axis;
    if (length && *length != type.getDimSize(*axis))
      (void)attributes.unsupported("its scan inputs have the lengths " + Twine(*length) + " and " +
                                   Twine(type.getDimSize(*axis)));
    length = type.getDimSize(*axis);
  }
  for (const std::string &text : attributes.problems)
    (void)iterations.fail(text);
  if (!attributes.problems.empty() || !length)
    return;

  SmallVector<GraphValue *> carried(node.inputs.begin(), node.inputs.begin() + static_cast<ptrdiff_t>(states));
  SmallVector<SmallVector<GraphValue *>> scanned(outs);
  for (int64_t i = 0; i < *length; ++i) {
    SmallVector<GraphValue *> arguments = carried;
    for (size_t s = 0; s < scans; ++s) {
      int64_t at = inputBack[s] ? *length - 1 - i : i;
      GraphValue *position = hostValue(HostTensor::from(DType::I64, {}, std::vector<int64_t>{at}));
      arguments.push_back(
          importHelper(node.scope, "Gather", {node.inputs[states + s], position}, {{"axis", inputAxes[s]}}));
      if (!arguments.back())
        return;
    }
    if (!iterations.run(arguments))
      return;
    carried.assign(iterations.results.begin(), iterations.results.begin() + static_cast<ptrdiff_t>(states));
    for (size_t s = 0; s < outs; ++s)
      scanned[s].push_back(iterations.results[states + s]);
  }
  for (auto [slices, back] : llvm::zip_equal(scanned, outputBack))
    if (back)
      std::reverse(slices.begin(), slices.end());
  iterations.finish(carried, scanned, outputAxes);
}
