// Matrix products and convolutions in the canonical form of `contract`.
#include "codegen/lower/Families.h"
#include "dialects/mlc/MlcDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

// A sum in its compute type, of the shape of `type`, as an element of it. Behind the crop of panels and the reshapes:
// emitters look for a contraction's value through those, and take what comes behind as an epilogue.
Value rounded(OpBuilder &b, Location loc, Value sum, RankedTensorType type) {
  if (typeOf(sum).getElementType() == type.getElementType())
    return sum;
  return mapElements(b, loc, sum, type, [](OpBuilder &, Location, ValueRange values) { return values[0]; });
}

// Loops: batch..., m, n, k.
Value lowerMatmul(OpBuilder &b, MatmulOp op) {
  auto out = typeOf(op.getResult());
  int64_t batches = out.getRank() - 2, dims = out.getRank() + 1;
  AffineExpr m = b.getAffineDimExpr(batches), n = b.getAffineDimExpr(batches + 1), k = b.getAffineDimExpr(batches + 2);
  auto mapOf = [&](Value operand, AffineExpr row, AffineExpr column, bool transpose) {
    auto shape = typeOf(operand).getShape().drop_back(2);
    SmallVector<AffineExpr> exprs;
    for (auto [i, size] : llvm::enumerate(shape)) {
      int64_t dim = batches - int64_t(shape.size()) + int64_t(i);
      exprs.push_back(size == 1 && out.getDimSize(dim) != 1 ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(dim));
    }
    if (transpose)
      std::swap(row, column);
    exprs.append({row, column});
    return AffineMap::get(dims, 0, exprs, b.getContext());
  };
  AffineMap outMap = b.getMultiDimIdentityMap(dims).dropResult(dims - 1);
  Value sum = contract(b, op, op.getLhs(), mapOf(op.getLhs(), m, k, op.getTransposeLhs()), op.getRhs(),
                       mapOf(op.getRhs(), k, n, op.getTransposeRhs()), out.getShape(), outMap);
  return rounded(b, op.getLoc(), sum, out);
}

// Loops: m, panel, lane, k; lhs (m, k), rhs (panel, k, lane), result (m, panel, lane). Interleaved, the last loop goes
// over the rows of a lane: lhs (m, k, i), rhs (panel, k, lane, i).
Value lowerPackedMatmul(OpBuilder &b, PackedMatmulOp op) {
  Location loc = op.getLoc();
  auto lhs = typeOf(op.getLhs()), out = typeOf(op.getResult());
  auto [panels, k, lanes, interleave] = op.panels();
  int64_t rows = lhs.getNumElements() / std::max<int64_t>(k, 1);
  SmallVector<int64_t> lhsShape{rows, k};
  AffineExpr dm, dp, dl, dk, di;
  bindDims(b.getContext(), dm, dp, dl, dk, di);
  SmallVector<AffineExpr> left{dm, dk}, right{dp, dk, dl};
  if (interleave > 1) {
    lhsShape = {rows, k / interleave, interleave};
    left.push_back(di);
    right.push_back(di);
  }
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(interleave > 1 ? 5 : 4, 0, exprs, b.getContext());
  };
  Value sum = contract(b, op, reshaped(b, loc, op.getLhs(), lhsShape), map(left), op.getRhs(), map(right),
                       {rows, panels, lanes}, map({dm, dp, dl}));
  Value flat = reshaped(b, loc, sum, {rows, panels * lanes});
  Value whole = reshaped(b, loc, cropped(b, loc, flat, {rows, int64_t(op.getN())}), out.getShape());
  return rounded(b, loc, whole, out);
}

// What both convolutions share: position = output * stride + window * dilation, per spatial dimension.
AffineExpr windowExpr(AffineExpr output, AffineExpr window, int64_t stride, int64_t dilation) {
  return output * stride + window * dilation;
}

// Loops: n, group, o, spatial..., c, window...; groups are dimensions of their own in all three tensors.
Value lowerConv(OpBuilder &b, ConvOp op) {
  Location loc = op.getLoc();
  auto input = typeOf(op.getInput()), filter = typeOf(op.getFilter()), out = typeOf(op.getResult());
  bool last = op.getLayout() == Layout::ChannelsLast;
  int64_t rank = input.getRank(), spatial = rank - 2, first = last ? 1 : 2, groups = op.getGroups();
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  for (int64_t d = 0; d < spatial; ++d) {
    low[first + d] = op.getPadLow()[d];
    high[first + d] = op.getPadHigh()[d];
  }
  Value image = padded(b, loc, op.getInput(), low, high, 0), weights = op.getFilter();
  AffineExpr dn = b.getAffineDimExpr(0), dg = b.getAffineDimExpr(1), dout = b.getAffineDimExpr(2);
  AffineExpr dc = b.getAffineDimExpr(3 + spatial);
  int64_t dims = 4 + 2 * spatial;
  SmallVector<AffineExpr> positions, outputs, windows;
  for (int64_t d = 0; d < spatial; ++d) {
    outputs.push_back(b.getAffineDimExpr(3 + d));
    windows.push_back(b.getAffineDimExpr(4 + spatial + d));
    positions.push_back(windowExpr(outputs[d], windows[d], op.getStrides()[d], op.getDilations()[d]));
  }
  // Splits dimension `dim` of a shape into groups and the rest, where there are groups.
  auto split = [&](ArrayRef<int64_t> shape, int64_t dim) {
    SmallVector<int64_t> result(shape);
    if (groups > 1) {
      result[dim] /= groups;
      result.insert(result.begin() + dim, groups);
    }
    return result;
  };
  SmallVector<AffineExpr> in = {dn}, weight, result = {dn};
  auto channel = [&](SmallVectorImpl<AffineExpr> &exprs, AffineExpr inner) {
    if (groups > 1)
      exprs.push_back(dg);
    exprs.push_back(inner);
  };
  if (last) {
    in.append(positions);
    channel(in, dc);
    weight.append(windows);
    weight.push_back(dc);
    channel(weight, dout);
    result.append(outputs);
    channel(result, dout);
  } else {
    channel(in, dc);
    in.append(positions);
    channel(weight, dout);
    weight.push_back(dc);
    weight.append(windows);
    channel(result, dout);
    result.append(outputs);
  }
  int64_t channelDim = last ? rank - 1 : 1;
  image = reshaped(b, loc, image, split(typeOf(image).getShape(), channelDim));
  weights = reshaped(b, loc, weights, split(filter.getShape(), last ? rank - 1 : 0));
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    AffineMap full = AffineMap::get(dims, 0, exprs, b.getContext());
    if (groups > 1)
      return full;
    // Without groups their loop is not there.
    SmallVector<AffineExpr> dropped;
    for (int64_t i = 0; i < dims; ++i)
      dropped.push_back(b.getAffineDimExpr(i > 1 ? i - 1 : 0));
    return full.replaceDimsAndSymbols(dropped, {}, dims - 1, 0);
  };
  Value sum = contract(b, op, image, map(in), weights, map(weight), split(out.getShape(), channelDim), map(result));
  return rounded(b, loc, reshaped(b, loc, sum, out.getShape()), out);
}

