// Ops of ONNX that take, place, or order elements by index.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include <numeric>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

LogicalResult gather(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", 0), n.rankOf(0));
  if (!axis)
    return failure();
  Compose c(n.g);
  int64_t size = n.shapeOf(0)[static_cast<size_t>(*axis)];
  if (const HostTensor *indices = n.constant(1))
    for (int64_t i = 0; i < indices->numElements(); ++i)
      if (int64_t index = indices->intAt(i); index < -size || index >= size)
        return n.unsupported("index " + Twine(index) + " is outside of a dimension of size " + Twine(size));
  return n.result(c.gather(n.operand(0), n.operand(1), *axis));
}

LogicalResult gatherElements(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", 0), n.rankOf(0));
  if (!axis)
    return failure();
  if (n.rankOf(1) != n.rankOf(0))
    return n.unsupported("data and indices must have the same rank");
  for (auto [d, size] : llvm::enumerate(n.shapeOf(1)))
    if (static_cast<int64_t>(d) != *axis && size > n.shapeOf(0)[d])
      return n.unsupported("indices exceed the data in dimension " + Twine(d));
  return n.result(Compose(n.g).gatherElements(n.operand(0), n.operand(1), *axis));
}

LogicalResult gatherNd(NodeContext &n) {
  int64_t batch = n.opset < 12 ? 0 : n.intAttr("batch_dims", 0), rank = n.rankOf(1);
  if (rank < 1 || batch < 0 || batch >= rank || batch + n.shapeOf(1).back() > n.rankOf(0))
    return n.unsupported("its indices do not fit the data's rank and attribute 'batch_dims'");
  for (int64_t d = 0; d < batch; ++d)
    if (n.shapeOf(0)[d] != n.shapeOf(1)[d])
      return n.unsupported("data and indices differ in batch dimension " + Twine(d));
  if (n.shapeOf(1).back() == 0)
    return n.unsupported("its indices are empty tuples");
  return n.result(Compose(n.g).gatherNd(n.operand(0), n.operand(1), batch));
}

std::optional<ScatterKind> scatterKind(NodeContext &n) {
  std::string reduction = n.stringAttr("reduction", "none");
  std::optional<ScatterKind> kind = reduction == "none" ? ScatterKind::Set : symbolizeScatterKind(reduction);
  if (!kind)
    (void)n.unsupported("attribute 'reduction' = '" + reduction + "' is not known");
  return kind;
}

Value scatterRows(Compose &c, ScatterKind kind, Value rows, Value indices, Value updates) {
  if (!rows)
    return {};
  // Half precision is accumulated in f32 and rounded once.
  Type type = Compose::element(rows),
       wide = kind != ScatterKind::Set && isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32 ? c.f32() : type;
  Value scattered = c.g.make<ScatterOp>({c.g.cast(rows, wide), indices, c.g.cast(updates, wide)},
                                        c.g.attr("kind", ScatterKindAttr::get(c.g.context(), kind)));
  return c.g.cast(scattered, type);
}

LogicalResult scatterElements(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", 0), n.rankOf(0));
  std::optional<ScatterKind> kind = scatterKind(n);
  if (!axis || !kind)
    return failure();
  if (n.rankOf(1) != n.rankOf(0) || n.shapeOf(1) != n.shapeOf(2))
    return n.unsupported("indices and updates must have one shape, of the data's rank");
  for (auto [d, size] : llvm::enumerate(n.shapeOf(1)))
    if (static_cast<int64_t>(d) != *axis && size > n.shapeOf(0)[d])
      return n.unsupported("indices exceed the data in dimension " + Twine(d));
  Compose c(n.g);
  ArrayRef<int64_t> shape = n.shapeOf(0);
  int64_t count = productOf(n.shapeOf(1));
  Value flat = c.g.reshape(c.flatElementIndex(shape, n.operand(1), *axis), {count});
  Value result =
      scatterRows(c, *kind, c.g.reshape(n.operand(0), {productOf(shape)}), flat, c.g.reshape(n.operand(2), {count}));
  return n.result(n.g.reshape(result, shape));
}

