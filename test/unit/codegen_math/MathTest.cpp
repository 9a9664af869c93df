// Each function against libm in f64 (long double for f64), over dense samples and every special value, in ulp.
// Every test prints its measured maximum, which docs/numerics.md quotes.
#include "codegen/math/Math.h"
#include "codegen/cpu/VectorEmitter.h"
#include "codegen/loops/LoopEmitter.h"
#include "test/unit/codegen/Harness.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include <bit>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>

namespace mlc::codegen {
namespace {

using namespace test;

constexpr int64_t kBlock = 4096;
using BuildFunction = std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value)>;

// A math op of one or two operands, compiled over blocks of kBlock elements.
template <typename T> class Compiled {
public:
  // `build`, when given, in the place of the op.
  Compiled(const std::string &op, int operands, BuildFunction build = nullptr) {
    std::string type = sizeof(T) == 8 ? "f64" : "f32", tensor = "tensor<4096x" + type + ">";
    std::string ids = "affine_map<(d0) -> (d0)>";
    std::string second = operands == 2 ? ", %b" : "", secondType = operands == 2 ? ", " + tensor : "";
    std::string text = "func.func @k(%a: " + tensor + (operands == 2 ? ", %b: " + tensor : "") + ") -> " + tensor +
                       " {\n %e = tensor.empty() : " + tensor + "\n %r = linalg.generic {indexing_maps = [" + ids +
                       ", " + (operands == 2 ? ids + ", " : "") + ids + "], iterator_types = [\"parallel\"]} ins(%a" +
                       second + " : " + tensor + secondType + ") outs(%e : " + tensor + ") {\n ^bb0(%x: " + type +
                       (operands == 2 ? ", %y: " + type : "") + ", %o: " + type + "):\n %v = " + op + " %x" +
                       (operands == 2 ? ", %y" : "") + " : " + type + "\n linalg.yield %v : " + type + "\n } -> " +
                       tensor + "\n return %r : " + tensor + "\n}";
    Kernel parsed(text, build ? Kernel::Stage::Linalg : Kernel::Stage::ExpandedMath);
    if (build && parsed.function)
      parsed.function.walk([&](mlir::math::ExpOp exp) {
        mlir::OpBuilder b(exp);
        exp.replaceAllUsesWith(build(b, exp.getLoc(), exp.getOperand()));
        exp.erase();
      });
    kernel = std::make_unique<LoadedKernel>(*createLoopEmitter(), parsed.function, targetOf("x86-64-v3"));
  }

  std::vector<T> operator()(std::vector<T> x, std::vector<T> y = {}) {
    std::vector<T> result;
    if (!kernel->loaded())
      return std::vector<T>(x.size()); // reported above
    size_t n = x.size();
    x.resize((n + kBlock - 1) / kBlock * kBlock);
    y.resize(y.empty() ? 0 : x.size());
    result.resize(x.size());
    for (size_t i = 0; i < x.size(); i += kBlock) {
      std::vector<void *> bindings = {&x[i]};
      if (!y.empty())
        bindings.push_back(&y[i]);
      bindings.push_back(&result[i]);
      EXPECT_EQ(kernel->launch(bindings, 0, 1), MLC_KERNEL_OK);
    }
    result.resize(n);
    return result;
  }

private:
  std::unique_ptr<LoadedKernel> kernel;
};

// Distance in units of the last place of the correctly rounded result; infinity where one is NaN and the other not.
template <typename T> double ulps(T got, long double want) {
  T rounded = T(want);
  if (std::isnan(rounded) || std::isnan(got))
    return std::isnan(rounded) == std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(rounded) || std::isinf(got))
    return rounded == got ? 0 : std::isinf(rounded) && std::nextafter(rounded, T(0)) == got ? 1 : INFINITY;
  T spacing = std::nextafter(std::fabs(rounded), T(INFINITY)) - std::fabs(rounded);
  if (std::isinf(spacing))
    spacing = std::fabs(rounded) - std::nextafter(std::fabs(rounded), T(0));
  return double(std::fabs((long double)got - want) / spacing);
}

