// Ops of ONNX that make or move elements.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include "llvm/ADT/StringExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

int64_t product(ArrayRef<int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

// A constant keeps its place in the file under another shape.
LogicalResult reshapeTo(NodeContext &n, ArrayRef<int64_t> shape) {
  if (elementCount(shape) != product(n.shapeOf(0)))
    return n.unsupported("it reshapes " + Twine(product(n.shapeOf(0))) + " elements to the shape [" +
                         llvm::join(llvm::map_range(shape, [](int64_t dim) { return std::to_string(dim); }), ", ") +
                         "]");
  if (const HostTensor *tensor = n.constant(0)) {
    if (failed(n.alias(0)))
      return failure();
    GraphValue &value = n.results[0];
    if (n.shapeOf(0) != shape) {
      std::string suffix;
      for (int64_t dim : shape)
        suffix += "_" + std::to_string(dim);
      value.name += ".reshaped" + suffix;
      value.value = {};
      auto owner = std::make_shared<HostTensor>(*tensor);
      value.host =
          HostTensor::borrow(tensor->dtype(), std::vector<int64_t>(shape.begin(), shape.end()), owner->bytes(), owner);
    }
    return success();
  }
  return n.result(n.g.reshape(n.operand(0), shape));
}

LogicalResult reshape(NodeContext &n) {
  std::optional<std::vector<int64_t>> target = n.constantInts(1, "shape");
  if (!target)
    return failure();
  bool allowZero = n.intAttr("allowzero", 0) != 0;
  ArrayRef<int64_t> from = n.shapeOf(0);
  SmallVector<int64_t> shape(ArrayRef<int64_t>{*target});
  std::optional<size_t> inferred;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !allowZero) {
      if (i >= from.size())
        return n.unsupported("its shape copies a dimension that the operand does not have");
      shape[i] = from[i];
    } else if (shape[i] == -1) {
      if (inferred)
        return n.unsupported("its shape has two -1");
      inferred = i;
      shape[i] = 1;
    } else if (shape[i] < 0) {
      return n.unsupported("its shape has the dimension " + Twine(shape[i]));
    }
  }
  if (inferred) {
    int64_t rest = product(shape), all = product(from);
    if (rest == 0 || all % rest)
      return n.unsupported("its -1 dimension cannot be inferred: " + Twine(all) + " elements over " + Twine(rest));
    shape[*inferred] = all / rest;
  }
  return reshapeTo(n, shape);
}

LogicalResult flatten(NodeContext &n) {
  ArrayRef<int64_t> shape = n.shapeOf(0);
  int64_t rank = static_cast<int64_t>(shape.size()), axis = n.intAttr("axis", 1);
  if (axis < -rank || axis > rank)
    return n.unsupported("axis " + Twine(axis) + " is outside of [" + Twine(-rank) + ", " + Twine(rank) + "]");
  size_t split = static_cast<size_t>(axis < 0 ? axis + rank : axis);
  return reshapeTo(n, {product(shape.take_front(split)), product(shape.drop_front(split))});
}

std::optional<std::vector<int64_t>> readAxes(NodeContext &n) {
  if (n.opset < 13)
    return n.intsAttr("axes", {});
  return n.has(1) ? n.constantInts(1, "axes") : std::vector<int64_t>();
}

LogicalResult squeeze(NodeContext &n) {
  std::optional<std::vector<int64_t>> given = readAxes(n);
  if (!given)
    return failure();
  ArrayRef<int64_t> from = n.shapeOf(0);
  std::optional<SmallVector<int64_t>> axes = n.axes(*given, static_cast<int64_t>(from.size()));
  if (!axes)
    return failure();
  SmallVector<int64_t> shape;
  for (auto [i, dim] : llvm::enumerate(from)) {
    bool named = llvm::is_contained(*axes, static_cast<int64_t>(i));
    if (named && dim != 1)
      return n.unsupported("it squeezes a dimension of size " + Twine(dim));
    if (!named && (!axes->empty() || dim != 1))
      shape.push_back(dim);
  }
  return reshapeTo(n, shape);
}

LogicalResult unsqueeze(NodeContext &n) {
  std::optional<std::vector<int64_t>> given = readAxes(n);
  if (!given)
    return failure();
  ArrayRef<int64_t> from = n.shapeOf(0);
  size_t rank = from.size() + given->size();
  std::optional<SmallVector<int64_t>> axes = n.axes(*given, static_cast<int64_t>(rank));
  if (!axes)
    return failure();
  SmallVector<int64_t> shape;
  for (size_t i = 0; i < rank; ++i)
    if (llvm::is_contained(*axes, static_cast<int64_t>(i))) {
      shape.push_back(1);
    } else {
      shape.push_back(from.front());
      from = from.drop_front();
    }
  return reshapeTo(n, shape);
}

