#include "codegen/cpu/AmxKernel.h"
#include "codegen/cpu/AmxTiles.h"
#include "codegen/cpu/DotProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

constexpr int64_t kPanel = 16, kWordBytes = 4;

class AmxWriter {
public:
  AmxWriter(OpBuilder &builder, func::FuncOp kernel, const Contraction &c, const TargetDesc &target,
            const AmxBlocking &blocking, const Epilogue &epilogue, const KernelFrame &frame)
      : b(builder), loc(kernel.getLoc()), e(builder, loc), c(c), blocking(blocking), epilogue(epilogue), frame(frame),
        tiles(builder, loc), product(amxInstruction(c, target)), word(builder.getI32Type()),
        pointer(LLVM::LLVMPointerType::get(builder.getContext())), sumStride(blocking.blockPanels * kPanel) {
    e.width = kPanel;
    for (auto [index, tensor] : llvm::enumerate(kernel.getArguments()))
      e.buffers[tensor] = bind(int64_t(index));
    arguments.bindings.push_back(bind(kernel.getNumArguments()));
  }

  bool emit() {
    // Tiles of sums first, then those of lhs, then those of rhs.
    SmallVector<AmxTileShape> shapes(AmxTiles::count);
    for (auto [i, shape] : llvm::enumerate(shapes)) {
      bool isSum = int64_t(i) < firstLhs(), isLhs = !isSum && int64_t(i) < firstRhs();
      shape = isSum   ? AmxTileShape{blocking.tileRows, kPanel}
              : isLhs ? AmxTileShape{blocking.tileRows, blocking.tileWords}
                      : AmxTileShape{blocking.tileWords, kPanel};
    }
    tiles.configure(shapes, frame.scratch);
    e.loop(frame.begin, frame.end, 1, [&](Value tile) { emitTile(tile); });
    tiles.release();
    return ok;
  }

private:
  Value bind(int64_t index) {
    return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
  }
  int64_t firstLhs() const { return blocking.blockRows * blocking.blockPanels; }
  int64_t firstRhs() const { return firstLhs() + blocking.blockRows; }
  int64_t sumTile(int64_t row, int64_t panel) const { return row * blocking.blockPanels + panel; }
  int64_t lhsTile(int64_t row) const { return firstLhs() + row; }
  int64_t rhsTile(int64_t panel) const { return firstRhs() + panel % (AmxTiles::count - firstRhs()); }

  Value smaller(Value x, Value y) { return arith::MinSIOp::create(b, loc, x, y); }

  void emitTile(Value tile) {
    Value outer = e.div(tile, blocking.rowCuts * blocking.groupCuts);
    Value rest = e.rem(tile, blocking.rowCuts * blocking.groupCuts);
    // Neighbouring tiles share rows, which fit into L2, where there are several cuts of them.
    Value rowCut = e.div(rest, blocking.groupCuts), groupCut = e.rem(rest, blocking.groupCuts);
    SmallVector<int64_t> sizes;
    for (const Loop &step : c.outer)
      sizes.push_back(step.extent);
    Value lhsOffset = e.constant(c.lhs.offset), rhsOffset = e.constant(c.rhs.offset);
    arguments.row0 = e.constant(0);
    for (auto [step, at] : llvm::zip(c.outer, e.delinearize(outer, sizes))) {
      lhsOffset = e.add(lhsOffset, e.mul(at, step.lhs));
      rhsOffset = e.add(rhsOffset, e.mul(at, step.rhs));
      arguments.row0 = e.add(arguments.row0, e.mul(at, step.row));
    }
    lhs = e.element(e.buffers[c.lhs.tensor], word, lhsOffset);
    rhs = e.element(e.buffers[c.rhs.tensor], word, rhsOffset);
    firstBlock = e.mul(rowCut, blocking.blocksPerTile);
    Value lastBlock = smaller(e.add(firstBlock, blocking.blocksPerTile), e.constant(blocking.blocks()));
    Value firstGroup = e.mul(groupCut, blocking.groupsPerTile);
    Value lastGroup = smaller(e.add(firstGroup, blocking.groupsPerTile), e.constant(blocking.groups()));
    auto rows = [&](llvm::function_ref<void(Value, int64_t)> body) {
      overParts(firstBlock, lastBlock, blocking.rowTiles, blocking.blockRows, body);
    };
    auto groups = [&](llvm::function_ref<void(Value, int64_t)> body) {
      overParts(firstGroup, lastGroup, blocking.panels, blocking.blockPanels, body);
    };
    if (blocking.rowsOutside)
      return rows([&](Value block, int64_t rowTiles) {
        groups([&](Value group, int64_t panels) { emitBlock(block, rowTiles, group, panels, e.constant(0)); });
      });
    groups([&](Value group, int64_t panels) {
      e.loop(e.constant(0), e.constant(blocking.chunks()), 1, [&](Value chunk) {
        rows([&](Value block, int64_t rowTiles) { emitBlock(block, rowTiles, group, panels, chunk); });
      });
    });
  }