// Loops: n, spatial..., outer, inner, lane, window..., c, and the rows of a lane where they are interleaved. The three
// between are the output channels: groups, the panels
// of each, and a panel's lanes; or, with whole groups side by side, panels, the groups of each, and the outputs of a
// group.
Value lowerPackedConv(OpBuilder &b, PackedConvOp op) {
  Location loc = op.getLoc();
  auto input = typeOf(op.getInput()), filter = typeOf(op.getFilter()), out = typeOf(op.getResult());
  auto [panels, channels, lanes, interleave] = op.panels();
  bool isInterleaved = interleave > 1;
  int64_t spatial = input.getRank() - 2, groups = op.getGroups(), together = op.groupsPerPanel();
  int64_t dims = 2 * spatial + (isInterleaved ? 6 : 5);
  // One dimension of a tensor: what indexes it, and its size.
  struct Dim {
    AffineExpr at;
    int64_t size;
  };
  auto dim = [&](int64_t i, int64_t size) { return Dim{b.getAffineDimExpr(i), size}; };
  SmallVector<Dim> image{dim(0, input.getDimSize(0))}, weights, result{dim(0, input.getDimSize(0))};
  Dim c = dim(4 + 2 * spatial, channels / interleave);
  auto add = [](SmallVectorImpl<Dim> &to, std::initializer_list<Dim> more) { to.append(more); };
  SmallVector<Dim> window;
  for (int64_t d = 0; d < spatial; ++d) {
    window.push_back(dim(4 + spatial + d, filter.getDimSize(1 + d)));
    result.push_back(dim(1 + d, out.getDimSize(1 + d)));
    AffineExpr at = windowExpr(result.back().at, window.back().at, op.getStrides()[d], op.getDilations()[d]);
    image.push_back({at, input.getDimSize(1 + d)});
  }
  bool share = together > 1;
  Dim outer = dim(1 + spatial, share ? panels : groups), inner = dim(2 + spatial, share ? together : panels / groups);
  Dim lane = dim(3 + spatial, share ? lanes / together : lanes);
  add(result, {outer, inner, lane});
  if (share) {
    add(image, {outer, inner, c});
    add(weights, {outer});
    weights.append(window);
    add(weights, {c, inner, lane});
  } else {
    add(image, {outer, c});
    add(weights, {outer, inner});
    weights.append(window);
    add(weights, {c, lane});
  }
  if (isInterleaved) {
    Dim row = dim(dims - 1, interleave);
    add(image, {row});
    add(weights, {row});
  }
  auto sizes = [](ArrayRef<Dim> list) { return llvm::map_to_vector(list, [](const Dim &d) { return d.size; }); };
  auto map = [&](ArrayRef<Dim> list) {
    auto exprs = llvm::map_to_vector(list, [](const Dim &d) { return d.at; });
    return AffineMap::get(dims, 0, exprs, b.getContext());
  };
  Value sum = contract(b, op, reshaped(b, loc, op.getInput(), sizes(image)), map(image),
                       reshaped(b, loc, op.getFilter(), sizes(weights)), map(weights), sizes(result), map(result));
  if (!share) {
    SmallVector<int64_t> shape(out.getShape().drop_back());
    shape.append({groups, panels / groups * lanes});
    sum = reshaped(b, loc, sum, shape);
    shape.back() = int64_t(op.getOutChannels()) / groups;
    sum = cropped(b, loc, sum, shape);
  }
  return rounded(b, loc, reshaped(b, loc, sum, out.getShape()), out);
}

} // namespace

Value lowerContraction(OpBuilder &b, Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](MatmulOp o) { return lowerMatmul(b, o); })
      .Case([&](PackedMatmulOp o) { return lowerPackedMatmul(b, o); })
      .Case([&](ConvOp o) { return lowerConv(b, o); })
      .Case([&](PackedConvOp o) { return lowerPackedConv(b, o); })
      .Default([](Operation *) { return Value(); });
}

} // namespace mlc::codegen
