// Elementwise ops of ONNX.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

template <typename OpT> LogicalResult unary(NodeContext &n) { return n.result(n.g.make<OpT>(n.operand(0))); }

// Before opset 7 the second operand broadcast only with attribute 'broadcast', from dimension 'axis' on.
Value secondOperand(NodeContext &n) {
  Value value = n.operand(1);
  if (n.opset >= 7)
    return value;
  (void)n.rawAttr("consumed_inputs"); // Of opset 1: buffers that may be reused.
  bool broadcast = n.intAttr("broadcast", 0) != 0;
  int64_t rank = n.rankOf(0), own = n.rankOf(1);
  if (!broadcast || !n.hasAttr("axis") || !value)
    return value;
  int64_t axis = n.intAttr("axis", 0), behind = rank - own - (axis < 0 ? axis + rank : axis);
  if (behind < 0 || behind > rank - own) {
    (void)n.unsupported("attribute 'axis' = " + Twine(axis) + " leaves no place for the second operand");
    return {};
  }
  Dims shape(n.shapeOf(1));
  shape.append(behind, 1);
  return n.g.reshape(value, shape);
}

template <typename OpT> LogicalResult binary(NodeContext &n) {
  return n.result(n.g.make<OpT>({n.operand(0), secondOperand(n)}));
}

// Max, Min, Sum of any number of operands.
template <typename OpT> LogicalResult variadic(NodeContext &n) {
  Value value = n.operand(0);
  for (size_t i = 1; i < n.numInputs(); ++i)
    value = n.g.make<OpT>({value, n.operand(i)});
  return n.result(value);
}

template <ComparePredicate predicate> LogicalResult compare(NodeContext &n) {
  return n.result(Compose(n.g).compare(predicate, n.operand(0), secondOperand(n)));
}

Type elementType(NodeContext &n, size_t index) { return n.typeOf(index).getElementType(); }

LogicalResult gelu(NodeContext &n) {
  std::string approximate = n.stringAttr("approximate", "none");
  if (approximate == "none")
    return unary<GeluOp>(n);
  if (approximate != "tanh")
    return n.unsupported("attribute 'approximate' = '" + approximate + "' is not supported (none, tanh are)");
  return n.result(n.g.make<GeluOp>(n.operand(0), n.g.unit("tanh_approximation")));
}

LogicalResult leakyRelu(NodeContext &n) {
  return n.result(n.g.make<LeakyReluOp>(n.operand(0), n.g.real("alpha", n.floatAttr("alpha", 0.01f))));
}

LogicalResult elu(NodeContext &n) {
  return n.result(n.g.make<EluOp>(n.operand(0), n.g.real("alpha", n.floatAttr("alpha", 1))));
}

LogicalResult hardSigmoid(NodeContext &n) {
  return n.result(n.g.make<HardSigmoidOp>(
      n.operand(0), {n.g.real("alpha", n.floatAttr("alpha", 0.2f)), n.g.real("beta", n.floatAttr("beta", 0.5))}));
}

LogicalResult hardSwish(NodeContext &n) {
  Value gate = n.g.make<HardSigmoidOp>(n.operand(0), {n.g.real("alpha", 1.0 / 6), n.g.real("beta", 0.5)});
  return n.result(n.g.make<MulOp>({n.operand(0), gate}));
}

// x * sigmoid(alpha * x)
LogicalResult swish(NodeContext &n) {
  double alpha = n.floatAttr("alpha", 1);
  Value x = n.operand(0), scaled = x;
  if (alpha != 1)
    scaled = n.g.make<MulOp>({x, n.g.scalar(elementType(n, 0), alpha)});
  return n.result(n.g.make<MulOp>({x, n.g.make<SigmoidOp>(scaled)}));
}

// x * tanh(softplus(x))
LogicalResult mish(NodeContext &n) {
  Value x = n.operand(0);
  return n.result(n.g.make<MulOp>({x, n.g.make<TanhOp>(n.g.make<SoftplusOp>(x))}));
}

// x / (1 + |x|)
LogicalResult softsign(NodeContext &n) {
  Value x = n.operand(0);
  Value divisor = n.g.make<AddOp>({n.g.make<AbsOp>(x), n.g.scalar(elementType(n, 0), 1)});
  return n.result(n.g.make<DivOp>({x, divisor}));
}

