// Softmax and normalisations: row reductions and maps over them.
#include "codegen/lower/Families.h"
#include "codegen/math/Math.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>

using namespace mlir;

namespace mlc::codegen {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Value addBody(OpBuilder &b, Location loc, ValueRange v) { return arith::AddFOp::create(b, loc, v[1], v[0]); }

// The map of a value that lacks `axes` of a tensor of `rank`.
AffineMap dropping(OpBuilder &b, int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<AffineExpr> kept;
  for (int64_t i = 0; i < rank; ++i)
    if (!llvm::is_contained(axes, i))
      kept.push_back(b.getAffineDimExpr(i));
  return AffineMap::get(rank, 0, kept, b.getContext());
}

Value lowerSoftmax(OpBuilder &b, Operation *op, Value x, int64_t axis, bool logarithm) {
  Location loc = op->getLoc();
  auto type = typeOf(x);
  Type compute = computeType(type.getElementType());
  auto wide = RankedTensorType::get(type.getShape(), compute);
  AffineMap full = b.getMultiDimIdentityMap(type.getRank()), row = dropping(b, type.getRank(), axis);
  Value lowest = scalar(b, loc, compute, -std::numeric_limits<double>::infinity());
  Value maximum = reduceElements(b, loc, x, axis, lowest, [](OpBuilder &n, Location where, ValueRange v) -> Value {
    auto larger = arith::MaximumFOp::create(n, where, v[1], v[0]);
    larger->setAttr(kOfNumbersAttr, n.getUnitAttr()); // a NaN is in the sum of exponentials
    return larger;
  });
  Value shifted =
      mapElements(b, loc, {x, maximum}, {full, row}, wide, [](OpBuilder &n, Location where, ValueRange v) -> Value {
        return arith::SubFOp::create(n, where, v[0], v[1]);
      });
  Value exponential = mapElements(b, loc, shifted, wide, [](OpBuilder &n, Location where, ValueRange v) -> Value {
    auto exp = math::ExpOp::create(n, where, v[0]);
    exp->setAttr(kNonPositiveAttr, n.getUnitAttr()); // less their maximum
    return exp;
  });
  Value sum = reduceElements(b, loc, exponential, axis, scalar(b, loc, compute, 0), addBody);
  // One division, or logarithm, a row.
  Value whole = mapElements(b, loc, sum, typeOf(sum), [&](OpBuilder &n, Location where, ValueRange v) -> Value {
    if (logarithm)
      return math::LogOp::create(n, where, v[0]);
    return arith::DivFOp::create(n, where, scalar(n, where, compute, 1), v[0]);
  });
  return mapElements(b, loc, {logarithm ? shifted : exponential, whole}, {full, row}, type,
                     [&](OpBuilder &n, Location where, ValueRange v) -> Value {
                       if (logarithm)
                         return arith::SubFOp::create(n, where, v[0], v[1]);
                       return arith::MulFOp::create(n, where, v[0], v[1]);
                     });
}

Value lowerLayerNorm(OpBuilder &b, LayerNormOp op) {
  Location loc = op.getLoc();
  auto type = typeOf(op.getOperand());
  int64_t rank = type.getRank();
  Type compute = computeType(type.getElementType());
  double count = 1;
  SmallVector<int64_t> axes;
  SmallVector<AffineExpr> normalised;
  for (int64_t i = op.getAxis(); i < rank; ++i) {
    axes.push_back(i);
    normalised.push_back(b.getAffineDimExpr(i));
    count *= type.getDimSize(i);
  }
  AffineMap full = b.getMultiDimIdentityMap(rank), row = dropping(b, rank, axes);
  AffineMap column = AffineMap::get(rank, 0, normalised, b.getContext());
  Value zero = scalar(b, loc, compute, 0);
  Value sum = reduceElements(b, loc, op.getOperand(), axes, zero, addBody);
  Value centred =
      mapElements(b, loc, {op.getOperand(), sum}, {full, row}, RankedTensorType::get(type.getShape(), compute),
                  [&](OpBuilder &n, Location where, ValueRange v) -> Value {
                    Value mean = arith::DivFOp::create(n, where, v[1], scalar(n, where, compute, count));
                    return arith::SubFOp::create(n, where, v[0], mean);
                  });
  Value squares = reduceElements(b, loc, centred, axes, zero, [](OpBuilder &n, Location where, ValueRange v) -> Value {
    return arith::AddFOp::create(n, where, v[1], arith::MulFOp::create(n, where, v[0], v[0]));
  });
  Value inverse =
      mapElements(b, loc, squares, typeOf(squares), [&](OpBuilder &n, Location where, ValueRange v) -> Value {
        Value variance = arith::DivFOp::create(n, where, v[0], scalar(n, where, compute, count));
        Value shifted =
            arith::AddFOp::create(n, where, variance, scalar(n, where, compute, op.getEpsilon().convertToDouble()));
        return arith::DivFOp::create(n, where, scalar(n, where, compute, 1), math::SqrtOp::create(n, where, shifted));
      });
  SmallVector<Value> operands = {centred, inverse};
  SmallVector<AffineMap> maps = {full, row};
  for (Value more : {op.getScale(), op.getBias()})
    if (more) {
      operands.push_back(more);
      maps.push_back(column);
    }
  bool scaled = bool(op.getScale()), biased = bool(op.getBias());
  return mapElements(b, loc, operands, maps, type, [&](OpBuilder &n, Location where, ValueRange v) {
    Value result = arith::MulFOp::create(n, where, v[0], v[1]);
    if (scaled)
      result = arith::MulFOp::create(n, where, result, v[2]);
    if (biased)
      result = arith::AddFOp::create(n, where, result, v.back());
    return result;
  });
}

Value lowerBatchNorm(OpBuilder &b, BatchNormOp op) {
  auto type = typeOf(op.getOperand());
  AffineMap full = b.getMultiDimIdentityMap(type.getRank());
  AffineMap channel = AffineMap::get(type.getRank(), 0, b.getAffineDimExpr(op.getAxis()), b.getContext());
  return mapElements(b, op.getLoc(), op->getOperands(), {full, channel, channel, channel, channel}, type,
                     [&](OpBuilder &n, Location where, ValueRange v) -> Value {
                       Value epsilon = scalar(n, where, v[0].getType(), op.getEpsilon().convertToDouble());
                       Value deviation = math::SqrtOp::create(n, where, arith::AddFOp::create(n, where, v[4], epsilon));
                       Value centred = arith::SubFOp::create(n, where, v[0], v[3]);
                       Value scaled =
                           arith::MulFOp::create(n, where, arith::DivFOp::create(n, where, centred, deviation), v[1]);
                       return arith::AddFOp::create(n, where, scaled, v[2]);
                     });
}

} // namespace

Value lowerNormalization(OpBuilder &b, Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](SoftmaxOp o) { return lowerSoftmax(b, o, o.getOperand(), o.getAxis(), false); })
      .Case([&](LogSoftmaxOp o) { return lowerSoftmax(b, o, o.getOperand(), o.getAxis(), true); })
      .Case([&](LayerNormOp o) { return lowerLayerNorm(b, o); })
      .Case([&](BatchNormOp o) { return lowerBatchNorm(b, o); })
      .Default([](Operation *) { return Value(); });
}

} // namespace mlc::codegen
