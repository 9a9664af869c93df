// Elementwise ops.
#include "reference/ModelSupport.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace mlc::reference {
namespace {

// Operands broadcast to the result's shape, widened.
SmallVector<Values> broadcastOperands(Operation *op, Operands operands) {
  std::vector<int64_t> shape = shapeOf(op->getResult(0).getType());
  SmallVector<Values> values;
  for (const HostTensor &operand : operands)
    values.push_back(unpack(broadcast(operand, shape)));
  return values;
}

// result[i] = function(op, x[i]) with x double, int64_t or uint64_t; the result's elements have the operand's type.
template <typename Op, auto function> void attachUnary(MLIRContext &context) {
  attach<Op, [](Op op, Operands operands) {
    Values x = unpack(operands[0]), result = emptyResult(op, operands);
    dispatch(x, [&](auto *in) {
      using T = std::remove_cvref_t<decltype(*in)>;
      // Floating-only functions are not instantiated for integers: the verifier keeps such operands away.
      if constexpr (std::is_invocable_v<decltype(function), Op, T>)
        for (int64_t i = 0; i < x.size(); ++i)
          elements<T>(result)[i] = function(op, in[i]);
    });
    return pack(result);
  }>(context);
}

template <typename Op, auto function> void attachBinary(MLIRContext &context) {
  attach<Op, [](Op op, Operands operands) {
    SmallVector<Values> x = broadcastOperands(op, operands);
    Values result = emptyResult(op, operands);
    dispatch(x[0], [&](auto *a) {
      using T = std::remove_cvref_t<decltype(*a)>;
      const T *b = elements<T>(x[1]);
      for (int64_t i = 0; i < result.size(); ++i)
        elements<T>(result)[i] = function(a[i], b[i]);
    });
    return pack(result);
  }>(context);
}

template <typename Op, auto predicate> void attachClassification(MLIRContext &context) {
  attach<Op, [](Op op, Operands operands) {
    Values x = unpack(operands[0]), result = emptyResult(op, operands);
    for (size_t i = 0; i < x.reals.size(); ++i)
      result.ints[i] = predicate(x.reals[i]);
    return pack(result);
  }>(context);
}

// Only f64: an integer must not convert to it.
template <typename T>
concept Real = std::is_same_v<T, double>;

double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

double gelu(double x, bool tanhApproximation) {
  if (tanhApproximation)
    return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  return x / 2 * std::erfc(-x / std::numbers::sqrt2); // 1 + erf(y), without its cancellation
}

template <typename T> T negate(T x) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(0 - static_cast<uint64_t>(x));
  else
    return -x;
}

template <typename T> T sign(T x) {
  if (x != x)
    return x;
  return static_cast<T>((x > T(0)) - (x < T(0)));
}

template <typename T> T absolute(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fabs(x);
  else
    return x < T(0) ? negate(x) : x;
}

template <typename T> T bound(double value) {
  if constexpr (std::is_integral_v<T>)
    return toInteger<T>(value);
  else
    return value;
}

template <typename T> T clamp(ClampOp op, T x) {
  if (x != x)
    return x;
  if (auto low = op.getLow())
    x = std::max(x, bound<T>(low->convertToDouble()));
  if (auto high = op.getHigh())
    x = std::min(x, bound<T>(high->convertToDouble()));
  return x;
}

// Integers: by 0 all bits are set.
template <typename T> T divide(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a / b;
  else if (b == T(0))
    return static_cast<T>(-1);
  else if (std::is_signed_v<T> && b == static_cast<T>(-1))
    return negate(a); // the lowest integer / -1 wraps
  else
    return a / b;
}

template <typename T> T remainder(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fmod(a, b);
  else if (b == T(0))
    return a;
  else if (std::is_signed_v<T> && b == static_cast<T>(-1))
    return 0;
  else
    return a % b;
}