// All float bit patterns in steps, both signs, with the special values.
std::vector<float> denseFloats(uint32_t step) {
  std::vector<float> values = {0.f,           -0.f,           INFINITY,    -INFINITY,  NAN,
                               1.f,           -1.f,           1e-45f,      -1e-45f,    0x1p-126f,
                               3.4028235e38f, -3.4028235e38f, 88.72283f,   88.72284f,  -87.33655f,
                               -103.97f,      -104.f,         0.92773438f, 0.92773443f};
  for (uint64_t bits = 0; bits < 0x7f800000; bits += step) {
    values.push_back(std::bit_cast<float>(uint32_t(bits)));
    values.push_back(std::bit_cast<float>(uint32_t(bits) | 0x80000000));
  }
  return values;
}

void checkF32(
    const char *op, std::function<double(double)> reference, double bound,
    std::function<bool(float)> domain = [](float) { return true; }, BuildFunction build = nullptr) {
  Compiled<float> compiled(op, 1, build);
  std::vector<float> x;
  for (float v : denseFloats(2039))
    if (domain(v))
      x.push_back(v);
  std::vector<float> got = compiled(x);
  double worst = 0;
  float where = 0;
  for (size_t i = 0; i < x.size(); ++i)
    if (double error = ulps(got[i], reference(x[i])); error > worst)
      worst = error, where = x[i];
  std::printf("%-12s f32 %zu samples, max %.2f ulp at %a (%g)\n", op, x.size(), worst, where, where);
  EXPECT_LE(worst, bound) << op << " at " << where;
}

void checkF64(
    const char *op, std::function<long double(long double)> reference, double bound,
    std::function<bool(double)> domain = [](double) { return true; }) {
  Compiled<double> compiled(op, 1);
  std::vector<double> x = {0.,        -0.,    INFINITY, -INFINITY, NAN,    1,   -1, 5e-324,
                           0x1p-1022, 709.78, 709.79,   -745.13,   -745.2, 5.9, 6.1};
  for (int i = 0; i < 100000; ++i) {
    double magnitude = std::exp2(-1074 + (1024 + 1074) * (i + 0.37) / 100000), moderate = 0.0004 * (i + 0.123);
    x.insert(x.end(), {magnitude, -magnitude, moderate, -moderate});
  }
  std::erase_if(x, [&](double v) { return !domain(v); });
  std::vector<double> got = compiled(x);
  double worst = 0, where = 0;
  for (size_t i = 0; i < x.size(); ++i)
    if (double error = ulps(got[i], reference(x[i])); error > worst)
      worst = error, where = x[i];
  std::printf("%-12s f64 %zu samples, max %.2f ulp at %g\n", op, x.size(), worst, where);
  EXPECT_LE(worst, bound) << op << " at " << where;
}

