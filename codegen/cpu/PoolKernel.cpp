// A line of results along the innermost axis is made of blocks. Those that touch the image's border are at known
// places, so that they are written out without the columns that are not there; the others are a loop.
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/Pool.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

using Values = SmallVector<Value>;

// Does every result of the axis read an element of the image?
bool readsAlways(const WindowAxis &axis) {
  for (int64_t i = 0; i < axis.results; ++i) {
    bool reads = false;
    for (int64_t tap = 0; tap < axis.taps; ++tap) {
      int64_t place = i * axis.stride - axis.low + tap * axis.dilation;
      reads |= place >= 0 && place < axis.elements;
    }
    if (!reads)
      return false;
  }
  return true;
}

class PoolWriter {
public:
  PoolWriter(OpBuilder &b, func::FuncOp kernel, const Pool &pool, const TargetDesc &target, const KernelFrame &frame)
      : b(b), loc(kernel.getLoc()), e(b, loc), pool(pool), c(pool.contraction), frame(frame), epilogue(kernel, c),
        element(getElementTypeOrSelf(pool.image)) {
    Type folded = getElementTypeOrSelf(c.init);
    blocking.lanes = target.vector_bytes / std::max<int64_t>(4, BodyEvaluator::elementBytes(folded));
    blocking.mr = pool.block;
    blocking.nv = pool.vectors;
    e.width = blocking.lanes;
    groups = llvm::divideCeil(c.n, groupLanes());
    for (const WindowAxis &axis : pool.outer)
      lineSizes.push_back(axis.results);
    lines = c.rows / pool.inner.results;
    chooseTiles();
  }

  bool emit(func::FuncOp kernel) {
    Type pointer = LLVM::LLVMPointerType::get(b.getContext());
    auto binding = [&](int64_t index) -> Value {
      return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
    };
    for (unsigned i = 0; i <= kernel.getNumArguments(); ++i)
      arguments.bindings.push_back(binding(i));
    for (auto [tensor, buffer] : llvm::zip(kernel.getArguments(), arguments.bindings))
      e.buffers[tensor] = buffer;
    image = e.buffers[pool.image];
    arguments.sums = frame.scratch;
    arguments.row0 = e.constant(0);
    e.loop(frame.begin, frame.end, 1, [&](Value tile) {
      Value first = e.mul(tile, partsPerTile), end = smaller(e.add(first, partsPerTile), e.constant(lines * parts));
      e.loop(first, end, 1, [&](Value part) {
        Value group = e.mul(e.rem(part, parts), groupsPerPart);
        emitLine(e.div(part, parts), group, smaller(e.add(group, groupsPerPart), e.constant(groups)));
      });
    });
    return ok;
  }

  int64_t tiles() const { return llvm::divideCeil(lines * parts, partsPerTile); }
  int64_t scratchBytes() const {
    return epilogue.isLong() ? blocking.mr * groupLanes() * BodyEvaluator::elementBytes(getElementTypeOrSelf(c.result))
                             : 0;
  }
  std::string schedule() const {
    return llvm::formatv("windows {0}x{1}, {2} tiles", blocking.mr, groupLanes(), tiles()).str();
  }

private:
  int64_t groupLanes() const { return pool.vectors * blocking.lanes; }
  Value smaller(Value x, Value y) { return arith::MinSIOp::create(b, loc, x, y); }
  Value larger(Value x, Value y) { return arith::MaxSIOp::create(b, loc, x, y); }

  // Parts of lines, so many that they are worth their launch; where lines are few, threads share the channels.
  void chooseTiles() {
    constexpr int64_t leastCycles = 6000, wantedTiles = 64, enoughLines = 16;
    groupsPerPart = llvm::divideCeil(groups, std::min<int64_t>(groups, llvm::divideCeil(enoughLines, lines)));
    parts = llvm::divideCeil(groups, groupsPerPart);
    int64_t taps = pool.inner.taps;
    for (const WindowAxis &axis : pool.outer)
      taps += axis.taps;
    int64_t wanted = std::clamp<int64_t>(c.rows * groups * pool.vectors * taps / leastCycles, 1, wantedTiles);
    partsPerTile = llvm::divideCeil(lines * parts, std::min(wanted, lines * parts));
  }

  void emitLine(Value line, Value group, Value groupEnd) {
    Values at = e.delinearize(line, lineSizes);
    Value row = e.mul(line, pool.inner.results);
    int64_t size = pool.block, results = pool.inner.results, count = llvm::divideCeil(results, size);
    auto isInside = [&](int64_t block) {
      int64_t last = (block + 1) * size - 1;
      return last < results && pool.inner.isInside(block * size) && pool.inner.isInside(last);
    };
    for (int64_t block = 0; block < count; ++block) {
      int64_t end = block;
      while (end < count && isInside(end))
        ++end;
      if (end > block) {
        e.loop(e.constant(block), e.constant(end), 1,
               [&](Value inside) { emitBlock(at, {e.mul(inside, size), std::nullopt, size}, row, group, groupEnd); });
        block = end;
      }
      if (block < count)
        emitBlock(at, {e.constant(block * size), block * size, std::min(size, results - block * size)}, row, group,
                  groupEnd);
    }
  }

  struct Block {
    Value x;
    std::optional<int64_t> first; // result, where the block is at the border
    int64_t results;
  };

  void emitBlock(ArrayRef<Value> at, const Block &block, Value row, Value group, Value groupEnd) {
    arguments.m = e.add(row, block.x);
    int64_t tail = c.n % groupLanes();
    Value whole = tail ? smaller(groupEnd, e.constant(groups - 1)) : groupEnd;
    auto channels = [&](Value from, Value to, const MicroShape &shape) {
      e.loop(from, to, 1, [&](Value j) { emitGroup(at, block, shape, e.mul(j, groupLanes())); });
    };
    if (groups > 1 || !tail)
      channels(group, whole, {block.results, pool.vectors, 0});
    if (tail)
      channels(larger(group, e.constant(groups - 1)), groupEnd,
               {block.results, int64_t(llvm::divideCeil(tail, blocking.lanes)), tail % blocking.lanes});
  }