LogicalResult prelu(NodeContext &n) {
  Compose c(n.g);
  Value x = n.operand(0), slope = n.operand(1);
  // Before opset 7 a vector of slopes was one for each channel.
  if (n.opset < 7 && n.rankOf(1) == 1 && n.rankOf(0) > 2) {
    Dims channels(static_cast<size_t>(n.rankOf(0) - 1), 1);
    channels[0] = n.shapeOf(1)[0];
    slope = n.g.reshape(slope, channels);
  }
  return n.result(c.select(c.compare(ComparePredicate::LT, x, 0), c.mul(x, slope), x));
}

// gamma * (exp(x) * alpha - alpha) where x <= 0, else gamma * x (Klambauer et al., https://arxiv.org/abs/1706.02515)
LogicalResult selu(NodeContext &n) {
  (void)n.rawAttr("consumed_inputs"); // Of opset 1: buffers that may be reused.
  double alpha = n.floatAttr("alpha", 1.67326319217681884765625f), gamma = n.floatAttr("gamma", 1.0507010221481323f);
  return n.result(Compose(n.g).mul(n.g.make<EluOp>(n.operand(0), n.g.real("alpha", alpha)), gamma));
}

// max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)
LogicalResult celu(NodeContext &n) {
  double alpha = n.floatAttr("alpha", 1);
  if (alpha == 0)
    return n.unsupported("attribute 'alpha' must not be 0");
  Compose c(n.g);
  Value scaled = n.g.make<EluOp>(c.mul(n.operand(0), 1 / alpha), n.g.real("alpha", 1));
  return n.result(c.mul(scaled, alpha));
}

LogicalResult thresholdedRelu(NodeContext &n) {
  Compose c(n.g);
  Value x = n.operand(0);
  if (!x)
    return failure();
  return n.result(c.select(c.compare(ComparePredicate::GT, x, n.floatAttr("alpha", 1)), x, c.like(x, 0)));
}

// x + bias below -lambd, x - bias above lambd, else 0.
LogicalResult shrink(NodeContext &n) {
  Compose c(n.g);
  Value x = n.operand(0);
  if (!x)
    return failure();
  double lambda = n.floatAttr("lambd", 0.5), bias = n.floatAttr("bias", 0);
  Value above = c.select(c.compare(ComparePredicate::GT, x, lambda), c.add(x, -bias), c.like(x, 0));
  return n.result(c.select(c.compare(ComparePredicate::LT, x, -lambda), c.add(x, bias), above));
}

// a * sigmoid(alpha * a) * b
LogicalResult swiGlu(NodeContext &n) {
  Compose c(n.g);
  Value a = n.operand(0), gate = c.apply<SigmoidOp>(c.mul(a, n.floatAttr("alpha", 1)));
  return n.result(c.mul(c.mul(a, gate), n.operand(1)));
}

LogicalResult bitShift(NodeContext &n) {
  std::string direction = n.stringAttr("direction", "");
  if (direction == "LEFT")
    return binary<ShiftLeftOp>(n);
  return direction == "RIGHT" ? binary<ShiftRightOp>(n) : n.unsupported("attribute 'direction' must be LEFT or RIGHT");
}

LogicalResult clip(NodeContext &n) {
  SmallVector<NamedAttribute> bounds;
  if (n.opset < 11) {
    if (n.hasAttr("min"))
      bounds.push_back(n.g.real("low", n.floatAttr("min", 0)));
    if (n.hasAttr("max"))
      bounds.push_back(n.g.real("high", n.floatAttr("max", 0)));
  } else if ((!n.has(1) || n.constant(1)) && (!n.has(2) || n.constant(2))) {
    for (auto [index, name] : {std::pair<size_t, const char *>{1, "low"}, {2, "high"}}) {
      if (!n.has(index))
        continue;
      std::optional<double> bound = n.constantScalar(index, "bound");
      if (!bound)
        return failure();
      bounds.push_back(n.g.real(name, *bound));
    }
  } else {
    Value value = n.operand(0);
    if (n.has(1))
      value = n.g.make<MaxOp>({value, n.operand(1)});
    if (n.has(2))
      value = n.g.make<MinOp>({value, n.operand(2)});
    return n.result(value);
  }
  return bounds.empty() ? n.alias(0) : n.result(n.g.make<ClampOp>(n.operand(0), bounds));
}

LogicalResult mean(NodeContext &n) {
  if (failed(variadic<AddOp>(n)))
    return failure();
  Value count = n.g.scalar(elementType(n, 0), static_cast<double>(n.numInputs()));
  return n.result(n.g.make<DivOp>({n.results[0].value, count}));
}

