#include "frontend/onnx/NodeContext.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

// Constants of at most this many elements may stand in the IR.
static constexpr int64_t kInlineElements = 64;

Value NodeContext::operand(size_t index) {
  if (!has(index)) {
    absent = index;
    return {};
  }
  GraphValue &input = *inputs[index];
  if (input.value)
    return input.value;
  const HostTensor &host = *input.host;
  if (host.numElements() <= kInlineElements)
    return input.value = g.constant(host);
  if (input.file.empty())
    return input.value = g.table(input.name, host);
  return input.value = g.param(input.name, toTensorType(g.context(), host.dtype(), host.shape()),
                               FileAttr::get(g.context(), input.file, static_cast<int64_t>(input.offset)));
}

RankedTensorType NodeContext::typeOf(size_t index) {
  if (has(index))
    return inputs[index]->type(g.context());
  (void)unsupported("operand " + Twine(index) + " is missing");
  return toTensorType(g.context(), DType::F32, {});
}

SmallVector<Value> NodeContext::operands() {
  SmallVector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i)
    values.push_back(operand(i));
  return values;
}

const HostTensor *NodeContext::constant(size_t index) const {
  return has(index) && inputs[index]->host ? &*inputs[index]->host : nullptr;
}

std::optional<std::vector<int64_t>> NodeContext::constantInts(size_t index, StringRef what) {
  const HostTensor *tensor = constant(index);
  if (!tensor) {
    (void)unsupported("its " + what +
                      (has(index) ? " is computed from data at run time; freeze the input it depends "
                                    "on with --const NAME=file.npy"
                                  : " is missing"));
    return std::nullopt;
  }
  std::vector<int64_t> values;
  for (int64_t i = 0; i < tensor->numElements(); ++i)
    values.push_back(tensor->intAt(i));
  return values;
}

std::optional<double> NodeContext::constantScalar(size_t index, StringRef what) {
  const HostTensor *tensor = constant(index);
  if (tensor && tensor->numElements() == 1)
    return tensor->floatAt(0);
  (void)unsupported("its " + what + " must be a constant scalar; freeze it with --const NAME=file.npy");
  return std::nullopt;
}

const onnx::AttributeProto *NodeContext::rawAttr(StringRef name) {
  read.insert(name);
  return attributes.lookup(name);
}

const onnx::AttributeProto *NodeContext::typedAttr(StringRef name, onnx::AttributeProto::AttributeType type) {
  using Attribute = onnx::AttributeProto;
  const Attribute *attribute = rawAttr(name);
  // Files of the first IR version do not say types.
  if (!attribute || attribute->type() == Attribute::UNDEFINED || attribute->type() == type)
    return attribute;
  (void)unsupported("attribute '" + name + "' is of type " + Attribute::AttributeType_Name(attribute->type()) +
                    ", expected " + Attribute::AttributeType_Name(type));
  return nullptr;
}

int64_t NodeContext::intAttr(StringRef name, int64_t otherwise) {
  const onnx::AttributeProto *attribute = typedAttr(name, onnx::AttributeProto::INT);
  return attribute ? attribute->i() : otherwise;
}

double NodeContext::floatAttr(StringRef name, double otherwise) {
  const onnx::AttributeProto *attribute = typedAttr(name, onnx::AttributeProto::FLOAT);
  return attribute ? attribute->f() : otherwise;
}

std::string NodeContext::stringAttr(StringRef name, StringRef otherwise) {
  const onnx::AttributeProto *attribute = typedAttr(name, onnx::AttributeProto::STRING);
  return attribute ? attribute->s() : otherwise.str();
}

std::optional<std::vector<int64_t>> NodeContext::intsAttr(StringRef name) {
  const onnx::AttributeProto *attribute = typedAttr(name, onnx::AttributeProto::INTS);
  if (!attribute)
    return std::nullopt;
  return std::vector<int64_t>(attribute->ints().begin(), attribute->ints().end());
}

std::vector<int64_t> NodeContext::intsAttr(StringRef name, std::vector<int64_t> otherwise) {
  std::optional<std::vector<int64_t>> values = intsAttr(name);
  return values ? *values : std::move(otherwise);
}

bool NodeContext::requireInt(StringRef name, int64_t only, int64_t otherwise) {
  int64_t value = intAttr(name, otherwise);
  if (value == only)
    return true;
  (void)unsupported("attribute '" + name + "' = " + Twine(value) + " is not supported (" + Twine(only) + " is)");
  return false;
}

std::optional<int64_t> NodeContext::axis(int64_t value, int64_t rank) {
  if (value >= -rank && value < rank)
    return value < 0 ? value + rank : value;
  (void)unsupported("axis " + Twine(value) + " is outside of [" + Twine(-rank) + ", " + Twine(rank) + ")");
  return std::nullopt;
}

std::optional<SmallVector<int64_t>> NodeContext::axes(ArrayRef<int64_t> values, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t value : values) {
    std::optional<int64_t> one = axis(value, rank);
    if (!one)
      return std::nullopt;
    result.push_back(*one);
  }
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) {
    (void)unsupported("an axis is given twice");
    return std::nullopt;
  }
  return result;
}

LogicalResult NodeContext::result(size_t index, Value value) {
  if (!value)
    return failure();
  if (index >= results.size())
    return unsupported("output " + Twine(index) + " is missing");
  results[index].value = value;
  return success();
}

LogicalResult NodeContext::result(HostTensor tensor) {
  results[0].host = std::move(tensor);
  return success();
}

LogicalResult NodeContext::alias(size_t input) {
  if (!has(input))
    return unsupported("operand " + Twine(input) + " is missing");
  std::string name = results[0].name;
  results[0] = *inputs[input];
  return success();
}

LogicalResult NodeContext::tensorResult(const onnx::TensorProto &tensor) {
  Result<TensorData> data = file.read(tensor);
  if (!data.ok())
    return unsupported(data.message());
  results[0].host = data->tensor;
  results[0].file = data->file;
  results[0].offset = data->offset;
  return success();
}

LogicalResult NodeContext::unsupported(const Twine &what) {
  problems.push_back(what.str());
  return failure();
}

void NodeContext::finish() {
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (!read.contains(attribute.name()))
      problems.push_back("attribute '" + attribute.name() + "' is not supported");
}
