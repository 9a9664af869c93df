// Signal processing of ONNX: windows and filter banks are tables; Fourier transforms are products with constant
// matrices.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

std::optional<Type> outputType(NodeContext &n) {
  int32_t given = static_cast<int32_t>(n.intAttr("output_datatype", onnx::TensorProto::FLOAT));
  if (std::optional<DType> type = fromOnnxType(given))
    return toElementType(n.g.context(), *type);
  (void)n.unsupported("attribute 'output_datatype': elements of " + onnxTypeName(given) + " are not supported");
  return std::nullopt;
}

// a0 - a1 cos(t) + a2 cos(2t), t from 0 to 2 pi.
LogicalResult cosineWindow(NodeContext &n, double a0, double a1, double a2) {
  std::optional<double> size = n.constantScalar(0, "size");
  std::optional<Type> type = outputType(n);
  bool periodic = n.intAttr("periodic", 1) != 0;
  if (!size || !type)
    return failure();
  if (*size < 1 || *size > static_cast<double>(kMaxTable))
    return n.unsupported("its size must be in [1, " + Twine(kMaxTable) + "]");
  int64_t count = static_cast<int64_t>(*size), whole = periodic ? count : count - 1;
  std::vector<double> window(static_cast<size_t>(count), 1);
  for (int64_t i = 0; i < count && whole > 0; ++i) {
    double t = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(whole);
    window[static_cast<size_t>(i)] = a0 - a1 * std::cos(t) + a2 * std::cos(2 * t);
  }
  return n.result(Compose(n.g).reals(window, {count}, *type));
}

LogicalResult hann(NodeContext &n) { return cosineWindow(n, 0.5, 0.5, 0); }
LogicalResult hamming(NodeContext &n) { return cosineWindow(n, 25.0 / 46, 21.0 / 46, 0); }
LogicalResult blackman(NodeContext &n) { return cosineWindow(n, 0.42, 0.5, 0.08); }

// Triangles over the bins of a spectrum, their corners at equal distances on the mel scale.
LogicalResult melWeightMatrix(NodeContext &n) {
  static const char *const kNames[] = {"num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz",
                                       "upper_edge_hertz"};
  double given[5];
  for (size_t i = 0; i < 5; ++i)
    given[i] = n.constantScalar(i, kNames[i]).value_or(0);
  std::optional<Type> type = outputType(n);
  if (!type || !n.problems.empty())
    return failure();
  auto [mels, length, rate, low, high] = given;
  double bins = std::floor(length / 2) + 1;
  if (mels < 1 || length < 1 || rate < 1 || low < 0 || high < low || mels * bins > static_cast<double>(kMaxTable))
    return n.unsupported("its sizes and its rate must be positive, 0 <= lower_edge_hertz <= upper_edge_hertz, and its "
                         "result has at most " +
                         Twine(kMaxTable) + " elements");
  auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double step = (mel(high) - mel(low)) / (mels + 2);
  auto corner = [&](int64_t i) {
    double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + mel(low)) / 2595) - 1);
    return std::floor((length + 1) * hertz / rate);
  };
  if (corner(static_cast<int64_t>(mels) + 1) > bins)
    return n.unsupported("its upper_edge_hertz is above half of its sample_rate");
  int64_t columns = static_cast<int64_t>(mels), rows = static_cast<int64_t>(bins);
  std::vector<double> matrix(static_cast<size_t>(rows * columns), 0);
  for (int64_t column = 0; column < columns; ++column) {
    double left = corner(column), centre = corner(column + 1), right = corner(column + 2);
    for (int64_t row = 0; row < rows; ++row) {
      double at = static_cast<double>(row), &out = matrix[static_cast<size_t>(row * columns + column)];
      if (at == centre)
        out = 1;
      else if (at >= left && at < centre)
        out = (at - left) / (centre - left);
      else if (at > centre && at < right)
        out = (right - at) / (right - centre);
    }
  }
  return n.result(Compose(n.g).reals(matrix, {rows, columns}, *type));
}

struct Transform {
  int64_t length;
  bool inverse = false, oneSided = false;
  // Of the operand along the axis; 1 for real numbers, 2 for pairs of real and imaginary parts.
  int64_t in, inParts;

  bool toReal() const { return inverse && oneSided; }
  int64_t out() const { return oneSided && !inverse ? length / 2 + 1 : length; }
  int64_t outParts() const { return toReal() ? 1 : 2; }
};

// [in * inParts, out * outParts]: exp(-+2 pi i k l / length), parts apart. The inverse of one side stands for the
// other, the conjugate, too.
std::vector<double> transformMatrix(const Transform &t) {
  std::vector<double> matrix;
  double n = static_cast<double>(t.length);
  for (int64_t l = 0; l < t.in; ++l) {
    bool isOwnConjugate = l == 0 || 2 * l == t.length;
    double scale = t.inverse ? (t.toReal() && !isOwnConjugate ? 2 : 1) / n : 1;
    for (int64_t part = 0; part < t.inParts; ++part)
      for (int64_t k = 0; k < t.out(); ++k) {
        // The product is taken modulo the length: no digit of the angle is lost.
        double angle = 2 * std::numbers::pi * static_cast<double>(k * l % t.length) / n;
        double real = scale * std::cos(angle), imaginary = scale * (t.inverse ? 1 : -1) * std::sin(angle);
        matrix.push_back(part == 0 ? real : -imaginary);
        if (t.outParts() == 2)
          matrix.push_back(part == 0 ? imaginary : real);
      }
  }
  return matrix;
}

