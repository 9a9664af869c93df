// mlc-recover-gelu. Before:
//   %0 = mlc.div %x, %sqrt2        %1 = mlc.erf %0        %2 = mlc.add %1, %one
//   %3 = mlc.mul %x, %2            %4 = mlc.mul %3, %half
// after:
//   %4 = mlc.gelu %x
// and the same for x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))). Products are compared as sets of factors, so that
// neither order nor association matters.
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
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
  if (auto pow = value.getDefiningOp<PowOp>())
    if (auto exponent = splatOf(pow.getRhs()); exponent && (*exponent == 2 || *exponent == 3)) {
      for (int i = 0; i < *exponent; ++i)
        multiply(product, pow.getLhs());
      return;
    }
  product.factors.push_back(value);
}

Product productOf(Value value) {
  Product product;
  multiply(product, value);
  return product;
}

// The value to which `value` adds one.
Value withoutOne(Value value) {
  auto add = value.getDefiningOp<AddOp>();
  if (!add)
    return {};
  for (auto [term, one] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())})
    if (auto splat = splatOf(one); splat && *splat == 1)
      return term;
  return {};
}

// Is `value` = scalar * x^power?
bool isPowerOf(Value value, Value x, int64_t power, double scalar) {
  Product product = productOf(value);
  return isNear(product.scalar, scalar, elementOfTensor(x)) && static_cast<int64_t>(product.factors.size()) == power &&
         llvm::all_of(product.factors, [&](Value factor) { return factor == x; });
}

constexpr double kCubic = 0.044715;

// Is `value` = sqrt(2/pi) * (x + kCubic x^3), or the same as sqrt(2/pi) * x * (1 + kCubic x^2)?
bool isTanhArgument(Value value, Value x) {
  Product product = productOf(value);
  if (!isNear(product.scalar, std::sqrt(2 / std::numbers::pi), elementOfTensor(x)))
    return false;
  if (product.factors.size() == 1) {
    auto sum = product.factors[0].getDefiningOp<AddOp>();
    if (!sum)
      return false;
    return (sum.getLhs() == x && isPowerOf(sum.getRhs(), x, 3, kCubic)) ||
           (sum.getRhs() == x && isPowerOf(sum.getLhs(), x, 3, kCubic));
  }
  if (product.factors.size() != 2)
    return false;
  for (int i : {0, 1})
    if (product.factors[i] == x)
      if (Value square = withoutOne(product.factors[1 - i]))
        return isPowerOf(square, x, 2, kCubic);
  return false;
}

struct Recover : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp root, PatternRewriter &rewriter) const override {
    if (!isa<FloatType>(root.getType().getElementType()))
      return failure();
    Product product = productOf(root.getResult());
    if (product.factors.size() != 2 || product.scalar != 0.5)
      return failure();
    for (int i : {0, 1}) {
      Value x = product.factors[i], phi = withoutOne(product.factors[1 - i]);
      if (!phi || x.getType() != root.getType())
        continue;
      auto erf = phi.getDefiningOp<ErfOp>();
      auto tanh = phi.getDefiningOp<TanhOp>();
      OpMaker m(rewriter, root.getLoc());
      if (erf && isPowerOf(erf.getOperand(), x, 1, std::numbers::sqrt2 / 2)) {
        rewriter.replaceOp(root, m.make<GeluOp>(x));
        return success();
      }
      if (tanh && isTanhArgument(tanh.getOperand(), x)) {
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
    patterns.add<Recover>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