  // Whole blocks of `size` in [first, last), and the one of what is left behind all `count` / `size` of them.
  void overParts(Value first, Value last, int64_t count, int64_t size, llvm::function_ref<void(Value, int64_t)> body) {
    int64_t whole = count / size, left = count % size;
    if (whole)
      e.loop(first, left ? smaller(last, e.constant(whole)) : last, 1, [&](Value at) { body(at, size); });
    if (left)
      e.loop(arith::MaxSIOp::create(b, loc, first, e.constant(whole)), last, 1, [&](Value at) { body(at, left); });
  }

  // Where a tile of rows begins, and how many of its rows belong to the tile before.
  struct RowTile {
    RowPlace place;
    Value known;
  };

  RowTile placeOf(Value tile) {
    Value line = e.div(tile, blocking.tilesPerLine);
    Value wanted = e.mul(e.rem(tile, blocking.tilesPerLine), blocking.tileRows);
    Value start = blocking.lineRows % blocking.tileRows
                      ? smaller(wanted, e.constant(blocking.lineRows - blocking.tileRows))
                      : wanted;
    Value m = e.add(e.mul(line, blocking.lineRows), start);
    Value known = start == wanted ? e.constant(0) : arith::SubIOp::create(b, loc, wanted, start).getResult();
    return {placesOf(e, c, m, 1).front(), known};
  }

  void emitBlock(Value block, int64_t rowTiles, Value group, int64_t panels, Value chunk) {
    SmallVector<RowTile> rows;
    for (int64_t i = 0; i < rowTiles; ++i)
      rows.push_back(placeOf(e.add(e.mul(block, blocking.blockRows), i)));
    Value sums = e.element(frame.scratch, word, e.constant(AmxTiles::configBytes / kWordBytes));
    Value inTile = arith::SubIOp::create(b, loc, block, firstBlock);
    int64_t chunks = blocking.chunks();
    if (chunks > 1)
      sums = e.element(sums, word, e.mul(inTile, blocking.blockRows * blocking.tileRows * sumStride));
    auto sumsOf = [&](int64_t i, int64_t j) {
      return e.element(sums, word, e.constant(i * blocking.tileRows * sumStride + j * kPanel));
    };
    auto overTiles = [&](llvm::function_ref<void(int64_t, int64_t)> body) {
      for (int64_t i = 0; i < rowTiles; ++i)
        for (int64_t j = 0; j < panels; ++j)
          body(i, j);
    };
    auto clear = [&] { overTiles([&](int64_t i, int64_t j) { tiles.zero(sumTile(i, j)); }); };
    auto resume = [&] {
      overTiles([&](int64_t i, int64_t j) { tiles.load(sumTile(i, j), sumsOf(i, j), sumStride * kWordBytes); });
    };
    if (chunks > 1)
      branch(arith::CmpIPredicate::eq, chunk, e.constant(0), clear, resume);
    else
      clear();

    SmallVector<Value> left, right;
    for (const RowTile &row : rows)
      left.push_back(e.element(lhs, word, row.place.lhs));
    for (int64_t j = 0; j < panels; ++j) {
      Value panel = e.add(e.mul(group, blocking.blockPanels), j);
      right.push_back(e.element(rhs, word, e.mul(panel, c.panelStride)));
    }
    emitSteps(chunk, left, right, inTile);
    overTiles([&](int64_t i, int64_t j) { tiles.store(sumTile(i, j), sumsOf(i, j), sumStride * kWordBytes); });
    auto finish = [&] { emitEpilogue(rows, group, panels, sumsOf); };
    if (chunks > 1)
      branch(arith::CmpIPredicate::eq, chunk, e.constant(chunks - 1), finish, {});
    else
      finish();
  }

  void branch(arith::CmpIPredicate predicate, Value x, Value y, llvm::function_ref<void()> yes,
              llvm::function_ref<void()> no) {
    Value condition = arith::CmpIOp::create(b, loc, predicate, x, y);
    auto then = [&](llvm::function_ref<void()> body) {
      return [this, body](OpBuilder &, Location) {
        body();
        scf::YieldOp::create(b, loc);
      };
    };
    if (no)
      scf::IfOp::create(b, loc, condition, then(yes), then(no));
    else
      scf::IfOp::create(b, loc, condition, then(yes));
  }

  // The steps of one chunk of k.
  void emitSteps(Value chunk, ArrayRef<Value> left, ArrayRef<Value> right, Value blockInTile) {
    ArrayRef<AmxSteps> k = blocking.k;
    const AmxSteps &cut = k[blocking.cut];
    int64_t cuts = int64_t(llvm::divideCeil(cut.extent, blocking.chunk));
    SmallVector<int64_t> sizes;
    for (const AmxSteps &loop : k.take_front(blocking.cut))
      sizes.push_back(loop.extent);
    sizes.push_back(cuts);
    SmallVector<Value> at = e.delinearize(chunk, sizes);
    Value lhsAt = e.constant(0), rhsAt = e.constant(0);
    for (auto [loop, position] : llvm::zip(k, ArrayRef(at).drop_back())) {
      lhsAt = e.add(lhsAt, e.mul(position, loop.lhs));
      rhsAt = e.add(rhsAt, e.mul(position, loop.rhs));
    }
    Value from = e.mul(at.back(), blocking.chunk), to = e.add(from, blocking.chunk);
    if (cut.extent % blocking.chunk)
      to = smaller(to, e.constant(cut.extent));
    overSteps(blocking.cut, from, to, lhsAt, rhsAt,
              [&](Value x, Value y) { emitStep(left, right, x, y, blockInTile); });
  }

