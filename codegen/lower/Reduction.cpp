// Folds over dimensions and windows.
#include "codegen/lower/Families.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"
#include <algorithm>
#include <limits>

using namespace mlir;

namespace mlc::codegen {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

// Neutral element of maximum (or minimum).
Value neutral(OpBuilder &b, Location loc, Type type, bool forMaximum, bool isUnsigned) {
  if (isa<FloatType>(type)) {
    double infinity = std::numeric_limits<double>::infinity();
    return scalar(b, loc, type, forMaximum ? -infinity : infinity);
  }
  unsigned bits = type.getIntOrFloatBitWidth();
  APInt value = isUnsigned   ? (forMaximum ? APInt::getMinValue(bits) : APInt::getMaxValue(bits))
                : forMaximum ? APInt::getSignedMinValue(bits)
                             : APInt::getSignedMaxValue(bits);
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
}

Value fold(OpBuilder &b, Location loc, ReduceKind kind, Value x, Value acc, bool isUnsigned = false) {
  bool isFloat = isa<FloatType>(x.getType());
  switch (kind) {
  case ReduceKind::Sum:
  case ReduceKind::Mean:
    return isFloat ? arith::AddFOp::create(b, loc, acc, x).getResult()
                   : arith::AddIOp::create(b, loc, acc, x).getResult();
  case ReduceKind::Prod:
    return isFloat ? arith::MulFOp::create(b, loc, acc, x).getResult()
                   : arith::MulIOp::create(b, loc, acc, x).getResult();
  case ReduceKind::Max:
    return isFloat      ? arith::MaximumFOp::create(b, loc, acc, x).getResult()
           : isUnsigned ? arith::MaxUIOp::create(b, loc, acc, x).getResult()
                        : arith::MaxSIOp::create(b, loc, acc, x).getResult();
  case ReduceKind::Min:
    return isFloat      ? arith::MinimumFOp::create(b, loc, acc, x).getResult()
           : isUnsigned ? arith::MinUIOp::create(b, loc, acc, x).getResult()
                        : arith::MinSIOp::create(b, loc, acc, x).getResult();
  }
  return {};
}

Value lowerReduce(OpBuilder &b, ReduceOp op) {
  Location loc = op.getLoc();
  ReduceKind kind = op.getKind();
  auto type = typeOf(op.getOperand());
  auto resultType = typeOf(op.getResult());
  Type compute = computeType(type.getElementType());
  Value initial = kind == ReduceKind::Max || kind == ReduceKind::Min
                      ? neutral(b, loc, compute, kind == ReduceKind::Max, isUnsigned(op))
                      : scalar(b, loc, compute, kind == ReduceKind::Prod ? 1 : 0);
  Value sum = reduceElements(b, loc, op.getOperand(), op.getAxes(), initial,
                             [&](OpBuilder &nested, Location where, ValueRange v) {
                               return fold(nested, where, kind, v[0], v[1], isUnsigned(op));
                             });
  if (kind == ReduceKind::Mean || compute != type.getElementType()) {
    double count = 1;
    for (int64_t axis : op.getAxes())
      count *= type.getDimSize(axis);
    sum = mapElements(b, loc, sum, RankedTensorType::get(typeOf(sum).getShape(), type.getElementType()),
                      [&](OpBuilder &nested, Location where, ValueRange v) -> Value {
                        if (kind != ReduceKind::Mean)
                          return v[0];
                        if (count == 0) // 0 / 0, which Halide refuses to divide
                          return scalar(nested, where, compute, std::numeric_limits<double>::quiet_NaN());
                        return arith::DivFOp::create(nested, where, v[0], scalar(nested, where, compute, count));
                      });
  }
  return reshaped(b, loc, sum, resultType.getShape());
}

// The best element of each row, and the first (or last) position that holds it: two folds, each of one value, which
// vectorise. A NaN is the best of all, and its first position counts.
Value lowerArgReduce(OpBuilder &b, Operation *op, Value operand, int64_t axis, bool maximum, bool last) {
  Location loc = op->getLoc();
  auto type = typeOf(operand);
  Type element = computeType(type.getElementType());
  int64_t rank = type.getRank(), size = type.getDimSize(axis);
  bool noSign = isUnsigned(op);
  Value best = reduceElements(b, loc, operand, axis, neutral(b, loc, element, maximum, noSign),
                              [&](OpBuilder &n, Location where, ValueRange v) {
                                return fold(n, where, maximum ? ReduceKind::Max : ReduceKind::Min, v[0], v[1], noSign);
                              });
  // Positions count from the end where the last one is wanted: the least position is it, either way.
  Type position = size <= std::numeric_limits<int32_t>::max() ? b.getI32Type() : b.getI64Type();
  auto number = [&](OpBuilder &n, Location where, int64_t value) -> Value {
    return arith::ConstantOp::create(n, where, n.getIntegerAttr(position, value));
  };
  auto fromTheEnd = [&](OpBuilder &n, Location where, Value from, Value bestOfRow) -> Value {
    if (!last)
      return from;
    Value turned = arith::SubIOp::create(n, where, number(n, where, size - 1), from);
    if (!isa<FloatType>(element))
      return turned;
    Value isNan = arith::CmpFOp::create(n, where, arith::CmpFPredicate::UNO, bestOfRow, bestOfRow);
    return arith::SelectOp::create(n, where, isNan, from, turned);
  };
  SmallVector<AffineExpr> kept;
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis)
      kept.push_back(b.getAffineDimExpr(i));
  AffineMap full = b.getMultiDimIdentityMap(rank), row = AffineMap::get(rank, 0, kept, b.getContext());
  Value positions = mapElements(
      b, loc, {operand, best}, {full, row}, RankedTensorType::get(type.getShape(), position),
      [&](OpBuilder &n, Location where, ValueRange v) -> Value {
        Value isBest;
        if (isa<FloatType>(element)) {
          isBest = arith::CmpFOp::create(n, where, arith::CmpFPredicate::OEQ, v[0], v[1]);
          Value isNan = arith::CmpFOp::create(n, where, arith::CmpFPredicate::UNO, v[0], v[0]);
          isBest = arith::OrIOp::create(n, where, isBest, isNan);
        } else {
          isBest = arith::CmpIOp::create(n, where, arith::CmpIPredicate::eq, v[0], v[1]);
        }
        Value at = arith::IndexCastOp::create(n, where, position, linalg::IndexOp::create(n, where, axis));
        return arith::SelectOp::create(n, where, isBest, fromTheEnd(n, where, at, v[1]), number(n, where, size));
      });
  Value first = reduceElements(
      b, loc, positions, axis, scalar(b, loc, position, double(size)),
      [](OpBuilder &n, Location where, ValueRange v) { return arith::MinSIOp::create(n, where, v[0], v[1]); });
  SmallVector<Value> operands = {first};
  if (last)
    operands.push_back(best);
  Value index = mapElements(b, loc, operands, RankedTensorType::get(typeOf(first).getShape(), b.getI64Type()),
                            [&](OpBuilder &n, Location where, ValueRange v) -> Value {
                              Value at = last ? fromTheEnd(n, where, v[0], v[1]) : v[0];
                              return position.isInteger(64)
                                         ? at
                                         : arith::ExtSIOp::create(n, where, n.getI64Type(), at).getResult();
                            });
  return reshaped(b, loc, index, typeOf(op->getResult(0)).getShape());
}

