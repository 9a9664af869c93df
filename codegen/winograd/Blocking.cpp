#include "codegen/winograd/Kernel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

namespace mlc::codegen {

namespace {

// Groups of at most `mostPanels` panels, each over all of k.
void cutPanels(WinogradBlocking &b, const WinogradKernel &k, const TargetDesc &target, int64_t mostPanels) {
  int64_t panelVectors = k.panelWidth / b.lanes;
  b.groups = llvm::divideCeil(k.panels, mostPanels);
  b.groupPanels = llvm::divideCeil(k.panels, b.groups);
  int64_t vectors = b.groupPanels * panelVectors;
  int64_t parts = k.sums.dot == cpu::Dot::None ? k.interleave : 1; // that words are taken apart in
  b.mostRows = std::clamp<int64_t>((target.vector_registers - (1 + vectors) * parts) / vectors, 1, 8);
}

// Sums, a row of the filter, and an element of V: 6 x 4 + 4 + 1 of 32 registers, or 6 x 2 + 2 + 1 of 16.
int64_t mostPanels(const WinogradBlocking &b, const WinogradKernel &k, const TargetDesc &target) {
  return std::max<int64_t>(1, (target.vector_registers >= 32 ? 4 : 2) / (k.panelWidth / b.lanes));
}

// Every block reads the whole filter, from behind the caches where it is a large one: blocks are as large as V and S
// leave room for what streams by in the second-level cache, and never so small that few products are made of each
// element of the filter.
int64_t chooseBlocks(const WinogradBlocking &b, const WinogradKernel &k, const TargetDesc &target) {
  constexpr int64_t fewestTiles = 32;
  int64_t tileBytes = 4 * k.positions() * (b.wordStride + b.groupPanels * k.panelWidth);
  int64_t fitting = std::max(target.l2_bytes / 2 / tileBytes, fewestTiles);
  int64_t blocks = llvm::divideCeil(k.tiles(), fitting);
  // Tiles of the launch that many numbers of threads share evenly.
  constexpr int64_t evenly = 8, manyTiles = 32, fewestRows = 24;
  while (blocks * b.groups < manyTiles && blocks * b.groups % evenly != 0 && k.tiles() >= (blocks + 1) * fewestRows)
    ++blocks;
  return blocks;
}

WinogradBlocking layOut(WinogradBlocking b, const WinogradKernel &k, int64_t blocks) {
  b.blocks = Split(k.tiles(), blocks);
  // Positions at a distance of a page would fall on the same sets of the cache.
  constexpr int64_t apart = 16;
  b.inputStride = b.largestBlock() * b.wordStride + apart;
  b.sumStride = b.largestBlock() * b.groupPanels * k.panelWidth + apart;
  b.sumsAt = 4 * k.positions() * b.inputStride;
  b.pixelsAt = b.sumsAt + 4 * k.positions() * b.sumStride;
  b.scratchBytes = b.pixelsAt + 4 * k.winograd.tile * k.winograd.tile * b.lanes;
  return b;
}

WinogradBlocking startOf(const WinogradKernel &k, const TargetDesc &target) {
  WinogradBlocking b;
  b.lanes = target.vector_bytes / 4;
  b.wordStride = llvm::alignTo(k.channels, b.lanes) / k.interleave;
  return b;
}

} // namespace

WinogradBlocking chooseBlocking(const WinogradKernel &k, const TargetDesc &target) {
  WinogradBlocking b = startOf(k, target);
  cutPanels(b, k, target, mostPanels(b, k, target));
  return layOut(b, k, chooseBlocks(b, k, target));
}

std::vector<WinogradBlocking> candidateBlockings(const WinogradKernel &k, const TargetDesc &target) {
  std::vector<WinogradBlocking> all;
  auto add = [&](const WinogradBlocking &b) {
    // Timed on one thread, and run by many: what leaves these less to share is none.
    constexpr int64_t manyTiles = 32;
    bool isCut = all.empty() || b.launchTiles() >= std::min(all.front().launchTiles() / 2, manyTiles);
    if (isCut && llvm::none_of(all, [&](const WinogradBlocking &known) { return nameOf(k, known) == nameOf(k, b); }))
      all.push_back(b);
  };
  add(chooseBlocking(k, target));
  WinogradBlocking b = startOf(k, target);
  int64_t most = mostPanels(b, k, target);
  for (int64_t panels : {most, std::max<int64_t>(1, most * 3 / 4), std::max<int64_t>(1, most / 2)}) {
    cutPanels(b, k, target, panels);
    int64_t blocks = chooseBlocks(b, k, target);
    for (int64_t count : {blocks, blocks / 2, blocks * 3 / 2, blocks * 2})
      add(layOut(b, k, std::clamp<int64_t>(count, 1, k.tiles())));
  }
  return all;
}

std::string nameOf(const WinogradKernel &k, const WinogradBlocking &b) {
  return llvm::formatv("{0}x{1},blocks={2}", std::min(b.mostRows, b.largestBlock()), b.groupPanels * k.panelWidth,
                       b.blocks.parts)
      .str();
}

} // namespace mlc::codegen
