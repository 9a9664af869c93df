// Products of matrices in memory by Intel AMX, whole tiles of both.
#ifndef MLC_CODEGEN_CPU_AMXPRODUCT_H
#define MLC_CODEGEN_CPU_AMXPRODUCT_H

#include "codegen/cpu/AmxTiles.h"
#include "codegen/cpu/BodyEvaluator.h"

namespace mlc::codegen::cpu {

// Of the registers: tiles of lhs are rows x words, those of rhs words x 16 columns.
struct AmxProductShape {
  int64_t rows, words;
  int64_t rowTiles; // 1 or 2, of the sums in registers at a time
  int64_t columnTiles() const { return rowTiles == 1 ? 4 : 2; }
};

struct AmxMatrix {
  mlir::Value first; // pointer
  int64_t stride;    // bytes from row to row
};

// [columns / panelTiles][rows][panelTiles] of tiles.
struct AmxPanels {
  AmxMatrix matrix;               // the first panel
  int64_t panelTiles, panelBytes; // columnTiles() divides panelTiles, or there is one panel
};

void configure(AmxTiles &tiles, const AmxProductShape &shape, mlir::Value memory);

// sums = lhs * rhs, (rowTiles * rows) x (columns * 16) numbers of f32 over steps * words of pairs of bf16; with rhs in
// rows of columns * 16 words, which are pairs of its rows.
void emitAmxProduct(BodyEvaluator &evaluator, const AmxProductShape &shape, const AmxMatrix &lhs, const AmxPanels &rhs,
                    const AmxMatrix &sums, int64_t steps, int64_t columns);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_AMXPRODUCT_H
