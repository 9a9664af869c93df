// Strassen products, written out: sums of quadrants, seven products, and the quadrants that they add up to.
#include "codegen/Strassen.h"
#include "codegen/lower/Families.h"
#include "dialects/mlc/MlcDialect.h"
#include "dialects/mlc/Strassen.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

SmallVector<OpFoldResult> indices(OpBuilder &b, ArrayRef<int64_t> values) {
  return getAsIndexOpFoldResult(b.getContext(), values);
}

// `sizes` elements of each dimension from `offsets` on, as a tensor of `shape`.
Value part(OpBuilder &b, Location loc, Value from, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
           ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, typeOf(from).getElementType());
  SmallVector<int64_t> steps(offsets.size(), 1);
  return tensor::ExtractSliceOp::create(b, loc, type, from, indices(b, offsets), indices(b, sizes), indices(b, steps));
}

Value insert(OpBuilder &b, Location loc, Value what, Value into, ArrayRef<int64_t> offsets) {
  SmallVector<int64_t> steps(offsets.size(), 1);
  return tensor::InsertSliceOp::create(b, loc, what, into, indices(b, offsets), indices(b, typeOf(what).getShape()),
                                       indices(b, steps));
}

Value combine(OpBuilder &b, Location loc, Value x, Value y, bool isDifference) {
  return mapElements(b, loc, {x, y}, typeOf(x), [&](OpBuilder &nested, Location where, ValueRange values) -> Value {
    if (isDifference)
      return arith::SubFOp::create(nested, where, values[0], values[1]);
    return arith::AddFOp::create(nested, where, values[0], values[1]);
  });
}

void mark(Value value, StringRef name) { value.getDefiningOp()->setAttr(name, UnitAttr::get(value.getContext())); }

Value lowerSums(OpBuilder &b, StrassenSumsOp op) {
  Location loc = op.getLoc();
  auto in = typeOf(op.getOperand()), out = typeOf(op.getResult());
  int64_t columns = in.getShape().back(), rows = 1, m = out.getDimSize(1), k = out.getDimSize(2);
  for (int64_t size : in.getShape().drop_back())
    rows *= size;
  Value matrix = reshaped(b, loc, op.getOperand(), {rows, columns});
  matrix = padded(b, loc, matrix, {0, 0}, {2 * m - rows, 2 * k - columns}, 0);
  Value quadrants[4], result = tensor::EmptyOp::create(b, loc, out.getShape(), out.getElementType());
  for (int64_t q = 0; q < 4; ++q)
    quadrants[q] = part(b, loc, matrix, {q / 2 * m, q % 2 * k}, {m, k}, {m, k});
  for (auto [t, sum] : llvm::enumerate(op.getOfRhs() ? strassen::kRhsSums : strassen::kLhsSums)) {
    Value value = quadrants[sum.first];
    if (sum.second >= 0)
      value = combine(b, loc, value, quadrants[sum.second], sum.isDifference);
    result = insert(b, loc, reshaped(b, loc, value, {1, m, k}), result, {int64_t(t), 0, 0});
  }
  if (!op.getOfRhs())
    mark(result, kStrassenSums);
  return result;
}

// Loops of the products: t, m, panel, lane, k; lhs (t, m, k), rhs (panel, t, k, lane).
Value lowerMatmul(OpBuilder &b, StrassenMatmulOp op) {
  Location loc = op.getLoc();
  auto lhs = typeOf(op.getLhs()), rhs = typeOf(op.getRhs()), out = typeOf(op.getResult());
  int64_t m = lhs.getDimSize(1), panels = rhs.getDimSize(0), lanes = rhs.getDimSize(3);
  int64_t columns = out.getShape().back(), n = (columns + 1) / 2, rows = 1;
  for (int64_t size : out.getShape().drop_back())
    rows *= size;
  AffineExpr dt, dm, dp, dl, dk;
  bindDims(b.getContext(), dt, dm, dp, dl, dk);
  auto map = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(5, 0, exprs, b.getContext()); };
  Value products = contract(b, op, op.getLhs(), map({dt, dm, dk}), op.getRhs(), map({dp, dt, dk, dl}),
                            {strassen::kProducts, m, panels, lanes}, map({dt, dm, dp, dl}));
  mark(products, kStrassenProducts);
  products = reshaped(b, loc, products, {strassen::kProducts, m, panels * lanes});
  Value quadrants[4];
  for (int64_t t = 0; t < strassen::kProducts; ++t) {
    Value product = part(b, loc, products, {t, 0, 0}, {1, m, n}, {m, n});
    for (const strassen::Target &target : strassen::kTargets[t]) {
      if (target.update == strassen::Update::None)
        continue;
      Value &quadrant = quadrants[target.quadrant];
      quadrant = target.update == strassen::Update::Set
                     ? product
                     : combine(b, loc, quadrant, product, target.update == strassen::Update::Subtract);
    }
  }
  Type element = typeOf(products).getElementType(); // f32 for f16 and bf16
  Value whole = tensor::EmptyOp::create(b, loc, {2 * m, 2 * n}, element);
  for (int64_t q = 0; q < 4; ++q)
    whole = insert(b, loc, quadrants[q], whole, {q / 2 * m, q % 2 * n});
  whole = cropped(b, loc, whole, {rows, columns});
  mark(whole, kStrassenResult);
  whole = reshaped(b, loc, whole, out.getShape());
  if (element == out.getElementType())
    return whole;
  return mapElements(b, loc, whole, out, [](OpBuilder &, Location, ValueRange values) { return values[0]; });
}

} // namespace

Value lowerStrassen(OpBuilder &b, Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](StrassenSumsOp o) { return lowerSums(b, o); })
      .Case([&](StrassenMatmulOp o) { return lowerMatmul(b, o); })
      .Default([](Operation *) { return Value(); });
}

} // namespace mlc::codegen
