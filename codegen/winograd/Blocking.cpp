#include "codegen/winograd/Kernel.h"

#include "llvm/Support/MathExtras.h"

namespace mlc::codegen {

WinogradBlocking chooseBlocking(const WinogradKernel &k, const TargetDesc &target) {
  WinogradBlocking b;
  b.lanes = target.vector_bytes / 4;
  // Sums, a row of the filter, and an element of V: 6 x 4 + 4 + 1 of 32 registers, or 6 x 2 + 2 + 1 of 16.
  int64_t panelVectors = k.panelWidth / b.lanes;
  int64_t mostPanels = std::max<int64_t>(1, (target.vector_registers >= 32 ? 4 : 2) / panelVectors);
  b.groups = llvm::divideCeil(k.panels, mostPanels);
  b.groupPanels = llvm::divideCeil(k.panels, b.groups);
  int64_t vectors = b.groupPanels * panelVectors;
  b.mostRows = std::clamp<int64_t>((target.vector_registers - 1 - vectors) / vectors, 1, 8);

  // Every block reads the whole filter, from behind the caches where it is a large one: blocks are as large as V and S
  // leave room for what streams by in the second-level cache, and never so small that few products are made of each
  // element of the filter.
  constexpr int64_t fewestTiles = 32;
  b.channelStride = llvm::alignTo(k.channels, b.lanes);
  int64_t tileBytes = 4 * k.positions() * (b.channelStride + b.groupPanels * k.panelWidth);
  int64_t fitting = std::max(target.l2_bytes / 2 / tileBytes, fewestTiles);
  int64_t blocks = llvm::divideCeil(k.tiles(), fitting);
  // Tiles of the launch that many numbers of threads share evenly.
  constexpr int64_t evenly = 8, manyTiles = 32, fewestRows = 24;
  while (blocks * b.groups < manyTiles && blocks * b.groups % evenly != 0 && k.tiles() >= (blocks + 1) * fewestRows)
    ++blocks;
  b.blocks = Split(k.tiles(), blocks);

  // Positions at a distance of a page would fall on the same sets of the cache.
  constexpr int64_t apart = 16;
  b.inputStride = b.largestBlock() * b.channelStride + apart;
  b.sumStride = b.largestBlock() * b.groupPanels * k.panelWidth + apart;
  b.sumsAt = 4 * k.positions() * b.inputStride;
  b.pixelsAt = b.sumsAt + 4 * k.positions() * b.sumStride;
  b.scratchBytes = b.pixelsAt + 4 * k.winograd.tile * k.winograd.tile * b.lanes;
  return b;
}

} // namespace mlc::codegen
