#include "codegen/cpu/Depthwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

// Taps of the innermost axis that are unrolled.
constexpr int64_t kMostTaps = 32;

// The coefficient of each loop in one dimension of an operand; false where it is not linear, or begins elsewhere.
bool addCoefficients(AffineExpr expr, SmallVectorImpl<int64_t> &coefficients) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    coefficients[dim.getPosition()] += 1;
    return true;
  }
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return number.getValue() == 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addCoefficients(binary.getLHS(), coefficients) && addCoefficients(binary.getRHS(), coefficients);
  auto dim = dyn_cast<AffineDimExpr>(binary.getLHS());
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (binary.getKind() != AffineExprKind::Mul || !dim || !factor)
    return false;
  coefficients[dim.getPosition()] += factor.getValue();
  return true;
}

// How the image's dimensions lie in the argument.
struct Frame {
  SmallVector<int64_t> low, elements;
};

// Behind padding come reshapes that add dimensions of one element at the end.
std::optional<Frame> frameOf(const ContractionOperand &image) {
  ArrayRef<int64_t> shape = image.type.getShape();
  Frame frame{SmallVector<int64_t>(shape.size(), 0), SmallVector<int64_t>(shape)};
  tensor::PadOp pad = image.pad;
  if (!pad)
    return frame;
  ArrayRef<int64_t> padded = pad.getResultType().getShape();
  bool isExtended = padded.size() <= shape.size() && shape.take_front(padded.size()) == padded &&
                    llvm::all_of(shape.drop_front(padded.size()), [](int64_t size) { return size == 1; });
  if (!isExtended)
    return std::nullopt;
  for (auto [i, low, high] : llvm::enumerate(pad.getStaticLow(), pad.getStaticHigh())) {
    if (low < 0 || high < 0)
      return std::nullopt;
    frame.low[i] = low;
    frame.elements[i] -= low + high;
  }
  return frame;
}

} // namespace

std::optional<Depthwise> matchDepthwise(func::FuncOp kernel, const TargetDesc &target) {
  std::optional<Contraction> match = matchContraction(kernel, target, /*withPadding=*/true);
  if (!match)
    return std::nullopt;
  const Contraction &c = *match;
  if (c.lhsLane != 1 || c.rhsLane != 1 || c.laneGroup || c.panelWidth || c.interleave != 1 || !c.outer.empty() ||
      c.rhs.pad || c.rhs.offset || c.lhs.offset)
    return std::nullopt;
  std::optional<Frame> frame = frameOf(c.lhs);
  if (!frame)
    return std::nullopt;
  linalg::GenericOp op = c.op;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(c.swapped ? 1 : 0));
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto kinds = op.getIteratorTypesArray();
  Depthwise d{c, {}, {1, 1, 1, 1, 1, 0, 0, 0}};
  SmallVector<WindowAxis> axes;
  int64_t imageStride = 1, loops = 0;
  bool hasLanes = false;
  for (int64_t i = map.getNumResults(); i-- > 0;) {
    SmallVector<int64_t> coefficients(ranges.size(), 0);
    if (!addCoefficients(map.getResult(i), coefficients))
      return std::nullopt;
    WindowAxis axis{1, frame->elements[i], 1, 1, 1, frame->low[i], imageStride, 0};
    int64_t used = 0;
    imageStride *= axis.elements;
    for (auto [dim, coefficient] : llvm::enumerate(coefficients)) {
      if (coefficient == 0 || ranges[dim] == 1)
        continue;
      ++used;
      if (kinds[dim] == utils::IteratorType::parallel && axis.results == 1) {
        axis.results = ranges[dim];
        axis.stride = coefficient;
      } else if (kinds[dim] == utils::IteratorType::reduction && axis.taps == 1) {
        axis.taps = ranges[dim];
        axis.dilation = coefficient;
        axis.filterStride = c.rhs.coefficients[dim];
      } else {
        return std::nullopt;
      }
      if (c.rhs.coefficients[dim] != 0 && kinds[dim] == utils::IteratorType::parallel) { // channels
        if (hasLanes || axis.imageStride != 1 || coefficient != 1 || axis.low != 0 || axis.elements != c.n)
          return std::nullopt;
        hasLanes = true;
      }
    }
    loops += used;
    bool isChannels = hasLanes && axes.empty() && axis.imageStride == 1;
    if (!isChannels && (used || axis.low || axis.elements != 1))
      axes.push_back(axis);
  }
  // Every loop is a dimension's own, and results lie in the order of the image's dimensions.
  int64_t results = 1;
  for (const WindowAxis &axis : axes)
    results *= axis.results;
  int64_t longLoops = llvm::count_if(ranges, [](int64_t range) { return range > 1; });
  if (!hasLanes || loops != longLoops || results != c.rows)
    return std::nullopt;
  int64_t before = -1;
  for (AffineExpr expr : map.getResults())
    for (unsigned dim = 0; dim < ranges.size(); ++dim)
      if (ranges[dim] > 1 && kinds[dim] == utils::IteratorType::parallel && expr.isFunctionOfDim(dim)) {
        AffineMap out = op.getIndexingMapsArray().back();
        auto *place = llvm::find_if(out.getResults(), [&](AffineExpr e) { return e.isFunctionOfDim(dim); });
        int64_t at = place - out.getResults().begin();
        if (at <= before)
          return std::nullopt;
        before = at;
      }
  if (!axes.empty() && axes.front().taps <= kMostTaps) {
    d.inner = axes.front();
    axes.erase(axes.begin());
  }
  // What is no convolution, as sums of products along one dimension, has its rows beside each other.
  if (!c.lhs.pad && (d.inner.taps == 1 || d.inner.results == 1))
    return std::nullopt;
  d.outer.assign(axes.rbegin(), axes.rend());
  return d;
}

} // namespace mlc::codegen::cpu
