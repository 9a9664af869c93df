// How a contraction is cut: register tiles, and the tiles of the launch. The cost model reads the contraction and the
// target description only.
//
// A micro-kernel keeps mr rows x nv vectors of the result in registers over all of k; the scheme is that of BLIS
// (Van Zee and van de Geijn, https://doi.org/10.1145/2764454). A tile of the launch is a block of whole micro-kernels:
// rowsPerTile rows x groupsPerTile groups of nv vectors, of one step of the outer loops.
#ifndef MLC_CODEGEN_CPU_BLOCKING_H
#define MLC_CODEGEN_CPU_BLOCKING_H

#include "codegen/cpu/Contraction.h"

namespace mlc::codegen::cpu {

struct Blocking {
  int64_t lanes = 1, mr = 1, nv = 1;
  int64_t rowsPerTile = 1, groupsPerTile = 1; // rowsPerTile is a multiple of mr, unless it is all rows
  int64_t rowTiles = 1, groupTiles = 1, tiles = 1;
  bool groupsFirst = false; // neighbouring tiles share rows; otherwise they share columns
  bool rowsOutside = false; // inside a tile, each block of rows meets all of the tile's columns before the next
  bool copyRhs = false;     // a tile copies its columns of rhs to scratch, contiguous, first
  static constexpr int64_t prefetchSteps = 4;
  int64_t prefetchLines = 0; // of the next group's panels, asked for in every prefetchSteps steps of k
  int64_t copyBytes = 0;     // of the copied rhs, at the start of scratch
  int64_t sumBytes = 0;      // of one micro-kernel's sums, behind it
};

Blocking chooseBlocking(const Contraction &contraction, const TargetDesc &target, bool sumsInScratch);

// What --tune measures: chooseBlocking's first, then others that could be as fast. All sum in the same order.
std::vector<Blocking> candidateBlockings(const Contraction &contraction, const TargetDesc &target, bool sumsInScratch);

// "8x48,tile=16x48,order=columns,prefetch=2": rows x columns of a micro-kernel and of a tile; what neighbouring tiles
// share (columns, or rows), or `blocks`: rows, and a tile takes each block of them to all of its columns;
// prefetchLines.
std::string nameOf(const Blocking &blocking);

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_BLOCKING_H
