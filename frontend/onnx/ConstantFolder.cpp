// Shape arithmetic on the host: exporters compute shapes from `Shape` by integer ops; with static shapes all of that is
// constant. Floating-point scalars take part (scales computed from dimensions).
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include <cmath>
#include <functional>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// x86's 80-bit format holds every i64 and every f64 exactly; results are rounded once, to the element type.
using Number = long double;

// Elements of a folded tensor. Weights stay references, and large tables are the program's work; a range is data.
constexpr int64_t kLimit = 65536, kFloatLimit = 64;

struct Numbers {
  DType type;
  std::vector<int64_t> shape;
  std::vector<Number> values;
};

Numbers unpack(const HostTensor &tensor) {
  Numbers numbers{tensor.dtype(), tensor.shape(), {}};
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    numbers.values.push_back(isFloat(tensor.dtype()) ? static_cast<Number>(tensor.floatAt(i))
                                                     : static_cast<Number>(tensor.intAt(i)));
  return numbers;
}

template <typename T> void store(std::byte *out, const std::vector<Number> &values) {
  for (size_t i = 0; i < values.size(); ++i) {
    // Integers wrap around.
    using Exact = std::conditional_t<std::is_integral_v<T>, int64_t, Number>;
    T value = static_cast<T>(static_cast<Exact>(values[i]));
    std::memcpy(out + i * sizeof(T), &value, sizeof(T));
  }
}

std::optional<HostTensor> pack(const Numbers &numbers) {
  HostTensor tensor(numbers.type, numbers.shape);
  std::byte *out = tensor.mutableBytes();
  for (Number value : numbers.values)
    if (!isFloat(numbers.type) && (!(value >= -0x1p63L) || !(value < 0x1p63L)))
      return std::nullopt;
  switch (numbers.type) {
  case DType::F32: store<float>(out, numbers.values); return tensor;
  case DType::F64: store<double>(out, numbers.values); return tensor;
  case DType::I8: store<int8_t>(out, numbers.values); return tensor;
  case DType::U8: store<uint8_t>(out, numbers.values); return tensor;
  case DType::I16: store<int16_t>(out, numbers.values); return tensor;
  case DType::U16: store<uint16_t>(out, numbers.values); return tensor;
  case DType::U32: store<uint32_t>(out, numbers.values); return tensor;
  case DType::I32: store<int32_t>(out, numbers.values); return tensor;
  case DType::I64: store<int64_t>(out, numbers.values); return tensor;
  case DType::I1:
    for (size_t i = 0; i < numbers.values.size(); ++i)
      out[i] = std::byte{numbers.values[i] != 0};
    return tensor;
  default: return std::nullopt;
  }
}

// Row-major walk over `shape`: calls `visit` with each index.
void walk(ArrayRef<int64_t> shape, function_ref<void(ArrayRef<int64_t>)> visit) {
  SmallVector<int64_t> index(shape.size(), 0);
  if (llvm::is_contained(shape, 0))
    return;
  while (true) {
    visit(index);
    size_t d = shape.size();
    while (d > 0 && ++index[d - 1] == shape[d - 1])
      index[--d] = 0;
    if (d == 0)
      return;
  }
}

// Offset of `index` in a tensor of `shape` that broadcasts.
size_t broadcastOffset(ArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  size_t offset = 0, skip = index.size() - shape.size();
  for (size_t d = 0; d < shape.size(); ++d)
    offset = offset * static_cast<size_t>(shape[d]) + static_cast<size_t>(shape[d] == 1 ? 0 : index[skip + d]);
  return offset;
}

std::optional<std::vector<int64_t>> broadcastShape(ArrayRef<Numbers> operands) {
  std::vector<int64_t> shape;
  for (const Numbers &operand : operands) {
    if (operand.shape.size() > shape.size())
      shape.insert(shape.begin(), operand.shape.size() - shape.size(), 1);
    size_t skip = shape.size() - operand.shape.size();
    for (size_t d = 0; d < operand.shape.size(); ++d) {
      int64_t &size = shape[skip + d];
      if (size == 1)
        size = operand.shape[d];
      else if (operand.shape[d] != 1 && operand.shape[d] != size)
        return std::nullopt;
    }
  }
  return shape;
}

using Elementwise = std::function<Number(ArrayRef<Number>, bool isFloatType)>;
struct ElementwiseOp {
  size_t operands;
  bool boolean;
  Elementwise apply;
};

