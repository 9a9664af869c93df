#include "frontend/Compose.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"
#include <numeric>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

int64_t frontend::productOf(ArrayRef<int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

static Dims rowStrides(ArrayRef<int64_t> shape) {
  Dims strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Value Compose::compare(ComparePredicate predicate, Value a, Value b) {
  return g.make<CompareOp>({a, b}, g.attr("predicate", ComparePredicateAttr::get(g.context(), predicate)));
}

Value Compose::reduce(ReduceKind kind, Value value, ArrayRef<int64_t> axes, bool keepDims) {
  SmallVector<NamedAttribute> attributes = {g.attr("kind", ReduceKindAttr::get(g.context(), kind)),
                                            g.ints("axes", axes)};
  if (keepDims)
    attributes.push_back(g.unit("keep_dims"));
  return g.make<ReduceOp>(value, attributes);
}

Value Compose::clamp(Value value, double low, double high) {
  return g.make<ClampOp>(value, {g.real("low", low), g.real("high", high)});
}

Value Compose::table(const HostTensor &tensor) {
  // Small tables stand in the IR; large ones are parameters, equal ones once.
  constexpr int64_t kInlineElements = 64;
  if (tensor.numElements() <= kInlineElements)
    return g.constant(tensor);
  ArrayRef<uint8_t> bytes(reinterpret_cast<const uint8_t *>(tensor.bytes()), tensor.sizeBytes());
  std::string name = "table_" + describe(tensor.dtype(), tensor.shape()) + "_" +
                     llvm::utohexstr(llvm::xxh3_64bits(bytes), /*LowerCase=*/true);
  return g.table(name, tensor);
}

Value Compose::table(ArrayRef<int64_t> values) {
  return table(HostTensor::from(DType::I64, {static_cast<int64_t>(values.size())}, values.vec()));
}

Value Compose::reals(ArrayRef<double> values, ArrayRef<int64_t> to, Type elementType) {
  int64_t count = static_cast<int64_t>(values.size());
  HostTensor numbers = elementType.isF32()
                           ? HostTensor::from(DType::F32, {count}, std::vector<float>(values.begin(), values.end()))
                           : HostTensor::from(DType::F64, {count}, values.vec());
  return g.reshape(g.cast(table(numbers), elementType), to);
}

Value Compose::iota(int64_t size, int64_t behind) {
  if (size > kMaxTable) {
    emitError(g.getLocation()) << "it needs a table of " << size << " positions, more than " << kMaxTable;
    return {};
  }
  Dims values(size), shape(behind + 1, 1);
  std::iota(values.begin(), values.end(), 0);
  shape[0] = size;
  return g.reshape(table(values), shape);
}

Value Compose::broadcast(Value value, ArrayRef<int64_t> to) {
  return !value || shape(value) == to ? value : g.make<BroadcastOp>(value, g.ints("shape", to));
}

Value Compose::concat(ValueRange values, int64_t axis) {
  return values.size() == 1 ? values[0] : g.make<ConcatOp>(values, g.integer("axis", axis));
}

Value Compose::pad(Value value, ArrayRef<int64_t> low, ArrayRef<int64_t> high, double with) {
  auto zero = [](int64_t size) { return size == 0; };
  if (llvm::all_of(low, zero) && llvm::all_of(high, zero))
    return value;
  return g.make<PadOp>(value, {g.ints("low", low), g.ints("high", high), g.real("value", with)});
}

Value Compose::slice(Value value, int64_t axis, int64_t offset, int64_t size, int64_t stride) {
  if (!value)
    return {};
  Dims sizes(shape(value)), offsets(sizes.size(), 0), strides(sizes.size(), 1);
  if (offset == 0 && size == sizes[axis] && stride == 1)
    return value;
  offsets[axis] = size == 0 ? 0 : offset;
  strides[axis] = size <= 1 ? 1 : stride;
  sizes[axis] = size;
  return g.slice(value, offsets, sizes, strides);
}

Value Compose::expand(Value value, int64_t axis) {
  if (!value)
    return {};
  Dims dims(shape(value));
  dims.insert(dims.begin() + axis, 1);
  return g.reshape(value, dims);
}

Value Compose::moveAxis(Value value, int64_t from, int64_t to) {
  if (!value || from == to)
    return value;
  Dims permutation = llvm::to_vector(llvm::seq<int64_t>(0, type(value).getRank()));
  permutation.erase(permutation.begin() + from);
  permutation.insert(permutation.begin() + to, from);
  return g.transpose(value, permutation);
}

Value Compose::take(Value value, int64_t axis, ArrayRef<int64_t> positions) {
  if (!value)
    return {};
  int64_t count = static_cast<int64_t>(positions.size());
  if (count == 0)
    return slice(value, axis, 0, 0);
  int64_t step = count > 1 ? positions[1] - positions[0] : 1;
  bool regular = true;
  for (int64_t i = 1; i < count; ++i)
    regular &= positions[i] - positions[i - 1] == step;
  if (regular && step != 0)
    return slice(value, axis, positions[0], count, step);
  if (regular) {
    Dims repeated(shape(value));
    repeated[axis] = count;
    return broadcast(slice(value, axis, positions[0], 1), repeated);
  }
  return gather(value, table(positions), axis);
}

Value Compose::gather(Value data, Value indices, int64_t axis) {
  return g.make<GatherOp>({data, indices}, g.integer("axis", axis));
}

// Index into a dimension of `size`, counted from its start; and whether it is inside.
static std::pair<Value, Value> wrapIndex(Compose &c, Value index, int64_t size) {
  index = c.g.cast(index, c.i64());
  Value from0 = c.select(c.compare(ComparePredicate::LT, index, 0), c.add(index, static_cast<double>(size)), index);
  Value inside = c.apply<AndOp>(c.compare(ComparePredicate::GE, from0, 0),
                                c.compare(ComparePredicate::LT, from0, static_cast<double>(size)));
  return {from0, inside};
}

Value Compose::flatElementIndex(ArrayRef<int64_t> data, Value indices, int64_t axis) {
  if (!indices)
    return {};
  Dims strides = rowStrides(data);
  int64_t rank = static_cast<int64_t>(data.size());
  auto [flat, inside] = wrapIndex(*this, indices, data[axis]);
  flat = mul(flat, static_cast<double>(strides[axis]));
  for (int64_t d = 0; d < rank; ++d)
    if (d != axis && shape(indices)[d] != 1)
      flat = add(flat, mul(iota(shape(indices)[d], rank - 1 - d), static_cast<double>(strides[d])));
  return inside && flat ? select(inside, flat, like(flat, static_cast<double>(productOf(data)))) : Value();
}

Value Compose::flatSliceIndex(ArrayRef<int64_t> data, Value indices, int64_t batchDims) {
  if (!indices)
    return {};
  int64_t last = type(indices).getRank() - 1, depth = shape(indices)[last], rank = last;
  Dims indexed(data.take_front(batchDims + depth)), strides = rowStrides(indexed), outer(shape(indices).drop_back());
  Value flat, inside;
  for (int64_t k = 0; k < depth; ++k) {
    Value index = g.reshape(slice(indices, last, k, 1), outer);
    auto [from0, valid] = wrapIndex(*this, index, indexed[batchDims + k]);
    from0 = mul(from0, static_cast<double>(strides[batchDims + k]));
    flat = flat ? add(flat, from0) : from0;
    inside = inside ? apply<AndOp>(inside, valid) : valid;
  }
  for (int64_t d = 0; d < batchDims && flat; ++d)
    flat = add(flat, mul(iota(outer[d], rank - 1 - d), static_cast<double>(strides[d])));
  return flat && inside ? select(inside, flat, like(flat, static_cast<double>(productOf(indexed)))) : Value();
}

Value Compose::gatherElements(Value data, Value indices, int64_t axis) {
  if (!data || !indices)
    return {};
  return gather(g.reshape(data, {productOf(shape(data))}), flatElementIndex(shape(data), indices, axis), 0);
}

Value Compose::gatherNd(Value data, Value indices, int64_t batchDims) {
  if (!data || !indices)
    return {};
  size_t indexed = static_cast<size_t>(batchDims + shape(indices).back());
  Dims rows = {productOf(shape(data).take_front(indexed))};
  llvm::append_range(rows, shape(data).drop_front(indexed));
  return gather(g.reshape(data, rows), flatSliceIndex(shape(data), indices, batchDims), 0);
}

Value Compose::matmul(Value a, Value b, bool transposeA, bool transposeB) {
  SmallVector<NamedAttribute> attributes;
  if (transposeA)
    attributes.push_back(g.unit("transpose_lhs"));
  if (transposeB)
    attributes.push_back(g.unit("transpose_rhs"));
  return g.make<MatmulOp>({a, b}, attributes);
}

Value Compose::softmax(Value value, int64_t axis) { return g.make<SoftmaxOp>(value, g.integer("axis", axis)); }
