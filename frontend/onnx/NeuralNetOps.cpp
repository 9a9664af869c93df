// Neural-network ops of ONNX: matrix products, softmax, dropout.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

RankedTensorType typeOf(Value value) { return mlir::cast<RankedTensorType>(value.getType()); }

LogicalResult matmul(NodeContext &n) {
  Value a = n.operand(0), b = n.operand(1);
  ArrayRef<int64_t> aShape = n.shapeOf(0), bShape = n.shapeOf(1);
  if (aShape.empty() || bShape.empty())
    return n.unsupported("a scalar operand is not allowed");
  // A vector is a row on the left, a column on the right; its dimension vanishes from the result.
  if (aShape.size() == 1)
    a = n.g.reshape(a, {1, aShape[0]});
  if (bShape.size() == 1)
    b = n.g.reshape(b, {bShape[0], 1});
  Value product = n.g.make<MatmulOp>({a, b});
  if (!product)
    return failure();
  SmallVector<int64_t> shape(typeOf(product).getShape());
  if (bShape.size() == 1)
    shape.pop_back();
  if (aShape.size() == 1)
    shape.erase(shape.end() - (bShape.size() == 1 ? 1 : 2));
  return n.result(n.g.reshape(product, shape));
}

LogicalResult gemm(NodeContext &n) {
  SmallVector<NamedAttribute> attributes;
  if (n.intAttr("transA", 0))
    attributes.push_back(n.g.unit("transpose_lhs"));
  if (n.intAttr("transB", 0))
    attributes.push_back(n.g.unit("transpose_rhs"));
  Type element = n.typeOf(0).getElementType();
  auto scaled = [&](Value value, double factor) {
    return factor == 1 ? value : n.g.make<MulOp>({value, n.g.scalar(element, factor)});
  };
  double alpha = n.floatAttr("alpha", 1), beta = n.floatAttr("beta", 1);
  Value value = scaled(n.g.make<MatmulOp>({n.operand(0), n.operand(1)}, attributes), alpha);
  if (n.has(2) && beta != 0)
    value = n.g.make<AddOp>({value, scaled(n.operand(2), beta)});
  return n.result(value);
}

// A function along `axis`; before opset 13 all dimensions from `axis` on are one.
LogicalResult alongAxis(NodeContext &n, llvm::function_ref<Value(Value, int64_t)> function) {
  SmallVector<int64_t> shape(n.shapeOf(0));
  int64_t rank = static_cast<int64_t>(shape.size());
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", n.opset < 13 ? 1 : -1), rank);
  if (!axis)
    return failure();
  if (n.opset >= 13 || *axis == rank - 1)
    return n.result(function(n.operand(0), *axis));
  ArrayRef<int64_t> dims = shape;
  Value flat = n.g.reshape(n.operand(0), {productOf(dims.take_front(static_cast<size_t>(*axis))),
                                          productOf(dims.drop_front(static_cast<size_t>(*axis)))});
  return n.result(n.g.reshape(function(flat, 1), shape));
}

template <typename OpT> LogicalResult softmax(NodeContext &n) {
  return alongAxis(n, [&](Value x, int64_t axis) { return n.g.make<OpT>(x, n.g.integer("axis", axis)); });
}

// 1 at the first maximum, 0 elsewhere.
LogicalResult hardmax(NodeContext &n) {
  Compose c(n.g);
  return alongAxis(n, [&](Value x, int64_t axis) {
    Value at = c.g.make<ArgMaxOp>(x, {c.g.integer("axis", axis), c.g.unit("keep_dims")});
    if (!at)
      return at;
    Value position = c.iota(Compose::shape(x)[axis], Compose::type(x).getRank() - 1 - axis);
    return c.g.cast(c.compare(ComparePredicate::EQ, position, at), Compose::element(x));
  });
}

// Elimination with the largest pivot of each column, unrolled: what is left has a row and a column less after each
// step.
LogicalResult determinant(NodeContext &n) {
  constexpr int64_t kMaxSize = 64;
  ArrayRef<int64_t> shape = n.shapeOf(0);
  int64_t rank = n.rankOf(0), row = rank - 2, column = rank - 1;
  if (rank < 2 || shape[row] != shape[column] || shape[row] < 1 || shape[row] > kMaxSize)
    return n.unsupported("it needs square matrices of 1 to " + Twine(kMaxSize) + " rows");
  Compose c(n.g);
  Dims one(static_cast<size_t>(rank), 1);
  Value rest = n.operand(0), result = c.g.reshape(c.like(rest, 1), one);
  for (int64_t size = shape[row]; size > 0 && rest; --size) {
    Value magnitudes = c.apply<AbsOp>(c.slice(rest, column, 0, 1));
    Value at = c.g.make<ArgMaxOp>(magnitudes, {c.g.integer("axis", row), c.g.unit("keep_dims")});
    Value isPivot = c.compare(ComparePredicate::EQ, c.iota(size, 1), at);
    Value pivotRow = c.reduce(ReduceKind::Sum, c.select(isPivot, rest, c.like(rest, 0)), row, true);
    Value pivot = c.slice(pivotRow, column, 0, 1);
    // The first row takes the place of the pivot's: another sign, where they differ.
    Value sign = c.select(c.compare(ComparePredicate::EQ, at, 0), c.like(rest, 1), c.like(rest, -1));
    result = c.mul(result, c.mul(pivot, sign));
    Value others = c.slice(c.select(isPivot, c.slice(rest, row, 0, 1), rest), row, 1, size - 1);
    Value divisor = c.select(c.compare(ComparePredicate::EQ, pivot, 0), c.like(rest, 1), pivot);
    Value factors = c.div(c.slice(others, column, 0, 1), divisor);
    rest = c.sub(c.slice(others, column, 1, size - 1), c.mul(factors, c.slice(pivotRow, column, 1, size - 1)));
  }
  return n.result(c.g.reshape(result, shape.drop_back(2)));
}

// In inference dropout passes its operand on, and the mask is true everywhere.
LogicalResult dropout(NodeContext &n) {
  double ratio = n.floatAttr("ratio", 0.5);
  (void)n.intAttr("seed", 0);
  if (n.opset < 7 && !n.requireInt("is_test", 1, 0))
    return failure();
  if (n.has(1) && n.has(2))
    ratio = n.constantScalar(1, "ratio").value_or(0.5);
  if (n.has(2) && n.constantScalar(2, "training_mode").value_or(1) != 0 && ratio != 0)
    return n.unsupported("training_mode must be a constant false; export the model in inference mode");
  if (n.wantsOutput(1) &&
      failed(n.result(1, Compose(n.g).broadcast(n.g.scalar(n.g.attrs().getI1Type(), 1), n.shapeOf(0)))))
    return failure();
  return n.alias(0);
}

} // namespace

void frontend::addNeuralNetOps(OpTable &table) {
  table["MatMul"] = {matmul, 1};
  table["Gemm"] = {gemm, 7};
  table["Softmax"] = {softmax<SoftmaxOp>, 1};
  table["LogSoftmax"] = {softmax<LogSoftmaxOp>, 1};
  table["Det"] = {determinant, 11, "matrices of 1 to 64 rows"};
  table["Hardmax"] = {hardmax, 1};
  table["Dropout"] = {dropout, 1, "inference: training_mode is false"};
}
