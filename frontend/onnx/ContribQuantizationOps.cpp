// Quantised ops of the domain com.microsoft, as onnxruntime's quantiser and optimiser write them. Products of integers
// are integers; all else dequantises, computes in f32 and quantises.
#include "frontend/onnx/Contrib.h"
#include "frontend/onnx/Window.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

Value scalarOperand(NodeContext &n, size_t index) {
  if (n.has(index) && n.typeOf(index).getNumElements() != 1) {
    (void)n.unsupported("its scale and zero point, operand " + Twine(index) + ", must be scalars");
    return {};
  }
  return n.g.reshape(n.operand(index), {});
}

// (operand - zero point) * scale; the two stand behind the operand.
Value dequantized(NodeContext &n, size_t operand, size_t scale) {
  Compose c(n.g);
  return c.mul(c.g.cast(centred(n, operand, scale + 1, {}), c.f32()), scalarOperand(n, scale));
}
Value dequantized(NodeContext &n, size_t operand) { return dequantized(n, operand, operand + 1); }

// saturate(round(value / scale) + zero point), of the type of operand 0 where there is no zero point.
LogicalResult quantizedResult(NodeContext &n, Value value, size_t scale, Type type = {}) {
  Compose c(n.g);
  Value zero = n.has(scale + 1) ? scalarOperand(n, scale + 1) : Value();
  if (n.has(scale + 1) && !zero)
    return failure();
  if (!type)
    type = n.typeOf(0).getElementType();
  return n.result(quantized(c, c.div(value, scalarOperand(n, scale)), zero, zero ? Compose::element(zero) : type));
}

template <typename OpT> LogicalResult binary(NodeContext &n) {
  return quantizedResult(n, Compose(n.g).apply<OpT>(dequantized(n, 0), dequantized(n, 3)), 6);
}

LogicalResult sigmoid(NodeContext &n) {
  return quantizedResult(n, Compose(n.g).apply<SigmoidOp>(dequantized(n, 0)), 3);
}

LogicalResult leakyRelu(NodeContext &n) {
  Value x = dequantized(n, 0);
  return quantizedResult(n, n.g.make<LeakyReluOp>(x, n.g.real("alpha", n.floatAttr("alpha", 0.01f))), 3);
}

LogicalResult softmax(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", -1), n.rankOf(0));
  int64_t opset = n.intAttr("opset", 13), rank = n.rankOf(0);
  if (!axis)
    return failure();
  if (opset < 13 && *axis != rank - 1)
    return n.unsupported("attribute 'axis' must be the last dimension before opset 13");
  return quantizedResult(n, Compose(n.g).softmax(dequantized(n, 0), *axis), 3);
}

LogicalResult where(NodeContext &n) {
  Compose c(n.g);
  return quantizedResult(n, c.select(n.operand(0), dequantized(n, 1), dequantized(n, 4)), 7,
                         n.typeOf(1).getElementType());
}

// The result's scale and zero point come first, then each operand with its own.
LogicalResult concat(NodeContext &n) {
  Compose c(n.g);
  if (n.numInputs() < 5 || (n.numInputs() - 2) % 3)
    return n.unsupported("it needs a scale, a zero point, and three operands for each tensor");
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", 0), n.rankOf(2));
  if (!axis)
    return failure();
  SmallVector<Value> parts;
  for (size_t i = 2; i < n.numInputs(); i += 3)
    parts.push_back(dequantized(n, i));
  return quantizedResult(n, c.concat(parts, *axis), 0, n.typeOf(2).getElementType());
}

// A function of the dequantised image, channels first; with 'channels_last' operand and result have them last.
template <typename Function> LogicalResult ofImage(NodeContext &n, Function function) {
  Compose c(n.g);
  int64_t last = n.rankOf(0) - 1;
  bool channelsLast = n.intAttr("channels_last", 0) != 0;
  if (last < 2)
    return n.unsupported("its input must have a rank of at least 3");
  Value image = dequantized(n, 0);
  image = function(channelsLast ? c.moveAxis(image, last, 1) : image);
  return quantizedResult(n, channelsLast ? c.moveAxis(image, 1, last) : image, 3);
}

LogicalResult globalAveragePool(NodeContext &n) {
  return ofImage(n, [&](Value image) {
    return Compose(n.g).reduce(ReduceKind::Mean, image, llvm::to_vector(llvm::seq<int64_t>(2, n.rankOf(0))), true);
  });
}