  void overSteps(size_t depth, Value from, Value to, Value lhsAt, Value rhsAt,
                 llvm::function_ref<void(Value, Value)> body) {
    const AmxSteps &loop = blocking.k[depth];
    e.loop(from, to, 1, [&](Value at) {
      Value x = e.add(lhsAt, e.mul(at, loop.lhs)), y = e.add(rhsAt, e.mul(at, loop.rhs));
      if (depth + 1 == blocking.k.size())
        body(x, y);
      else
        overSteps(depth + 1, e.constant(0), e.constant(blocking.k[depth + 1].extent), x, y, body);
    });
  }

  void emitStep(ArrayRef<Value> left, ArrayRef<Value> right, Value lhsAt, Value rhsAt, Value blockInTile) {
    int64_t lhsStride = (c.m.empty() ? 0 : c.m.back().lhs) * kWordBytes;
    int64_t rhsStride = c.k.back().rhs * kWordBytes;
    for (auto [j, panel] : llvm::enumerate(right)) {
      Value columns = e.element(panel, word, rhsAt);
      tiles.load(rhsTile(int64_t(j)), columns, rhsStride);
      prefetch(columns, blockInTile);
      for (auto [i, row] : llvm::enumerate(left)) {
        if (j == 0)
          tiles.load(lhsTile(int64_t(i)), e.element(row, word, lhsAt), lhsStride);
        tiles.multiply(product, sumTile(int64_t(i), int64_t(j)), lhsTile(int64_t(i)), rhsTile(int64_t(j)));
      }
    }
  }

  // The same rows of the next group's panel; each block of rows asks for its share.
  void prefetch(Value columns, Value blockInTile) {
    if (!blocking.prefetchRows)
      return;
    Value next = e.element(columns, word, e.constant(blocking.blockPanels * c.panelStride));
    next = e.element(next, word, e.mul(blockInTile, blocking.prefetchRows * c.k.back().rhs));
    for (int64_t row = 0; row < blocking.prefetchRows; ++row) // read, into L2, data
      LLVM::Prefetch::create(b, loc, e.element(next, word, e.constant(row * c.k.back().rhs)), 0, 2, 1);
  }

  void emitEpilogue(ArrayRef<RowTile> rows, Value group, int64_t panels,
                    llvm::function_ref<Value(int64_t, int64_t)> sumsOf) {
    Type element = getElementTypeOrSelf(c.result);
    int64_t distance = c.m.empty() ? 0 : c.m.back().row, tail = c.n % kPanel;
    Value n0 = e.mul(group, blocking.blockPanels * kPanel);
    // The last panel may have fewer columns.
    auto maskFor = [&](int64_t j) -> Value {
      bool canBeLast = blocking.panels % blocking.blockPanels ? panels != blocking.blockPanels : true;
      if (!tail || j + 1 != panels || !canBeLast)
        return {};
      Value left = arith::SubIOp::create(b, loc, e.constant(c.n), e.add(n0, j * kPanel));
      return e.maskOfFirst(smaller(left, e.constant(kPanel)));
    };
    SmallVector<Value> masks;
    for (int64_t j = 0; j < panels; ++j)
      masks.push_back(maskFor(j));
    for (auto [i, row] : llvm::enumerate(rows)) {
      SmallVector<Value> from;
      for (int64_t j = 0; j < panels; ++j)
        from.push_back(sumsOf(int64_t(i), j));
      e.loop(row.known, e.constant(blocking.tileRows), 1, [&, &row = row](Value at) {
        RowPlace place{row.place.lhs, e.add(row.place.row, e.mul(at, distance))};
        for (int64_t j = 0; j < panels; ++j) {
          Value sum = e.loadVector(e.element(from[j], word, e.mul(at, sumStride)), element, {});
          ok &= epilogue.finishVector(e, arguments, place, e.add(n0, j * kPanel), sum, masks[j]);
        }
      });
    }
  }

  OpBuilder &b;
  Location loc;
  BodyEvaluator e;
  const Contraction &c;
  const AmxBlocking &blocking;
  const Epilogue &epilogue;
  const KernelFrame &frame;
  AmxTiles tiles;
  StringRef product;
  Type word, pointer;
  int64_t sumStride; // words between rows of sums
  MicroArguments arguments{};
  Value lhs, rhs, firstBlock; // of the tile of the launch
  bool ok = true;
};

} // namespace

bool emitAmxContraction(OpBuilder &builder, func::FuncOp kernel, const Contraction &contraction,
                        const TargetDesc &target, const AmxBlocking &blocking, const Epilogue &epilogue,
                        const KernelFrame &frame) {
  return AmxWriter(builder, kernel, contraction, target, blocking, epilogue, frame).emit();
}

} // namespace mlc::codegen::cpu
