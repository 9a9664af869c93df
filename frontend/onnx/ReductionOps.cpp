// Reductions of ONNX.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

struct ReduceSpec {
  SmallVector<int64_t> axes;
  bool keepDims;
  bool nothing; // noop_with_empty_axes
};

// `inputAxesSince`: the opset from which axes are an operand.
std::optional<ReduceSpec> readSpec(NodeContext &n, int64_t inputAxesSince) {
  ReduceSpec spec{{}, n.intAttr("keepdims", 1) != 0, false};
  std::vector<int64_t> axes;
  if (n.opset < inputAxesSince) {
    axes = n.intsAttr("axes", {});
  } else if (n.has(1)) {
    std::optional<std::vector<int64_t>> given = n.constantInts(1, "axes");
    if (!given)
      return std::nullopt;
    axes = *given;
  }
  bool noop = n.intAttr("noop_with_empty_axes", 0) != 0;
  int64_t rank = n.rankOf(0);
  std::optional<SmallVector<int64_t>> normal = n.axes(axes, rank);
  if (!normal)
    return std::nullopt;
  spec.axes = *normal;
  spec.nothing = spec.axes.empty() && noop;
  if (spec.axes.empty() && !noop)
    spec.axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  return spec;
}

Value reduceBy(NodeContext &n, ReduceKind kind, Value value, const ReduceSpec &spec) {
  if (spec.nothing)
    return value;
  SmallVector<NamedAttribute> attributes = {n.g.attr("kind", ReduceKindAttr::get(n.g.context(), kind)),
                                            n.g.ints("axes", spec.axes)};
  if (spec.keepDims)
    attributes.push_back(n.g.unit("keep_dims"));
  return n.g.make<ReduceOp>(value, attributes);
}

template <ReduceKind kind, int64_t inputAxesSince> LogicalResult reduce(NodeContext &n) {
  std::optional<ReduceSpec> spec = readSpec(n, inputAxesSince);
  if (!spec)
    return failure();
  if (!n.typeOf(0).getElementType().isInteger(1))
    return n.result(reduceBy(n, kind, n.operand(0), *spec));
  // Maximum and minimum of i1 are "any" and "all", of nothing false and true.
  Compose c(n.g);
  Value any = reduceBy(n, kind, n.g.cast(n.operand(0), c.i32()), *spec);
  return n.result(c.compare(ComparePredicate::GT, any, 0));
}

// Sum of a function of the elements, and a function of that.
template <typename Before, typename After> LogicalResult reduceComposed(NodeContext &n, Before before, After after) {
  std::optional<ReduceSpec> spec = readSpec(n, 18);
  return spec ? n.result(after(reduceBy(n, ReduceKind::Sum, before(n.operand(0)), *spec))) : failure();
}

LogicalResult reduceL1(NodeContext &n) {
  return reduceComposed(n, [&](Value x) { return n.g.make<AbsOp>(x); }, [](Value x) { return x; });
}
LogicalResult reduceL2(NodeContext &n) {
  return reduceComposed(
      n, [&](Value x) { return n.g.make<MulOp>({x, x}); }, [&](Value x) { return n.g.make<SqrtOp>(x); });
}
LogicalResult reduceSumSquare(NodeContext &n) {
  return reduceComposed(n, [&](Value x) { return n.g.make<MulOp>({x, x}); }, [](Value x) { return x; });
}
LogicalResult reduceLogSum(NodeContext &n) {
  return reduceComposed(n, [](Value x) { return x; }, [&](Value x) { return n.g.make<LogOp>(x); });
}

// max + ln(sum(exp(x - max)))
LogicalResult reduceLogSumExp(NodeContext &n) {
  std::optional<ReduceSpec> spec = readSpec(n, 18);
  if (!spec)
    return failure();
  ReduceSpec keep = *spec;
  keep.keepDims = true;
  Value x = n.operand(0), max = reduceBy(n, ReduceKind::Max, x, keep);
  Value sum = reduceBy(n, ReduceKind::Sum, n.g.make<ExpOp>(n.g.make<SubOp>({x, max})), *spec);
  Value log = n.g.make<LogOp>(sum);
  if (!log)
    return failure();
  return n.result(n.g.make<AddOp>({log, n.g.reshape(max, mlir::cast<RankedTensorType>(log.getType()).getShape())}));
}

