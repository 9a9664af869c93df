// Resampling: Resize, Upsample. With static shapes the source positions and weights of Resize
// are tables; along each axis it is a weighted sum of a few shifted operands.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include "llvm/Support/Format.h"
#include <cmath>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

struct ResizeSpec {
  std::string mode, coordinates, nearest;
  bool antialias = false, excludeOutside = false;
  double cubicA = -0.75, extrapolation = 0;
};

struct ResizeAxis {
  int64_t axis, in, out;
  double scale, roiStart = 0, roiEnd = 1;
};

// Position in the input of output element `x`, as the specification of Resize defines it.
std::optional<double> sourcePosition(const ResizeSpec &spec, const ResizeAxis &a, int64_t x) {
  double width = a.scale * static_cast<double>(a.in), last = static_cast<double>(a.in - 1);
  double at = static_cast<double>(x), centre = (at + 0.5) / a.scale - 0.5;
  const std::string &mode = spec.coordinates;
  if (mode == "half_pixel")
    return centre;
  if (mode == "pytorch_half_pixel")
    return a.out == 1 ? -0.5 : centre;
  if (mode == "half_pixel_symmetric") {
    double adjustment = static_cast<double>(a.out) / width, middle = static_cast<double>(a.in) / 2;
    return middle * (1 - adjustment) + centre;
  }
  if (mode == "align_corners")
    return width == 1 ? 0 : at * last / (width - 1);
  if (mode == "asymmetric")
    return at / a.scale;
  if (mode == "tf_half_pixel_for_nn")
    return (at + 0.5) / a.scale;
  if (mode == "tf_crop_and_resize") {
    if (a.out == 1)
      return 0.5 * (a.roiStart + a.roiEnd) * last;
    return a.roiStart * last + at * (a.roiEnd - a.roiStart) * last / static_cast<double>(a.out - 1);
  }
  return std::nullopt;
}

int64_t nearestPosition(const std::string &mode, double x) {
  if (mode == "floor")
    return static_cast<int64_t>(std::floor(x));
  if (mode == "ceil")
    return static_cast<int64_t>(std::ceil(x));
  return static_cast<int64_t>(mode == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5));
}

