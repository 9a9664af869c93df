// A line of results along the innermost axis is made of blocks: of one vector of channels, up to eight neighbouring
// results are in registers, and what their windows have in common is loaded once. Blocks that touch the image's border
// are at known places, so that they are written out without the products that are not there; the others are a loop.
// Along outer axes a line takes the taps that exist.
#include "codegen/cpu/Depthwise.h"
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/MicroKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

using Values = SmallVector<Value>;

// Results of a block, in registers.
constexpr int64_t kMostResults = 8;

class DepthwiseWriter {
public:
  DepthwiseWriter(OpBuilder &b, func::FuncOp kernel, const Depthwise &d, const TargetDesc &target,
                  const KernelFrame &frame)
      : b(b), loc(kernel.getLoc()), e(b, loc), d(d), c(d.contraction), frame(frame), epilogue(kernel, c),
        pointer(LLVM::LLVMPointerType::get(b.getContext())) {
    Type sum = getElementTypeOrSelf(c.init);
    blocking.lanes = target.vector_bytes / std::max<int64_t>(4, BodyEvaluator::elementBytes(sum));
    blocking.mr = blockOf(d.inner.results);
    e.width = blocking.lanes;
    vectors = llvm::divideCeil(c.n, blocking.lanes);
    for (const WindowAxis &axis : d.outer)
      lineSizes.push_back(axis.results);
    lines = c.rows / d.inner.results;
    chooseTiles();
  }

  bool emit(func::FuncOp kernel) {
    auto binding = [&](int64_t index) -> Value {
      return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
    };
    for (unsigned i = 0; i <= kernel.getNumArguments(); ++i)
      arguments.bindings.push_back(binding(i));
    for (auto [tensor, buffer] : llvm::zip(kernel.getArguments(), arguments.bindings))
      e.buffers[tensor] = buffer;
    image = arguments.bindings[cast<BlockArgument>(c.lhs.tensor).getArgNumber()];
    filter = arguments.bindings[cast<BlockArgument>(c.rhs.tensor).getArgNumber()];
    arguments.sums = frame.scratch;
    arguments.row0 = e.constant(0);
    e.loop(frame.begin, frame.end, 1, [&](Value tile) {
      Value first = e.mul(e.div(tile, channelTiles), linesPerTile);
      Value end = smaller(e.add(first, linesPerTile), e.constant(lines));
      Value vector = e.mul(e.rem(tile, channelTiles), vectorsPerTile);
      Value vectorEnd = smaller(e.add(vector, vectorsPerTile), e.constant(vectors));
      e.loop(first, end, 1, [&](Value line) { emitLine(line, vector, vectorEnd); });
    });
    return ok;
  }

  int64_t tiles() const { return llvm::divideCeil(lines, linesPerTile) * channelTiles; }
  int64_t scratchBytes() const {
    return epilogue.isLong()
               ? blocking.mr * blocking.lanes * BodyEvaluator::elementBytes(getElementTypeOrSelf(c.op->getResult(0)))
               : 0;
  }
  std::string schedule() const {
    return llvm::formatv("depthwise {0}x{1}, {2} tiles of {3} lines", blocking.mr, blocking.lanes, tiles(),
                         linesPerTile)
        .str();
  }

private:
  // Blocks of equal size, as far as can be.
  static int64_t blockOf(int64_t results) { return llvm::divideCeil(results, llvm::divideCeil(results, kMostResults)); }

  Value smaller(Value x, Value y) { return arith::MinSIOp::create(b, loc, x, y); }
  Value larger(Value x, Value y) { return arith::MaxSIOp::create(b, loc, x, y); }

  // What is worth sharing is cut finely, since threads get equal numbers of tiles: in whole lines; where these are too
  // few to share evenly, in vectors of channels.
  void chooseTiles() {
    constexpr int64_t leastCycles = 6000, mostTiles = 64, enoughLines = 8;
    int64_t taps = d.inner.taps;
    for (const WindowAxis &axis : d.outer)
      taps *= axis.taps;
    int64_t wanted = c.rows * vectors * taps / leastCycles;
    linesPerTile = wanted > 1 && lines >= enoughLines ? llvm::divideCeil(lines, mostTiles) : lines;
    if (lines < enoughLines)
      channelTiles = std::clamp<int64_t>(wanted, 1, std::min(vectors, mostTiles));
    vectorsPerTile = llvm::divideCeil(vectors, channelTiles);
    channelTiles = llvm::divideCeil(vectors, vectorsPerTile);
  }

  void emitLine(Value line, Value vector, Value vectorEnd) {
    Values at = e.delinearize(line, lineSizes);
    Value row = e.mul(line, d.inner.results);
    int64_t size = blocking.mr, results = d.inner.results, count = llvm::divideCeil(results, size);
    auto isInside = [&](int64_t block) {
      int64_t last = (block + 1) * size - 1;
      return last < results && d.inner.isInside(block * size) && d.inner.isInside(last);
    };
    for (int64_t block = 0; block < count;) {
      int64_t end = block;
      while (end < count && isInside(end))
        ++end;
      if (end > block) {
        e.loop(e.constant(block), e.constant(end), 1,
               [&](Value inside) { emitBlock(at, e.mul(inside, size), std::nullopt, size, row, vector, vectorEnd); });
        block = end;
        continue;
      }
      emitBlock(at, e.constant(block * size), block * size, std::min(size, results - block * size), row, vector,
                vectorEnd);
      ++block;
    }
  }