LogicalResult identity(NodeContext &n) { return n.alias(0); }

LogicalResult transpose(NodeContext &n) {
  std::vector<int64_t> reversed(static_cast<size_t>(n.rankOf(0)));
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return n.result(n.g.transpose(n.operand(0), n.intsAttr("perm", reversed)));
}

// Of one op: what generates its code recurses over them. Loops and sequences make concats of many thousands.
constexpr size_t kMostConcatenated = 256;

LogicalResult concat(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", 0), n.rankOf(0));
  if (!axis)
    return failure();
  SmallVector<Value> parts(n.operands());
  while (true) {
    SmallVector<Value> joined;
    ArrayRef<Value> rest = parts;
    do {
      size_t count = std::min(rest.size(), kMostConcatenated);
      joined.push_back(n.g.make<ConcatOp>(rest.take_front(count), n.g.integer("axis", *axis)));
      if (!joined.back())
        return failure();
      rest = rest.drop_front(count);
    } while (!rest.empty());
    if (joined.size() == 1)
      return n.result(joined.front());
    parts = std::move(joined);
  }
}

LogicalResult split(NodeContext &n) {
  ArrayRef<int64_t> shape = n.shapeOf(0);
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", 0), static_cast<int64_t>(shape.size()));
  if (!axis)
    return failure();
  int64_t outputs = n.node.output_size();
  std::optional<std::vector<int64_t>> sizes;
  if (n.opset < 13)
    sizes = n.intsAttr("split");
  else if (n.has(1) && !(sizes = n.constantInts(1, "split")))
    return failure();
  if (n.intAttr("num_outputs", outputs) != outputs)
    return n.unsupported("attribute 'num_outputs' contradicts the number of outputs");
  int64_t total = shape[static_cast<size_t>(*axis)];
  if (!sizes) {
    int64_t chunk = (total + outputs - 1) / outputs;
    sizes.emplace();
    for (int64_t i = 0; i < outputs; ++i)
      sizes->push_back(std::clamp<int64_t>(total - i * chunk, 0, chunk));
  }
  if (static_cast<int64_t>(sizes->size()) != outputs ||
      std::accumulate(sizes->begin(), sizes->end(), int64_t{0}) != total)
    return n.unsupported("its sizes do not sum to the dimension of " + Twine(total));
  SmallVector<int64_t> offsets(shape.size(), 0), extent(shape), strides(shape.size(), 1);
  for (int64_t i = 0; i < outputs; ++i) {
    extent[static_cast<size_t>(*axis)] = (*sizes)[static_cast<size_t>(i)];
    // An empty part starts nowhere.
    SmallVector<int64_t> start(extent[static_cast<size_t>(*axis)] ? offsets : SmallVector<int64_t>(shape.size(), 0));
    if (failed(n.result(static_cast<size_t>(i), n.g.slice(n.operand(0), start, extent, strides))))
      return failure();
    offsets[static_cast<size_t>(*axis)] += (*sizes)[static_cast<size_t>(i)];
  }
  return success();
}

LogicalResult slice(NodeContext &n) {
  ArrayRef<int64_t> shape = n.shapeOf(0);
  auto argument = [&](size_t index, const char *name) -> std::optional<std::vector<int64_t>> {
    if (n.opset < 10)
      return n.intsAttr(name, {});
    return n.has(index) ? n.constantInts(index, name) : std::vector<int64_t>();
  };
  auto starts = argument(1, "starts"), ends = argument(2, "ends"), axes = argument(3, "axes");
  auto steps = n.opset < 10 ? std::vector<int64_t>() : argument(4, "steps");
  if (!starts || !ends || !axes || !steps)
    return failure();
  if (axes->empty())
    for (size_t i = 0; i < starts->size(); ++i)
      axes->push_back(static_cast<int64_t>(i));
  if (steps->empty())
    steps->assign(starts->size(), 1);
  if (ends->size() != starts->size() || axes->size() != starts->size() || steps->size() != starts->size())
    return n.unsupported("starts, ends, axes and steps differ in length");
  SmallVector<int64_t> offsets(shape.size(), 0), sizes(shape), strides(shape.size(), 1);
  for (size_t i = 0; i < starts->size(); ++i) {
    std::optional<int64_t> axis = n.axis((*axes)[i], static_cast<int64_t>(shape.size()));
    int64_t step = (*steps)[i];
    if (!axis || step == 0)
      return axis ? n.unsupported("a step is 0") : failure();
    size_t d = static_cast<size_t>(*axis);
    int64_t size = shape[d];
    auto clamp = [&](int64_t position) {
      if (position < 0)
        position = std::max<int64_t>(position + size, -1);
      return step > 0 ? std::clamp<int64_t>(position, 0, size) : std::clamp<int64_t>(position, -1, size - 1);
    };
    int64_t begin = clamp((*starts)[i]), end = clamp((*ends)[i]);
    // A start before the first element is the first one.
    if (step < 0 && begin < 0)
      begin = 0;
    int64_t span = step > 0 ? end - begin : begin - end, stride = std::abs(step);
    offsets[d] = begin;
    strides[d] = step;
    sizes[d] = span <= 0 ? 0 : (span - 1) / stride + 1;
    if (sizes[d] == 0)
      offsets[d] = 0;
    if (sizes[d] <= 1)
      strides[d] = 1;
  }
  return n.result(n.g.slice(n.operand(0), offsets, sizes, strides));
}