// base^n of integers for a constant n, by repeated squaring: exact but for wrapping, as integer arithmetic is.
LogicalResult integerPow(NodeContext &n) {
  const HostTensor *exponent = n.constant(1);
  if (!exponent || exponent->numElements() != 1 || exponent->floatAt(0) != std::trunc(exponent->floatAt(0)) ||
      exponent->floatAt(0) < 0 || exponent->floatAt(0) > 64)
    return n.unsupported("a base of integers needs a constant whole exponent in [0, 64]; cast the base to f32");
  Compose c(n.g);
  Value square = n.operand(0), power;
  for (int64_t rest = static_cast<int64_t>(exponent->floatAt(0)); rest > 0; rest >>= 1) {
    if (rest & 1)
      power = power ? c.mul(power, square) : square;
    if (rest > 1)
      square = c.mul(square, square);
  }
  if (!power && square)
    power = c.broadcast(c.like(square, 1), n.shapeOf(0));
  return n.result(power);
}

LogicalResult pow(NodeContext &n) {
  Type type = elementType(n, 0);
  Compose c(n.g);
  Value exponent = secondOperand(n);
  if (isa<FloatType>(type)) // The exponent may have another type; the result has the base's.
    return n.result(c.apply<PowOp>(n.operand(0), n.g.cast(exponent, type)));
  if (n.constant(1))
    return integerPow(n);
  // The power of integers by run-time exponents goes through f64: exact up to 2^53, once rounded. Of a broken exponent
  // the fraction is cut; a few units in the last place keep a whole power whole.
  Type f64 = Float64Type::get(n.g.context());
  Value power = c.apply<PowOp>(n.g.cast(n.operand(0), f64), n.g.cast(exponent, f64));
  power = isa<FloatType>(elementType(n, 1)) ? c.mul(power, 1 + 0x1p-49) : c.apply<RoundOp>(power);
  return n.result(n.g.cast(power, type));
}

// The sign follows the divisor, with fmod = 1 the dividend.
LogicalResult mod(NodeContext &n) {
  Value a = n.operand(0), b = n.operand(1);
  Value rem = n.g.make<RemOp>({a, b});
  if (n.intAttr("fmod", 0) || elementType(n, 0).isUnsignedInteger())
    return n.result(rem);
  Compose c(n.g);
  Value signs = c.apply<XorOp>(c.compare(ComparePredicate::LT, rem, 0), c.compare(ComparePredicate::LT, b, 0));
  Value adjust = c.apply<AndOp>(signs, c.compare(ComparePredicate::NE, rem, 0));
  return n.result(c.select(adjust, c.add(rem, b), rem));
}

LogicalResult isInf(NodeContext &n) {
  bool positive = n.intAttr("detect_positive", 1) != 0, negative = n.intAttr("detect_negative", 1) != 0;
  if (positive && negative)
    return unary<IsInfOp>(n);
  Compose c(n.g);
  Value x = n.operand(0);
  if (!positive && !negative)
    return n.result(c.broadcast(n.g.scalar(n.g.attrs().getI1Type(), 0), n.shapeOf(0)));
  return n.result(c.compare(ComparePredicate::EQ, x, positive ? HUGE_VAL : -HUGE_VAL));
}

LogicalResult cast(NodeContext &n) {
  int64_t to = n.intAttr("to", 0);
  (void)n.intAttr("saturate", 1); // Only of 8-bit floats.
  std::optional<DType> type = fromOnnxType(static_cast<int32_t>(to));
  if (!type)
    return n.unsupported("a cast to " + onnxTypeName(static_cast<int32_t>(to)) + " is not supported");
  Type target = toElementType(n.g.context(), *type);
  return target == elementType(n, 0) ? n.alias(0) : n.result(n.g.cast(n.operand(0), target));
}

// The same bits as another type of their size.
LogicalResult bitCast(NodeContext &n) {
  auto to = static_cast<int32_t>(n.intAttr("to", 0));
  std::optional<DType> type = fromOnnxType(to);
  if (!type)
    return n.unsupported("a cast to " + onnxTypeName(to) + " is not supported");
  DType from = *toDType(elementType(n, 0));
  if (sizeOf(from) != sizeOf(*type))
    return n.unsupported("elements of " + Twine(nameOf(from)) + " and " + nameOf(*type) + " differ in size");
  if (const HostTensor *tensor = n.constant(0)) {
    if (failed(n.alias(0)) || from == *type)
      return success();
    GraphValue &value = n.results[0]; // where its bytes are is the same
    (value.name += ".") += nameOf(*type);
    value.value = {};
    auto owner = std::make_shared<HostTensor>(*tensor);
    value.host = HostTensor::borrow(*type, tensor->shape(), owner->bytes(), owner);
    return success();
  }
  // Integers wrap around: their value is that of their bits.
  if (from == *type || (!isFloat(from) && !isFloat(*type) && *type != DType::I1))
    return n.result(n.g.cast(n.operand(0), toElementType(n.g.context(), *type)));
  return n.unsupported("the bits of " + Twine(nameOf(from)) + " as " + nameOf(*type) +
                       " are supported between integers, and of constants");
}