template <typename T> bool compare(ComparePredicate predicate, T a, T b) {
  switch (predicate) {
  case ComparePredicate::EQ: return a == b;
  case ComparePredicate::NE: return a != b;
  case ComparePredicate::LT: return a < b;
  case ComparePredicate::LE: return a <= b;
  case ComparePredicate::GT: return a > b;
  case ComparePredicate::GE: return a >= b;
  }
  llvm_unreachable("predicates are covered");
}

// Bits of integers; an i1 is 0 or 1. Floating-point elements do not occur.
template <typename T> uint64_t toBits(T x) { return static_cast<uint64_t>(x); }

template <typename T> T complement(T x, bool isBoolean) {
  return static_cast<T>(isBoolean ? uint64_t{x == T(0)} : ~toBits(x));
}

template <bool left, typename Op> HostTensor shiftBits(Op op, Operands operands) {
  SmallVector<Values> x = broadcastOperands(op, operands);
  Values result = emptyResult(op, operands);
  int64_t width = static_cast<int64_t>(8 * sizeOf(result.dtype));
  bool isUnsigned = cast<RankedTensorType>(op.getType()).getElementType().isUnsignedInteger();
  for (int64_t i = 0; i < result.size(); ++i) {
    int64_t a = x[0].ints[i], count = x[1].ints[i];
    bool inside = count >= 0 && count < width;
    if (left)
      result.ints[i] = inside ? static_cast<int64_t>(toBits(a) << count) : 0;
    else if (isUnsigned)
      result.ints[i] = inside ? static_cast<int64_t>(toBits(a) >> count) : 0;
    else
      result.ints[i] = a >> (inside ? count : width - 1);
  }
  return pack(result);
}

HostTensor evaluateCompare(CompareOp op, Operands operands) {
  SmallVector<Values> x = broadcastOperands(op, operands);
  Values result = emptyResult(op, operands);
  dispatch(x[0], [&](auto *a) {
    auto *b = elements<std::remove_cvref_t<decltype(*a)>>(x[1]);
    for (int64_t i = 0; i < result.size(); ++i)
      result.ints[i] = compare(op.getPredicate(), a[i], b[i]);
  });
  return pack(result);
}

HostTensor evaluateSelect(SelectOp op, Operands operands) {
  SmallVector<Values> x = broadcastOperands(op, operands);
  Values result = emptyResult(op, operands);
  for (size_t i = 0; i < x[0].ints.size(); ++i)
    if (const Values &chosen = x[x[0].ints[i] ? 1 : 2]; isFloat(result.dtype))
      result.reals[i] = chosen.reals[i];
    else
      result.ints[i] = chosen.ints[i];
  return pack(result);
}

HostTensor evaluateQuantize(QuantizeOp op, Operands operands) {
  SmallVector<Values> x = broadcastOperands(op, operands);
  Values result = emptyResult(op, operands);
  auto low = static_cast<double>(extreme<int64_t>(result.dtype, false));
  auto high = static_cast<double>(extreme<int64_t>(result.dtype, true));
  for (int64_t i = 0; i < result.size(); ++i) {
    double value = std::nearbyint(x[0].reals[i]) + static_cast<double>(x[1].ints[i]);
    result.ints[i] = static_cast<int64_t>(value > low ? std::min(value, high) : low); // NaN is above nothing
  }
  return pack(result);
}

} // namespace