const llvm::StringMap<ElementwiseOp> &elementwiseOps() {
  using Args = ArrayRef<Number>;
  static const llvm::StringMap<ElementwiseOp> ops = {
      {"Add", {2, false, [](Args a, bool) { return a[0] + a[1]; }}},
      {"Sub", {2, false, [](Args a, bool) { return a[0] - a[1]; }}},
      {"Mul", {2, false, [](Args a, bool) { return a[0] * a[1]; }}},
      {"Div", {2, false, [](Args a, bool real) { return real ? a[0] / a[1] : std::trunc(a[0] / a[1]); }}},
      {"Mod", {2, false, [](Args a, bool) { return a[0] - std::floor(a[0] / a[1]) * a[1]; }}},
      {"Max", {2, false, [](Args a, bool) { return std::max(a[0], a[1]); }}},
      {"Min", {2, false, [](Args a, bool) { return std::min(a[0], a[1]); }}},
      {"Neg", {1, false, [](Args a, bool) { return -a[0]; }}},
      {"Abs", {1, false, [](Args a, bool) { return std::fabs(a[0]); }}},
      {"Sqrt", {1, false, [](Args a, bool) { return std::sqrt(a[0]); }}},
      {"Floor", {1, false, [](Args a, bool) { return std::floor(a[0]); }}},
      {"Ceil", {1, false, [](Args a, bool) { return std::ceil(a[0]); }}},
      {"Equal", {2, true, [](Args a, bool) { return Number(a[0] == a[1]); }}},
      {"Less", {2, true, [](Args a, bool) { return Number(a[0] < a[1]); }}},
      {"LessOrEqual", {2, true, [](Args a, bool) { return Number(a[0] <= a[1]); }}},
      {"Greater", {2, true, [](Args a, bool) { return Number(a[0] > a[1]); }}},
      {"GreaterOrEqual", {2, true, [](Args a, bool) { return Number(a[0] >= a[1]); }}},
      {"And", {2, true, [](Args a, bool) { return Number(a[0] != 0 && a[1] != 0); }}},
      {"Or", {2, true, [](Args a, bool) { return Number(a[0] != 0 || a[1] != 0); }}},
      {"Not", {1, true, [](Args a, bool) { return Number(a[0] == 0); }}},
      {"Where", {3, false, [](Args a, bool) { return a[0] != 0 ? a[1] : a[2]; }}},
  };
  return ops;
}

std::optional<Numbers> applyElementwise(const ElementwiseOp &op, ArrayRef<Numbers> operands) {
  if (operands.size() != op.operands)
    return std::nullopt;
  std::optional<std::vector<int64_t>> shape = broadcastShape(operands);
  if (!shape || elementCount(*shape).value_or(kLimit + 1) > kLimit)
    return std::nullopt;
  DType type = operands.back().type;
  Numbers result{op.boolean ? DType::I1 : type, *shape, {}};
  walk(*shape, [&](ArrayRef<int64_t> index) {
    SmallVector<Number, 3> arguments;
    for (const Numbers &operand : operands)
      arguments.push_back(operand.values[broadcastOffset(index, operand.shape)]);
    result.values.push_back(op.apply(arguments, isFloat(type)));
  });
  return result;
}

std::vector<int64_t> toInts(const Numbers &numbers) { return {numbers.values.begin(), numbers.values.end()}; }

std::optional<Numbers> concat(NodeContext &node, ArrayRef<Numbers> operands) {
  // Shapes are vectors; anything else is left to the program.
  Numbers result{operands[0].type, {0}, {}};
  for (const Numbers &operand : operands) {
    if (operand.shape.size() != 1 || operand.type != result.type ||
        static_cast<int64_t>(result.values.size() + operand.values.size()) > kLimit)
      return std::nullopt;
    llvm::append_range(result.values, operand.values);
  }
  (void)node.intAttr("axis", 0);
  result.shape[0] = static_cast<int64_t>(result.values.size());
  return result;
}

std::optional<Numbers> gather(NodeContext &node, ArrayRef<Numbers> operands) {
  const Numbers &data = operands[0], &indices = operands[1];
  if (data.shape.size() != 1 || node.intAttr("axis", 0) > 0)
    return std::nullopt;
  Numbers result{data.type, indices.shape, {}};
  for (Number index : indices.values) {
    Number at = index < 0 ? index + data.shape[0] : index;
    if (at < 0 || at >= data.shape[0])
      return std::nullopt;
    result.values.push_back(data.values[static_cast<size_t>(at)]);
  }
  return result;
}