  // `first`: the block's first result, where it is at the border.
  void emitBlock(ArrayRef<Value> at, Value x, std::optional<int64_t> first, int64_t results, Value row, Value vector,
                 Value vectorEnd) {
    arguments.m = e.add(row, x);
    int64_t tail = c.n % blocking.lanes;
    Value whole = tail ? smaller(vectorEnd, e.constant(vectors - 1)) : vectorEnd;
    auto channels = [&](Value from, Value to, int64_t lanes) {
      e.loop(from, to, 1, [&](Value j) { emitVector(at, x, first, {results, 1, lanes}, e.mul(j, blocking.lanes)); });
    };
    if (vectors > 1 || !tail)
      channels(vector, whole, 0);
    if (tail)
      channels(larger(vector, e.constant(vectors - 1)), vectorEnd, tail);
  }

  void emitVector(ArrayRef<Value> at, Value x, std::optional<int64_t> first, const MicroShape &shape, Value channel) {
    arguments.n0 = channel;
    mask = shape.tail ? e.maskOfFirst(e.constant(shape.tail)) : Value();
    block = {x, first, shape.rows};
    llvm::DenseMap<Value, Value> none;
    Values sums(shape.rows, e.cloneVectorized(c.init.getDefiningOp(), 0, none));
    sums = overAxes(0, at, channel, channel, sums);
    SmallVector<RowPlace> places;
    for (int64_t i = 0; i < shape.rows; ++i)
      places.push_back({{}, e.add(arguments.m, i)});
    ok &= epilogue.emit(e, blocking, arguments, shape, places, sums);
  }

  // The taps of the outer axes from `depth` on that lie in the image.
  Values overAxes(size_t depth, ArrayRef<Value> at, Value imageOffset, Value filterOffset, Values sums) {
    if (depth == d.outer.size())
      return overLine(imageOffset, filterOffset, sums);
    const WindowAxis &axis = d.outer[depth];
    Value start = e.add(e.mul(at[depth], axis.stride), -axis.low); // of the window
    auto next = [&](Value tap, Values carried) {
      Value element = e.add(start, e.mul(tap, axis.dilation));
      return overAxes(depth + 1, at, e.add(imageOffset, e.mul(element, axis.imageStride)),
                      e.add(filterOffset, e.mul(tap, axis.filterStride)), carried);
    };
    if (axis.taps == 1 && axis.isInside(0) && axis.isInside(axis.results - 1))
      return next(e.constant(0), sums);
    auto [from, to] = tapsInside(e, axis, start);
    auto loop = scf::ForOp::create(b, loc, from, to, e.constant(1), sums,
                                   [&](OpBuilder &, Location, Value tap, ValueRange carried) {
                                     scf::YieldOp::create(b, loc, next(tap, Values(carried)));
                                   });
    return loop.getResults();
  }

  // All taps of the innermost axis, element by element of the image, so that few are in registers at a time.
  Values overLine(Value imageOffset, Value filterOffset, Values sums) {
    const WindowAxis &axis = d.inner;
    Type imageType = c.lhs.element, filterType = c.rhs.element;
    Value start = e.add(e.mul(block.x, axis.stride), -axis.low);
    Value from = e.element(image, imageType, e.add(imageOffset, e.mul(start, axis.imageStride)));
    Value weights = e.element(filter, filterType, filterOffset);
    std::map<int64_t, SmallVector<std::pair<int64_t, int64_t>>> products; // by element: results and taps
    for (int64_t tap = 0; tap < axis.taps; ++tap)
      for (int64_t i = 0; i < block.results; ++i) {
        int64_t element = i * axis.stride + tap * axis.dilation;
        int64_t place = block.first ? *block.first * axis.stride - axis.low + element : 0;
        if (place >= 0 && place < axis.elements)
          products[element].push_back({i, tap});
      }
    Values filters(axis.taps);
    for (auto &[element, uses] : products) {
      Value pixel = e.loadVector(e.element(from, imageType, e.constant(element * axis.imageStride)), imageType, mask);
      for (auto [i, tap] : uses) {
        if (!filters[tap])
          filters[tap] =
              e.loadVector(e.element(weights, filterType, e.constant(tap * axis.filterStride)), filterType, mask);
        sums[i] = multiplyAdd(e, c, pixel, filters[tap], sums[i]);
      }
    }
    return sums;
  }

  struct Block {
    Value x;
    std::optional<int64_t> first;
    int64_t results;
  };

  OpBuilder &b;
  Location loc;
  BodyEvaluator e;
  const Depthwise &d;
  const Contraction &c;
  const KernelFrame &frame;
  Epilogue epilogue;
  Type pointer;
  Blocking blocking;
  SmallVector<int64_t> lineSizes;
  int64_t vectors = 1, lines = 1, linesPerTile = 1, channelTiles = 1, vectorsPerTile = 1;
  MicroArguments arguments;
  Value image, filter, mask; // pointers; lanes of the last vector
  Block block{};
  bool ok = true;
};

} // namespace

bool emitDepthwise(OpBuilder &b, func::FuncOp kernel, const Depthwise &depthwise, const TargetDesc &target,
                   const KernelFrame &frame, EmittedKernel &emitted) {
  DepthwiseWriter writer(b, kernel, depthwise, target, frame);
  emitted.tiles = writer.tiles();
  emitted.scratch_bytes = writer.scratchBytes();
  emitted.schedule = writer.schedule();
  return writer.emit(kernel);
}

} // namespace mlc::codegen::cpu
