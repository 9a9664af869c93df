#include "frontend/onnx/Importer.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

constexpr int64_t kOldestOpset = 6, kNewestOpset = 28;
// Of nodes once functions are inlined and loops unrolled. A function that calls another twice, and so on, doubles their
// number at each step.
constexpr int64_t kMaxNodes = 1 << 20;
// Of names, with the names of the calls and loops around them in front.
constexpr uint64_t kMaxNameBytes = uint64_t{1} << 30;
// Of mlc ops, which recurrent layers have one after another for each step, and of what the import computes: tables of
// positions, ranges, constants that are no initializers.
constexpr int64_t kMaxOps = 1 << 21;
constexpr uint64_t kMaxTableBytes = uint64_t{2} << 30;
// That are said.
constexpr size_t kMaxProblems = 1000;

} // namespace

// The way out where an op is not supported, and why no module of static shapes has it.
static StringRef insteadOf(StringRef op) {
  return llvm::StringSwitch<StringRef>(op)
      .Cases({"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"},
             "it draws random numbers, and runs of a module are repeatable; make what it draws an input")
      .Cases({"NonMaxSuppression", "Unique"},
             "the shape of its result depends on data; end the model in front of it, and compute it of the outputs")
      .Cases({"RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"},
             "it is of text, which is made into numbers in front of the model")
      .Case("ImageDecoder", "its image has the size that the file says; decode it in front of the model")
      .Default("express it by supported ops, or import a model-local function");
}

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