  void emitGroup(ArrayRef<Value> at, const Block &block, const MicroShape &shape, Value channel) {
    const WindowAxis &axis = pool.inner;
    arguments.n0 = channel;
    masks.assign(shape.vectors, Value());
    if (shape.tail)
      masks.back() = e.maskOfFirst(e.constant(shape.tail));
    columns.clear();
    for (int64_t i = 0; i < block.results; ++i)
      for (int64_t tap = 0; tap < axis.taps; ++tap) {
        int64_t column = i * axis.stride + tap * axis.dilation;
        int64_t place = block.first ? *block.first * axis.stride - axis.low + column : 0;
        if (place >= 0 && place < axis.elements)
          columns[column] = 0;
      }
    size_t next = 0;
    for (auto &[column, index] : columns)
      index = next++;
    Value start = e.add(e.mul(block.x, axis.stride), -axis.low);
    Values maxima = overAxes(0, at, e.add(channel, e.mul(start, axis.imageStride)), {});
    Values results;
    SmallVector<RowPlace> places;
    for (int64_t i = 0; i < block.results; ++i) {
      for (int64_t j = 0; j < shape.vectors; ++j) {
        Value result;
        for (int64_t tap = 0; tap < axis.taps; ++tap)
          if (auto column = columns.find(i * axis.stride + tap * axis.dilation); column != columns.end())
            result = folded(result, maxima[column->second * shape.vectors + j]);
        results.push_back(result ? result : nothing());
      }
      places.push_back({{}, e.add(arguments.m, i)});
    }
    ok &= epilogue.emit(e, blocking, arguments, shape, places, results);
  }

  // The block's columns, folded over the taps of the outer axes from `depth` on that lie in the image, and with
  // `before`, unless that is empty.
  Values overAxes(size_t depth, ArrayRef<Value> at, Value offset, Values before) {
    if (depth == pool.outer.size()) {
      Values result;
      for (auto [column, index] : columns)
        for (auto [j, mask] : llvm::enumerate(masks)) {
          int64_t from = column * pool.inner.imageStride + int64_t(j) * blocking.lanes;
          Value x = widened(e.loadVector(e.element(image, element, e.add(offset, from)), element, mask));
          result.push_back(folded(before.empty() ? Value() : before[result.size()], x));
        }
      return result;
    }
    const WindowAxis &axis = pool.outer[depth];
    Value start = e.add(e.mul(at[depth], axis.stride), -axis.low); // of the window
    auto next = [&](Value tap, Values carried) {
      Value place = e.add(start, e.mul(tap, axis.dilation));
      return overAxes(depth + 1, at, e.add(offset, e.mul(place, axis.imageStride)), std::move(carried));
    };
    if (axis.taps == 1 && axis.isInside(0) && axis.isInside(axis.results - 1))
      return next(e.constant(0), before);
    auto [from, to] = tapsInside(e, axis, start);
    if (before.empty()) {
      if (readsAlways(axis)) {
        before = next(from, {});
        from = e.add(from, 1);
      } else {
        before.assign(columns.size() * masks.size(), nothing());
      }
    }
    auto loop = scf::ForOp::create(b, loc, from, to, e.constant(1), before,
                                   [&](OpBuilder &, Location, Value tap, ValueRange carried) {
                                     scf::YieldOp::create(b, loc, next(tap, Values(carried)));
                                   });
    return loop.getResults();
  }

  Value nothing() {
    llvm::DenseMap<Value, Value> none;
    return e.cloneVectorized(c.init.getDefiningOp(), 0, none);
  }

  Value widened(Value x) {
    auto type = VectorType::get({e.width}, getElementTypeOrSelf(c.init));
    return x.getType() == type ? x : arith::ExtFOp::create(b, loc, type, x).getResult();
  }

  Value folded(Value x, Value y) {
    if (!x)
      return y;
    if (isa<arith::MaximumFOp>(pool.fold))
      return arith::MaximumFOp::create(b, loc, x, y);
    return isa<arith::MaxUIOp>(pool.fold) ? arith::MaxUIOp::create(b, loc, x, y).getResult()
                                          : arith::MaxSIOp::create(b, loc, x, y).getResult();
  }

  OpBuilder &b;
  Location loc;
  BodyEvaluator e;
  const Pool &pool;
  const Contraction &c;
  const KernelFrame &frame;
  Epilogue epilogue;
  Type element;
  Blocking blocking;
  SmallVector<int64_t> lineSizes;
  int64_t groups = 1, lines = 1;                          // of pool.vectors vectors of channels; of results
  int64_t parts = 1, groupsPerPart = 1, partsPerTile = 1; // parts of a line
  MicroArguments arguments;
  Value image;                       // pointer
  Values masks;                      // of the vectors; null: all lanes
  std::map<int64_t, size_t> columns; // of the block, that exist; each has its place among what is folded
  bool ok = true;
};

} // namespace

bool emitPool(OpBuilder &b, func::FuncOp kernel, const Pool &pool, const TargetDesc &target, const KernelFrame &frame,
              EmittedKernel &emitted) {
  PoolWriter writer(b, kernel, pool, target, frame);
  emitted.tiles = writer.tiles();
  emitted.scratch_bytes = writer.scratchBytes();
  emitted.schedule = writer.schedule();
  return writer.emit(kernel);
}

} // namespace mlc::codegen::cpu