// Keys, https://ieeexplore.ieee.org/document/1163711, equation 4.
double cubicKernel(double x, double a) {
  x = std::fabs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// Source positions (clamped) and weights: tap t of output element i.
struct Taps {
  SmallVector<Dims> positions;
  std::vector<std::vector<double>> weights;
};

Taps interpolationTaps(const ResizeSpec &spec, const ResizeAxis &a, ArrayRef<double> sources) {
  bool cubic = spec.mode == "cubic";
  double stretch = spec.antialias ? std::min(a.scale, 1.0) : 1, radius = cubic ? 2 : 1;
  int64_t first = static_cast<int64_t>(std::floor(-radius / stretch)) + 1, count = 2 - 2 * first;
  Taps taps;
  taps.positions.assign(static_cast<size_t>(count), Dims(sources.size(), 0));
  taps.weights.assign(static_cast<size_t>(count), std::vector<double>(sources.size(), 0));
  for (size_t i = 0; i < sources.size(); ++i) {
    int64_t left = static_cast<int64_t>(std::ceil(sources[i])) - 1;
    double sum = 0;
    for (int64_t t = 0; t < count; ++t) {
      int64_t position = left + first + t;
      double distance = (static_cast<double>(position) - sources[i]) * stretch;
      double weight = cubic ? cubicKernel(distance, spec.cubicA) : std::max(0.0, 1 - std::fabs(distance));
      if (spec.excludeOutside && (position < 0 || position >= a.in))
        weight = 0;
      taps.positions[t][i] = std::clamp<int64_t>(position, 0, a.in - 1);
      taps.weights[t][i] = weight;
      sum += weight;
    }
    for (auto &weights : taps.weights)
      weights[i] /= sum;
  }
  return taps;
}

// A table along `axis` of a tensor of `rank`, of its element type.
Value axisTable(Compose &c, const std::vector<double> &values, Type type, int64_t axis, int64_t rank) {
  Dims shape(static_cast<size_t>(rank), 1);
  shape[axis] = static_cast<int64_t>(values.size());
  return c.reals(values, shape, type);
}

Value applyTaps(Compose &c, Value x, const ResizeAxis &a, const Taps &taps) {
  int64_t rank = Compose::type(x).getRank();
  Type type = Compose::element(x);
  // Many taps are a product with the matrix of weights [in, out].
  if (taps.positions.size() > 4) {
    std::vector<double> matrix(static_cast<size_t>(a.in * a.out));
    for (size_t t = 0; t < taps.positions.size(); ++t)
      for (int64_t i = 0; i < a.out; ++i)
        matrix[static_cast<size_t>(taps.positions[t][i] * a.out + i)] += taps.weights[t][static_cast<size_t>(i)];
    Value weights = c.reals(matrix, {a.in, a.out}, type);
    return c.moveAxis(c.matmul(c.moveAxis(x, a.axis, rank - 1), weights), rank - 1, a.axis);
  }
  Value sum;
  for (size_t t = 0; t < taps.positions.size(); ++t) {
    if (llvm::all_of(taps.weights[t], [](double w) { return w == 0; }))
      continue;
    Value term = c.mul(c.take(x, a.axis, taps.positions[t]), axisTable(c, taps.weights[t], type, a.axis, rank));
    sum = sum ? c.add(sum, term) : term;
  }
  return sum;
}

// Each element several times in a row along each axis, in one movement.
Value repeat(Compose &c, Value x, ArrayRef<int64_t> times) {
  Dims apart, repeated, shape;
  for (auto [size, count] : llvm::zip(Compose::shape(x), times)) {
    apart.push_back(size);
    repeated.push_back(size);
    shape.push_back(size * count);
    if (count != 1) {
      apart.push_back(1);
      repeated.push_back(count);
    }
  }
  return apart == shape ? x : c.g.reshape(c.broadcast(c.g.reshape(x, apart), repeated), shape);
}

// `times`: how often the elements of an axis are to be repeated behind this, where that is all.
FailureOr<Value> resizeAxis(NodeContext &n, const ResizeSpec &spec, const ResizeAxis &a, Value x, int64_t &times) {
  Compose c(n.g);
  std::vector<double> sources;
  std::vector<double> outside;
  for (int64_t i = 0; i < a.out; ++i) {
    std::optional<double> source = sourcePosition(spec, a, i);
    if (!source)
      return n.unsupported("attribute 'coordinate_transformation_mode' = '" + spec.coordinates + "' is not known");
    sources.push_back(*source);
    outside.push_back(*source < 0 || *source > static_cast<double>(a.in - 1));
  }
  int64_t rank = Compose::type(x).getRank();
  Value result;
  if (spec.mode == "nearest") {
    Dims positions;
    for (double source : sources)
      positions.push_back(std::clamp<int64_t>(nearestPosition(spec.nearest, source), 0, a.in - 1));
    bool repeats = a.out % a.in == 0 && spec.coordinates != "tf_crop_and_resize";
    for (int64_t i = 0; i < a.out && repeats; ++i)
      repeats = positions[i] == i / (a.out / a.in);
    if (repeats) {
      times = a.out / a.in;
      return x;
    }
    result = c.take(x, a.axis, positions);
  } else {
    result = applyTaps(c, x, a, interpolationTaps(spec, a, sources));
  }
  if (spec.coordinates == "tf_crop_and_resize" && llvm::is_contained(outside, 1.0) && result) {
    Value isOutside = c.compare(ComparePredicate::NE, axisTable(c, outside, c.f32(), a.axis, rank), 0);
    result = c.select(isOutside, c.like(result, spec.extrapolation), result);
  }
  return result;
}

LogicalResult resizeAll(NodeContext &n, const ResizeSpec &spec, ArrayRef<ResizeAxis> axes) {
  constexpr StringRef kNearest[] = {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"};
  if (spec.mode == "nearest" && !llvm::is_contained(kNearest, spec.nearest))
    return n.unsupported("attribute 'nearest_mode' = '" + spec.nearest + "' is not known");
  Compose c(n.g);
  Value x = n.operand(0);
  Type type = n.typeOf(0).getElementType();
  if (spec.mode != "nearest") {
    if (!isa<FloatType>(type))
      return n.unsupported("mode '" + spec.mode + "' of integers is not supported; cast the operand to f32");
    if (type.getIntOrFloatBitWidth() < 32)
      x = c.g.cast(x, c.f32());
  }
  // The elements of rows are taken apart while there are fewest; whole rows are copied fast.
  SmallVector<ResizeAxis> order(axes);
  Dims times(Compose::type(x).getRank(), 1);
  if (llvm::all_of(axes, [](const ResizeAxis &a) { return a.out >= a.in; }))
    std::reverse(order.begin(), order.end());
  for (const ResizeAxis &a : order) {
    if (a.in < 1 || a.out < 0 || a.out > kMaxTable)
      return n.unsupported("it resizes " + Twine(a.in) + " elements to " + Twine(a.out) +
                           "; there must be an element, and a result of 0 to " + Twine(kMaxTable));
    if (a.out == 0) {
      x = c.slice(x, a.axis, 0, 0);
      continue;
    }
    // The filter of antialiasing is a table of all inputs and results.
    if (spec.mode != "nearest" && spec.antialias && a.in > kMaxTable / a.out)
      return n.unsupported("attribute 'antialias' needs a table of " + Twine(a.in) + " by " + Twine(a.out) +
                           " elements, more than " + Twine(kMaxTable));
    if (a.in == a.out && a.scale == 1 && spec.coordinates != "tf_crop_and_resize")
      continue;
    FailureOr<Value> result = resizeAxis(n, spec, a, x, times[a.axis]);
    if (failed(result) || !*result)
      return failure();
    x = *result;
  }
  return n.result(c.g.cast(repeat(c, x, times), type));
}

std::optional<std::vector<double>> constantReals(NodeContext &n, size_t index, StringRef what) {
  const HostTensor *tensor = n.constant(index);
  if (!tensor) {
    (void)n.unsupported("its " + what +
                        " must be constant; freeze the input they depend on with --const NAME=file.npy");
    return std::nullopt;
  }
  std::vector<double> values;
  for (int64_t i = 0; i < tensor->numElements(); ++i)
    values.push_back(tensor->floatAt(i));
  return values;
}

// Axes of scales: [rank] of them.
std::optional<SmallVector<ResizeAxis>> axesOfScales(NodeContext &n, ArrayRef<int64_t> axes, ArrayRef<double> scales) {
  SmallVector<ResizeAxis> result;
  if (scales.size() != axes.size()) {
    (void)n.unsupported("it needs one scale for each axis");
    return std::nullopt;
  }
  for (auto [axis, scale] : llvm::zip(axes, scales)) {
    int64_t in = n.shapeOf(0)[axis];
    if (!(scale > 0) || scale * static_cast<double>(in) > static_cast<double>(kMaxTable)) {
      std::string text;
      llvm::raw_string_ostream(text) << llvm::format("%g", scale);
      (void)n.unsupported("its scales must be above 0, and its results have at most " + Twine(kMaxTable) +
                          " elements along an axis, got the scale " + text + " of " + Twine(in) + " elements");
      return std::nullopt;
    }
    result.push_back({axis, in, static_cast<int64_t>(std::floor(static_cast<double>(in) * scale)), scale});
  }
  return result;
}

std::optional<SmallVector<ResizeAxis>> axesOfSizes(NodeContext &n, ArrayRef<int64_t> axes, ArrayRef<int64_t> sizes) {
  std::string policy = n.stringAttr("keep_aspect_ratio_policy", "stretch");
  if (sizes.size() != axes.size() || (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")) {
    (void)n.unsupported("it needs one size for each axis, and 'keep_aspect_ratio_policy' stretch, not_larger or "
                        "not_smaller");
    return std::nullopt;
  }
  SmallVector<ResizeAxis> result;
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    int64_t in = n.shapeOf(0)[axis];
    result.push_back({axis, in, size, static_cast<double>(size) / static_cast<double>(in)});
  }
  if (policy == "stretch" || result.empty())
    return result;
  double scale = result[0].scale;
  for (const ResizeAxis &a : result)
    scale = policy == "not_larger" ? std::min(scale, a.scale) : std::max(scale, a.scale);
  for (ResizeAxis &a : result) {
    a.scale = scale;
    a.out = static_cast<int64_t>(std::floor(scale * static_cast<double>(a.in) + 0.5));
  }
  return result;
}

LogicalResult resize(NodeContext &n) {
  ResizeSpec spec;
  spec.mode = n.stringAttr("mode", "nearest");
  if (spec.mode != "nearest" && spec.mode != "linear" && spec.mode != "cubic")
    return n.unsupported("attribute 'mode' = '" + spec.mode + "' is not known");
  Dims all = llvm::to_vector(llvm::seq<int64_t>(0, n.rankOf(0)));
  // Before opset 11 the scales come second, positions are x / scale, and the nearest is the one before.
  if (n.opset < 11) {
    spec.coordinates = "asymmetric";
    spec.nearest = "floor";
    auto scales = constantReals(n, 1, "scales");
    auto axes = scales ? axesOfScales(n, all, *scales) : std::nullopt;
    return axes ? resizeAll(n, spec, *axes) : failure();
  }
  spec.coordinates = n.stringAttr("coordinate_transformation_mode", "half_pixel");
  spec.nearest = n.stringAttr("nearest_mode", "round_prefer_floor");
  spec.antialias = n.intAttr("antialias", 0) != 0;
  spec.excludeOutside = n.intAttr("exclude_outside", 0) != 0;
  spec.cubicA = n.floatAttr("cubic_coeff_a", -0.75);
  spec.extrapolation = n.floatAttr("extrapolation_value", 0);
  Dims named = all;
  if (std::optional<std::vector<int64_t>> given = n.intsAttr("axes")) {
    named.clear();
    for (int64_t value : *given) {
      std::optional<int64_t> axis = n.axis(value, n.rankOf(0));
      if (!axis)
        return failure();
      named.push_back(*axis);
    }
  }
  std::optional<SmallVector<ResizeAxis>> axes;
  // An empty tensor stands for an absent operand.
  if (n.has(3) && n.typeOf(3).getNumElements() > 0) {
    auto sizes = n.constantInts(3, "sizes");
    axes = sizes ? axesOfSizes(n, named, *sizes) : std::nullopt;
  } else {
    (void)n.stringAttr("keep_aspect_ratio_policy", "stretch");
    auto scales = constantReals(n, 2, "scales");
    axes = scales ? axesOfScales(n, named, *scales) : std::nullopt;
  }
  if (!axes)
    return failure();
  if (spec.coordinates == "tf_crop_and_resize") {
    auto roi = constantReals(n, 1, "roi");
    if (!roi || roi->size() != 2 * axes->size())
      return roi ? n.unsupported("it needs two ends of the roi for each axis") : failure();
    for (size_t i = 0; i < axes->size(); ++i) {
      (*axes)[i].roiStart = (*roi)[i];
      (*axes)[i].roiEnd = (*roi)[axes->size() + i];
    }
  }
  return resizeAll(n, spec, *axes);
}

LogicalResult upsample(NodeContext &n) {
  ResizeSpec spec;
  spec.mode = n.stringAttr("mode", "nearest");
  spec.coordinates = "asymmetric";
  spec.nearest = "floor";
  if (spec.mode != "nearest" && spec.mode != "linear")
    return n.unsupported("attribute 'mode' = '" + spec.mode + "' is not known");
  std::vector<double> scales;
  if (n.opset < 9) {
    if (const auto *attribute = n.typedAttr("scales", onnx::AttributeProto::FLOATS))
      scales.assign(attribute->floats().begin(), attribute->floats().end());
  } else if (auto given = constantReals(n, 1, "scales")) {
    scales = *given;
  } else {
    return failure();
  }
  auto axes = axesOfScales(n, llvm::to_vector(llvm::seq<int64_t>(0, n.rankOf(0))), scales);
  return axes ? resizeAll(n, spec, *axes) : failure();
}

} // namespace

void frontend::addResizeOps(OpTable &table) {
  table["Resize"] = {resize, 10, "constant scales, sizes and roi; integers: mode nearest"};
  table["Upsample"] = {upsample, 7, "constant scales; integers: mode nearest"};
}
