// mlc-winograd. Before:
//   %y = mlc.conv %x, %f {layout = channels_last, pad_low = ..., pad_high = ...}   : f [3, 3, C, O] a weight
// after, for a tile of 4:
//   %g = mlc.cast (mlc.reshape %f)          : [9, C * O], f64
//   %t = mlc.matmul %squares, %g            : [36, C * O], %squares as in dialects/mlc/Winograd.h
//   %p = mlc.pack (mlc.cast (mlc.reshape %t)) {lanes = 16}
//   %y = mlc.winograd_conv %x, %p {tile = 4, pad_low = ..., pad_high = ..., out_channels = O}
// The transform of the filter is rounded once, from f64 and from the weights as they came in; in bf16 the panels are
// interleaved in pairs. The image's padding stays an attribute: the kernel's transform knows where the image ends.
// Post-condition: see passes.td.
#include "dialects/mlc/Winograd.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mlc {
#define GEN_PASS_DEF_WINOGRADCONVOLUTIONS
#include "passes/layout/Passes.h.inc"

namespace {

bool isBF16(ConvOp op) { return elementOfTensor(op.getInput()).isBF16(); }
bool hasKernel(ConvOp op) { return elementOfTensor(op.getInput()).isF32() || (isBF16(op) && op.getWideResult()); }

// The tiles for such a convolution: in bf16 the error of F(4x4) is seven times that of the plain sum, and that of
// F(2x2) not twice.
SmallVector<int64_t> tilesFor(ConvOp op) {
  return isBF16(op) ? SmallVector<int64_t>{2} : SmallVector<int64_t>(Winograd::tiles());
}

bool isCandidate(ConvOp op) {
  auto are = [](ArrayRef<int64_t> values, int64_t value) {
    return llvm::all_of(values, [&](int64_t other) { return other == value; });
  };
  return op.getLayout() == Layout::ChannelsLast && op.getType().getRank() == 4 && hasKernel(op) &&
         op.getGroups() == 1 && are(op.getStrides(), 1) && are(op.getDilations(), 1) &&
         are(shapeOfTensor(op.getFilter()).take_front(2), Winograd::window) && op.getType().getNumElements() != 0 &&
         countElements(op.getFilter().getType()) != 0 && isParameterOnly(op.getFilter());
}

// Cycles on an x86 core that finishes a vector of 16 multiply-adds in each, and reads weights from memory. Only ratios
// matter.
class CostModel {
public:
  explicit CostModel(ConvOp op) {
    ArrayRef<int64_t> result = op.getType().getShape();
    images = double(result[0]);
    height = result[1];
    width = result[2];
    uint64_t channels = uint64_t(shapeOfTensor(op.getInput()).back());
    words = double(llvm::divideCeil(channels, isBF16(op) ? 2 : 1));
    inputVectors = double(llvm::divideCeil(channels, lanes));
    outputVectors = double(llvm::divideCeil(uint64_t(result[3]), lanes));
  }

  double plain() const {
    constexpr double taps = Winograd::window * Winograd::window;
    return products(images * double(height * width), taps);
  }

  double winograd(int64_t tile) const {
    double tiles = images * double(llvm::divideCeil(height, tile)) * double(llvm::divideCeil(width, tile));
    double taps = double((tile + 2) * (tile + 2));
    // Cycles for each element of a tile's transforms: loads, sums, stores (measured).
    constexpr double input = 5.5, output = 4;
    return products(tiles, taps) + tiles * taps * (input * inputVectors + output * outputVectors);
  }

private:
  static constexpr uint64_t lanes = 16;

  // `taps` products of [rows x channels] and [channels x outputs], of words of four bytes: a channel in f32, two in
  // bf16. Few rows use weights up faster than memory brings them.
  double products(double rows, double taps) const {
    constexpr double bytesPerCycle = 5, vectorBytes = 4 * lanes, efficiency = 0.94;
    double weights = taps * words * outputVectors;
    return std::max(rows * weights / efficiency, weights * vectorBytes / bytesPerCycle);
  }

