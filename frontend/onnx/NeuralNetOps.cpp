// Neural-network ops of ONNX: matrix products, pooling, softmax.
#include "frontend/onnx/Window.h"

#include <numeric>

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

template <PoolKind kind> LogicalResult pool(NodeContext &n) {
  ArrayRef<int64_t> input = n.shapeOf(0);
  if (input.size() < 3)
    return n.unsupported("its input must have a rank of at least 3");
  if (n.wantsOutput(1))
    return n.unsupported("the output of indices is not supported");
  if (kind == PoolKind::Max && !n.requireInt("storage_order", 0, 0))
    return failure();
  ArrayRef<int64_t> spatial = input.drop_front(2);
  std::optional<Window> window = readWindow(n, spatial, std::nullopt);
  if (!window)
    return failure();
  bool includePad = kind == PoolKind::Average && n.intAttr("count_include_pad", 0) != 0;
  SmallVector<int64_t> ceilPad(spatial.size(), 0);
  if (n.intAttr("ceil_mode", 0)) {
    for (size_t d = 0; d < spatial.size(); ++d) {
      int64_t stride = window->strides[d], extent = window->dilations[d] * (window->size[d] - 1) + 1;
      int64_t padded = spatial[d] + window->padLow[d] + window->padHigh[d];
      if (stride < 1 || padded < extent)
        continue;
      int64_t out = (padded - extent + stride - 1) / stride + 1;
      // A window must start inside the input or the low padding.
      if ((out - 1) * stride >= spatial[d] + window->padLow[d])
        --out;
      ceilPad[d] = std::max<int64_t>(0, (out - 1) * stride + extent - padded);
      window->padHigh[d] += ceilPad[d];
    }
  }
  SmallVector<NamedAttribute> attributes = {n.g.attr("kind", PoolKindAttr::get(n.g.context(), kind)),
                                            n.g.ints("window", window->size),
                                            n.g.ints("strides", window->strides),
                                            n.g.ints("pad_low", window->padLow),
                                            n.g.ints("pad_high", window->padHigh),
                                            n.g.ints("dilations", window->dilations)};
  if (llvm::any_of(ceilPad, [](int64_t pad) { return pad != 0; }))
    attributes.push_back(n.g.ints("ceil_pad", ceilPad));
  if (includePad)
    attributes.push_back(n.g.unit("count_include_pad"));
  return n.result(n.g.make<PoolOp>(n.operand(0), attributes));
}

template <ReduceKind kind> LogicalResult globalPool(NodeContext &n) {
  if (n.rankOf(0) < 3)
    return n.unsupported("its input must have a rank of at least 3");
  return n.result(n.g.make<ReduceOp>(
      n.operand(0), {n.g.attr("kind", ReduceKindAttr::get(n.g.context(), kind)),
                     n.g.ints("axes", llvm::to_vector(llvm::seq<int64_t>(2, n.rankOf(0)))), n.g.unit("keep_dims")}));
}

template <typename OpT> LogicalResult softmax(NodeContext &n) {
  SmallVector<int64_t> shape(n.shapeOf(0));
  int64_t rank = static_cast<int64_t>(shape.size());
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", n.opset < 13 ? 1 : -1), rank);
  if (!axis)
    return failure();
  if (n.opset >= 13 || *axis == rank - 1)
    return n.result(n.g.make<OpT>(n.operand(0), n.g.integer("axis", *axis)));
  // Before opset 13 all dimensions from `axis` on are one.
  auto product = [](ArrayRef<int64_t> dims) {
    return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
  };
  ArrayRef<int64_t> dims = shape;
  Value flat = n.g.reshape(n.operand(0), {product(dims.take_front(static_cast<size_t>(*axis))),
                                          product(dims.drop_front(static_cast<size_t>(*axis)))});
  return n.result(n.g.reshape(n.g.make<OpT>(flat, n.g.integer("axis", 1)), shape));
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
  table["MaxPool"] = {pool<PoolKind::Max>, 1};
  table["AveragePool"] = {pool<PoolKind::Average>, 1};
  table["GlobalAveragePool"] = {globalPool<ReduceKind::Mean>, 1};
  table["GlobalMaxPool"] = {globalPool<ReduceKind::Max>, 1};
  table["Softmax"] = {softmax<SoftmaxOp>, 1};
  table["LogSoftmax"] = {softmax<LogSoftmaxOp>, 1};
  table["Dropout"] = {dropout, 1};
}
