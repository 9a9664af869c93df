#include "codegen/cpu/PackedContraction.h"
#include "codegen/cpu/VectorBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

// Adds expr * factor to the coefficients; false when it is not linear without a constant.
bool addTerms(AffineExpr expr, int64_t factor, SmallVectorImpl<int64_t> &coefficients) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    coefficients[dim.getPosition()] += factor;
    return true;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() == 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (expr.getKind() == AffineExprKind::Add)
    return addTerms(binary.getLHS(), factor, coefficients) && addTerms(binary.getRHS(), factor, coefficients);
  auto scale = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return expr.getKind() == AffineExprKind::Mul && scale &&
         addTerms(binary.getLHS(), factor * scale.getValue(), coefficients);
}

// Elements that one step of each loop moves by in a dense tensor.
std::optional<SmallVector<int64_t>> stridesOf(AffineMap map, RankedTensorType type) {
  SmallVector<int64_t> strides(map.getNumDims(), 0);
  int64_t stride = 1;
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    if (!addTerms(map.getResult(i), stride, strides))
      return std::nullopt;
    stride *= type.getDimSize(i);
  }
  return strides;
}

// Fewest loops that visit the same elements in the same order; at least one.
StridedLoops merged(ArrayRef<StridedLoop> loops) {
  StridedLoops result;
  for (StridedLoop loop : loops) {
    if (loop.size == 1)
      continue;
    if (!result.empty() && result.back().stride == loop.size * loop.stride)
      result.back() = {result.back().size * loop.size, loop.stride};
    else
      result.push_back(loop);
  }
  if (result.empty())
    result.push_back({1, 0});
  return result;
}

// acc + a * b, in f32.
bool isMultiplyAdd(linalg::GenericOp op) {
  Block &body = op.getRegion().front();
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum || !sum.getType().isF32() || llvm::range_size(body.without_terminator()) != 2)
    return false;
  Value left = sum.getLhs(), right = sum.getRhs(), accumulator = body.getArgument(2);
  if (left != accumulator)
    std::swap(left, right);
  auto product = right.getDefiningOp<arith::MulFOp>();
  if (left != accumulator || !product)
    return false;
  Value a = body.getArgument(0), b = body.getArgument(1);
  return (product.getLhs() == a && product.getRhs() == b) || (product.getLhs() == b && product.getRhs() == a);
}

bool isZeroFill(Value value) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
}

// The number of an argument behind reshapes.
std::optional<unsigned> argumentOf(Value value) {
  auto argument = dyn_cast<BlockArgument>(stripReshapes(value));
  return argument ? std::optional<unsigned>(argument.getArgNumber()) : std::nullopt;
}

// Fills what a contraction with a plain right-hand side tells: loops batch..., rows, columns, one reduction.
bool matchPlainLoops(linalg::GenericOp op, PackedContraction &c) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || !isMultiplyAdd(op) || !isZeroFill(op.getOutputs()[0]))
    return false;
  auto maps = op.getIndexingMapsArray();
  auto sizes = op.getStaticLoopRanges();
  AffineMap outMap = maps[2];
  auto lhsStrides = stridesOf(maps[0], typeOf(op.getInputs()[0]));
  auto rhsStrides = stridesOf(maps[1], typeOf(op.getInputs()[1]));
  auto lhs = argumentOf(op.getInputs()[0]), rhs = argumentOf(op.getInputs()[1]);
  if (!lhsStrides || !rhsStrides || !lhs || !rhs || op.getNumReductionLoops() != 1 ||
      !outMap.isProjectedPermutation() || outMap.getNumResults() < 2 || outMap.getNumResults() + 1 != sizes.size() ||
      llvm::any_of(sizes, [](int64_t size) { return size <= 0; }))
    return false;
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  unsigned k = reductions.front(), column = outMap.getDimPosition(outMap.getNumResults() - 1);
  if ((*lhsStrides)[column] != 0 || (*rhsStrides)[column] == 0)
    return false;
  StridedLoops rows, rhsRows;
  c.numRows = c.matrixRows = 1;
  for (unsigned i = 0; i + 1 < outMap.getNumResults(); ++i) {
    unsigned dim = outMap.getDimPosition(i);
    rows.push_back({sizes[dim], (*lhsStrides)[dim]});
    rhsRows.push_back({sizes[dim], (*rhsStrides)[dim]});
    c.numRows *= sizes[dim];
    c.matrixRows = sizes[dim] != 1 && (*rhsStrides)[dim] != 0 ? 1 : c.matrixRows * sizes[dim];
  }
  // A matrix is packed for each of its uses: that pays only if several rows use it. It has to fit into scratch.
  constexpr int64_t fewestRows = 4, deepest = 4096;
  if (c.matrixRows < fewestRows || sizes[k] > deepest)
    return false;
  c.isPacked = false;
  c.lhs = *lhs;
  c.rhs = *rhs;
  c.rows = merged(rows);
  c.rhsRows = merged(rhsRows);
  c.reductions = merged(StridedLoop{sizes[k], (*lhsStrides)[k]});
  c.depth = sizes[k];
  c.columns = sizes[column];
  c.panels = (c.columns + kLanes - 1) / kLanes;
  c.rhsDepthStride = (*rhsStrides)[k];
  c.rhsColumnStride = (*rhsStrides)[column];
  c.product = op.getResult(0);
  return true;
}