std::optional<Numbers> slice(NodeContext &node, ArrayRef<Numbers> operands) {
  const Numbers &data = operands[0];
  if (data.shape.size() != 1)
    return std::nullopt;
  bool attributes = node.opset < 10;
  auto argument = [&](size_t index, const char *name, int64_t otherwise) {
    std::vector<int64_t> values = attributes                ? node.intsAttr(name, {otherwise})
                                  : index < operands.size() ? toInts(operands[index])
                                                            : std::vector<int64_t>{otherwise};
    return values.size() == 1 ? values[0] : otherwise;
  };
  int64_t size = data.shape[0], begin = argument(1, "starts", 0), end = argument(2, "ends", size);
  (void)argument(3, "axes", 0);
  int64_t step = attributes ? 1 : argument(4, "steps", 1);
  if (step == 0)
    return std::nullopt;
  auto clamp = [&](int64_t position) {
    if (position < 0)
      position = position < -size ? -1 : position + size;
    return step > 0 ? std::clamp<int64_t>(position, 0, size) : std::clamp<int64_t>(position, -1, size - 1);
  };
  Numbers result{data.type, {0}, {}};
  begin = clamp(begin);
  end = clamp(end);
  // A start before the first element is the first one.
  if (step < 0 && size > 0)
    begin = std::max<int64_t>(begin, 0);
  for (int64_t i = begin; step > 0 ? i < end : i > end; i += step)
    result.values.push_back(data.values[static_cast<size_t>(i)]);
  result.shape[0] = static_cast<int64_t>(result.values.size());
  return result;
}

std::optional<Numbers> expand(ArrayRef<Numbers> operands) {
  Numbers target{operands[0].type, toInts(operands[1]), {}};
  std::optional<int64_t> count = elementCount(target.shape);
  std::optional<std::vector<int64_t>> shape = broadcastShape({operands[0], target});
  if (!count || !shape || elementCount(*shape).value_or(kLimit + 1) > kLimit)
    return std::nullopt;
  Numbers result{operands[0].type, *shape, {}};
  walk(*shape, [&](ArrayRef<int64_t> index) {
    result.values.push_back(operands[0].values[broadcastOffset(index, operands[0].shape)]);
  });
  return result;
}

std::optional<Numbers> range(ArrayRef<Numbers> operands) {
  Number start = operands[0].values[0], stop = operands[1].values[0], step = operands[2].values[0];
  Number count = step == 0 ? -1 : std::max<Number>(0, std::ceil((stop - start) / step));
  if (count < 0 || count > kMaxTable)
    return std::nullopt;
  Numbers result{operands[0].type, {static_cast<int64_t>(count)}, {}};
  for (int64_t i = 0; i < result.shape[0]; ++i)
    result.values.push_back(start + i * step);
  return result;
}

std::optional<Numbers> fold(NodeContext &node, ArrayRef<Numbers> operands) {
  StringRef op = node.node.op_type();
  size_t count = operands.size();
  if (auto found = elementwiseOps().find(op); found != elementwiseOps().end()) {
    if (op == "Mod" && node.intAttr("fmod", 0))
      return std::nullopt;
    return applyElementwise(found->second, operands);
  }
  if (op == "Cast") {
    std::optional<DType> to = fromOnnxType(static_cast<int32_t>(node.intAttr("to", 0)));
    if (!to || count != 1)
      return std::nullopt;
    (void)node.intAttr("saturate", 1);
    Numbers result = operands[0];
    if (isFloat(result.type) && !isFloat(*to) && *to != DType::I1)
      for (Number &value : result.values)
        value = std::trunc(value);
    result.type = *to;
    return result;
  }
  if (op == "Concat" && count > 0)
    return concat(node, operands);
  if (op == "Gather" && count == 2)
    return gather(node, operands);
  if (op == "Slice" && count >= 1)
    return slice(node, operands);
  if (op == "Expand" && count == 2)
    return expand(operands);
  if (op == "Range" && count == 3 && llvm::all_of(operands, [](const Numbers &n) { return n.values.size() == 1; }))
    return range(operands);
  if (op == "ReduceProd" && count == 1 && operands[0].shape.size() == 1) {
    Numbers result{operands[0].type, {}, {1}};
    for (Number value : operands[0].values)
      result.values[0] *= value;
    (void)node.intsAttr("axes");
    if (node.intAttr("keepdims", 1))
      result.shape = {1};
    return result;
  }
  return std::nullopt;
}

} // namespace

std::optional<HostTensor> frontend::foldConstants(NodeContext &node, FoldBudget &budget) {
  if (node.numInputs() == 0 || node.node.output_size() != 1)
    return std::nullopt;
  int64_t elements = 0;
  for (size_t i = 0; i < node.numInputs(); ++i) {
    const HostTensor *tensor = node.constant(i);
    if (!tensor || tensor->numElements() > (isFloat(tensor->dtype()) ? kFloatLimit : kLimit))
      return std::nullopt;
    elements += tensor->numElements();
  }
  // Three operands, as Where has them, or as many small ones as one likes.
  if (elements > 3 * kLimit || !budget.take(elements))
    return std::nullopt;
  SmallVector<Numbers> operands;
  for (size_t i = 0; i < node.numInputs(); ++i)
    operands.push_back(unpack(*node.constant(i)));
  std::optional<Numbers> result = fold(node, operands);
  if (!result)
    return std::nullopt;
  auto size = static_cast<int64_t>(result->values.size());
  if ((isFloat(result->type) && size > kFloatLimit && node.node.op_type() != "Range") || !budget.take(size))
    return std::nullopt;
  return pack(*result);
}
