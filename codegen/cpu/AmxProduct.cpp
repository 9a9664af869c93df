#include "codegen/cpu/AmxProduct.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

constexpr int64_t kTileColumns = 16, kWordBytes = 4;

int64_t firstLhs(const AmxProductShape &shape) { return shape.rowTiles * shape.columnTiles(); }
int64_t firstRhs(const AmxProductShape &shape) { return firstLhs(shape) + shape.rowTiles; }

} // namespace

void configure(AmxTiles &tiles, const AmxProductShape &shape, Value memory) {
  SmallVector<AmxTileShape> shapes;
  for (int64_t i = 0; i < AmxTiles::count; ++i)
    shapes.push_back(i < firstLhs(shape)   ? AmxTileShape{shape.rows, kTileColumns}
                     : i < firstRhs(shape) ? AmxTileShape{shape.rows, shape.words}
                                           : AmxTileShape{shape.words, kTileColumns});
  tiles.configure(shapes, memory);
}

void emitAmxProduct(BodyEvaluator &e, const AmxProductShape &shape, const AmxMatrix &lhs, const AmxPanels &panels,
                    const AmxMatrix &sums, int64_t steps, int64_t columns) {
  AmxTiles tiles(e.b, e.loc);
  Type byte = e.b.getI8Type();
  const AmxMatrix &rhs = panels.matrix;
  auto at = [&](Value base, Value offset, int64_t constant) {
    return e.element(e.element(base, byte, offset), byte, e.constant(constant));
  };
  auto block = [&](Value column, int64_t count) { // column tiles from `column` on
    auto overTiles = [&](auto body) {
      for (int64_t i = 0; i < shape.rowTiles; ++i)
        for (int64_t j = 0; j < count; ++j)
          body(i, j, i * shape.columnTiles() + j);
    };
    constexpr int64_t tileBytes = kTileColumns * kWordBytes;
    Value columnBytes = e.mul(column, tileBytes);
    Value inPanels = e.add(e.mul(e.div(column, panels.panelTiles), panels.panelBytes),
                           e.mul(e.rem(column, panels.panelTiles), tileBytes));
    overTiles([&](int64_t, int64_t, int64_t tile) { tiles.zero(tile); });
    e.loop(e.constant(0), e.constant(steps), 1, [&](Value step) {
      Value left = e.mul(step, shape.words * kWordBytes);
      Value right = e.add(e.mul(step, shape.words * rhs.stride), inPanels);
      for (int64_t j = 0; j < count; ++j) {
        int64_t rhsTile = firstRhs(shape) + j % (AmxTiles::count - firstRhs(shape));
        tiles.load(rhsTile, at(rhs.first, right, j * tileBytes), rhs.stride);
        for (int64_t i = 0; i < shape.rowTiles; ++i) {
          int64_t lhsTile = firstLhs(shape) + i;
          if (j == 0)
            tiles.load(lhsTile, at(lhs.first, left, i * shape.rows * lhs.stride), lhs.stride);
          tiles.multiply("llvm.x86.tdpbf16ps", i * shape.columnTiles() + j, lhsTile, rhsTile);
        }
      }
    });
    overTiles([&](int64_t i, int64_t j, int64_t tile) {
      int64_t offset = i * shape.rows * sums.stride + j * tileBytes;
      tiles.store(tile, at(sums.first, columnBytes, offset), sums.stride);
    });
  };
  int64_t together = shape.columnTiles(), whole = columns / together * together;
  if (whole)
    e.loop(e.constant(0), e.constant(whole), together, [&](Value column) { block(column, together); });
  if (columns > whole)
    block(e.constant(whole), columns - whole);
}

} // namespace mlc::codegen::cpu