// x: [..., in, inParts] to [..., out, outParts].
Value transformed(NodeContext &n, Value x, const Transform &t) {
  constexpr int64_t kMaxLength = 1 << 20;
  if (t.length < 1 || t.length > kMaxLength || t.in * t.inParts > kMaxTable / (t.out() * t.outParts())) {
    (void)n.unsupported("a transform of length " + Twine(t.length) + " is a product with a table of more than " +
                        Twine(kMaxTable) + " elements, or none");
    return {};
  }
  if (!x)
    return {};
  Compose c(n.g);
  Dims shape(Compose::shape(x).drop_back(2)), flat = shape;
  int64_t rows = t.in * t.inParts, columns = t.out() * t.outParts();
  flat.push_back(rows);
  shape.append({t.out(), t.outParts()});
  Type type = Compose::element(x), wide = type.isF64() ? type : c.f32();
  // A vector of one batch is a row.
  if (flat.size() == 1)
    flat.insert(flat.begin(), 1);
  Value product = c.matmul(c.g.cast(c.g.reshape(x, flat), wide), c.reals(transformMatrix(t), {rows, columns}, wide));
  return c.g.cast(c.g.reshape(product, shape), type);
}

LogicalResult dft(NodeContext &n) {
  int64_t rank = n.rankOf(0), given = n.opset < 20 ? n.intAttr("axis", 1) : -2;
  if (n.opset >= 20 && n.has(2)) {
    std::optional<double> operand = n.constantScalar(2, "axis");
    if (!operand)
      return failure();
    given = static_cast<int64_t>(*operand);
  }
  std::optional<int64_t> axis = n.axis(given, rank);
  Transform t;
  t.inverse = n.intAttr("inverse", 0) != 0;
  t.oneSided = n.intAttr("onesided", 0) != 0;
  if (!axis)
    return failure();
  if (*axis == rank - 1 || n.shapeOf(0).back() < 1 || n.shapeOf(0).back() > 2)
    return n.unsupported("its last dimension must be the 1 or 2 parts of a number, and not its axis");
  t.in = n.shapeOf(0)[static_cast<size_t>(*axis)];
  t.inParts = n.shapeOf(0).back();
  t.length = t.toReal() ? 2 * (t.in - 1) : t.in;
  if (n.has(1)) {
    std::optional<double> length = n.constantScalar(1, "dft_length");
    if (!length)
      return failure();
    t.length = static_cast<int64_t>(*length);
  }
  // What is behind the length is cut; what is missing is 0.
  t.in = std::min(t.in, t.toReal() ? t.length / 2 + 1 : t.length);
  Compose c(n.g);
  Value x = c.moveAxis(c.slice(n.operand(0), *axis, 0, t.in), *axis, rank - 2);
  return n.result(c.moveAxis(transformed(n, x, t), rank - 2, *axis));
}

// The transforms of windows of a signal, `frame_step` apart.
LogicalResult stft(NodeContext &n) {
  std::optional<double> step = n.constantScalar(1, "frame_step");
  ArrayRef<int64_t> shape = n.shapeOf(0);
  int64_t length = n.has(2) ? n.typeOf(2).getNumElements() : shape.size() > 1 ? shape[1] : 0;
  if (n.has(3)) {
    std::optional<double> given = n.constantScalar(3, "frame_length");
    if (!given)
      return failure();
    if (n.has(2) && static_cast<int64_t>(*given) != length)
      return n.unsupported("its window has " + Twine(length) + " elements, its frame_length is " +
                           Twine(static_cast<int64_t>(*given)));
    length = static_cast<int64_t>(*given);
  }
  if (!step)
    return failure();
  if (shape.size() != 3 || (shape[2] != 1 && shape[2] != 2) || length < 1 || length > shape[1] || !(*step >= 1) ||
      *step > static_cast<double>(kMaxTable))
    return n.unsupported(
        "it needs a signal [batch, length, 1 or 2], and a frame_step and frame_length of at least 1 and "
        "at most its length");
  Transform t;
  t.length = t.in = length;
  t.inParts = shape[2];
  t.oneSided = n.intAttr("onesided", 1) != 0;
  int64_t hop = static_cast<int64_t>(*step), frames = 1 + (shape[1] - length) / hop;
  if (frames > kMaxTable / length)
    return n.unsupported("its frames have more than " + Twine(kMaxTable) + " elements");
  Dims positions;
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int64_t i = 0; i < length; ++i)
      positions.push_back(frame * hop + i);
  Compose c(n.g);
  Value x = c.g.reshape(c.take(n.operand(0), 1, positions), {shape[0], frames, length, shape[2]});
  if (n.has(2))
    x = c.mul(x, c.g.reshape(n.operand(2), {length, 1}));
  return n.result(transformed(n, x, t));
}

} // namespace

void frontend::addSignalOps(OpTable &table) {
  table["HannWindow"] = {hann, 17, "constant operands"};
  table["HammingWindow"] = {hamming, 17, "constant operands"};
  table["BlackmanWindow"] = {blackman, 17, "constant operands"};
  table["MelWeightMatrix"] = {melWeightMatrix, 17, "constant operands"};
  table["DFT"] = {dft, 17, "a product with a matrix of at most 2^26 elements"};
  table["STFT"] = {stft, 17, "a product with a matrix of at most 2^26 elements"};
}