void attachElementwiseModels(MLIRContext &c) {
  attachUnary<AbsOp, [](auto, auto x) { return absolute(x); }>(c);
  attachUnary<NegOp, [](auto, auto x) { return negate(x); }>(c);
  attachUnary<SignOp, [](auto, auto x) { return sign(x); }>(c);
  attachUnary<ReluOp, [](auto, auto x) { return x < decltype(x)(0) ? decltype(x)(0) : x; }>(c);
  attachUnary<ClampOp, [](ClampOp op, auto x) { return clamp(op, x); }>(c);
  attachUnary<NotOp, [](NotOp op, auto x) { return complement(x, op.getType().getElementType().isInteger(1)); }>(c);
  attachUnary<ExpOp, [](auto, Real auto x) { return std::exp(x); }>(c);
  attachUnary<LogOp, [](auto, Real auto x) { return std::log(x); }>(c);
  attachUnary<SqrtOp, [](auto, Real auto x) { return std::sqrt(x); }>(c);
  attachUnary<RsqrtOp, [](auto, Real auto x) { return 1 / std::sqrt(x); }>(c);
  attachUnary<ReciprocalOp, [](auto, Real auto x) { return 1 / x; }>(c);
  attachUnary<SinOp, [](auto, Real auto x) { return std::sin(x); }>(c);
  attachUnary<CosOp, [](auto, Real auto x) { return std::cos(x); }>(c);
  attachUnary<TanhOp, [](auto, Real auto x) { return std::tanh(x); }>(c);
  attachUnary<ErfOp, [](auto, Real auto x) { return std::erf(x); }>(c);
  attachUnary<SigmoidOp, [](auto, Real auto x) { return 1 / (1 + std::exp(-x)); }>(c);
  attachUnary<SoftplusOp, [](auto, Real auto x) { return softplus(x); }>(c);
  attachUnary<FloorOp, [](auto, Real auto x) { return std::floor(x); }>(c);
  attachUnary<CeilOp, [](auto, Real auto x) { return std::ceil(x); }>(c);
  attachUnary<RoundOp, [](auto, Real auto x) { return std::nearbyint(x); }>(c);
  attachUnary<GeluOp, [](GeluOp op, Real auto x) { return gelu(x, op.getTanhApproximation()); }>(c);
  attachUnary<LeakyReluOp,
              [](LeakyReluOp op, Real auto x) { return x >= 0 ? x : op.getAlpha().convertToDouble() * x; }>(c);
  attachUnary<EluOp,
              [](EluOp op, Real auto x) { return x >= 0 ? x : op.getAlpha().convertToDouble() * std::expm1(x); }>(c);
  attachUnary<HardSigmoidOp, [](HardSigmoidOp op, Real auto x) {
    return minimum(maximum(op.getAlpha().convertToDouble() * x + op.getBeta().convertToDouble(), 0.0), 1.0);
  }>(c);
  attachClassification<IsNanOp, [](double x) { return std::isnan(x); }>(c);
  attachClassification<IsInfOp, [](double x) { return std::isinf(x); }>(c);
  attach<CastOp, [](CastOp op, Operands operands) { return convert(operands[0], resultType(op, operands)); }>(c);

  attachBinary<AddOp, [](auto a, auto b) { return add(a, b); }>(c);
  attachBinary<SubOp, [](auto a, auto b) { return add(a, negate(b)); }>(c);
  attachBinary<MulOp, [](auto a, auto b) { return multiply(a, b); }>(c);
  attachBinary<DivOp, [](auto a, auto b) { return divide(a, b); }>(c);
  attachBinary<RemOp, [](auto a, auto b) { return remainder(a, b); }>(c);
  attachBinary<PowOp, [](auto a, auto b) { return static_cast<decltype(a)>(std::pow(a, b)); }>(c);
  attachBinary<MaxOp, [](auto a, auto b) { return maximum(a, b); }>(c);
  attachBinary<MinOp, [](auto a, auto b) { return minimum(a, b); }>(c);
  attachBinary<AndOp, [](auto a, auto b) { return static_cast<decltype(a)>(toBits(a) & toBits(b)); }>(c);
  attachBinary<OrOp, [](auto a, auto b) { return static_cast<decltype(a)>(toBits(a) | toBits(b)); }>(c);
  attachBinary<XorOp, [](auto a, auto b) { return static_cast<decltype(a)>(toBits(a) ^ toBits(b)); }>(c);
  attach<ShiftLeftOp, shiftBits<true, ShiftLeftOp>>(c);
  attach<ShiftRightOp, shiftBits<false, ShiftRightOp>>(c);
  attach<CompareOp, evaluateCompare>(c);
  attach<SelectOp, evaluateSelect>(c);
  attach<QuantizeOp, evaluateQuantize>(c);
}

} // namespace mlc::reference