#define F64(function) [](double x) { return std::function(x); }
TEST(MathF32, Exp) { checkF32("math.exp", F64(exp), 4); }
TEST(MathF32, ExpNonPositive) {
  auto normal = [](double x) { return std::exp(x) < 0x1p-126 ? 0.0 : std::exp(x); };
  checkF32("math.exp", normal, 1, [](float x) { return !(x > 0); }, buildExpNonPositive);
}
TEST(MathF32, Exp2) { checkF32("math.exp2", F64(exp2), 4); }
TEST(MathF32, ExpM1) { checkF32("math.expm1", F64(expm1), 4); }
TEST(MathF32, Log) { checkF32("math.log", F64(log), 4); }
TEST(MathF32, Log2) { checkF32("math.log2", F64(log2), 1); }
TEST(MathF32, Log10) { checkF32("math.log10", F64(log10), 1); }
TEST(MathF32, Log1P) { checkF32("math.log1p", F64(log1p), 4); }
TEST(MathF32, Tanh) { checkF32("math.tanh", F64(tanh), 4); }
TEST(MathF32, Erf) { checkF32("math.erf", F64(erf), 4); }
// By lookups, behind a product with 1.
TEST(MathF32, GeluByTable) {
  if (!llvm::is_contained(runnableTargets(), "x86-64-v4"))
    GTEST_SKIP() << "needs AVX-512";
  TargetDesc target = targetOf("x86-64-v4");
  Kernel parsed(R"(func.func @k(%x: tensor<4096x1xf32>, %one: tensor<1x1x16xf32>) -> tensor<4096x16xf32> {
    %0 = mlc.packed_matmul %x, %one {n = 16 : i64}
      : (tensor<4096x1xf32>, tensor<1x1x16xf32>) -> tensor<4096x16xf32>
    %1 = mlc.gelu %0 : (tensor<4096x16xf32>) -> tensor<4096x16xf32>
    return %1 : tensor<4096x16xf32>
  })",
                Kernel::Stage::ExpandedMath, &target);
  ASSERT_TRUE(parsed.function);
  int lookups = 0, erfs = 0;
  parsed.function.walk([&](mlir::Operation *op) {
    lookups += llvm::isa<mlir::vector::ExtractOp>(op);
    erfs += llvm::isa<mlir::math::ExpOp, mlir::math::ErfOp, mlir::arith::DivFOp>(op);
  });
  EXPECT_EQ(lookups, 6);
  EXPECT_EQ(erfs, 0);
  LoadedKernel kernel(*createVectorEmitter(), parsed.function, target);
  ASSERT_TRUE(kernel.loaded());
  std::vector<float> x = denseFloats(2039), got(kBlock * 16), ones(16, 1.f);
  for (int i = -800000; i < 800000; ++i)
    x.push_back(1e-5f * float(i));
  double worst = 0, worstBelow = 0;
  for (size_t from = 0; from < x.size(); from += kBlock) {
    std::vector<float> block(x.begin() + long(from), x.begin() + long(std::min(x.size(), from + kBlock)));
    block.resize(kBlock);
    std::vector<void *> bindings = {block.data(), ones.data(), got.data()};
    EXPECT_EQ(kernel.launch(bindings, 0, kernel.tiles()), MLC_KERNEL_OK);
    for (size_t i = 0; i < block.size(); ++i) {
      double v = block[i], want = v * 0.5 * std::erfc(-v / std::sqrt(2.0));
      if (v < -3 && std::isfinite(v))
        worstBelow = std::max(worstBelow, std::fabs(got[i * 16] - want));
      else
        worst = std::max(worst, ulps(got[i * 16], std::isinf(v) && v < 0 ? NAN : want));
      EXPECT_EQ(std::bit_cast<uint32_t>(got[i * 16]), std::bit_cast<uint32_t>(got[i * 16 + 15]));
    }
  }
  std::printf("gelu         f32 %zu samples, max %.2f ulp, below -3 %.2g\n", x.size(), worst, worstBelow);
  EXPECT_LE(worst, 5);
  EXPECT_LE(worstBelow, 2e-8);
}
TEST(MathF32, Rsqrt) {
  checkF32("math.rsqrt", [](double x) { return 1 / std::sqrt(x); }, 2);
}
TEST(MathF32, Sin) { checkF32("math.sin", F64(sin), 1); }
TEST(MathF32, Cos) { checkF32("math.cos", F64(cos), 1); }
// The f32 nearest to a multiple of pi/2 (16367173 * 2^72, J.-M. Muller, Elementary Functions, 11.3.2), and large ones.
TEST(MathF32, SinCosOfLargeArguments) {
  std::vector<float> x = {16367173 * 0x1p72f, 0x1.fffffep127f, -0x1.fffffep127f, 0x1p127f, 1e22f, -1e30f};
  std::vector<float> sin = Compiled<float>("math.sin", 1)(x), cos = Compiled<float>("math.cos", 1)(x);
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_LE(ulps(sin[i], std::sin(double(x[i]))), 1) << x[i];
    EXPECT_LE(ulps(cos[i], std::cos(double(x[i]))), 1) << x[i];
  }
}