LogicalResult scatterNd(NodeContext &n) {
  std::optional<ScatterKind> kind = scatterKind(n);
  if (!kind)
    return failure();
  int64_t rank = n.rankOf(0);
  if (n.rankOf(1) < 1 || n.shapeOf(1).back() > rank || n.shapeOf(1).back() == 0)
    return n.unsupported("the last dimension of its indices must be in [1, " + Twine(rank) + "]");
  Compose c(n.g);
  ArrayRef<int64_t> shape = n.shapeOf(0);
  size_t depth = static_cast<size_t>(n.shapeOf(1).back());
  Dims rows = {productOf(shape.take_front(depth))};
  llvm::append_range(rows, shape.drop_front(depth));
  Value result =
      scatterRows(c, *kind, c.g.reshape(n.operand(0), rows), c.flatSliceIndex(shape, n.operand(1), 0), n.operand(2));
  return n.result(n.g.reshape(result, shape));
}

LogicalResult oneHot(NodeContext &n) {
  std::optional<double> depth = n.constantScalar(1, "depth");
  if (!depth)
    return failure();
  int64_t size = static_cast<int64_t>(*depth), rank = n.rankOf(0) + 1;
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", -1), rank);
  if (!axis)
    return failure();
  if (size < 1 || n.typeOf(2).getNumElements() != 2)
    return n.unsupported("it needs a positive depth and two values");
  Compose c(n.g);
  Value index = c.g.cast(n.operand(0), c.i64());
  index = c.expand(c.select(c.compare(ComparePredicate::LT, index, 0), c.add(index, *depth), index), *axis);
  Value hot = c.compare(ComparePredicate::EQ, index, c.iota(size, rank - 1 - *axis));
  auto value = [&](int64_t i) { return c.g.reshape(c.slice(n.operand(2), 0, i, 1), {}); };
  return n.result(c.select(hot, value(1), value(0)));
}

// The position of each element among all of its line: the number of elements that come before it. NaN is above all
// numbers, as in NumPy; of equal elements the first comes first.
Value rankInLine(Compose &c, Value x, bool largest) {
  int64_t rank = Compose::type(x).getRank(), size = Compose::shape(x).back();
  Value mine = c.expand(x, rank), other = c.expand(x, rank - 1); // [..., i, 1], [..., 1, j]
  Value before = c.compare(largest ? ComparePredicate::GT : ComparePredicate::LT, other, mine);
  Value equal = c.compare(ComparePredicate::EQ, other, mine);
  if (isa<FloatType>(Compose::element(x))) {
    Value nan = c.apply<IsNanOp>(x), mineNan = c.expand(nan, rank), otherNan = c.expand(nan, rank - 1);
    Value above =
        largest ? c.apply<AndOp>(otherNan, c.apply<NotOp>(mineNan)) : c.apply<AndOp>(mineNan, c.apply<NotOp>(otherNan));
    before = c.apply<OrOp>(before, above);
    equal = c.apply<OrOp>(equal, c.apply<AndOp>(mineNan, otherNan));
  }
  Value earlier = c.compare(ComparePredicate::LT, c.iota(size), c.iota(size, 1)); // j < i
  Value counts = c.g.cast(c.apply<OrOp>(before, c.apply<AndOp>(equal, earlier)), c.i32());
  return c.reduce(ReduceKind::Sum, counts, rank, /*keepDims=*/false);
}

