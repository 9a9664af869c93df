// Neural-network ops of ONNX: contractions, convolutions, pooling, normalisation, softmax.
#include "frontend/onnx/NodeContext.h"

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

struct Window {
  SmallVector<int64_t> size, strides, padLow, padHigh, dilations;
};

// Attributes that convolutions and pools share.
std::optional<Window> readWindow(NodeContext &n, ArrayRef<int64_t> spatial, std::optional<ArrayRef<int64_t>> kernel) {
  size_t rank = spatial.size();
  Window window;
  auto read = [&](const char *name, int64_t otherwise) {
    std::vector<int64_t> values = n.intsAttr(name, std::vector<int64_t>(rank, otherwise));
    if (values.size() != rank)
      (void)n.unsupported("attribute '" + Twine(name) + "' has " + Twine(values.size()) + " entries for " +
                          Twine(rank) + " spatial dimensions");
    return SmallVector<int64_t>(ArrayRef<int64_t>(values));
  };
  std::optional<std::vector<int64_t>> declared = n.intsAttr("kernel_shape");
  if (!declared && !kernel) {
    (void)n.unsupported("attribute 'kernel_shape' is missing");
    return std::nullopt;
  }
  window.size = declared ? SmallVector<int64_t>(ArrayRef<int64_t>(*declared)) : SmallVector<int64_t>(*kernel);
  if (window.size.size() != rank || (kernel && ArrayRef<int64_t>(window.size) != *kernel))
    (void)n.unsupported("attribute 'kernel_shape' contradicts the operands' shapes");
  window.strides = read("strides", 1);
  window.dilations = read("dilations", 1);
  std::vector<int64_t> pads = n.intsAttr("pads", std::vector<int64_t>(2 * rank, 0));
  if (pads.size() != 2 * rank)
    (void)n.unsupported("attribute 'pads' must have two entries for each spatial dimension");
  if (!n.problems.empty())
    return std::nullopt;
  window.padLow.assign(pads.begin(), pads.begin() + static_cast<ptrdiff_t>(rank));
  window.padHigh.assign(pads.begin() + static_cast<ptrdiff_t>(rank), pads.end());

  std::string autoPad = n.stringAttr("auto_pad", "NOTSET");
  if (autoPad == "NOTSET" || autoPad.empty())
    return window;
  if (autoPad != "VALID" && autoPad != "SAME_UPPER" && autoPad != "SAME_LOWER") {
    (void)n.unsupported("attribute 'auto_pad' = '" + autoPad + "' is not known");
    return std::nullopt;
  }
  for (size_t d = 0; d < rank; ++d) {
    int64_t total = 0;
    if (autoPad != "VALID" && window.strides[d] > 0) {
      // The output has ceil(size / stride) elements.
      int64_t out = (spatial[d] + window.strides[d] - 1) / window.strides[d];
      int64_t extent = window.dilations[d] * (window.size[d] - 1) + 1;
      total = std::max<int64_t>(0, (out - 1) * window.strides[d] + extent - spatial[d]);
    }
    int64_t small = total / 2;
    window.padLow[d] = autoPad == "SAME_LOWER" ? total - small : small;
    window.padHigh[d] = total - window.padLow[d];
  }
  return window;
}