// Element j counts for i where j <= i: a sum for each i, which emitters that know this form make one running sum.
Value lowerCumSum(OpBuilder &b, CumSumOp op) {
  Location loc = op.getLoc();
  auto type = typeOf(op.getOperand());
  Type compute = computeType(type.getElementType());
  int64_t rank = type.getRank(), axis = op.getAxis();
  SmallVector<AffineExpr> from, to;
  for (int64_t i = 0; i < rank; ++i) {
    from.push_back(b.getAffineDimExpr(i == axis ? rank : i));
    to.push_back(b.getAffineDimExpr(i));
  }
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  Value init = filled(b, loc, type.getShape(), scalar(b, loc, compute, 0)), operand = op.getOperand();
  if (compute != type.getElementType())
    operand = mapElements(b, loc, operand, RankedTensorType::get(type.getShape(), compute),
                          [](OpBuilder &, Location, ValueRange v) { return v[0]; });
  AffineMap maps[] = {AffineMap::get(rank + 1, 0, from, b.getContext()),
                      AffineMap::get(rank + 1, 0, to, b.getContext())};
  using P = arith::CmpIPredicate;
  P predicate = op.getReverse() ? (op.getExclusive() ? P::ugt : P::uge) : (op.getExclusive() ? P::ult : P::ule);
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{init.getType()}, ValueRange{operand}, ValueRange{init}, maps, iterators,
      [&](OpBuilder &n, Location where, ValueRange v) {
        Value counts = arith::CmpIOp::create(n, where, predicate, linalg::IndexOp::create(n, where, rank),
                                             linalg::IndexOp::create(n, where, axis));
        Value sum = fold(n, where, ReduceKind::Sum, v[0], v[1]);
        linalg::YieldOp::create(n, where, arith::SelectOp::create(n, where, counts, sum, v[1]).getResult());
      });
  return mapElements(b, loc, generic.getResult(0), type, [](OpBuilder &, Location, ValueRange v) { return v[0]; });
}

// How many positions of the window at each output position count, along spatial dimension d.
SmallVector<double> countWindow(PoolOp op, int64_t d, int64_t inputSize, int64_t outputSize) {
  int64_t ceilPad = op.getCeilPad() ? (*op.getCeilPad())[d] : 0;
  int64_t first = op.getCountIncludePad() ? -op.getPadLow()[d] : 0;
  int64_t end = op.getCountIncludePad() ? inputSize + op.getPadHigh()[d] - ceilPad : inputSize;
  SmallVector<double> counts(outputSize, 0);
  for (int64_t o = 0; o < outputSize; ++o)
    for (int64_t w = 0; w < op.getWindow()[d]; ++w) {
      int64_t position = o * op.getStrides()[d] - op.getPadLow()[d] + w * op.getDilations()[d];
      counts[o] += position >= first && position < end;
    }
  return counts;
}