LogicalResult averagePool(NodeContext &n) {
  bool countPad = n.intAttr("count_include_pad", 0) != 0;
  return ofImage(n, [&](Value image) -> Value {
    if (!image)
      return {};
    std::optional<PoolWindow> window = readPoolWindow(n, Compose::shape(image).drop_front(2));
    return window ? pooled(n, PoolKind::Average, image, *window, countPad) : Value();
  });
}

// Sums of products as floats: times both scales, one of which may have an element for each column; and a bias.
Value scaledProduct(NodeContext &n, Value product, Value factor, size_t bias) {
  Compose c(n.g);
  Value result = c.mul(c.g.cast(product, c.f32()), factor);
  return n.has(bias) ? c.add(result, n.operand(bias)) : result;
}

// One scale, or a row of them.
Value rowOfScales(NodeContext &n, size_t index) {
  int64_t count = n.typeOf(index).getNumElements();
  return n.g.reshape(n.operand(index), count == 1 ? Dims() : Dims(n.shapeOf(index)));
}

LogicalResult matMulIntegerToFloat(NodeContext &n) {
  Compose c(n.g);
  return n.result(scaledProduct(n, integerMatmul(n, 1, 4, 5), c.mul(scalarOperand(n, 2), rowOfScales(n, 3)), 6));
}

// The left operand is quantised to u8 as by DynamicQuantizeLinear, by the range of its numbers.
LogicalResult dynamicQuantizeMatMul(NodeContext &n) {
  Compose c(n.g);
  if (n.rankOf(0) < 2 || n.rankOf(1) < 2)
    return n.unsupported("its operands must have a rank of at least 2");
  auto [numbers, scale, zero] = dynamicallyQuantized(c, n.operand(0));
  if (!numbers)
    return failure();
  Value left = c.sub(c.g.cast(numbers, c.i32()), c.g.cast(zero, c.i32()));
  Value product = c.matmul(left, centred(n, 1, 3, {n.shapeOf(1).back()}));
  return n.result(scaledProduct(n, product, c.mul(scale, rowOfScales(n, 2)), 4));
}

// alpha * A B + C, C in integers of the scale of the sums; floats without a scale of the result.
LogicalResult gemm(NodeContext &n) {
  Compose c(n.g);
  if (n.rankOf(0) != 2 || n.rankOf(3) != 2)
    return n.unsupported("its operands must have rank 2");
  bool transposeA = n.intAttr("transA", 0) != 0, transposeB = n.intAttr("transB", 0) != 0;
  Dims line = transposeB ? Dims{n.shapeOf(3)[0], 1} : Dims{n.shapeOf(3)[1]};
  Value sum = c.matmul(centred(n, 0, 2, {}), centred(n, 3, 5, line), transposeA, transposeB);
  if (n.has(6))
    sum = c.add(sum, n.operand(6));
  Value factor = c.mul(c.mul(scalarOperand(n, 1), rowOfScales(n, 4)), n.floatAttr("alpha", 1));
  if (!n.has(7))
    return n.result(c.mul(c.g.cast(sum, c.f32()), factor));
  factor = c.div(factor, scalarOperand(n, 7));
  Value zero = n.has(8) ? scalarOperand(n, 8) : Value();
  return n.result(quantized(c, c.mul(c.g.cast(sum, c.f32()), factor), zero,
                            zero ? Compose::element(zero) : n.typeOf(0).getElementType()));
}

} // namespace

void frontend::addContribQuantizationOps(OpTable &table) {
  table["com.microsoft.QLinearAdd"] = {binary<AddOp>, 1, "scalar scales and zero points"};
  table["com.microsoft.QLinearMul"] = {binary<MulOp>, 1, "scalar scales and zero points"};
  table["com.microsoft.QLinearSigmoid"] = {sigmoid, 1, "scalar scales and zero points"};
  table["com.microsoft.QLinearLeakyRelu"] = {leakyRelu, 1, "scalar scales and zero points"};
  table["com.microsoft.QLinearSoftmax"] = {softmax, 1, "scalar scales and zero points"};
  table["com.microsoft.QLinearWhere"] = {where, 1, "scalar scales and zero points"};
  table["com.microsoft.QLinearConcat"] = {concat, 1, "scalar scales and zero points"};
  table["com.microsoft.QLinearAveragePool"] = {averagePool, 1, "scalar scales and zero points"};
  table["com.microsoft.QLinearGlobalAveragePool"] = {globalAveragePool, 1, "scalar scales and zero points"};
  table["com.microsoft.QGemm"] = {gemm, 1};
  table["com.microsoft.MatMulIntegerToFloat"] = {matMulIntegerToFloat, 1};
  table["com.microsoft.DynamicQuantizeMatMul"] = {dynamicQuantizeMatMul, 1};
}