LogicalResult expand(NodeContext &n) {
  std::optional<std::vector<int64_t>> target = n.constantInts(1, "shape");
  if (!target)
    return failure();
  // The broadcast is mutual: the operand's dimensions may be the larger ones.
  SmallVector<int64_t> shape(ArrayRef<int64_t>{*target});
  ArrayRef<int64_t> from = n.shapeOf(0);
  if (from.size() > shape.size())
    shape.insert(shape.begin(), from.size() - shape.size(), 1);
  size_t skip = shape.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    if (shape[skip + i] == 1)
      shape[skip + i] = from[i];
  if (from == ArrayRef<int64_t>(shape))
    return n.alias(0);
  return n.result(n.g.make<BroadcastOp>(n.operand(0), n.g.ints("shape", shape)));
}

// Repeats: [a, b] -> [1, a, 1, b] -> [r, a, s, b] -> [r * a, s * b].
LogicalResult tile(NodeContext &n) {
  std::optional<std::vector<int64_t>> repeats = n.constantInts(1, "repeats");
  if (!repeats)
    return failure();
  ArrayRef<int64_t> from = n.shapeOf(0);
  if (repeats->size() != from.size())
    return n.unsupported("it needs one repeat for each dimension");
  SmallVector<int64_t> apart, repeated, result;
  for (auto [dim, count] : llvm::zip(from, *repeats)) {
    if (count < 0)
      return n.unsupported("its repeats must be at least 0, got " + Twine(count));
    apart.append({1, dim});
    repeated.append({count, dim});
    result.push_back(dim * count);
  }
  Value value = n.g.make<BroadcastOp>(n.g.reshape(n.operand(0), apart), n.g.ints("shape", repeated));
  return n.result(n.g.reshape(value, result));
}

HostTensor vector64(const std::vector<int64_t> &values) {
  return HostTensor::from(DType::I64, {static_cast<int64_t>(values.size())}, values);
}

LogicalResult shape(NodeContext &n) {
  ArrayRef<int64_t> dims = n.shapeOf(0);
  int64_t rank = static_cast<int64_t>(dims.size());
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t begin = clamp(n.intAttr("start", 0)), end = clamp(n.intAttr("end", rank));
  std::vector<int64_t> part;
  for (int64_t i = begin; i < end; ++i)
    part.push_back(dims[static_cast<size_t>(i)]);
  return n.result(vector64(part));
}

LogicalResult size(NodeContext &n) {
  return n.result(HostTensor::from(DType::I64, {}, std::vector<int64_t>{product(n.shapeOf(0))}));
}

LogicalResult constant(NodeContext &n) {
  using Attribute = onnx::AttributeProto;
  if (const Attribute *value = n.typedAttr("value", Attribute::TENSOR))
    return n.tensorResult(value->t());
  if (const Attribute *value = n.typedAttr("value_float", Attribute::FLOAT))
    return n.result(HostTensor::from(DType::F32, {}, std::vector<float>{value->f()}));
  if (const Attribute *value = n.typedAttr("value_int", Attribute::INT))
    return n.result(HostTensor::from(DType::I64, {}, std::vector<int64_t>{value->i()}));
  if (const Attribute *value = n.typedAttr("value_floats", Attribute::FLOATS))
    return n.result(HostTensor::from(DType::F32, {value->floats_size()},
                                     std::vector<float>(value->floats().begin(), value->floats().end())));
  if (std::optional<std::vector<int64_t>> values = n.intsAttr("value_ints"))
    return n.result(vector64(*values));
  return n.unsupported("its value is neither a tensor nor numbers");
}

