// Sampling of images at positions that are data: GridSample, RoiAlign; and AffineGrid, which makes such positions.
#include "frontend/onnx/Sampling.h"

#include "llvm/ADT/MapVector.h"
#include <cmath>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

Value both(Compose &c, Value a, Value b) { return a && b ? c.apply<AndOp>(a, b) : a ? a : b; }
Value product(Compose &c, Value a, Value b) { return a && b ? c.mul(a, b) : a ? a : b; }

} // namespace

Value frontend::pixelRows(Compose &c, Value image) {
  if (!image)
    return {};
  Dims shape(Compose::shape(image));
  int64_t channels = shape[1], rank = static_cast<int64_t>(shape.size());
  return c.g.reshape(c.moveAxis(image, 1, rank - 1), {channels ? productOf(shape) / channels : 0, channels});
}

SmallVector<Value> frontend::weightedRows(Compose &c, Value rows, ArrayRef<int64_t> size, Value first,
                                          ArrayRef<Taps> taps) {
  SmallVector<Tap> combined = {{first, {}, {}}};
  for (auto [extent, dimension] : llvm::zip_equal(size, taps)) {
    int64_t behind = productOf(size.drop_front(&extent - size.begin() + 1));
    SmallVector<Tap> longer;
    for (const Tap &one : combined)
      for (const Tap &tap : dimension)
        longer.push_back({c.add(one.index, c.mul(tap.index, static_cast<double>(behind))),
                          product(c, one.weight, tap.weight), both(c, one.counts, tap.counts)});
    combined = std::move(longer);
  }
  SmallVector<Value> result;
  for (const Tap &tap : combined) {
    if (!tap.index)
      return {Value()};
    int64_t channels = Compose::type(tap.index).getRank();
    Value row = c.gather(rows, tap.index, 0);
    if (tap.weight)
      row = c.mul(row, c.expand(tap.weight, channels));
    // What lies outside is 0 though the pixel that stands for it may be infinite.
    result.push_back(tap.counts ? c.select(c.expand(tap.counts, channels), row, c.like(row, 0)) : row);
  }
  return result;
}