  double images, words, inputVectors, outputVectors;
  int64_t height, width;
};

// The fastest, 0 for the plain convolution. Winograd's error is the larger one: it has to gain something.
int64_t chooseTile(ConvOp op) {
  constexpr double gain = 1.1;
  CostModel model(op);
  int64_t best = 0;
  double cost = model.plain() / gain;
  for (int64_t tile : tilesFor(op))
    if (double other = model.winograd(tile); other < cost) {
      best = tile;
      cost = other;
    }
  return best;
}

struct UseWinograd : OpRewritePattern<ConvOp> {
  UseWinograd(MLIRContext *context, std::optional<int64_t> tile, int64_t lanes, bool onlyF32)
      : OpRewritePattern(context), tile(tile), lanes(lanes), onlyF32(onlyF32) {}

  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    if (!isCandidate(op) || (onlyF32 && isBF16(op)))
      return failure();
    SmallVector<int64_t> tiles = tilesFor(op);
    int64_t chosen = !tile ? chooseTile(op) : llvm::is_contained(tiles, *tile) ? *tile : tiles.front();
    if (chosen == 0)
      return failure();
    OpMaker m(rewriter, op.getLoc());
    Value packed = transformFilter(m, rewriter, op, Winograd(chosen));
    SmallVector<NamedAttribute> attributes{m.integer("tile", chosen), m.ints("pad_low", op.getPadLow()),
                                           m.ints("pad_high", op.getPadHigh()),
                                           m.integer("out_channels", op.getType().getShape().back())};
    if (op.getWideResult())
      attributes.push_back(m.unit("wide_result"));
    rewriter.replaceOp(op, m.make<WinogradConvOp>({op.getInput(), packed}, attributes));
    return success();
  }

private:
  std::optional<int64_t> tile; // none: the cost model's
  int64_t lanes;
  bool onlyF32;

  Value transformFilter(OpMaker &m, OpBuilder &b, ConvOp op, const Winograd &winograd) const {
    ArrayRef<int64_t> filter = shapeOfTensor(op.getFilter());
    int64_t channels = filter[2], outputs = filter[3], taps = winograd.taps * winograd.taps;
    auto cast = [&](Value value, Type type) {
      return m.make<CastOp>(value, b.getNamedAttr("to", TypeAttr::get(type)));
    };
    auto squares = RankedTensorType::get({taps, Winograd::window * Winograd::window}, b.getF64Type());
    Value matrix = ConstantOp::create(b, op.getLoc(), DenseElementsAttr::get(squares, ArrayRef(winograd.squareFilter)));
    Value columns =
        cast(m.reshape(unrounded(m, op.getFilter()), {Winograd::window * Winograd::window, channels * outputs}),
             b.getF64Type());
    Value transformed = m.reshape(m.make<MatmulOp>({matrix, columns}), {taps, channels, outputs});
    SmallVector<NamedAttribute> attributes{m.integer("lanes", lanes)};
    if (isBF16(op))
      attributes.push_back(m.integer("interleave", 2));
    return m.make<PackOp>(cast(transformed, elementOfTensor(op.getFilter())), attributes);
  }

  // `filter` before it was rounded to its type, where it was.
  static Value unrounded(OpMaker &m, Value filter) {
    if (auto transpose = filter.getDefiningOp<TransposeOp>()) {
      Value before = unrounded(m, transpose.getOperand());
      return before == transpose.getOperand() ? filter : m.transpose(before, transpose.getPermutation());
    }
    auto rounding = filter.getDefiningOp<CastOp>();
    return rounding && elementOfTensor(rounding.getOperand()).isF32() ? rounding.getOperand() : filter;
  }
};

struct WinogradConvolutions : impl::WinogradConvolutionsBase<WinogradConvolutions> {
  using WinogradConvolutionsBase::WinogradConvolutionsBase;
  void runOnOperation() override {
    if (lanes < 1) {
      getOperation()->emitError("mlc-winograd expects lanes of at least 1, got ") << lanes.getValue();
      return signalPassFailure();
    }
    if (mode == "off")
      return;
    std::optional<int64_t> tile;
    if (mode == "f2" || mode == "f4") {
      tile = mode == "f2" ? 2 : 4;
    } else if (mode != "auto" && mode != "auto-f32") {
      getOperation()->emitError("mlc-winograd expects a mode of off, f2, f4, auto or auto-f32, got '")
          << mode.getValue() << "'";
      return signalPassFailure();
    }
    RewritePatternSet patterns(&getContext());
    patterns.add<UseWinograd>(&getContext(), tile, lanes, mode == "auto-f32");
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace mlc