// The k first of each line in order: the element of rank r goes to place r. Quadratic in the line, but without a branch
// or a data-dependent order: every sum has one term that is not 0.
LogicalResult topK(NodeContext &n) {
  int64_t rank = n.rankOf(0), k = 0;
  if (n.opset < 10) {
    k = n.intAttr("k", 0);
  } else {
    std::optional<double> given = n.constantScalar(1, "K");
    if (!given)
      return failure();
    k = static_cast<int64_t>(*given);
  }
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", -1), rank);
  (void)n.intAttr("sorted", 1); // Without it any order will do.
  bool largest = n.intAttr("largest", 1) != 0;
  if (!axis)
    return failure();
  if (k < 0 || k > n.shapeOf(0)[*axis])
    return n.unsupported("K = " + Twine(k) + " is not in [0, " + Twine(n.shapeOf(0)[*axis]) + "]");
  Compose c(n.g);
  if (k == 0 || productOf(n.shapeOf(0)) == 0) {
    Value none = c.slice(n.operand(0), *axis, 0, k);
    if (failed(n.result(0, none)))
      return failure();
    return n.wantsOutput(1) ? n.result(1, c.g.cast(none, c.i64())) : success();
  }
  Value x = c.moveAxis(n.operand(0), *axis, rank - 1);
  if (!x)
    return failure();
  int64_t size = Compose::shape(x).back();
  Value ranks = rankInLine(c, x, largest);
  if (!ranks)
    return failure();
  // [..., r, i] -> the i whose rank is r
  Value isPlace = c.compare(ComparePredicate::EQ, c.expand(ranks, rank - 1), c.g.cast(c.iota(k, 1), c.i32()));
  Value places = c.select(isPlace, c.iota(size), c.g.scalar(c.i64(), 0));
  Value indices = c.reduce(ReduceKind::Sum, places, rank, false);
  Value values = c.gatherElements(x, indices, rank - 1);
  if (failed(n.result(0, c.moveAxis(values, rank - 1, *axis))))
    return failure();
  return n.wantsOutput(1) ? n.result(1, c.moveAxis(indices, rank - 1, *axis)) : success();
}

LogicalResult compress(NodeContext &n) {
  std::optional<std::vector<int64_t>> condition = n.constantInts(1, "condition");
  if (!condition)
    return failure();
  Compose c(n.g);
  Value x = n.operand(0);
  int64_t axis = 0;
  if (n.hasAttr("axis")) {
    std::optional<int64_t> given = n.axis(n.intAttr("axis", 0), n.rankOf(0));
    if (!given)
      return failure();
    axis = *given;
  } else {
    x = c.g.reshape(x, {productOf(n.shapeOf(0))});
  }
  Dims positions;
  for (size_t i = 0; i < condition->size(); ++i)
    if ((*condition)[i])
      positions.push_back(static_cast<int64_t>(i));
  if (x && !positions.empty() && positions.back() >= Compose::shape(x)[axis])
    return n.unsupported("its condition is longer than the data");
  return n.result(c.take(x, axis, positions));
}

// Reverses the first sequence_lens[b] elements of each batch entry.
LogicalResult reverseSequence(NodeContext &n) {
  int64_t batch = n.intAttr("batch_axis", 1), time = n.intAttr("time_axis", 0);
  if (n.rankOf(0) < 2 || batch + time != 1 || batch * time != 0)
    return n.unsupported("attributes 'batch_axis' and 'time_axis' must be 0 and 1");
  Compose c(n.g);
  Value x = c.moveAxis(n.operand(0), batch, 0);
  if (!x)
    return failure();
  int64_t entries = Compose::shape(x)[0], steps = Compose::shape(x)[1];
  Value length = c.g.reshape(c.g.cast(n.operand(1), c.i64()), {entries, 1}), step = c.iota(steps);
  Value reversed = c.sub(c.add(length, -1), step);
  Value from = c.select(c.compare(ComparePredicate::LT, step, length), reversed, step);
  return n.result(c.moveAxis(c.gatherNd(x, c.g.reshape(from, {entries, steps, 1}), 1), 0, batch));
}

LogicalResult eyeLike(NodeContext &n) {
  if (n.rankOf(0) != 2)
    return n.unsupported("its operand must have rank 2");
  Type type = n.typeOf(0).getElementType();
  if (n.hasAttr("dtype")) {
    int32_t to = static_cast<int32_t>(n.intAttr("dtype", 0));
    std::optional<DType> dtype = fromOnnxType(to);
    if (!dtype)
      return n.unsupported("elements of " + onnxTypeName(to) + " are not supported");
    type = toElementType(n.g.context(), *dtype);
  }
  Compose c(n.g);
  Value diagonal = c.add(c.iota(n.shapeOf(0)[0], 1), static_cast<double>(n.intAttr("k", 0)));
  return n.result(c.g.cast(c.compare(ComparePredicate::EQ, c.iota(n.shapeOf(0)[1]), diagonal), type));
}

