// mlc-recover-gelu. Before:
//   %0 = mlc.div %x, %sqrt2        %1 = mlc.erf %0        %2 = mlc.add %1, %one
//   %3 = mlc.mul %x, %2            %4 = mlc.mul %3, %half
// after:
//   %4 = mlc.gelu %x
// and the same for x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))). The product is compared as a set of factors, and
// the argument of erf or tanh as a polynomial in x, so that neither order nor association matters.
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

// scalar * factors[0] * factors[1] * ...
struct Product {
  double scalar = 1;
  SmallVector<Value> factors;
};

// Multiplies `value`, taken apart as far as it is a product, into `product`.
void multiply(Product &product, Value value) {
  if (auto splat = splatOf(value)) {
    product.scalar *= *splat;
    return;
  }
  if (auto mul = value.getDefiningOp<MulOp>()) {
    multiply(product, mul.getLhs());
    multiply(product, mul.getRhs());
    return;
  }
  if (auto div = value.getDefiningOp<DivOp>())
    if (auto divisor = splatOf(div.getRhs()); divisor && *divisor != 0) {
      product.scalar /= *divisor;
      multiply(product, div.getLhs());
      return;
    }
  product.factors.push_back(value);
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
      Product product;
      multiply(product, term);
      scale = *splat;
      return product.factors.size() == 1 && product.scalar == scale ? product.factors[0] : Value();
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
    Product product;
    multiply(product, root.getResult());
    if (product.factors.size() != 2)
      return failure();
    for (int i : {0, 1}) {
      double scale = 1;
      Value x = product.factors[i], t = withoutOne(product.factors[1 - i], scale);
      if (!t || x.getType() != root.getType() || product.scalar * scale != 0.5)
        continue;
      OpMaker m(rewriter, root.getLoc());
      if (auto erf = t.getDefiningOp<ErfOp>(); erf && isPolynomial(erf.getOperand(), x, kErfArgument)) {
        rewriter.replaceOp(root, m.make<GeluOp>(x));
        return success();
      }
      if (auto tanh = t.getDefiningOp<TanhOp>(); tanh && isPolynomial(tanh.getOperand(), x, kTanhArgument)) {
        rewriter.replaceOp(root, m.make<GeluOp>(x, m.unit("tanh_approximation")));
        return success();
      }
    }
    return failure();
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
