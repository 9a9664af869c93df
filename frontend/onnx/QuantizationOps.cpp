// Quantised ops of ONNX, with exact integer semantics: products of 8-bit integers are summed in i32.
#include "frontend/onnx/Contrib.h"
#include "frontend/onnx/Window.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

bool isQuantizedType(Type type) { return type.isInteger(8) || type.isInteger(16); }

// The number that all elements of a known operand are.
std::optional<int64_t> uniformInt(NodeContext &n, size_t index) {
  const HostTensor *tensor = n.constant(index);
  if (!tensor || isFloat(tensor->dtype()) || tensor->numElements() == 0)
    return std::nullopt;
  for (int64_t i = 1; i < tensor->numElements(); ++i)
    if (tensor->intAt(i) != tensor->intAt(0))
      return std::nullopt;
  return tensor->intAt(0);
}

// A zero point that is none: it is absent, or zeros.
bool isZeroPointAtZero(NodeContext &n, size_t index) { return !n.has(index) || uniformInt(n, index) == 0; }

} // namespace

Value frontend::quantized(Compose &c, Value ratio, Value zero, Type type) {
  return ratio ? c.apply<QuantizeOp>(ratio, zero ? zero : c.g.scalar(type, 0)) : ratio;
}

DynamicallyQuantized frontend::dynamicallyQuantized(Compose &c, Value x) {
  if (!x)
    return {};
  Dims all = llvm::to_vector(llvm::seq<int64_t>(0, Compose::type(x).getRank()));
  Value high = c.apply<MaxOp>(c.reduce(ReduceKind::Max, x, all, false), 0.0);
  Value low = c.apply<MinOp>(c.reduce(ReduceKind::Min, x, all, false), 0.0);
  Value scale = c.apply<DivOp>(c.sub(high, low), 255.0);
  if (!scale)
    return {};
  Type u8 = IntegerType::get(c.g.context(), 8, IntegerType::Unsigned);
  // A tensor of zeros has the scale 0 and the zero point 0.
  Value isZero = c.compare(ComparePredicate::EQ, scale, 0), divisor = c.select(isZero, c.like(scale, 1), scale);
  Value zero = c.g.cast(c.apply<RoundOp>(c.clamp(c.apply<NegOp>(c.div(low, divisor)), 0, 255)), u8);
  return {quantized(c, c.div(x, divisor), zero, u8), scale, zero};
}

Value frontend::centred(NodeContext &n, size_t operand, size_t zeroPoint, ArrayRef<int64_t> line) {
  Compose c(n.g);
  Value x = c.g.cast(n.operand(operand), c.i32());
  if (isZeroPointAtZero(n, zeroPoint))
    return x;
  if (std::optional<int64_t> same = uniformInt(n, zeroPoint))
    return c.sub(x, c.g.scalar(c.i32(), static_cast<double>(*same)));
  Value zero = c.g.cast(n.operand(zeroPoint), c.i32());
  if (n.rankOf(zeroPoint) <= 1)
    zero = c.g.reshape(zero, n.typeOf(zeroPoint).getNumElements() == 1 ? ArrayRef<int64_t>() : line);
  return c.sub(x, zero);
}

Value frontend::integerMatmul(NodeContext &n, size_t b, size_t aZero, size_t bZero) {
  Compose c(n.g);
  if (n.rankOf(0) < 2 || n.rankOf(b) < 2) {
    (void)n.unsupported("its operands must have a rank of at least 2");
    return {};
  }
  Value left = centred(n, 0, aZero, {n.shapeOf(0).drop_back().back(), 1});
  return c.matmul(left, centred(n, b, bZero, {n.shapeOf(b).back()}));
}

