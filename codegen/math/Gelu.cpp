// GELU by a table: x Phi(x), where Phi, the normal distribution's function, is made of Q(a) = Phi(-a) for a = |x|.
//
// Q is a polynomial of degree 5 around the nearest multiple of a segment's length, least in relative error by weighted
// least squares; so negative results keep digits that 1 + erf loses. Coefficients are looked up, which is one
// instruction for a register of them (vpermps): a third of the instructions of erf.
#include "codegen/math/Formula.h"
#include "codegen/math/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;

namespace mlc::codegen {
namespace {

constexpr double segment = 0.390625, limit = 15 * segment + 0.125; // where Q is 0, exactly
constexpr float coefficients[6][16] = {
    {0.5f, 0.348037213f, 0.217327744f, 0.120623626f, 0.0590851232f, 0.0254023913f, 0.0095454799f, 0.00312494091f,
     0.000889025512f, 0.000219360329f, 4.6869889e-05f, 8.66118808e-06f, 1.38282712e-06f, 1.90592019e-07f,
     2.26615811e-08f, 1.40027101e-09f},
    {-0.398942262f, -0.36963746f, -0.294017971f, -0.200772256f, -0.11769703f, -0.0592323914f, -0.0255908612f,
     -0.00949166063f, -0.00302225281f, -0.00082613324f, -0.000193864907f, -3.90550267e-05f, -6.75431966e-06f,
     -1.0027926e-06f, -1.27809443e-07f, -4.70140762e-08f},
    {-4.51393021e-07f, 0.0721926466f, 0.114848398f, 0.117639162f, 0.0919514745f, 0.0578451864f, 0.0299899057f,
     0.0129769892f, 0.00472215703f, 0.00145206728f, 0.000378576806f, 8.38820706e-05f, 1.58230341e-05f, 2.5444308e-06f,
     3.4915513e-07f, 5.844106e-07f},
    {0.0664994046f, 0.0522022173f, 0.0190910492f, -0.0124911778f, -0.0282724854f, -0.0277840961f, -0.019162504f,
     -0.010245882f, -0.00441591162f, -0.00156466023f, -0.00046103893f, -0.000113806498f, -2.36532869e-05f,
     -4.1541075e-06f, -6.18149102e-07f, 5.65299069e-06f},
    {-7.77304012e-05f, -0.0169771593f, -0.0227032639f, -0.0158884227f, -0.00432949746f, 0.00384964701f, 0.00618504407f,
     0.0048332843f, 0.00267151603f, 0.00114241312f, 0.000392275688f, 0.000110290785f, 2.5689309e-05f, 4.99527641e-06f,
     8.15221426e-07f, -3.40241604e-05f},
    {-0.00971193239f, -0.00639082305f, 0.00075372064f, 0.00557979755f, 0.00550995814f, 0.00257847621f, -6.6126624e-05f,
     -0.00110444566f, -0.000987557461f, -0.000550810713f, -0.000227398967f, -7.36473085e-05f, -1.9239942e-05f,
     -4.1194462e-06f, -7.30224656e-07f, -0.000242130773f}};

struct IsNumber {
  float value;
  bool match(Operation *op) const {
    FloatAttr attribute;
    return matchPattern(op, m_Constant(&attribute)) && attribute.getType().isF32() &&
           attribute.getValue().convertToFloat() == value;
  }
};

} // namespace

Value matchGelu(Operation *op) {
  Value x, again;
  auto half = m_Op<arith::MulFOp>(matchers::m_Any(&x), IsNumber{0.5f});
  auto erf = m_Op<math::ErfOp>(m_Op<arith::MulFOp>(matchers::m_Any(&again), IsNumber{float(M_SQRT1_2)}));
  auto gelu = m_Op<arith::MulFOp>(half, m_Op<arith::AddFOp>(erf, IsNumber{1}));
  return matchPattern(op, gelu) && x == again && x.getType().isF32() ? x : Value();
}

Value buildGeluByTable(OpBuilder &b, Location loc, Value x) {
  Formula f(b, loc, x.getType());
  Value a = f.atMost(f.abs(x), limit);
  auto k = f.nearest(a, 1 / segment);
  Value r = f.fma(k.number, f.number(-segment), a);
  // A NaN takes any segment.
  Value index = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), f.andBits(k.integer, f.integer(15)));
  auto type = VectorType::get({16}, b.getF32Type());
  Value q;
  for (ArrayRef<float> row : llvm::reverse(coefficients)) {
    Value table = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, row));
    Value c = vector::ExtractOp::create(b, loc, table, OpFoldResult(index));
    q = q ? f.fma(q, r, c) : c;
  }
  return f.mul(x, f.select(f.less(x, f.number(0)), q, f.sub(f.number(1), q)));
}

} // namespace mlc::codegen
