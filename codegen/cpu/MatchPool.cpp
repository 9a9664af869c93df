#include "codegen/cpu/BodyEvaluator.h"
#include "codegen/cpu/Pool.h"

#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"
#include <set>

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

constexpr int64_t kMostResults = 8;

// Is the constant the lowest of its type, so that a maximum with it is the other operand?
bool isLowest(Value value, bool isUnsigned) {
  APFloat number(0.0);
  if (matchPattern(value, m_ConstantFloat(&number)))
    return number.isInfinity() && number.isNegative();
  APInt integer;
  return matchPattern(value, m_ConstantInt(&integer)) &&
         (isUnsigned ? integer.isMinValue() : integer.isMinSignedValue());
}

// The op of `yield maximum(element, accumulator)`.
Operation *maximumOf(linalg::GenericOp op) {
  Block &body = *op.getBody();
  BlockArgument accumulator = body.getArguments().back();
  Operation *fold = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_present<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(fold) || !accumulator.hasOneUse() ||
      !llvm::is_contained(fold->getOperands(), Value(accumulator)))
    return nullptr;
  return fold;
}

// The dimension of the image as an axis of the windows; nothing where it is another function of the loops.
std::optional<WindowAxis> axisOf(linalg::GenericOp op, AffineExpr expr, unsigned result, int64_t elements) {
  SmallVector<int64_t> coefficients, ranges = op.getStaticLoopRanges();
  if (failed(getFlattenedAffineExpr(expr, op.getNumLoops(), 0, &coefficients)) ||
      coefficients.size() != op.getNumLoops() + 1 || coefficients.back() != 0)
    return std::nullopt;
  WindowAxis axis{ranges[result], elements, 1, coefficients[result], 1, 0, 1, 0};
  bool hasTaps = false;
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (loop == result || coefficients[loop] == 0)
      continue;
    if (kind != utils::IteratorType::reduction || hasTaps || coefficients[loop] < 1)
      return std::nullopt;
    hasTaps = true;
    axis.taps = ranges[loop];
    axis.dilation = coefficients[loop];
  }
  return axis.stride >= 1 ? std::optional(axis) : std::nullopt;
}

// How many columns the windows of so many neighbours read.
int64_t columnsOf(const WindowAxis &axis, int64_t results) {
  std::set<int64_t> columns;
  for (int64_t i = 0; i < results; ++i)
    for (int64_t tap = 0; tap < axis.taps; ++tap)
      columns.insert(i * axis.stride + tap * axis.dilation);
  return int64_t(columns.size());
}

// As many vectors of channels as cost little: images are read in longer pieces. False where one result's columns are
// more than `mostColumns`, which leave registers for what is folded with them.
bool chooseBlock(Pool &pool, int64_t vectors, int64_t mostColumns) {
  int64_t rows = 1;
  for (const WindowAxis &axis : pool.outer)
    rows *= axis.taps;
  double least = 0;
  for (int64_t together : {1, 2, 4}) {
    int64_t results = std::min(pool.inner.results, kMostResults);
    while (results > 0 && columnsOf(pool.inner, results) * together > mostColumns)
      --results;
    if (results == 0 || (together > 1 && together > vectors))
      break;
    double columns = columnsOf(pool.inner, results);
    double folds = (columns * (rows - 1) + results * (pool.inner.taps - 1)) / results;
    if (together > 1 && folds > 1.2 * least)
      break;
    least = together == 1 ? folds : least;
    pool.block = llvm::divideCeil(pool.inner.results, llvm::divideCeil(pool.inner.results, results));
    pool.vectors = together;
  }
  return pool.block > 0;
}

} // namespace

std::optional<Pool> matchPool(func::FuncOp kernel, const TargetDesc &target) {
  linalg::GenericOp op;
  for (auto generic : kernel.getBody().front().getOps<linalg::GenericOp>())
    if (generic.getNumReductionLoops() != 0) {
      if (op)
        return std::nullopt;
      op = generic;
    }
  Operation *returned = kernel.getBody().front().getTerminator();
  // The second input has the window's shape, and is not read.
  if (!op || returned->getNumOperands() != 1 || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      !op.getRegionInputArgs()[1].use_empty() || op.hasIndexSemantics())
    return std::nullopt;
  Pool pool{};
  pool.fold = maximumOf(op);
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  bool isUnsigned = isa_and_present<arith::MaxUIOp>(pool.fold);
  if (!pool.fold || !fill || !isLowest(fill.value(), isUnsigned))
    return std::nullopt;
  pool.image = op.getInputs()[0];
  SmallVector<int64_t> shape(cast<RankedTensorType>(pool.image.getType()).getShape()), low(shape.size(), 0);
  if (auto pad = pool.image.getDefiningOp<tensor::PadOp>()) {
    if (!pad.getConstantPaddingValue() || !isLowest(pad.getConstantPaddingValue(), isUnsigned))
      return std::nullopt;
    pool.image = pad.getSource();
    for (auto [i, before, behind] : llvm::enumerate(pad.getStaticLow(), pad.getStaticHigh())) {
      if (before < 0 || behind < 0)
        return std::nullopt;
      low[i] = before;
      shape[i] -= before + behind;
    }
  }
  AffineMap from = op.getIndexingMapsArray()[0], to = op.getIndexingMapsArray().back();
  unsigned rank = shape.size();
  if (!isa<BlockArgument>(pool.image) || rank < 2 || from.getNumResults() != rank ||
      to != AffineMap::getMultiDimIdentityMap(op.getNumLoops(), op.getContext()).getMajorSubMap(rank))
    return std::nullopt;
  int64_t stride = 1, folded = 0;
  for (unsigned i = rank; i-- > 0;) {
    std::optional<WindowAxis> axis = axisOf(op, from.getResult(i), i, shape[i]);
    if (!axis)
      return std::nullopt;
    axis->low = low[i];
    axis->imageStride = stride;
    stride *= shape[i];
    folded += axis->taps > 1;
    if (i + 1 == rank && (axis->taps != 1 || axis->stride != 1 || axis->low != 0 || axis->results != shape[i]))
      return std::nullopt; // channels
    if (i + 2 == rank)
      pool.inner = *axis;
    else if (i + 1 != rank)
      pool.outer.insert(pool.outer.begin(), *axis);
  }
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t lanes =
      target.vector_bytes / std::max<int64_t>(4, BodyEvaluator::elementBytes(getElementTypeOrSelf(fill.value())));
  if (folded != llvm::count_if(ArrayRef(ranges).drop_front(rank), [](int64_t range) { return range > 1; }))
    return std::nullopt;
  if (!chooseBlock(pool, llvm::divideCeil(shape.back(), lanes), target.vector_registers * 3 / 4))
    return std::nullopt;
  Contraction &c = pool.contraction;
  c.op = op;
  c.init = fill.value();
  c.result = op.getResult(0);
  c.n = shape.back();
  c.rows = cast<RankedTensorType>(c.result.getType()).getNumElements() / c.n;
  c.m = {{c.rows, 0, 0, 1}};
  return takeValue(c, returned->getOperand(0)) ? std::optional(pool) : std::nullopt;
}

} // namespace mlc::codegen::cpu