TEST(MathF32, Pow) {
  Compiled<float> compiled("math.powf", 2);
  std::vector<float> x, y,
      bases = denseFloats(8388593),
      exponents = {0.f,  -0.f, 1.f,  -1.f,       2.f,      3.f,       -3.f, 0.5f,   -0.5f,  1.f / 3,
                   2.4f, 17.f, 1e9f, 16777215.f, INFINITY, -INFINITY, NAN,  1e-30f, 100.5f, -40.f};
  for (int i = 1; i < 200; ++i)
    bases.push_back(0.02f * i);
  for (float base : bases)
    for (float exponent : exponents)
      x.push_back(base), y.push_back(exponent);
  std::vector<float> got = compiled(x, y);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double error = ulps(got[i], std::pow((long double)x[i], (long double)y[i]));
    EXPECT_LE(error, 1) << x[i] << " ^ " << y[i] << " gave " << got[i];
    worst = std::max(worst, error);
  }
  std::printf("math.powf    f32 %zu samples, max %.2f ulp\n", x.size(), worst);
}

// Constant exponents have formulas of their own.
TEST(MathF32, PowOfConstant) {
  std::vector<float> x = denseFloats(65521);
  for (float special : {0.f, -0.f, INFINITY, -INFINITY, NAN, 1.f, -1.f})
    x.push_back(special);
  for (double exponent : {1., 2., 3., -1., 0.5, -0.5}) {
    Compiled<float> compiled("math.exp", 1, [&](mlir::OpBuilder &b, mlir::Location loc, mlir::Value base) {
      auto constant = mlir::arith::ConstantOp::create(b, loc, b.getFloatAttr(base.getType(), exponent));
      return buildPow(b, loc, base, constant);
    });
    std::vector<float> got = compiled(x);
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double error = ulps(got[i], std::pow((long double)x[i], (long double)exponent));
      EXPECT_LE(error, 1.5) << x[i] << " ^ " << exponent << " gave " << got[i];
      worst = std::max(worst, error);
    }
    std::printf("x^%-4g        f32 %zu samples, max %.2f ulp\n", exponent, x.size(), worst);
  }
}

#define F80(function) [](long double x) { return std::function(x); }
TEST(MathF64, Exp) { checkF64("math.exp", F80(exp), 4); }
TEST(MathF64, ExpM1) { checkF64("math.expm1", F80(expm1), 4); }
TEST(MathF64, Log) { checkF64("math.log", F80(log), 4); }
TEST(MathF64, Log1P) { checkF64("math.log1p", F80(log1p), 4); }
TEST(MathF64, Tanh) { checkF64("math.tanh", F80(tanh), 4); }
TEST(MathF64, Erf) { checkF64("math.erf", F80(erf), 4); }
TEST(MathF64, Exp2) { checkF64("math.exp2", F80(exp2), 4); }
TEST(MathF64, Log2) { checkF64("math.log2", F80(log2), 4); }
TEST(MathF64, Log10) { checkF64("math.log10", F80(log10), 4); }
// Infinity has no sine; beyond 2^30 the reduction makes no promise.
bool reducible(double x) { return !(std::fabs(x) > 0x1p30) || std::isinf(x); }
TEST(MathF64, Sin) { checkF64("math.sin", F80(sin), 4, reducible); }
TEST(MathF64, Cos) { checkF64("math.cos", F80(cos), 4, reducible); }

TEST(MathNarrow, HalfIsComputedInF32) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::arith::ArithDialect, mlir::math::MathDialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "func.func @f(%x: bf16, %v: vector<8xf16>) -> (bf16, vector<8xf16>) { %y = math.tanh %x : bf16 "
      "%w = math.erf %v : vector<8xf16> return %y, %w : bf16, vector<8xf16> }",
      &context);
  expandMath(*module);
  EXPECT_TRUE(succeeded(mlir::verify(*module)));
  int wide = 0, left = 0;
  module->walk([&](mlir::Operation *op) {
    left += llvm::isa<mlir::math::TanhOp, mlir::math::ErfOp>(op);
    wide += llvm::isa<mlir::arith::ExtFOp>(op);
  });
  EXPECT_EQ(left, 0);
  EXPECT_EQ(wide, 2);
}

} // namespace
} // namespace mlc::codegen