namespace {

// Scales and zero points: one; one for each element of `axis`; or one for each block along it.
Value granular(NodeContext &n, size_t index, ArrayRef<int64_t> shape, int64_t axis, int64_t block) {
  Compose c(n.g);
  Value value = n.operand(index);
  if (!value)
    return {};
  ArrayRef<int64_t> own = Compose::shape(value);
  if (Compose::type(value).getNumElements() == 1)
    return c.g.reshape(value, {});
  if (block > 0 && own.size() == shape.size()) {
    Dims repeated(own), merged(own);
    repeated.insert(repeated.begin() + axis + 1, block);
    merged[axis] *= block;
    value = c.g.reshape(c.broadcast(c.expand(value, axis + 1), repeated), merged);
    return c.slice(value, axis, 0, shape[axis]);
  }
  if (own.size() != 1 || shape.empty() || own[0] != shape[axis]) {
    (void)n.unsupported("its scale and zero point must be scalars, or have one element for each of dimension " +
                        Twine(axis) + ", or blocks with attribute 'block_size'");
    return {};
  }
  if (std::optional<int64_t> same = uniformInt(n, index))
    return c.g.scalar(Compose::element(value), static_cast<double>(*same));
  Dims line(shape.size(), 1);
  line[axis] = own[0];
  return c.g.reshape(value, line);
}

std::optional<Type> typeAttr(NodeContext &n, StringRef name, Type otherwise) {
  int32_t given = static_cast<int32_t>(n.intAttr(name, 0));
  if (given == 0)
    return otherwise;
  std::optional<DType> type = fromOnnxType(given);
  if (type)
    return toElementType(n.g.context(), *type);
  (void)n.unsupported("elements of " + onnxTypeName(given) + " are not supported");
  return std::nullopt;
}

std::optional<int64_t> quantizationAxis(NodeContext &n) {
  int64_t axis = n.intAttr("axis", 1), rank = n.rankOf(0);
  // Of a tensor as a whole the axis means nothing.
  return n.typeOf(1).getNumElements() == 1 ? 0 : n.axis(axis, rank);
}

LogicalResult quantizeLinear(NodeContext &n) {
  (void)n.intAttr("saturate", 1); // Of 8-bit floats.
  Type u8 = IntegerType::get(n.g.context(), 8, IntegerType::Unsigned), scaleType = n.typeOf(1).getElementType();
  std::optional<Type> to = typeAttr(n, "output_dtype", n.has(2) ? n.typeOf(2).getElementType() : u8);
  std::optional<Type> precision = typeAttr(n, "precision", scaleType);
  std::optional<int64_t> axis = quantizationAxis(n);
  if (!to || !precision || !axis)
    return failure();
  if (!isQuantizedType(*to) || !isa<FloatType>(*precision))
    return n.unsupported("it quantises to 8- and 16-bit integers only");
  Compose c(n.g);
  int64_t block = n.intAttr("block_size", 0);
  Value scale = granular(n, 1, n.shapeOf(0), *axis, block);
  Value zero = n.has(2) ? granular(n, 2, n.shapeOf(0), *axis, block) : Value();
  if (n.has(2) && !zero)
    return failure();
  Value ratio = c.div(c.g.cast(n.operand(0), *precision), c.g.cast(scale, *precision));
  return n.result(quantized(c, ratio, zero, *to));
}

LogicalResult dequantizeLinear(NodeContext &n) {
  std::optional<Type> to = typeAttr(n, "output_dtype", n.typeOf(1).getElementType());
  std::optional<int64_t> axis = quantizationAxis(n);
  if (!to || !axis)
    return failure();
  Compose c(n.g);
  int64_t block = n.intAttr("block_size", 0);
  Value scale = granular(n, 1, n.shapeOf(0), *axis, block), x = c.g.cast(n.operand(0), c.i32());
  if (!isZeroPointAtZero(n, 2)) {
    Value zero = granular(n, 2, n.shapeOf(0), *axis, block);
    x = c.sub(x, c.g.cast(zero, c.i32()));
  }
  // The product is rounded once, to the result.
  Type wide = to->getIntOrFloatBitWidth() < 32 ? c.f32() : *to;
  return n.result(c.g.cast(c.mul(c.g.cast(x, wide), c.g.cast(scale, wide)), *to));
}

LogicalResult dynamicQuantizeLinear(NodeContext &n) {
  Compose c(n.g);
  auto [numbers, scale, zero] = dynamicallyQuantized(c, n.operand(0));
  if (failed(n.result(0, numbers)) || failed(n.result(1, scale)))
    return failure();
  return n.result(2, zero);
}

LogicalResult matMulInteger(NodeContext &n) { return n.result(integerMatmul(n, 1, 2, 3)); }

LogicalResult qLinearMatMul(NodeContext &n) {
  Compose c(n.g);
  Value product = integerMatmul(n, 3, 2, 5);
  if (!product)
    return failure();
  if (!isQuantizedType(n.typeOf(7).getElementType()))
    return n.unsupported("it quantises to 8- and 16-bit integers only");
  // Scales of rows stand in a column.
  auto scale = [&](size_t index, bool rows) {
    Value value = c.g.cast(n.operand(index), c.f32());
    int64_t count = n.typeOf(index).getNumElements();
    if (n.rankOf(index) > 1)
      return value;
    return count == 1 ? c.g.reshape(value, {}) : c.g.reshape(value, rows ? Dims{count, 1} : Dims{count});
  };
  Value factor = c.div(c.mul(scale(1, true), scale(4, false)), scale(6, true));
  Value zero = n.operand(7);
  if (n.typeOf(7).getNumElements() == 1)
    zero = c.g.reshape(zero, {});
  return n.result(quantized(c, c.mul(c.g.cast(product, c.f32()), factor), zero, n.typeOf(7).getElementType()));
}

// One element for each output channel, dimension 0 of a filter.
Dims filterLine(NodeContext &n, size_t filter) {
  Dims line(n.shapeOf(filter).size(), 1);
  if (!line.empty())
    line[0] = n.shapeOf(filter)[0];
  return line;
}

LogicalResult convInteger(NodeContext &n) {
  return n.result(convolve(n, centred(n, 0, 2, {}), centred(n, 1, 3, filterLine(n, 1))));
}

LogicalResult qLinearConv(NodeContext &n) {
  Compose c(n.g);
  if (!isQuantizedType(n.typeOf(7).getElementType()))
    return n.unsupported("it quantises to 8- and 16-bit integers only");
  Value sum = convolve(n, centred(n, 0, 2, {}), centred(n, 3, 5, filterLine(n, 3)));
  if (!sum)
    return failure();
  Dims line(Compose::shape(sum).size() - 1, 1);
  line[0] = Compose::shape(sum)[1];
  auto channels = [&](size_t index) {
    return c.g.reshape(n.operand(index), n.typeOf(index).getNumElements() == 1 ? Dims() : line);
  };
  if (n.has(8))
    sum = c.add(sum, channels(8));
  Value factor = c.div(c.mul(channels(1), channels(4)), channels(6));
  return n.result(quantized(c, c.mul(c.g.cast(sum, c.f32()), factor), channels(7), n.typeOf(7).getElementType()));
}

} // namespace

void frontend::addQuantizationOps(OpTable &table) {
  table["QuantizeLinear"] = {quantizeLinear, 10, "to integers of 8 and 16 bits"};
  table["DequantizeLinear"] = {dequantizeLinear, 10};
  table["DynamicQuantizeLinear"] = {dynamicQuantizeLinear, 11};
  table["MatMulInteger"] = {matMulInteger, 10};
  table["com.microsoft.QuantizeLinear"] = {quantizeLinear, 1};
  table["com.microsoft.DequantizeLinear"] = {dequantizeLinear, 1};
  table["ConvInteger"] = {convInteger, 10};
  table["QLinearMatMul"] = {qLinearMatMul, 10};
  table["QLinearConv"] = {qLinearConv, 10};
}