LogicalResult castLike(NodeContext &n) {
  (void)n.intAttr("saturate", 1);
  return n.result(n.g.cast(n.operand(0), elementType(n, 1)));
}

LogicalResult where(NodeContext &n) { return n.result(n.g.make<SelectOp>({n.operand(0), n.operand(1), n.operand(2)})); }

} // namespace

void frontend::addMathOps(OpTable &table) {
  table["Abs"] = {unary<AbsOp>, 6};
  table["Neg"] = {unary<NegOp>, 6};
  table["Sign"] = {unary<SignOp>, 9};
  table["Exp"] = {unary<ExpOp>, 6};
  table["Log"] = {unary<LogOp>, 6};
  table["Sqrt"] = {unary<SqrtOp>, 6};
  table["Reciprocal"] = {unary<ReciprocalOp>, 6};
  table["Sin"] = {unary<SinOp>, 7};
  table["Cos"] = {unary<CosOp>, 7};
  table["Tanh"] = {unary<TanhOp>, 6};
  table["Erf"] = {unary<ErfOp>, 9};
  table["Sigmoid"] = {unary<SigmoidOp>, 6};
  table["Softplus"] = {unary<SoftplusOp>, 1};
  table["Softsign"] = {softsign, 1};
  table["Floor"] = {unary<FloorOp>, 6};
  table["Ceil"] = {unary<CeilOp>, 6};
  table["Round"] = {unary<RoundOp>, 11};
  table["Relu"] = {unary<ReluOp>, 6};
  table["Not"] = {unary<NotOp>, 1};
  table["IsNaN"] = {unary<IsNanOp>, 9};
  table["IsInf"] = {isInf, 10};
  table["Gelu"] = {gelu, 20};
  table["LeakyRelu"] = {leakyRelu, 6};
  table["Elu"] = {elu, 6};
  table["HardSigmoid"] = {hardSigmoid, 6};
  table["HardSwish"] = {hardSwish, 14};
  table["Swish"] = {swish, 24};
  table["Mish"] = {mish, 18};
  table["PRelu"] = {prelu, 6};
  table["Selu"] = {selu, 1};
  table["Celu"] = {celu, 12};
  table["ThresholdedRelu"] = {thresholdedRelu, 10};
  table["Shrink"] = {shrink, 9};
  table["SwiGLU"] = {swiGlu, 28};
  table["BitwiseAnd"] = {binary<AndOp>, 18};
  table["BitwiseOr"] = {binary<OrOp>, 18};
  table["BitwiseXor"] = {binary<XorOp>, 18};
  table["BitwiseNot"] = {unary<NotOp>, 18};
  table["BitShift"] = {bitShift, 11};
  table["Clip"] = {clip, 6};
  table["Add"] = {binary<AddOp>, 1};
  table["Sub"] = {binary<SubOp>, 1};
  table["Mul"] = {binary<MulOp>, 1};
  table["Div"] = {binary<DivOp>, 1};
  table["Pow"] = {pow, 1};
  table["Mod"] = {mod, 10};
  table["Max"] = {variadic<MaxOp>, 6};
  table["Min"] = {variadic<MinOp>, 6};
  table["Sum"] = {variadic<AddOp>, 6};
  table["Mean"] = {mean, 6};
  table["And"] = {binary<AndOp>, 1};
  table["Or"] = {binary<OrOp>, 1};
  table["Xor"] = {binary<XorOp>, 1};
  table["Equal"] = {compare<ComparePredicate::EQ>, 1};
  table["Less"] = {compare<ComparePredicate::LT>, 1};
  table["LessOrEqual"] = {compare<ComparePredicate::LE>, 12};
  table["Greater"] = {compare<ComparePredicate::GT>, 1};
  table["GreaterOrEqual"] = {compare<ComparePredicate::GE>, 12};
  table["Where"] = {where, 9};
  table["Cast"] = {cast, 6};
  table["BitCast"] = {bitCast, 26, "between integers, or of constants"};
  table["CastLike"] = {castLike, 15};
}