LogicalResult constantOfShape(NodeContext &n) {
  std::optional<std::vector<int64_t>> dims = n.constantInts(0, "shape");
  if (!dims)
    return failure();
  std::optional<int64_t> count = elementCount(*dims);
  if (!count)
    return n.unsupported("its shape has negative or too large dimensions");
  HostTensor element(DType::F32, {});
  if (const auto *value = n.typedAttr("value", onnx::AttributeProto::TENSOR)) {
    if (failed(n.tensorResult(value->t())))
      return failure();
    element = *n.results[0].host;
    n.results[0] = GraphValue();
    if (element.numElements() != 1)
      return n.unsupported("attribute 'value' must have one element");
  }
  if (*count <= 65536 && (*count <= 64 || !isFloat(element.dtype()))) {
    HostTensor filled(element.dtype(), *dims);
    for (int64_t i = 0; i < *count; ++i)
      std::memcpy(filled.mutableBytes() + static_cast<size_t>(i) * sizeOf(element.dtype()), element.bytes(),
                  sizeOf(element.dtype()));
    return n.result(std::move(filled));
  }
  HostTensor scalar = HostTensor::borrow(element.dtype(), {}, element.bytes(), std::make_shared<HostTensor>(element));
  return n.result(n.g.make<BroadcastOp>(n.g.constant(scalar), n.g.ints("shape", *dims)));
}

// What the constant folder leaves.
LogicalResult range(NodeContext &n) {
  if (n.numInputs() != 3 || !n.constant(0) || !n.constant(1) || !n.constant(2))
    return n.unsupported("its bounds must be constants; freeze the input they depend on with --const NAME=file.npy");
  for (size_t i = 0; i < 3; ++i)
    if (n.constant(i)->numElements() != 1)
      return n.unsupported("its bounds must be scalars");
  if (n.constant(2)->floatAt(0) == 0)
    return n.unsupported("its step is 0");
  if (DType type = n.constant(0)->dtype(); type == DType::F16 || type == DType::BF16)
    return n.unsupported("elements of " + Twine(nameOf(type)) + " are not supported; cast a range of f32");
  return n.unsupported("it has more than " + Twine(kMaxTable) + " elements, or bounds that are no numbers");
}

// Keeps the lower or upper triangle of the last two dimensions.
LogicalResult trilu(NodeContext &n) {
  ArrayRef<int64_t> dims = n.shapeOf(0);
  if (dims.size() < 2)
    return n.unsupported("its operand must have a rank of at least 2");
  int64_t k = 0;
  if (n.has(1)) {
    std::optional<std::vector<int64_t>> given = n.constantInts(1, "k");
    if (!given || given->size() != 1)
      return given ? n.unsupported("its k must be a scalar") : failure();
    k = given->front();
  }
  if (dims[dims.size() - 2] > kMaxTable || dims.back() > kMaxTable)
    return n.unsupported("it needs a table of more than " + Twine(kMaxTable) + " positions");
  std::vector<int64_t> rows(static_cast<size_t>(dims[dims.size() - 2])), columns(static_cast<size_t>(dims.back()));
  std::iota(rows.begin(), rows.end(), k);
  std::iota(columns.begin(), columns.end(), 0);
  Value row = n.g.reshape(n.g.constant(vector64(rows)), {static_cast<int64_t>(rows.size()), 1});
  ComparePredicate predicate = n.intAttr("upper", 1) ? ComparePredicate::GE : ComparePredicate::LE;
  Value keep = n.g.make<CompareOp>({n.g.constant(vector64(columns)), row},
                                   n.g.attr("predicate", ComparePredicateAttr::get(n.g.context(), predicate)));
  Value zero = n.g.scalar(n.typeOf(0).getElementType(), 0);
  return n.result(n.g.make<SelectOp>({keep, n.operand(0), zero}));
}

} // namespace

void frontend::addShapeOps(OpTable &table) {
  table["Reshape"] = {reshape, 5};
  table["Flatten"] = {flatten, 1};
  table["Squeeze"] = {squeeze, 1};
  table["Unsqueeze"] = {unsqueeze, 1};
  table["Identity"] = {identity, 1};
  table["Transpose"] = {transpose, 1};
  table["Concat"] = {concat, 4};
  table["Split"] = {split, 2};
  table["Slice"] = {slice, 1};
  table["Expand"] = {expand, 8};
  table["Tile"] = {tile, 6};
  table["Shape"] = {shape, 1};
  table["Size"] = {size, 1};
  table["Constant"] = {constant, 1};
  table["ConstantOfShape"] = {constantOfShape, 9};
  table["Range"] = {range, 11};
  table["Trilu"] = {trilu, 14};
}
