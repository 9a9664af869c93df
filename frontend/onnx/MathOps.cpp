// Elementwise ops of ONNX.
#include "frontend/onnx/NodeContext.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

template <typename OpT> LogicalResult unary(NodeContext &n) { return n.result(n.g.make<OpT>(n.operand(0))); }

template <typename OpT> LogicalResult binary(NodeContext &n) {
  return n.result(n.g.make<OpT>({n.operand(0), n.operand(1)}));
}

// Max, Min, Sum of any number of operands.
template <typename OpT> LogicalResult variadic(NodeContext &n) {
  Value value = n.operand(0);
  for (size_t i = 1; i < n.numInputs(); ++i)
    value = n.g.make<OpT>({value, n.operand(i)});
  return n.result(value);
}

template <ComparePredicate predicate> LogicalResult compare(NodeContext &n) {
  return n.result(n.g.make<CompareOp>({n.operand(0), n.operand(1)},
                                      n.g.attr("predicate", ComparePredicateAttr::get(n.g.context(), predicate))));
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
  Value x = n.operand(0), zero = n.g.scalar(elementType(n, 0), 0);
  Value negative = n.g.make<CompareOp>(
      {x, zero}, n.g.attr("predicate", ComparePredicateAttr::get(n.g.context(), ComparePredicate::LT)));
  return n.result(n.g.make<SelectOp>({negative, n.g.make<MulOp>({x, n.operand(1)}), x}));
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

LogicalResult pow(NodeContext &n) {
  if (!isa<FloatType>(elementType(n, 0)))
    return n.unsupported("a base of integers is not supported; cast it to f32");
  // The exponent may have another type; the result has the base's.
  return n.result(n.g.make<PowOp>({n.operand(0), n.g.cast(n.operand(1), elementType(n, 0))}));
}

// The sign follows the divisor, with fmod = 1 the dividend.
LogicalResult mod(NodeContext &n) {
  Value a = n.operand(0), b = n.operand(1);
  Value rem = n.g.make<RemOp>({a, b});
  if (n.intAttr("fmod", 0))
    return n.result(rem);
  auto compareOf = [&](ComparePredicate predicate, Value x, Value y) {
    return n.g.make<CompareOp>({x, y}, n.g.attr("predicate", ComparePredicateAttr::get(n.g.context(), predicate)));
  };
  Value zero = n.g.scalar(elementType(n, 0), 0);
  Value signs = n.g.make<XorOp>({compareOf(ComparePredicate::LT, rem, zero), compareOf(ComparePredicate::LT, b, zero)});
  Value adjust = n.g.make<AndOp>({signs, compareOf(ComparePredicate::NE, rem, zero)});
  return n.result(n.g.make<SelectOp>({adjust, n.g.make<AddOp>({rem, b}), rem}));
}

LogicalResult isInf(NodeContext &n) {
  if (!n.requireInt("detect_positive", 1, 1) || !n.requireInt("detect_negative", 1, 1))
    return failure();
  return unary<IsInfOp>(n);
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
  table["PRelu"] = {prelu, 7};
  table["Clip"] = {clip, 6};
  table["Add"] = {binary<AddOp>, 7};
  table["Sub"] = {binary<SubOp>, 7};
  table["Mul"] = {binary<MulOp>, 7};
  table["Div"] = {binary<DivOp>, 7};
  table["Pow"] = {pow, 7};
  table["Mod"] = {mod, 10};
  table["Max"] = {variadic<MaxOp>, 6};
  table["Min"] = {variadic<MinOp>, 6};
  table["Sum"] = {variadic<AddOp>, 6};
  table["Mean"] = {mean, 6};
  table["And"] = {binary<AndOp>, 7};
  table["Or"] = {binary<OrOp>, 7};
  table["Xor"] = {binary<XorOp>, 7};
  table["Equal"] = {compare<ComparePredicate::EQ>, 7};
  table["Less"] = {compare<ComparePredicate::LT>, 7};
  table["LessOrEqual"] = {compare<ComparePredicate::LE>, 12};
  table["Greater"] = {compare<ComparePredicate::GT>, 7};
  table["GreaterOrEqual"] = {compare<ComparePredicate::GE>, 12};
  table["Where"] = {where, 9};
  table["Cast"] = {cast, 6};
  table["CastLike"] = {castLike, 15};
}