Value lowerPool(OpBuilder &b, PoolOp op) {
  Location loc = op.getLoc();
  auto type = typeOf(op.getOperand());
  auto resultType = typeOf(op.getResult());
  bool average = op.getKind() == PoolKind::Average, noSign = isUnsigned(op);
  // The sum of a window of integers is exact, and divided in the end.
  bool isWide = average && !isa<FloatType>(type.getElementType());
  Type compute = isWide ? b.getI64Type() : computeType(type.getElementType());
  int64_t rank = type.getRank(), spatial = rank - 2, firstSpatial = op.getLayout() == Layout::ChannelsLast ? 1 : 2;
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  SmallVector<AffineExpr> from, to, window;
  for (int64_t i = 0; i < rank; ++i) {
    from.push_back(b.getAffineDimExpr(i));
    to.push_back(b.getAffineDimExpr(i));
  }
  for (int64_t d = 0; d < spatial; ++d) {
    low[firstSpatial + d] = op.getPadLow()[d];
    high[firstSpatial + d] = op.getPadHigh()[d];
    window.push_back(b.getAffineDimExpr(rank + d));
    from[firstSpatial + d] = from[firstSpatial + d] * op.getStrides()[d] + window.back() * op.getDilations()[d];
  }
  Value initial = average ? scalar(b, loc, compute, 0) : neutral(b, loc, compute, true, noSign);
  double padValue = average ? 0 : -std::numeric_limits<double>::infinity(); // saturates to the lowest integer
  Value input = padded(b, loc, op.getOperand(), low, high, padValue, noSign);
  Value shape = tensor::EmptyOp::create(b, loc, op.getWindow(), type.getElementType()); // only its shape is used
  Value init = filled(b, loc, resultType.getShape(), initial);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators.append(spatial, utils::IteratorType::reduction);
  MLIRContext *context = b.getContext();
  AffineMap maps[] = {AffineMap::get(rank + spatial, 0, from, context),
                      AffineMap::get(rank + spatial, 0, window, context),
                      AffineMap::get(rank + spatial, 0, to, context)};
  Value folded = linalg::GenericOp::create(
                     b, loc, TypeRange{init.getType()}, ValueRange{input, shape}, ValueRange{init}, maps, iterators,
                     [&](OpBuilder &n, Location where, ValueRange v) {
                       Value element = isWide ? castElement(n, where, v[0], compute, noSign, noSign)
                                              : convertElement(n, where, v[0], compute);
                       ReduceKind kind = average ? ReduceKind::Sum : ReduceKind::Max;
                       linalg::YieldOp::create(n, where, fold(n, where, kind, element, v[2], noSign));
                     })
                     .getResult(0);
  if (!average)
    return mapElements(b, loc, folded, resultType, [](OpBuilder &, Location, ValueRange v) { return v[0]; });
  // The count of a window is a product over dimensions: a small table each.
  SmallVector<Value> operands = {folded};
  SmallVector<AffineMap> countMaps = {b.getMultiDimIdentityMap(rank)};
  for (int64_t d = 0; d < spatial; ++d) {
    int64_t dim = firstSpatial + d, size = resultType.getDimSize(dim);
    SmallVector<Attribute> counts;
    for (double count : countWindow(op, d, type.getDimSize(dim), size))
      counts.push_back(isa<FloatType>(compute) // a sum of no integers is divided by 1
                           ? Attribute(b.getFloatAttr(compute, count))
                           : Attribute(b.getIntegerAttr(compute, std::max(int64_t(count), int64_t(1)))));
    auto table = DenseElementsAttr::get(RankedTensorType::get({size}, compute), counts);
    operands.push_back(arith::ConstantOp::create(b, loc, table));
    countMaps.push_back(AffineMap::get(rank, 0, b.getAffineDimExpr(dim), context));
  }
  return mapElements(b, loc, operands, countMaps, resultType, [&](OpBuilder &n, Location where, ValueRange v) -> Value {
    Value count = v[1];
    for (Value more : v.drop_front(2))
      count = fold(n, where, ReduceKind::Prod, more, count);
    if (isa<FloatType>(compute))
      return arith::DivFOp::create(n, where, v[0], count);
    Value quotient = noSign ? arith::DivUIOp::create(n, where, v[0], count).getResult()
                            : arith::DivSIOp::create(n, where, v[0], count).getResult();
    return castElement(n, where, quotient, type.getElementType(), noSign, noSign);
  });
}

} // namespace

Value lowerReduction(OpBuilder &b, Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](ReduceOp o) { return lowerReduce(b, o); })
      .Case([&](ArgMaxOp o) { return lowerArgReduce(b, o, o.getOperand(), o.getAxis(), true, o.getSelectLast()); })
      .Case([&](ArgMinOp o) { return lowerArgReduce(b, o, o.getOperand(), o.getAxis(), false, o.getSelectLast()); })
      .Case([&](CumSumOp o) { return lowerCumSum(b, o); })
      .Case([&](PoolOp o) { return lowerPool(b, o); })
      .Default([](Operation *) { return Value(); });
}

} // namespace mlc::codegen