LogicalResult conv(NodeContext &n) {
  ArrayRef<int64_t> input = n.shapeOf(0), filter = n.shapeOf(1);
  if (input.size() < 3 || filter.size() != input.size())
    return n.unsupported("input and filter must have the same rank of at least 3");
  std::optional<Window> window = readWindow(n, input.drop_front(2), filter.drop_front(2));
  if (!window)
    return failure();
  Value value = n.g.make<ConvOp>({n.operand(0), n.operand(1)},
                                 {n.g.ints("strides", window->strides), n.g.ints("pad_low", window->padLow),
                                  n.g.ints("pad_high", window->padHigh), n.g.ints("dilations", window->dilations),
                                  n.g.integer("groups", n.intAttr("group", 1))});
  if (n.has(2)) {
    SmallVector<int64_t> shape(input.size() - 1, 1);
    shape[0] = filter[0];
    value = n.g.make<AddOp>({value, n.g.reshape(n.operand(2), shape)});
  }
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

LogicalResult batchNorm(NodeContext &n) {
  for (int i = 1; i < n.node.output_size(); ++i)
    if (n.wantsOutput(i))
      return n.unsupported("outputs beside the first are of training; export the model in inference mode");
  if (!n.requireInt("training_mode", 0, 0) || !n.requireInt("spatial", 1, 1))
    return failure();
  (void)n.floatAttr("momentum", 0.9); // Of training.
  if (n.numInputs() != 5)
    return n.unsupported("it must have 5 operands");
  return n.result(n.g.make<BatchNormOp>(n.operands(),
                                        {n.g.integer("axis", 1), n.g.real("epsilon", n.floatAttr("epsilon", 1e-5f))}));
}

LogicalResult layerNorm(NodeContext &n) {
  for (int i = 1; i < n.node.output_size(); ++i)
    if (n.wantsOutput(i))
      return n.unsupported("the outputs Mean and InvStdDev are not supported");
  if (!n.requireInt("stash_type", 1, 1))
    return failure();
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", -1), n.rankOf(0));
  if (!axis)
    return failure();
  SmallVector<Value> operands = {n.operand(0)};
  ArrayRef<int64_t> normalized = n.shapeOf(0).drop_front(static_cast<size_t>(*axis));
  SmallVector<int32_t> segments = {1, 0, 0};
  for (size_t i : {1, 2}) {
    if (!n.has(i))
      continue;
    Value value = n.operand(i);
    // Scale and bias may broadcast.
    if (n.shapeOf(i) != normalized)
      value = n.g.make<BroadcastOp>(value, n.g.ints("shape", normalized));
    operands.push_back(value);
    segments[i] = 1;
  }
  return n.result(
      n.g.make<LayerNormOp>(operands, {n.g.integer("axis", *axis), n.g.real("epsilon", n.floatAttr("epsilon", 1e-5f)),
                                       n.g.attr("operandSegmentSizes", n.g.attrs().getDenseI32ArrayAttr(segments))}));
}

// Normalises each channel of each image over its spatial dimensions.
LogicalResult instanceNorm(NodeContext &n) {
  ArrayRef<int64_t> shape = n.shapeOf(0);
  if (shape.size() < 3)
    return n.unsupported("its input must have a rank of at least 3");
  Value value = n.g.make<LayerNormOp>(n.operand(0),
                                      {n.g.integer("axis", 2), n.g.real("epsilon", n.floatAttr("epsilon", 1e-5f)),
                                       n.g.attr("operandSegmentSizes", n.g.attrs().getDenseI32ArrayAttr({1, 0, 0}))});
  SmallVector<int64_t> channels(shape.size() - 1, 1);
  channels[0] = shape[1];
  value = n.g.make<MulOp>({value, n.g.reshape(n.operand(1), channels)});
  return n.result(n.g.make<AddOp>({value, n.g.reshape(n.operand(2), channels)}));
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

LogicalResult dropout(NodeContext &n) {
  (void)n.floatAttr("ratio", 0.5);
  (void)n.intAttr("seed", 0);
  if (n.wantsOutput(1))
    return n.unsupported("the output of the mask is not supported; export the model in inference mode");
  if (n.has(2) && n.constantScalar(2, "training_mode").value_or(1) != 0)
    return n.unsupported("training_mode must be a constant false; export the model in inference mode");
  return n.alias(0);
}

} // namespace

void frontend::addNeuralNetOps(OpTable &table) {
  table["MatMul"] = {matmul, 1};
  table["Gemm"] = {gemm, 7};
  table["Conv"] = {conv, 1};
  table["MaxPool"] = {pool<PoolKind::Max>, 1};
  table["AveragePool"] = {pool<PoolKind::Average>, 1};
  table["GlobalAveragePool"] = {globalPool<ReduceKind::Mean>, 1};
  table["GlobalMaxPool"] = {globalPool<ReduceKind::Max>, 1};
  table["BatchNormalization"] = {batchNorm, 7};
  table["LayerNormalization"] = {layerNorm, 17};
  table["InstanceNormalization"] = {instanceNorm, 6};
  table["Softmax"] = {softmax<SoftmaxOp>, 1};
  table["LogSoftmax"] = {softmax<LogSoftmaxOp>, 1};
  table["Dropout"] = {dropout, 7};
}
