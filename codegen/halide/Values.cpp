#include "codegen/halide/Values.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using mlir::Operation;
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;
namespace tensor = mlir::tensor;
using Halide::Expr;

namespace mlc::codegen::halide {
namespace {

mlir::RankedTensorType typeOf(mlir::Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }

Expr readTable(mlir::DenseElementsAttr table, const Exprs &indices) {
  mlir::Type element = table.getElementType();
  if (table.isSplat())
    return constant(table.getSplatValue<mlir::Attribute>(), element);
  Expr linear = 0;
  for (auto [index, size] : llvm::zip(indices, table.getType().getShape()))
    linear = linear * int(size) + index;
  Exprs values;
  for (mlir::Attribute value : table.getValues<mlir::Attribute>())
    values.push_back(constant(value, element));
  return Halide::mux(linear, values);
}

// Indices of `from` as indices of `to`, which has the same elements in the same order. Dimensions that both sides
// share pass through, so that no division comes in.
Exprs reshapeIndices(const Exprs &indices, llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to) {
  Exprs result(to.size(), Expr(0));
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    // The shortest run of dimensions with the same product on both sides.
    size_t i0 = i, j0 = j;
    int64_t left = i < from.size() ? from[i++] : 1, right = j < to.size() ? to[j++] : 1;
    while (left != right)
      if (left < right)
        left *= from[i++];
      else
        right *= to[j++];
    Expr linear = 0;
    for (size_t d = i0; d < i; ++d)
      if (from[d] != 1)
        linear = linear * int(from[d]) + indices[d];
    for (size_t d = j; d-- > j0;) {
      if (to[d] == 1)
        continue;
      right /= to[d];
      result[d] = right == 1 ? linear : linear % int(to[d]);
      if (right != 1)
        linear = linear / int(to[d]);
      if (right == 1)
        linear = 0;
    }
  }
  return result;
}

Expr affine(mlir::AffineExpr expr, const Exprs &loops) {
  if (auto dim = mlir::dyn_cast<mlir::AffineDimExpr>(expr))
    return loops[dim.getPosition()];
  if (auto number = mlir::dyn_cast<mlir::AffineConstantExpr>(expr))
    return Expr(int(number.getValue()));
  auto binary = mlir::cast<mlir::AffineBinaryOpExpr>(expr);
  Expr x = affine(binary.getLHS(), loops), y = affine(binary.getRHS(), loops);
  switch (expr.getKind()) {
  case mlir::AffineExprKind::Add: return x + y;
  case mlir::AffineExprKind::Mul: return x * y;
  case mlir::AffineExprKind::Mod: return x % y;
  case mlir::AffineExprKind::FloorDiv: return x / y;
  default: return (x + y - 1) / y;
  }
}

// A scalar constant defined outside of the body.
Expr outer(mlir::Value value) {
  mlir::Attribute attribute;
  mlir::matchPattern(value, mlir::m_Constant(&attribute));
  return constant(attribute, value.getType());
}

} // namespace

Expr KernelValues::read(mlir::Value value, Exprs indices) {
  mlir::Type element = typeOf(value).getElementType();
  if (Operation *op = value.getDefiningOp()) {
    if (auto fill = mlir::dyn_cast<linalg::FillOp>(op)) {
      mlir::Attribute attribute;
      mlir::matchPattern(fill.getInputs()[0], mlir::m_Constant(&attribute)); // analyseRegion took nothing else
      return constant(attribute, element);
    }
    if (auto table = mlir::dyn_cast<arith::ConstantOp>(op))
      return readTable(mlir::cast<mlir::DenseElementsAttr>(table.getValue()), indices);
    if (auto pad = mlir::dyn_cast<tensor::PadOp>(op))
      return readPadded(pad, indices);
    if (mlir::isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      return read(op->getOperand(0),
                  reshapeIndices(indices, typeOf(value).getShape(), typeOf(op->getOperand(0)).getShape()));
  }
  std::reverse(indices.begin(), indices.end());
  return load(funcs[value](indices), element);
}

Expr KernelValues::readPadded(tensor::PadOp pad, const Exprs &indices) {
  auto source = typeOf(pad.getSource());
  Exprs inner;
  Expr inside;
  for (auto [i, index] : llvm::enumerate(indices)) {
    int64_t low = pad.getStaticLow()[i], size = source.getDimSize(i);
    Expr position = low ? index - int(low) : index;
    if (low || pad.getStaticHigh()[i]) {
      Expr here = position >= 0 && position < int(size);
      inside = inside.defined() ? inside && here : here;
      position = Halide::clamp(position, 0, int(size) - 1);
    }
    inner.push_back(position);
  }
  Expr value = read(pad.getSource(), inner);
  if (!inside.defined())
    return value;
  mlir::Attribute padding;
  mlir::matchPattern(pad.getConstantPaddingValue(), mlir::m_Constant(&padding));
  return Halide::select(inside, value, constant(padding, source.getElementType()));
}

Expr KernelValues::evaluateBody(linalg::GenericOp op, const Exprs &loops, Expr accumulator) {
  llvm::DenseMap<mlir::Value, Expr> values;
  auto valueOf = [&](mlir::Value value) {
    auto known = values.find(value);
    return known != values.end() ? known->second : outer(value);
  };
  for (mlir::OpOperand &operand : op->getOpOperands()) {
    mlir::BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    if (op.isDpsInit(&operand) && accumulator.defined()) {
      values[argument] = accumulator;
      continue;
    }
    Exprs indices;
    for (mlir::AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
      indices.push_back(affine(expr, loops));
    values[argument] = read(operand.get(), indices);
  }
  // A product that is only added to something is one instruction with it, in every loop that evaluates the body.
  auto fusedOrNot = [&](Operation &inner, const Exprs &operands) {
    if (mlir::isa<arith::AddFOp>(inner) && inner.getResult(0).getType().isF32())
      for (unsigned i : {1, 0})
        if (auto product = inner.getOperand(i).getDefiningOp<arith::MulFOp>(); product && product->hasOneUse())
          return multiplyAdd(valueOf(product.getLhs()), valueOf(product.getRhs()), operands[1 - i]);
    return evaluate(&inner, operands);
  };
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (auto index = mlir::dyn_cast<linalg::IndexOp>(inner)) {
      values[index] = Halide::cast<int64_t>(loops[index.getDim()]);
      continue;
    }
    Exprs operands;
    for (mlir::Value operand : inner.getOperands())
      operands.push_back(valueOf(operand));
    values[inner.getResult(0)] = fusedOrNot(inner, operands);
  }
  return valueOf(op.getBody()->getTerminator()->getOperand(0));
}

} // namespace mlc::codegen::halide