// Fills what a contraction with packed panels tells.
bool matchPackedLoops(linalg::GenericOp op, PackedContraction &c) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || !isMultiplyAdd(op) || !isZeroFill(op.getOutputs()[0]))
    return false;
  auto maps = op.getIndexingMapsArray();
  auto sizes = op.getStaticLoopRanges();
  auto iterators = op.getIteratorTypesArray();
  AffineMap rhsMap = maps[1], outMap = maps[2];
  if (!rhsMap.isProjectedPermutation() || !outMap.isProjectedPermutation() || rhsMap.getNumResults() < 3 ||
      outMap.getNumResults() < 2 || llvm::any_of(sizes, [](int64_t size) { return size <= 0; }))
    return false;
  unsigned panel = rhsMap.getDimPosition(0), lane = rhsMap.getDimPosition(rhsMap.getNumResults() - 1);
  unsigned outputs = outMap.getNumResults();
  if (sizes[lane] != kLanes || outMap.getDimPosition(outputs - 2) != panel ||
      outMap.getDimPosition(outputs - 1) != lane)
    return false;
  auto strides = stridesOf(maps[0], typeOf(op.getInputs()[0]));
  auto lhs = argumentOf(op.getInputs()[0]), rhs = argumentOf(op.getInputs()[1]);
  if (!strides || !lhs || !rhs || (*strides)[panel] != 0 || (*strides)[lane] != 0)
    return false;
  StridedLoops rows, reductions;
  c.numRows = c.depth = 1;
  for (unsigned i = 0; i + 2 < outputs; ++i) {
    unsigned dim = outMap.getDimPosition(i);
    rows.push_back({sizes[dim], (*strides)[dim]});
    c.numRows *= sizes[dim];
  }
  for (unsigned i = 1; i + 1 < rhsMap.getNumResults(); ++i) {
    unsigned dim = rhsMap.getDimPosition(i);
    if (iterators[dim] != utils::IteratorType::reduction)
      return false; // a batch of right-hand sides
    reductions.push_back({sizes[dim], (*strides)[dim]});
    c.depth *= sizes[dim];
  }
  if (rows.size() + reductions.size() + 2 != sizes.size())
    return false;
  c.lhs = *lhs;
  c.rhs = *rhs;
  c.rows = merged(rows);
  c.reductions = merged(reductions);
  c.panels = sizes[panel];
  c.isPacked = true;
  c.matrixRows = c.numRows;
  return true;
}

// Follows the contraction's result to the slice that drops the padded columns, if there is one.
bool matchCrop(linalg::GenericOp op, PackedContraction &c) {
  c.product = op.getResult(0);
  c.columns = c.panels * kLanes;
  Value value = c.product;
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user)) {
      auto from = slice.getSourceType(), to = slice.getResultType();
      if (from.getRank() != to.getRank() || from.getRank() == 0 || from.getShape().back() != c.columns ||
          from.getShape().drop_back() != to.getShape().drop_back() || !slice.hasUnitStride() || !slice.hasZeroOffset())
        return false;
      c.product = slice.getResult();
      c.columns = to.getShape().back();
      return (c.columns + kLanes - 1) / kLanes == c.panels;
    }
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user))
      break;
    value = user->getResult(0);
  }
  return true;
}

// Whether the value is the product, or elementwise ops on it and on arguments.
bool isEpilogue(Value value, const PackedContraction &c, llvm::SmallPtrSetImpl<Operation *> &seen) {
  value = stripReshapes(value);
  if (value == c.product)
    return true;
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumResults() != 1 || op.getNumReductionLoops() != 0 || !op.hasPureTensorSemantics())
    return false;
  if (!seen.insert(op).second)
    return true;
  auto shape = typeOf(value).getShape();
  if (shape.empty() || shape.back() != c.columns || typeOf(value).getNumElements() != c.numRows * c.columns ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() ||
      !op.getRegion().front().getArguments().back().use_empty() || !isVectorBody(op.getRegion().front()))
    return false;
  return llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    auto type = typeOf(operand->get());
    if (argumentOf(operand->get()))
      return type.getElementType().isF32() && accessOf(map, type, shape);
    // Computed here, hence for this row and column only.
    auto strides = stridesOf(map, type);
    auto whole = stridesOf(AffineMap::getMultiDimIdentityMap(shape.size(), op.getContext()), typeOf(value));
    if (!strides)
      return false;
    for (size_t i = 0; i < shape.size(); ++i)
      if (shape[i] != 1 && (*strides)[i] != (*whole)[i])
        return false;
    return isEpilogue(operand->get(), c, seen);
  });
}

} // namespace

Value stripReshapes(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

std::optional<OperandAccess> accessOf(AffineMap map, RankedTensorType operand, ArrayRef<int64_t> shape) {
  auto strides = stridesOf(map, operand);
  if (!strides || (shape.back() != 1 && strides->back() != 0 && strides->back() != 1))
    return std::nullopt;
  StridedLoops rows;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    rows.push_back({shape[i], (*strides)[i]});
  return OperandAccess{merged(rows), shape.back() != 1 && strides->back() == 1};
}

std::optional<PackedContraction> matchPackedContraction(func::FuncOp kernel) {
  if (!kernel.getBody().hasOneBlock() || kernel.getNumResults() != 1)
    return std::nullopt;
  linalg::GenericOp contraction;
  for (auto op : kernel.getBody().front().getOps<linalg::GenericOp>())
    if (op.getNumReductionLoops() != 0) {
      if (contraction)
        return std::nullopt;
      contraction = op;
    }
  PackedContraction c;
  if (!contraction)
    return std::nullopt;
  bool matched = matchPackedLoops(contraction, c) ? matchCrop(contraction, c) : matchPlainLoops(contraction, c);
  if (!matched)
    return std::nullopt;
  c.result = kernel.getBody().front().getTerminator()->getOperand(0);
  llvm::SmallPtrSet<Operation *, 8> seen;
  if (!typeOf(c.result).getElementType().isF32() || typeOf(c.result).getNumElements() != c.numRows * c.columns ||
      !isEpilogue(c.result, c, seen))
    return std::nullopt;
  return c;
}

} // namespace mlc::codegen