std::string OnnxImporter::innerPrefix(const Node &node) {
  return node.scope.prefix + (node.proto.name().empty() ? node.proto.output(0) : node.proto.name()) + "/";
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

void OnnxImporter::poisonOutputs(const onnx::NodeProto &node, Scope &scope) {
  for (const std::string &output : node.output())
    if (!output.empty() && !scope.values.contains(output)) {
      GraphValue poisoned;
      poisoned.poisoned = true;
      define(scope, output, std::move(poisoned));
    }
}

void OnnxImporter::countNode(const onnx::NodeProto &node, const Scope &scope) {
  nameBytes += scope.prefix.size() + node.name().size();
  for (const std::string &output : node.output())
    nameBytes += scope.prefix.size() + output.size();
  if (++nodeCount > kMaxNodes)
    exceed("the graph has over " + Twine(kMaxNodes) + " nodes once functions are inlined and loops unrolled");
  else if (nameBytes > kMaxNameBytes)
    exceed("the names of its nodes and values take over " + Twine(kMaxNameBytes) +
           " bytes once functions are inlined and loops unrolled; give them shorter names");
}

void OnnxImporter::importNode(const onnx::NodeProto &node, Scope &scope) {
  countNode(node, scope);
  if (isOver())
    return;
  if (node.output_size() == 0)
    return problem(label(node, scope) + "it has no output");
  SmallVector<GraphValue *> inputs;
  bool poisoned = false;
  for (const std::string &input : node.input()) {
    GraphValue *value = input.empty() ? nullptr : scope.lookup(input);
    // An absent optional input of the enclosing function is absent here too.
    if (!input.empty() && !value && !scope.inFunction) {
      problem(label(node, scope) + "input '" + input +
              "' is not defined before it; check the model with onnx.checker.check_model");
      poisoned = true;
    }
    poisoned |= value && value->poisoned;
    if (value && !value->unreadable.empty())
      problem(value->unreadable);
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
  Node imported{node, scope, inputs, attributes};
  if (importCall(imported) || importSequence(imported))
    return poisonOutputs(node, scope);
  for (auto [i, input] : llvm::enumerate(inputs))
    if (input && input->sequence) {
      problem(label(node, scope) + "operand " + Twine(i) +
              " is a sequence; take tensors out of it by SequenceAt or "
              "ConcatFromSequence");
      return poisonOutputs(node, scope);
    }

  auto opset = scope.opsets.find(domain);
  auto op = opTable().find(domain.empty() ? node.op_type() : domain + "." + node.op_type());
  if (op == opTable().end() || opset == scope.opsets.end()) {
    problem(label(node, scope) + "the op is not supported; " + insteadOf(domain.empty() ? node.op_type() : ""));
    return poisonOutputs(node, scope);
  }
  if (opset->second < op->second.sinceOpset) {
    problem(label(node, scope) + "the op is supported since opset " + Twine(op->second.sinceOpset) +
            "; convert the model with onnx.version_converter");
    return poisonOutputs(node, scope);
  }
  if (poisoned)
    return poisonOutputs(node, scope);

  graph.setLocation(NameLoc::get(
      StringAttr::get(graph.context(), scope.prefix + (node.name().empty() ? node.op_type() : node.name()))));
  // Ops of other domains have one version; what they share with ai.onnx is as it is in the newest opset.
  NodeContext context(*file, graph, node, domain.empty() ? opset->second : kNewestOpset, inputs, attributes);
  LogicalResult done = success();
  std::optional<HostTensor> folded = domain.empty() ? foldConstants(context, folds) : std::nullopt;
  if (folded) {
    context.results[0].host = std::move(folded);
  } else {
    // Violated constraints come as diagnostics; they join the list.
    ScopedDiagnosticHandler handler(graph.context(), [&](Diagnostic &diagnostic) {
      context.problems.push_back(diagnostic.str());
      return success();
    });
    done = op->second.handler(context);
    // Constants that the handler has made, and not passed on.
    for (const GraphValue &result : context.results)
      if (result.host && result.file.empty() && llvm::none_of(inputs, [&](GraphValue *input) {
            return input && input->host && input->host->bytes() == result.host->bytes();
          }))
        (void)folds.take(result.host->numElements());
    if (succeeded(done))
      foldResults(context, folds);
  }
  if (folds.isSpent())
    return exceed(label(node, scope) + "the constants that the import computes have more than " +
                  Twine(FoldBudget::kElements) +
                  " elements in all; compute them before, and store what is used as initializers");
  if (graph.numOps() > kMaxOps)
    return exceed(label(node, scope) + "the model takes more than " + Twine(kMaxOps) +
                  " ops once loops and steps are unrolled; bind smaller shapes, or compile it in parts");
  if (graph.numTableBytes() > kMaxTableBytes)
    return exceed(label(node, scope) + "the tables and constants that the import makes take more than " +
                  Twine(kMaxTableBytes) + " bytes in all; bind smaller shapes, or store what is used as initializers");
  if (succeeded(done))
    context.finish();
  else if (context.problems.empty())
    context.problems.push_back(context.absent
                                   ? "operand " + std::to_string(*context.absent) + " is missing"
                                   : "its operands do not fit; check the model with onnx.checker.check_model");
  for (const std::string &text : context.problems)
    problem(label(node, scope) + text);
  if (!context.problems.empty())
    return poisonOutputs(node, scope);
  for (int i = 0; i < node.output_size(); ++i)
    if (!node.output(i).empty() && (context.results[i].value || context.results[i].host))
      define(scope, node.output(i), std::move(context.results[i]));
}

void OnnxImporter::importNodes(const Nodes &nodes, Scope &scope) {
  for (const onnx::NodeProto &node : nodes) {
    importNode(node, scope);
    if (isOver())
      return;
    rememberKept(node, scope);
  }
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
  kept.clear();
  nodeCount = 0;
  nameBytes = 0;
  for (auto [port, argument] : llvm::zip(ports, arguments)) {
    GraphValue value;
    value.value = argument;
    define(scope, port.name, std::move(value));
  }
  defineInitializers(proto, scope);
  importNodes(proto.node(), scope);
  if (isOver())
    return;
  SmallVector<std::pair<std::string, Value>> results;
  collectOutputs(proto, scope, results);
  collectKept(scope, results);
  graph.setLocation(location);
  if (problems.empty())
    graph.endEntry(results);
}

ImportResult OnnxImporter::report() {
  if (isOver())
    problems = {excess};
  if (problems.size() > kMaxProblems) {
    size_t rest = problems.size() - kMaxProblems;
    problems.resize(kMaxProblems);
    problems.push_back("and " + std::to_string(rest) + " problems more");
  }
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
    if (!problems.empty() || isOver())
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

ImportResult mlc::importOnnx(MLIRContext &context, StringRef path, const ImportOptions &options) {
  context.loadDialect<MlcDialect, func::FuncDialect>();
  return OnnxImporter(context, path, options).run();
}
