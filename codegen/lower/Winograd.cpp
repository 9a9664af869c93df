// mlc.winograd_conv as five contractions, where its emitter does not take the kernel: the transform of the image by
// rows and by columns, the products, and the transform of the sums.
#include "dialects/mlc/Winograd.h"
#include "codegen/lower/Families.h"
#include "codegen/lower/Lower.h"
#include "dialects/mlc/MlcDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

Value constantMatrix(OpBuilder &b, Location loc, ArrayRef<double> values, int64_t columns, Type element) {
  auto type = RankedTensorType::get({int64_t(values.size()) / columns, columns}, element);
  auto elements = llvm::map_to_vector(values, [&](double value) { return Attribute(b.getFloatAttr(element, value)); });
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, elements));
}

// Loops of the transforms: image, tile down, tile across, row, column, channel or (panel, lane), and the sum's, which
// are two where channels are interleaved.
Value lower(OpBuilder &b, WinogradConvOp op) {
  Location loc = op.getLoc();
  auto shape = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
  ArrayRef<int64_t> image = shape(op.getInput()), result = op.getType().getShape();
  Winograd w(op.getTile());
  auto [panels, depth, lanes, interleave] = op.panels();
  int64_t m = w.tile, n = w.taps, images = image[0], channels = image[3];
  int64_t down = llvm::divideCeil(result[1], m), across = llvm::divideCeil(result[2], m);
  Type element = computeType(op.getType().getElementType());
  Value inputMatrix = constantMatrix(b, loc, w.input, n, element),
        outputMatrix = constantMatrix(b, loc, w.output, n, element);
  auto dim = [&](int64_t i) { return b.getAffineDimExpr(i); };
  auto map = [&](int64_t dims, ArrayRef<AffineExpr> exprs) { return AffineMap::get(dims, 0, exprs, b.getContext()); };

  SmallVector<int64_t> low{0, op.getPadLow()[0], op.getPadLow()[1], 0},
      high{0, down * m + n - m - op.getPadLow()[0] - image[1], across * m + n - m - op.getPadLow()[1] - image[2], 0};
  Value padded = codegen::padded(b, loc, op.getInput(), low, high, 0);
  Value rows =
      contract(b, op, inputMatrix, map(7, {dim(3), dim(6)}), padded,
               map(7, {dim(0), dim(1) * m + dim(6), dim(2) * m + dim(4), dim(5)}),
               {images, down, across, n, n, channels}, map(7, {dim(0), dim(1), dim(2), dim(3), dim(4), dim(5)}));
  Value pieces = contract(
      b, op, inputMatrix, map(7, {dim(4), dim(6)}), rows, map(7, {dim(0), dim(1), dim(2), dim(3), dim(6), dim(5)}),
      {images, down, across, n, n, channels}, map(7, {dim(0), dim(1), dim(2), dim(3), dim(4), dim(5)}));
  auto outputs = [&](ArrayRef<AffineExpr> tile) { // and panel, lane
    SmallVector<AffineExpr> exprs(tile);
    exprs.append({dim(5), dim(6)});
    return map(8, exprs);
  };
  // What is multiplied has the operands' type.
  auto piecesType = cast<RankedTensorType>(pieces.getType()).clone(op.getInput().getType().getElementType());
  if (piecesType != pieces.getType())
    pieces =
        mapElements(b, loc, pieces, piecesType, [](OpBuilder &, Location, ValueRange values) { return values[0]; });
  SmallVector<int64_t> filterShape{panels, n, n, depth, lanes};
  SmallVector<AffineExpr> left{dim(0), dim(1), dim(2), dim(3), dim(4), dim(7)},
      right{dim(5), dim(3), dim(4), dim(7), dim(6)};
  int64_t loops = 8;
  if (interleave > 1) {
    SmallVector<int64_t> none(6, 0), behind(none), words{images, down, across, n, n, depth / interleave, interleave};
    behind.back() = depth - channels;
    pieces = reshaped(b, loc, codegen::padded(b, loc, pieces, none, behind, 0), words);
    filterShape = {panels, n, n, depth / interleave, lanes, interleave};
    left.push_back(dim(8));
    right.push_back(dim(8));
    loops = 9;
  }
  Value sums = contract(b, op, pieces, map(loops, left), reshaped(b, loc, op.getFilter(), filterShape),
                        map(loops, right), {images, down, across, n, n, panels, lanes},
                        map(loops, {dim(0), dim(1), dim(2), dim(3), dim(4), dim(5), dim(6)}));
  rows =
      contract(b, op, outputMatrix, map(8, {dim(3), dim(7)}), sums, outputs({dim(0), dim(1), dim(2), dim(7), dim(4)}),
               {images, down, across, m, n, panels, lanes}, outputs({dim(0), dim(1), dim(2), dim(3), dim(4)}));
  Value tiles =
      contract(b, op, outputMatrix, map(8, {dim(4), dim(7)}), rows, outputs({dim(0), dim(1), dim(2), dim(3), dim(7)}),
               {images, down, m, across, m, panels, lanes}, outputs({dim(0), dim(1), dim(3), dim(2), dim(4)}));
  Value whole = reshaped(b, loc, tiles, {images, down * m, across * m, panels * lanes});
  return mapElements(b, loc, cropped(b, loc, whole, result), op.getType(),
                     [](OpBuilder &, Location, ValueRange values) { return values[0]; });
}

} // namespace

bool lowerWinograd(func::FuncOp kernel) {
  SmallVector<WinogradConvOp> ops(kernel.getOps<WinogradConvOp>());
  IRRewriter rewriter(kernel.getContext());
  for (WinogradConvOp op : ops) {
    rewriter.setInsertionPoint(op);
    rewriter.replaceOp(op, lower(rewriter, op));
  }
  return !ops.empty();
}

} // namespace mlc::codegen
