// How a contraction is cut for Intel AMX: tile registers, blocks of them, and the tiles of the launch.
//
// A tile register holds at most 16 rows of 64 bytes. One instruction multiplies a tile of lhs (rows x words of k) by a
// tile of rhs (words of k x 16 columns), and adds to a tile of sums (rows x 16 columns): Intel 64 and IA-32
// Architectures Optimization Reference Manual, chapter 20, https://www.intel.com/sdm. Packed weights [N/16][K/2][16][2]
// and [N/16][K/4][16][4] are tiles of rhs as they lie in memory, and rows of lhs are read in place.
//
// All tiles of a kernel have one shape, as changing it costs more than a block: a line of rows is cut into tiles of
// equal height, and the last one of a line begins where it still fits, so it may repeat rows of the one before.
#ifndef MLC_CODEGEN_CPU_AMXBLOCKING_H
#define MLC_CODEGEN_CPU_AMXBLOCKING_H

#include "codegen/cpu/Contraction.h"

namespace mlc::codegen::cpu {

// Loops over k in words, the innermost in steps of one tile.
struct AmxSteps {
  int64_t extent;
  int64_t lhs, rhs; // words per step
};

struct AmxBlocking {
  int64_t lineRows = 1; // rows at one distance from each other
  int64_t tilesPerLine = 1;
  int64_t tileRows = 1, tileWords = 1;    // of a tile of lhs
  int64_t rowTiles = 1, panels = 1;       // of the whole result
  int64_t blockRows = 1, blockPanels = 1; // tiles of sums in registers
  llvm::SmallVector<AmxSteps> k;
  // Of loop `cut`, `chunk` steps with all that is inside are summed before the next rows have their turn: so much of
  // rhs stays in L1.
  int64_t cut = 0, chunk = 1;
  int64_t blocksPerTile = 1, groupsPerTile = 1; // of the launch
  int64_t rowCuts = 1, groupCuts = 1, tiles = 1;
  bool rowsOutside = false; // inside a tile of the launch, each block of rows meets all columns before the next
  int64_t prefetchRows = 0; // of each tile of the next columns, asked for by each block
  int64_t scratchBytes = 0;

  int64_t groups() const { return (panels + blockPanels - 1) / blockPanels; }
  int64_t blocks() const { return (rowTiles + blockRows - 1) / blockRows; }
  int64_t chunks() const;
};

// Nothing where the target has no such instruction, or the operands are no tiles.
std::optional<AmxBlocking> chooseAmxBlocking(const Contraction &contraction, const TargetDesc &target);

// What --tune measures: chooseAmxBlocking's first. All sum in the same order.
std::vector<AmxBlocking> candidateAmxBlockings(const Contraction &contraction, const TargetDesc &target);

// "amx 16x16,block=2x2,chunk=8,tile=64x32,order=columns,prefetch=8": rows and words of a tile, tiles in a block, steps
// of k in a chunk, rows and columns of a tile of the launch, prefetchRows.
std::string nameOf(const AmxBlocking &blocking);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_AMXBLOCKING_H
