// mlc-recover-gelu. Before:
//   %0 = mlc.div %x, %sqrt2        %1 = mlc.erf %0        %2 = mlc.add %1, %one
//   %3 = mlc.mul %x, %2            %4 = mlc.mul %3, %half
// after:
//   %4 = mlc.gelu %x
// and the same for x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))). The scalars of the product may stand anywhere in
// it, and the argument of erf or tanh is compared as a polynomial in x, so that neither order nor association matters.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include <array>
#include <numbers>

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_RECOVERGELU
#include "passes/simplify/Passes.h.inc"

namespace {

// v, when `value` = v times a scalar, which goes into `scale`; else null.
Value withoutScalar(Value value, double &scale) {
  if (auto mul = value.getDefiningOp<MulOp>())
    for (auto [rest, scalar] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())})
      if (auto factor = splatOf(scalar)) {
        scale *= *factor;
        return rest;
      }
  auto div = value.getDefiningOp<DivOp>();
  auto divisor = div ? splatOf(div.getRhs()) : std::nullopt;
  if (!divisor || *divisor == 0)
    return {};
  scale /= *divisor;
  return div.getLhs();
}

Value withoutScalars(Value value, double &scale) {
  while (Value rest = withoutScalar(value, scale))
    value = rest;
  return value;
}

// Coefficients of 1, x, x^2, x^3.
using Cubic = std::array<double, 4>;

std::optional<Cubic> times(const Cubic &a, const Cubic &b) {
  Cubic product{};
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      if (double term = a[i] * b[j]; term != 0) {
        if (i + j > 3)
          return std::nullopt;
        product[i + j] += term;
      }
  return product;
}

// `value` as a polynomial in `x`; none of higher degree, or of more than 2^depth ops.
std::optional<Cubic> polynomialIn(Value value, Value x, int depth = 6) {
  if (value == x)
    return Cubic{0, 1, 0, 0};
  if (auto splat = splatOf(value))
    return Cubic{*splat, 0, 0, 0};
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0 || !isa<AddOp, MulOp, DivOp, PowOp>(op))
    return std::nullopt;
  auto lhs = polynomialIn(op->getOperand(0), x, depth - 1);
  if (!lhs)
    return std::nullopt;
  if (isa<DivOp, PowOp>(op)) {
    auto scalar = splatOf(op->getOperand(1));
    if (!scalar || *scalar == 0)
      return std::nullopt;
    if (isa<DivOp>(op))
      return times(*lhs, Cubic{1 / *scalar, 0, 0, 0});
    if (*scalar != 2 && *scalar != 3)
      return std::nullopt;
    auto square = times(*lhs, *lhs);
    return square && *scalar == 3 ? times(*square, *lhs) : square;
  }
  auto rhs = polynomialIn(op->getOperand(1), x, depth - 1);
  if (!rhs)
    return std::nullopt;
  if (isa<MulOp>(op))
    return times(*lhs, *rhs);
  for (int i = 0; i < 4; ++i)
    (*lhs)[i] += (*rhs)[i];
  return lhs;
}

bool isPolynomial(Value value, Value x, const Cubic &expected) {
  auto actual = polynomialIn(value, x);
  return actual && llvm::all_of(llvm::zip(*actual, expected), [&](auto pair) {
           return isNear(std::get<0>(pair), std::get<1>(pair), elementOfTensor(x));
         });
}

// t, when `value` = scale * (1 + t) for some scale.
Value withoutOne(Value value, double &scale) {
  auto add = value.getDefiningOp<AddOp>();
  if (!add)
    return {};
  for (auto [term, constant] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())})
    if (auto splat = splatOf(constant)) {
      double factor = 1;
      Value t = withoutScalars(term, factor);
      scale *= *splat;
      return factor == *splat ? t : Value();
    }
  return {};
}

const Cubic kErfArgument = {0, std::numbers::sqrt2 / 2, 0, 0};
const double kRoot = std::sqrt(2 / std::numbers::pi);
const Cubic kTanhArgument = {0, kRoot, 0, 0.044715 * kRoot};

template <typename Op> struct Recover : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op root, PatternRewriter &rewriter) const override {
    if (!isa<FloatType>(root.getType().getElementType()))
      return failure();
    double outer = 1;
    auto product = withoutScalars(root.getResult(), outer).template getDefiningOp<MulOp>();
    if (!product)
      return failure();
    for (auto [first, second] :
         {std::pair(product.getLhs(), product.getRhs()), std::pair(product.getRhs(), product.getLhs())}) {
      double scale = outer;
      Value t = withoutOne(withoutScalars(second, scale), scale);
      // x may be a multiple of another value itself.
      for (Value x = first; t && x; x = withoutScalar(x, scale))
        if (scale == 0.5 && x.getType() == root.getType() && succeeded(replace(root, x, t, rewriter)))
          return success();
    }
    return failure();
  }

  static LogicalResult replace(Op root, Value x, Value t, PatternRewriter &rewriter) {
    OpMaker m(rewriter, root.getLoc());
    auto erf = t.getDefiningOp<ErfOp>();
    auto tanh = t.getDefiningOp<TanhOp>();
    if (erf && isPolynomial(erf.getOperand(), x, kErfArgument))
      rewriter.replaceOp(root, m.make<GeluOp>(x));
    else if (tanh && isPolynomial(tanh.getOperand(), x, kTanhArgument))
      rewriter.replaceOp(root, m.make<GeluOp>(x, m.unit("tanh_approximation")));
    else
      return failure();
    return success();
  }
};

struct RecoverGelu : impl::RecoverGeluBase<RecoverGelu> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Recover<MulOp>, Recover<DivOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