namespace {

struct GridSpec {
  std::string mode, padding;
  bool alignCorners;
};

// A position outside of the borders, mirrored at them until it is inside.
Value reflect(Compose &c, Value x, int64_t size, bool alignCorners) {
  double low = alignCorners ? 0 : -0.5, range = static_cast<double>(alignCorners ? size - 1 : size);
  if (range == 0)
    return c.mul(x, 0.0);
  Value distance = c.apply<RemOp>(c.apply<AbsOp>(c.add(x, -low)), 2 * range);
  Value back = c.add(c.apply<NegOp>(distance), 2 * range);
  Value mirrored = c.add(c.select(c.compare(ComparePredicate::GT, distance, range), back, distance), low);
  Value inside =
      c.apply<AndOp>(c.compare(ComparePredicate::GE, x, low), c.compare(ComparePredicate::LE, x, low + range));
  return c.select(inside, x, mirrored);
}

// The pixel at a whole position.
Tap tapAt(Compose &c, const GridSpec &spec, Value position, int64_t size, Value weight) {
  double last = static_cast<double>(size - 1);
  Tap tap{{}, weight, {}};
  if (spec.padding == "zeros")
    tap.counts =
        c.apply<AndOp>(c.compare(ComparePredicate::GE, position, 0), c.compare(ComparePredicate::LE, position, last));
  else if (spec.padding == "reflection")
    position = reflect(c, position, size, spec.alignCorners);
  tap.index = c.g.cast(c.clamp(position, 0, last), c.i64());
  return tap;
}

// The pixels below and above a position, which is inside as far as its padding needs it.
Taps twoTaps(Compose &c, const GridSpec &spec, Value x, int64_t size) {
  Value below = c.apply<FloorOp>(x), t = c.sub(x, below);
  return {tapAt(c, spec, below, size, c.add(c.apply<NegOp>(t), 1)), tapAt(c, spec, c.add(below, 1), size, t)};
}

// Weights of the four pixels around a position, `t` behind the second: Keys' kernel with a = -0.75.
SmallVector<Value> cubicWeights(Compose &c, Value t) {
  constexpr double a = -0.75;
  auto nearWeight = [&](Value d) { // d in [0, 1]
    return c.add(c.mul(c.mul(c.add(c.mul(d, a + 2), -(a + 3)), d), d), 1);
  };
  auto farWeight = [&](Value d) { // d in [1, 2]
    return c.add(c.mul(c.add(c.mul(c.add(c.mul(d, a), -5 * a), d), 8 * a), d), -4 * a);
  };
  Value rest = c.add(c.apply<NegOp>(t), 1);
  return {farWeight(c.add(t, 1)), nearWeight(t), nearWeight(rest), farWeight(c.add(rest, 1))};
}

// Taps of normalised coordinates, -1 and 1 the ends of the dimension.
Taps gridTaps(Compose &c, const GridSpec &spec, Value at, int64_t size) {
  double extent = static_cast<double>(size);
  Value x = spec.alignCorners ? c.mul(c.mul(c.add(at, 1), 0.5), extent - 1)
                              : c.mul(c.add(c.mul(c.add(at, 1), extent), -1), 0.5);
  if (spec.mode == "nearest")
    x = c.apply<RoundOp>(x);
  // The pixels around a position are brought inside one by one; linear interpolation may do so with the position.
  bool whole = spec.mode != "cubic";
  if (spec.padding == "reflection")
    x = whole ? reflect(c, x, size, spec.alignCorners) : x;
  else if (spec.padding == "border" && whole)
    x = c.clamp(x, 0, extent - 1);
  else
    x = c.clamp(x, -3, extent + 2); // What is farther outside gives the same.
  if (spec.mode == "nearest")
    return {tapAt(c, spec, x, size, {})};
  if (spec.mode == "linear")
    return twoTaps(c, spec, x, size);
  Value below = c.apply<FloorOp>(x), t = c.sub(x, below);
  Taps taps;
  for (auto [i, weight] : llvm::enumerate(cubicWeights(c, t)))
    taps.push_back(tapAt(c, spec, c.add(below, static_cast<double>(i) - 1), size, weight));
  return taps;
}

LogicalResult gridSample(NodeContext &n) {
  GridSpec spec{n.stringAttr("mode", "linear"), n.stringAttr("padding_mode", "zeros"),
                n.intAttr("align_corners", 0) != 0};
  if (spec.mode == "bilinear" || spec.mode == "bicubic") // Their names before opset 20.
    spec.mode = spec.mode == "bilinear" ? "linear" : "cubic";
  if (spec.mode != "linear" && spec.mode != "cubic" && spec.mode != "nearest")
    (void)n.unsupported("attribute 'mode' = '" + spec.mode + "' is not known");
  if (spec.padding != "zeros" && spec.padding != "border" && spec.padding != "reflection")
    (void)n.unsupported("attribute 'padding_mode' = '" + spec.padding + "' is not known");
  ArrayRef<int64_t> shape = n.shapeOf(0), grid = n.shapeOf(1);
  if (shape.size() < 3 || shape.size() > 5 || grid.size() != shape.size() || grid[0] != shape[0] ||
      grid.back() != static_cast<int64_t>(shape.size()) - 2)
    (void)n.unsupported("it needs an image of rank 3 to 5 and a grid of its rank and batch, whose last dimension has a "
                        "coordinate for each spatial dimension");
  else if (productOf(shape.drop_front(2)) == 0)
    (void)n.unsupported("its image has no pixel");
  if (!n.problems.empty())
    return failure();
  Compose c(n.g);
  int64_t rank = static_cast<int64_t>(shape.size()), last = rank - 1;
  Type type = n.typeOf(0).getElementType(), wide = type.isF64() ? type : c.f32();
  if (!isa<FloatType>(type) && spec.mode != "nearest")
    return n.unsupported("mode '" + spec.mode + "' of integers is not supported; cast the operand to f32");
  ArrayRef<int64_t> size = shape.drop_front(2);
  Value positions = c.g.cast(n.operand(1), wide);
  SmallVector<Taps> taps;
  for (int64_t d = 0; d < rank - 2; ++d) { // Coordinates stand in the reverse order of the dimensions.
    Value at = c.slice(positions, last, rank - 3 - d, 1);
    taps.push_back(gridTaps(c, spec, c.g.reshape(at, grid.drop_back()), size[static_cast<size_t>(d)]));
  }
  Value first = c.mul(c.iota(shape[0], rank - 2), static_cast<double>(productOf(size))), sum;
  Value rows = pixelRows(c, spec.mode == "nearest" ? n.operand(0) : c.g.cast(n.operand(0), wide));
  for (Value row : weightedRows(c, rows, size, first, taps))
    sum = sum ? c.add(sum, row) : row;
  return n.result(c.g.cast(c.moveAxis(sum, last, 1), type));
}

// The two pixels around each of `count` * `samples` positions of a region, and how much of each.
Taps regionTaps(Compose &c, Value start, Value end, int64_t count, int64_t samples, int64_t size, bool halfPixel) {
  Value length = c.sub(end, start);
  if (!halfPixel)
    length = c.apply<MaxOp>(length, 1.0); // Malformed regions are one pixel.
  Value bin = c.mul(length, 1 / static_cast<double>(count));
  Value fraction =
      c.mul(c.add(c.g.cast(c.iota(samples), c.g.attrs().getF32Type()), 0.5), 1 / static_cast<double>(samples));
  Value step = c.add(c.g.cast(c.iota(count, 1), c.f32()), fraction); // [count, samples]
  if (!start || !step)
    return {};
  int64_t regions = Compose::type(start).getNumElements();
  auto column = [&](Value v) { return c.g.reshape(v, {regions, 1, 1}); };
  Value at = c.add(column(start), c.mul(column(bin), c.g.cast(step, Compose::element(start))));
  double extent = static_cast<double>(size);
  Value counts = c.apply<AndOp>(c.compare(ComparePredicate::GE, at, -1), c.compare(ComparePredicate::LE, at, extent));
  at = c.clamp(at, 0, extent - 1);
  Value below = c.apply<FloorOp>(at), t = c.sub(at, below), above = c.clamp(c.add(below, 1), 0, extent - 1);
  return {{c.g.cast(below, c.i64()), c.add(c.apply<NegOp>(t), 1), counts}, {c.g.cast(above, c.i64()), t, counts}};
}

struct RoiSpec {
  int64_t height, width, samples; // of the result; of a bin along each dimension, 0: one for each pixel
  double scale;
  bool halfPixel, mean;
};

// [R, height, width, C] of `regions` [R, 4] in the images that start at the rows `first` [R].
Value pooledRegions(Compose &c, const RoiSpec &spec, Value rows, ArrayRef<int64_t> size, Value regions, Value first,
                    int64_t samplesY, int64_t samplesX) {
  if (!regions)
    return {};
  int64_t count = Compose::shape(regions)[0];
  auto edge = [&](int64_t i) { return c.slice(regions, 1, i, 1); };
  Taps x = regionTaps(c, edge(0), edge(2), spec.width, samplesX, size[1], spec.halfPixel);
  Taps y = regionTaps(c, edge(1), edge(3), spec.height, samplesY, size[0], spec.halfPixel);
  auto inPlace = [&](Taps &taps, Dims dims) { // [R, rows, samples, columns, samples]
    for (Tap &tap : taps)
      for (Value *value : {&tap.index, &tap.weight, &tap.counts})
        *value = c.g.reshape(*value, dims);
  };
  inPlace(y, {count, spec.height, samplesY, 1, 1});
  inPlace(x, {count, 1, 1, spec.width, samplesX});
  first = c.g.reshape(first, {count, 1, 1, 1, 1});
  Value sample;
  for (Value row : weightedRows(c, rows, size, first, {y, x}))
    sample = !sample ? row : spec.mean ? c.add(sample, row) : c.apply<MaxOp>(sample, row);
  return c.reduce(spec.mean ? ReduceKind::Mean : ReduceKind::Max, sample, {2, 4}, /*keepDims=*/false);
}

// How many samples a bin of each region has in both dimensions, one for each pixel, in f32 as onnxruntime has it.
SmallVector<std::pair<int64_t, int64_t>> samplesOf(const RoiSpec &spec, const HostTensor &regions) {
  auto edge = [&](int64_t region, int64_t i) {
    float offset = spec.halfPixel ? 0.5F : 0.0F;
    return static_cast<float>(regions.floatAt(region * 4 + i)) * static_cast<float>(spec.scale) - offset;
  };
  auto samples = [&](float length, int64_t bins) {
    float each = std::ceil((spec.halfPixel ? length : std::max(length, 1.0F)) / static_cast<float>(bins));
    // More than can be: refused by the size of what they make.
    return each > 0 ? static_cast<int64_t>(std::min(each, static_cast<float>(kMaxTable))) : 0;
  };
  SmallVector<std::pair<int64_t, int64_t>> result;
  for (int64_t i = 0; i < regions.shape()[0]; ++i)
    result.push_back({samples(edge(i, 3) - edge(i, 1), spec.height), samples(edge(i, 2) - edge(i, 0), spec.width)});
  return result;
}

// Regions whose bins have equally many samples are pooled together.
Value pooledByPixels(Compose &c, const RoiSpec &spec, Value rows, ArrayRef<int64_t> size, Value regions, Value first,
                     const HostTensor &constant) {
  llvm::MapVector<std::pair<int64_t, int64_t>, Dims> groups;
  for (auto [i, samples] : llvm::enumerate(samplesOf(spec, constant)))
    groups[samples].push_back(static_cast<int64_t>(i));
  SmallVector<Value> parts;
  Dims order(static_cast<size_t>(constant.shape()[0]));
  int64_t place = 0;
  for (const auto &[samples, members] : groups) {
    for (int64_t member : members)
      order[static_cast<size_t>(member)] = place++;
    auto [samplesY, samplesX] = samples;
    if (samplesY && samplesX)
      parts.push_back(pooledRegions(c, spec, rows, size, c.take(regions, 0, members), c.take(first, 0, members),
                                    samplesY, samplesX));
    else
      parts.push_back(c.broadcast(
          c.like(rows, 0), {static_cast<int64_t>(members.size()), spec.height, spec.width, Compose::shape(rows)[1]}));
    if (!parts.back())
      return {};
  }
  return c.take(c.concat(parts, 0), 0, order);
}

// He et al., https://arxiv.org/abs/1703.06870: each of `height` x `width` bins of a region is the mean, or the maximum,
// of samples inside of it.
LogicalResult roiAlign(NodeContext &n) {
  std::string mode = n.stringAttr("mode", "avg");
  std::string coordinates =
      n.opset < 16 ? "output_half_pixel" : n.stringAttr("coordinate_transformation_mode", "half_pixel");
  RoiSpec spec{n.intAttr("output_height", 1),   n.intAttr("output_width", 1), n.intAttr("sampling_ratio", 0),
               n.floatAttr("spatial_scale", 1), coordinates == "half_pixel",  mode == "avg"};
  if (mode != "avg" && mode != "max")
    (void)n.unsupported("attribute 'mode' = '" + mode + "' is not known");
  if (!spec.halfPixel && coordinates != "output_half_pixel")
    (void)n.unsupported("attribute 'coordinate_transformation_mode' = '" + coordinates + "' is not known");
  const HostTensor *constant = n.constant(1);
  if (spec.samples < 0 || (spec.samples == 0 && !constant))
    (void)n.unsupported("attribute 'sampling_ratio' = " + Twine(spec.samples) +
                        ": the number of samples depends on data; "
                        "export the model with a positive one, or freeze the regions with --const NAME=file.npy");
  ArrayRef<int64_t> shape = n.shapeOf(0), rois = n.shapeOf(1);
  if (shape.size() != 4 || rois.size() != 2 || rois[1] != 4 || n.shapeOf(2) != rois.take_front(1) || spec.height < 1 ||
      spec.width < 1)
    (void)n.unsupported(
        "it needs an image [N, C, H, W], regions [R, 4], batch indices [R] and a positive size of the output");
  else if (shape[2] * shape[3] == 0)
    (void)n.unsupported("its image has no pixel");
  if (!n.problems.empty())
    return failure();
  Compose c(n.g);
  Type type = n.typeOf(0).getElementType(), wide = type.isF64() ? type : c.f32();
  ArrayRef<int64_t> size = shape.drop_front(2);
  Value rows = pixelRows(c, c.g.cast(n.operand(0), wide));
  Value regions = c.add(c.mul(c.g.cast(n.operand(1), wide), spec.scale), spec.halfPixel ? -0.5 : 0);
  Value first = c.mul(c.g.cast(n.operand(2), c.i64()), static_cast<double>(productOf(size)));
  Value pooled = spec.samples || rois[0] == 0
                     ? pooledRegions(c, spec, rows, size, regions, first, std::max<int64_t>(1, spec.samples),
                                     std::max<int64_t>(1, spec.samples))
                     : pooledByPixels(c, spec, rows, size, regions, first, *constant);
  return n.result(c.g.cast(c.moveAxis(pooled, 3, 1), type));
}

// The positions of a grid over the image, -1 to 1 in each dimension, moved by an affine map of each batch entry.
LogicalResult affineGrid(NodeContext &n) {
  bool alignCorners = n.intAttr("align_corners", 0) != 0;
  std::optional<std::vector<int64_t>> given = n.constantInts(1, "size");
  if (!given)
    return failure();
  ArrayRef<int64_t> size(*given), theta = n.shapeOf(0);
  int64_t spatial = static_cast<int64_t>(size.size()) - 2;
  if ((spatial != 2 && spatial != 3) || theta != ArrayRef<int64_t>{size[0], spatial, spatial + 1})
    return n.unsupported("it needs a size [N, C, H, W] and a matrix [N, 2, 3], or [N, C, D, H, W] and [N, 3, 4]");
  size = size.drop_front(2);
  double positions = 1;
  for (int64_t extent : size)
    positions *= static_cast<double>(extent);
  if (llvm::any_of(size, [](int64_t s) { return s < 1; }) ||
      positions * static_cast<double>(spatial + 1) > static_cast<double>(kMaxTable))
    return n.unsupported("its size has a dimension below 1, or more than " + Twine(kMaxTable) + " positions");
  // Rows of homogeneous coordinates, the last dimension's first.
  std::vector<double> grid;
  for (int64_t i = 0; i < productOf(size); ++i) {
    int64_t rest = i;
    for (int64_t d = spatial; d-- > 0; rest /= size[static_cast<size_t>(d)]) {
      double extent = static_cast<double>(size[static_cast<size_t>(d)]);
      double at = static_cast<double>(rest % size[static_cast<size_t>(d)]);
      grid.push_back(!alignCorners ? (2 * at + 1) / extent - 1 : extent == 1 ? 0 : 2 * at / (extent - 1) - 1);
    }
    grid.push_back(1);
  }
  Compose c(n.g);
  Value base = c.reals(grid, {productOf(size), spatial + 1}, n.typeOf(0).getElementType());
  Dims shape = {theta[0]};
  shape.append(size.begin(), size.end());
  shape.push_back(spatial);
  return n.result(c.g.reshape(c.matmul(base, n.operand(0), false, true), shape));
}

} // namespace

Taps frontend::linearTaps(Compose &c, Value position, int64_t size) {
  // What is farther outside gives the same, and its index fits.
  return twoTaps(c, {"linear", "zeros", true}, c.clamp(position, -3, static_cast<double>(size + 2)), size);
}

void frontend::addSamplingOps(OpTable &table) {
  table["GridSample"] = {gridSample, 16, "1 to 3 spatial dimensions; integers: mode nearest"};
  table["com.microsoft.GridSample"] = {gridSample, 1};
  table["RoiAlign"] = {roiAlign, 10, "a positive sampling_ratio, or constant regions"};
  table["AffineGrid"] = {affineGrid, 20, "constant size"};
}
