// Convolutions of ONNX.
#include "frontend/onnx/Activations.h"
#include "frontend/onnx/Window.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

std::optional<Window> frontend::readWindow(NodeContext &n, ArrayRef<int64_t> spatial,
                                           std::optional<ArrayRef<int64_t>> kernel) {
  size_t rank = spatial.size();
  Window window;
  auto read = [&](const char *name, int64_t otherwise) {
    std::vector<int64_t> values = n.intsAttr(name, std::vector<int64_t>(rank, otherwise));
    if (values.size() != rank)
      (void)n.unsupported("attribute '" + Twine(name) + "' has " + Twine(values.size()) + " entries for " +
                          Twine(rank) + " spatial dimensions");
    return Dims(ArrayRef<int64_t>(values));
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

Value frontend::convolve(NodeContext &n, Value input, Value filter) {
  if (!input || !filter) {
    if (n.problems.empty())
      (void)n.unsupported("operand " + Twine(input ? 1 : 0) + " is missing");
    return {};
  }
  ArrayRef<int64_t> shape = Compose::shape(input), window = Compose::shape(filter);
  if (shape.size() < 3 || window.size() != shape.size()) {
    (void)n.unsupported("input and filter must have the same rank of at least 3");
    return {};
  }
  std::optional<Window> w = readWindow(n, shape.drop_front(2), window.drop_front(2));
  if (!w)
    return {};
  return n.g.make<ConvOp>({input, filter}, {n.g.ints("strides", w->strides), n.g.ints("pad_low", w->padLow),
                                            n.g.ints("pad_high", w->padHigh), n.g.ints("dilations", w->dilations),
                                            n.g.integer("groups", n.intAttr("group", 1))});
}

namespace {

Value addBias(NodeContext &n, Value value, size_t index) {
  if (!value || !n.has(index))
    return value;
  Dims shape(Compose::shape(value).size() - 1, 1);
  shape[0] = n.typeOf(index).getNumElements();
  return Compose(n.g).add(value, n.g.reshape(n.operand(index), shape));
}

LogicalResult conv(NodeContext &n) { return n.result(addBias(n, convolve(n, n.operand(0), n.operand(1)), 2)); }

// Conv, a sum, and an activation, as onnxruntime fuses them.
LogicalResult fusedConv(NodeContext &n) {
  Compose c(n.g);
  std::string name = n.stringAttr("activation", "");
  const auto *parameters = n.typedAttr("activation_params", onnx::AttributeProto::FLOATS);
  std::optional<Activation> activation = Activation::named(name);
  if (!activation)
    return n.unsupported("attribute 'activation' = '" + name + "' is not known");
  int given = parameters ? parameters->floats_size() : 0;
  if (activation->takesAlpha() && given > 0)
    activation->alpha = parameters->floats(0);
  if (activation->takesBeta() && given > 1)
    activation->beta = parameters->floats(1);
  Value sum = addBias(n, convolve(n, n.operand(0), n.operand(1)), 2);
  return n.result((*activation)(c, n.has(3) ? c.add(sum, n.operand(3)) : sum));
}

// Padding and size of the result, spatial dimension by dimension.
struct TransposedGeometry {
  Window window;
  Dims low, out;
};

std::optional<TransposedGeometry> readTransposed(NodeContext &n, ArrayRef<int64_t> spatial, ArrayRef<int64_t> kernel) {
  std::string autoPad = n.stringAttr("auto_pad", "NOTSET");
  std::optional<Window> window = readWindow(n, spatial, kernel);
  size_t rank = spatial.size();
  std::vector<int64_t> extra = n.intsAttr("output_padding", std::vector<int64_t>(rank, 0));
  std::optional<std::vector<int64_t>> asked = n.intsAttr("output_shape");
  // Some models give batch and channels too.
  if (asked && asked->size() == rank + 2)
    asked->erase(asked->begin(), asked->begin() + 2);
  if (!window || extra.size() != rank || (asked && asked->size() != rank)) {
    if (window)
      (void)n.unsupported("'output_padding' and 'output_shape' need one entry for each spatial dimension");
    return std::nullopt;
  }
  TransposedGeometry g{*window, window->padLow, {}};
  bool same = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
  for (size_t d = 0; d < rank; ++d) {
    if (window->strides[d] < 1 || window->dilations[d] < 1 || window->size[d] < 1) {
      (void)n.unsupported("strides, dilations and window must be at least 1");
      return std::nullopt;
    }
    int64_t full = window->strides[d] * (spatial[d] - 1) + extra[d] + window->extent(d);
    if (!asked && !same) {
      bool valid = autoPad == "VALID";
      g.low[d] = valid ? 0 : window->padLow[d];
      g.out.push_back(full - (valid ? 0 : window->padLow[d] + window->padHigh[d]));
    } else {
      g.out.push_back(asked ? (*asked)[d] : spatial[d] * window->strides[d]);
      int64_t total = std::max<int64_t>(0, full - g.out[d]);
      g.low[d] = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
    }
    if (g.out[d] < 0) {
      (void)n.unsupported("its paddings exceed the result");
      return std::nullopt;
    }
  }
  return g;
}

// The gradient of a convolution, without multiplications by the zeros between strides (Shi et al.,
// https://arxiv.org/abs/1609.07009): result element q * s + p is a convolution with every s-th element of the filter,
// starting at p. All s phases are channels of one convolution; its result is interleaved.
LogicalResult convTranspose(NodeContext &n) {
  ArrayRef<int64_t> x = n.shapeOf(0), filter = n.shapeOf(1);
  int64_t groups = n.intAttr("group", 1);
  if (x.size() < 3 || filter.size() != x.size() || groups < 1 || x[1] % groups || filter[0] != x[1])
    return n.unsupported("input and filter must have the same rank of at least 3, and their channels must fit 'group'");
  size_t rank = x.size() - 2;
  std::optional<TransposedGeometry> geometry = readTransposed(n, x.drop_front(2), filter.drop_front(2));
  if (!geometry)
    return failure();
  const Window &w = geometry->window;
  Compose c(n.g);
  Value taps = n.operand(1), input = n.operand(0);
  // Dilation: zeros between the taps. Then zeros behind, to a whole number of strides.
  Dims low(filter.size(), 0), counts(rank);
  for (size_t d = 0; d < rank; ++d) {
    int64_t axis = static_cast<int64_t>(d) + 2;
    if (w.dilations[d] > 1 && taps) {
      Dims shape(Compose::shape(taps)), after(shape.size() + 1, 0);
      after[axis + 1] = w.dilations[d] - 1;
      taps = c.pad(c.expand(taps, axis + 1), Dims(after.size(), 0), after, 0);
      shape[axis] *= w.dilations[d];
      taps = c.slice(c.g.reshape(taps, shape), axis, 0, w.extent(d));
    }
    counts[d] = (w.extent(d) + w.strides[d] - 1) / w.strides[d];
    Dims high(filter.size(), 0);
    high[axis] = counts[d] * w.strides[d] - w.extent(d);
    taps = c.pad(taps, low, high, 0);
  }
  // [g, C/g, O/g, (J, s)...] -> [g, s..., O/g, C/g, J...], taps in reverse
  int64_t inputs = x[1] / groups, outputs = filter[1];
  Dims apart = {groups, inputs, outputs}, order = {0}, reversedFilter = {0, inputs};
  for (size_t d = 0; d < rank; ++d) {
    apart.append({counts[d], w.strides[d]});
    order.push_back(static_cast<int64_t>(4 + 2 * d));
    reversedFilter.push_back(counts[d]);
  }
  order.append({2, 1});
  for (size_t d = 0; d < rank; ++d)
    order.push_back(static_cast<int64_t>(3 + 2 * d));
  reversedFilter[0] = groups * outputs * productOf(w.strides);
  taps = c.g.reshape(c.g.transpose(c.g.reshape(taps, apart), order), reversedFilter);
  Dims pads;
  for (size_t d = 0; d < rank; ++d) {
    taps = c.slice(taps, static_cast<int64_t>(d) + 2, counts[d] - 1, counts[d], -1);
    pads.push_back(counts[d] - 1);
  }
  Dims ones(rank, 1);
  Value phases =
      n.g.make<ConvOp>({input, taps}, {n.g.ints("strides", ones), n.g.ints("pad_low", pads), n.g.ints("pad_high", pads),
                                       n.g.ints("dilations", ones), n.g.integer("groups", groups)});
  if (!phases)
    return failure();
  // [N, (g, s..., O/g), q...] -> [N, (g, O/g), (q, s)...]
  Dims split = {x[0], groups}, merged = {x[0], groups * outputs}, interleave = {0, 1, static_cast<int64_t>(rank) + 2};
  split.append(w.strides.begin(), w.strides.end());
  split.push_back(outputs);
  for (size_t d = 0; d < rank; ++d) {
    int64_t positions = Compose::shape(phases)[d + 2];
    split.push_back(positions);
    merged.push_back(positions * w.strides[d]);
    interleave.append({static_cast<int64_t>(rank + 3 + d), static_cast<int64_t>(2 + d)});
  }
  Value result = c.g.reshape(c.g.transpose(c.g.reshape(phases, split), interleave), merged);
  // Paddings crop; what lies behind the last tap is zero.
  for (size_t d = 0; d < rank && result; ++d) {
    int64_t axis = static_cast<int64_t>(d) + 2;
    Dims none(rank + 2, 0), before(rank + 2, 0), behind(rank + 2, 0);
    before[axis] = std::max<int64_t>(0, -geometry->low[d]);
    behind[axis] = std::max<int64_t>(0, geometry->low[d] + geometry->out[d] - Compose::shape(result)[axis]);
    result = c.pad(result, before, behind, 0);
    result = c.slice(result, axis, std::max<int64_t>(0, geometry->low[d]), geometry->out[d]);
  }
  return n.result(addBias(n, result, 2));
}

} // namespace

void frontend::addConvolutionOps(OpTable &table) {
  table["Conv"] = {conv, 1};
  table["com.microsoft.FusedConv"] = {fusedConv, 1};
  table["ConvTranspose"] = {convTranspose, 1};
}