template <typename OpT> LogicalResult argReduce(NodeContext &n) {
  std::optional<int64_t> axis = n.axis(n.intAttr("axis", 0), n.rankOf(0));
  if (!axis)
    return failure();
  SmallVector<NamedAttribute> attributes = {n.g.integer("axis", *axis)};
  if (n.intAttr("keepdims", 1))
    attributes.push_back(n.g.unit("keep_dims"));
  if (n.intAttr("select_last_index", 0))
    attributes.push_back(n.g.unit("select_last"));
  return n.result(n.g.make<OpT>(n.operand(0), attributes));
}

// The constant scalar operand that names the axis of a scan.
std::optional<int64_t> scanAxis(NodeContext &n) {
  std::optional<std::vector<int64_t>> axis = n.constantInts(1, "axis");
  if (axis && axis->size() == 1)
    return n.axis(axis->front(), n.rankOf(0));
  if (axis)
    (void)n.unsupported("its axis must be a scalar");
  return std::nullopt;
}

LogicalResult cumSum(NodeContext &n) {
  std::optional<int64_t> axis = scanAxis(n);
  if (!axis)
    return failure();
  SmallVector<NamedAttribute> attributes = {n.g.integer("axis", *axis)};
  if (n.intAttr("exclusive", 0))
    attributes.push_back(n.g.unit("exclusive"));
  if (n.intAttr("reverse", 0))
    attributes.push_back(n.g.unit("reverse"));
  return n.result(n.g.make<CumSumOp>(n.operand(0), attributes));
}

// Products over 1, 2, 4, ... neighbours: log2(size) steps of whole tensors (Hillis and Steele, "Data parallel
// algorithms", 1986).
LogicalResult cumProd(NodeContext &n) {
  std::optional<int64_t> axis = scanAxis(n);
  bool exclusive = n.intAttr("exclusive", 0) != 0, reverse = n.intAttr("reverse", 0) != 0;
  if (!axis)
    return failure();
  Compose c(n.g);
  int64_t size = n.shapeOf(0)[static_cast<size_t>(*axis)];
  // What stands `distance` before; 1 where there is none.
  auto before = [&](Value x, int64_t distance) {
    Dims low(static_cast<size_t>(n.rankOf(0)), 0), high = low;
    (reverse ? high : low)[static_cast<size_t>(*axis)] = distance;
    return c.pad(c.slice(x, *axis, reverse ? distance : 0, size - distance), low, high, 1);
  };
  Value x = n.operand(0);
  if (exclusive && size > 0)
    x = before(x, 1);
  for (int64_t distance = 1; distance < size; distance *= 2)
    x = c.mul(x, before(x, distance));
  return n.result(x);
}

} // namespace

void frontend::addReductionOps(OpTable &table) {
  table["ReduceSum"] = {reduce<ReduceKind::Sum, 13>, 1};
  table["ReduceMean"] = {reduce<ReduceKind::Mean, 18>, 1};
  table["ReduceMax"] = {reduce<ReduceKind::Max, 18>, 1};
  table["ReduceMin"] = {reduce<ReduceKind::Min, 18>, 1};
  table["ReduceProd"] = {reduce<ReduceKind::Prod, 18>, 1};
  table["ReduceL1"] = {reduceL1, 1};
  table["ReduceL2"] = {reduceL2, 1};
  table["ReduceSumSquare"] = {reduceSumSquare, 1};
  table["ReduceLogSum"] = {reduceLogSum, 1};
  table["ReduceLogSumExp"] = {reduceLogSumExp, 1};
  table["ArgMax"] = {argReduce<ArgMaxOp>, 1};
  table["ArgMin"] = {argReduce<ArgMinOp>, 1};
  table["CumSum"] = {cumSum, 11, "constant axis"};
  table["CumProd"] = {cumProd, 26, "constant axis"};
}