// Positions of the elements that are not 0, [rank, count]: their number is data, so the operand must be constant.
LogicalResult nonZero(NodeContext &n) {
  const HostTensor *x = n.constant(0);
  if (!x)
    return n.unsupported("the shape of its result depends on data; freeze the input it depends on with "
                         "--const NAME=file.npy");
  std::vector<int64_t> found;
  for (int64_t i = 0; i < x->numElements(); ++i)
    if (isFloat(x->dtype()) ? x->floatAt(i) != 0 : x->intAt(i) != 0)
      found.push_back(i);
  int64_t count = static_cast<int64_t>(found.size()), rank = static_cast<int64_t>(x->shape().size());
  std::vector<int64_t> positions(static_cast<size_t>(rank * count));
  for (int64_t i = 0; i < count; ++i)
    for (int64_t d = rank, rest = found[static_cast<size_t>(i)]; d-- > 0;) {
      positions[static_cast<size_t>(d * count + i)] = rest % x->shape()[static_cast<size_t>(d)];
      rest /= x->shape()[static_cast<size_t>(d)];
    }
  return n.result(HostTensor::from(DType::I64, {rank, count}, positions));
}

// Writes `update` into the cache `past` along `axis`, from write_indices[b] on; circular in mode 'circular'.
LogicalResult tensorScatter(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", -2), n.rankOf(0));
  std::string mode = n.stringAttr("mode", "linear");
  if (!axis)
    return failure();
  if (*axis == 0 || (mode != "linear" && mode != "circular"))
    return n.unsupported("attribute 'axis' must not be the batch's and 'mode' linear or circular");
  if (n.rankOf(1) != n.rankOf(0))
    return n.unsupported("data and update must have the same rank");
  Compose c(n.g);
  Value past = c.moveAxis(n.operand(0), *axis, 1), update = c.moveAxis(n.operand(1), *axis, 1);
  if (!past || !update)
    return failure();
  int64_t batch = Compose::shape(past)[0], size = Compose::shape(past)[1], steps = Compose::shape(update)[1];
  Value at = c.iota(steps);
  if (n.has(2))
    at = c.add(at, c.g.reshape(c.g.cast(n.operand(2), c.i64()), {batch, 1}));
  if (mode == "circular")
    at = c.apply<RemOp>(at, static_cast<double>(size));
  at = c.expand(c.broadcast(at, {batch, steps}), 2);
  Value flat = c.flatSliceIndex(Compose::shape(past).take_front(2), at, 1);
  Dims rows = {batch * size};
  llvm::append_range(rows, Compose::shape(past).drop_front(2));
  Value result = scatterRows(c, ScatterKind::Set, c.g.reshape(past, rows), flat, update);
  return n.result(c.moveAxis(c.g.reshape(result, Compose::shape(past)), 1, *axis));
}

} // namespace

void frontend::addIndexOps(OpTable &table) {
  table["Gather"] = {gather, 1};
  table["GatherElements"] = {gatherElements, 11};
  table["GatherND"] = {gatherNd, 11};
  table["Scatter"] = {scatterElements, 9};
  table["ScatterElements"] = {scatterElements, 11};
  table["ScatterND"] = {scatterNd, 11};
  table["TensorScatter"] = {tensorScatter, 24};
  table["OneHot"] = {oneHot, 9, "constant depth"};
  table["TopK"] = {topK, 1, "constant K; its work is quadratic in the axis"};
  table["Compress"] = {compress, 9, "constant condition"};
  table["ReverseSequence"] = {reverseSequence, 10};
  table["EyeLike"] = {eyeLike, 9};
  table["NonZero"] = {nonZero, 9, "constant operand"};
}
