#include "codegen/cpu/Blocking.h"
#include "codegen/cpu/BodyEvaluator.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

// Sizes that the model works with.
struct Problem {
  int64_t rows, depth, vectors, outer;
  int64_t lhsBytes;   // that all rows read
  int64_t panelBytes; // one vector's columns of rhs
  bool lanesInLhs;
  int64_t productsPerWord = 1; // more than one: words are taken apart
  Dot dot = Dot::None;
  int64_t vectorsPerPanel; // vectors are taken in whole panels
  int64_t lineRows;        // rows whose offsets are multiples of one stride: a micro-kernel inside computes one offset
};

// x86 cores with two FMA and two load ports, latency four, a cache line a cycle from L2 and an eighth of that from
// behind it. Only ratios matter.
struct CostModel {
  const Problem &p;
  const TargetDesc &target;

  double stepCycles(int64_t rows, int64_t vectors) const {
    int64_t products = rows * vectors, loads = (p.lanesInLhs ? products : rows) + vectors;
    // A dot product in bf16 is as two multiply-adds; what words are taken apart with is as much work as a product each.
    double latency = p.dot == Dot::BF16 ? 6 : 4, work = products / (p.dot == Dot::BF16 ? 1.0 : 2.0);
    if (p.productsPerWord > 1)
      work = double(p.productsPerWord) * double(products + loads) / 2;
    double cycles = std::max({work, loads / 2.0, latency});
    // A line for each vector comes from L2 at each step. It is hidden as a rule, and not always: of tiles with as many
    // products, the one with fewer columns wins (128x768x768: 5x80 at 89 % of the peak, 8x48 at 94 %).
    constexpr double perLine = 0.25;
    if (!p.lanesInLhs && vectors * p.panelBytes > target.l1_bytes / 2)
      cycles += perLine * double(vectors);
    // Columns that do not stay in L2 between two blocks of rows come from behind it each time.
    if (p.rows > rows && vectors * p.panelBytes > target.l2_bytes * 6 / 10)
      cycles = std::max(cycles, double(vectors * target.vector_bytes) / 8);
    return cycles;
  }

  double blockCycles(int64_t mr, int64_t rows, int64_t vectors) const {
    bool oneLine = p.rows == p.lineRows || p.lineRows % mr == 0;
    constexpr double call = 20, perOffset = 5, perResult = 1.5;
    return call + (oneLine ? 0 : perOffset * double(rows)) + perResult * double(rows * vectors) +
           stepCycles(rows, vectors) * double(p.depth);
  }

  double totalCycles(int64_t mr, int64_t nv) const {
    int64_t rowsLeft = p.rows % mr, vectorsLeft = p.vectors % nv;
    int64_t rowBlocks = p.rows / mr, vectorBlocks = p.vectors / nv;
    auto rowsOf = [&](int64_t vectors) {
      return blockCycles(mr, mr, vectors) * double(rowBlocks) + (rowsLeft ? blockCycles(mr, rowsLeft, vectors) : 0);
    };
    return rowsOf(nv) * double(vectorBlocks) + (vectorsLeft ? rowsOf(vectorsLeft) : 0);
  }
};

// The register tile of least cost; the larger one where costs are within a percent.
void chooseRegisters(const CostModel &model, Blocking &b) {
  const Problem &p = model.p;
  // More rows of an unpacked lhs at a stride of a page fall into the same sets of L1.
  constexpr int64_t mostRows = 8, mostVectors = 6;
  double best = 0;
  int64_t step = std::min(p.vectorsPerPanel, p.vectors);
  b.nv = step;
  for (int64_t nv = step; nv <= std::min(mostVectors, p.vectors); nv += step)
    for (int64_t mr = 1; mr <= std::min(mostRows, p.rows); ++mr) {
      int64_t registers = mr * nv + (nv + 1) * p.productsPerWord; // sums, a row of rhs, an element of lhs
      // Dots of bf16 with 31 registers of 32 left LLVM none for what it hoists.
      if (registers > model.target.vector_registers - (p.dot == Dot::BF16 ? 2 : 0))
        continue;
      double cost = model.totalCycles(mr, nv);
      bool larger = mr * nv > b.mr * b.nv;
      if (best == 0 || cost < best * (larger ? 1.005 : 0.995)) {
        best = best == 0 ? cost : std::min(best, cost);
        b.mr = mr;
        b.nv = nv;
      }
    }
}

} // namespace

Blocking chooseBlocking(const Contraction &c, const TargetDesc &target, bool sumsInScratch) {
  Blocking b;
  b.lanes = target.vector_bytes / std::max<int64_t>(4, BodyEvaluator::elementBytes(getElementTypeOrSelf(c.init)));
  int64_t elementBytes = BodyEvaluator::elementBytes(c.rhs.element);
  Problem p;
  p.rows = stepsOf(c.m);
  p.depth = stepsOf(c.k);
  p.outer = stepsOf(c.outer);
  p.vectors = ceilDiv(c.n, b.lanes);
  p.vectorsPerPanel = c.panelWidth ? c.panelWidth / b.lanes : c.laneGroup ? p.vectors : 1;
  p.dot = c.dot;
  p.productsPerWord = c.dot == Dot::None ? c.interleave : c.dot == Dot::I16 ? 2 : 1;
  p.lanesInLhs = c.lhsLane != 0 || c.laneGroup != 0;
  p.lineRows = c.m.empty() ? 1 : c.m.back().extent;
  p.panelBytes = p.depth * b.lanes * elementBytes;
  int64_t lhsElement = BodyEvaluator::elementBytes(c.lhs.element);
  int64_t lhsPerStep = c.laneGroup ? c.n / c.laneGroup : c.lhsLane ? c.n : 1;
  p.lhsBytes =
      std::min(p.rows * p.depth * lhsPerStep, c.lhs.type.getNumElements() / c.interleave / p.outer) * lhsElement;
  CostModel model{p, target};
  chooseRegisters(model, b);

  int64_t rowBlocks = ceilDiv(p.rows, b.mr), groups = ceilDiv(p.vectors, b.nv);
  // Strided columns are copied once for all rows. Contiguous ones are read in place by few rows.
  constexpr int64_t rowsWorthACopy = 16;
  b.copyRhs = c.rhsLane > 1 || (c.rhsLane == 1 && !p.lanesInLhs && !c.panelWidth && p.rows >= rowsWorthACopy &&
                                c.k.back().rhs * elementBytes >= 512);

  // Which operand is read again: rows for each group of columns, or columns for each block of rows. What stays in half
  // of L2 costs nothing.
  int64_t cache = target.l2_bytes / 2, rhsBytes = p.vectors * p.panelBytes;
  int64_t rowBytes = std::max<int64_t>(1, p.lhsBytes / p.rows);
  int64_t fittingRows = std::clamp<int64_t>(cache / rowBytes / b.mr * b.mr, b.mr, roundUp(p.rows, b.mr));
  bool rhsStays = rhsBytes <= cache;
  double columnsAgain = double(p.lhsBytes) + double(rhsBytes) * double(rhsStays ? 1 : ceilDiv(p.rows, fittingRows));
  double rowsAgain = double(p.lhsBytes) * double(p.lhsBytes <= cache ? 1 : groups) + double(rhsBytes);
  bool fewRows = rowBlocks < 16;
  b.groupsFirst = !b.copyRhs && !fewRows && (rhsStays || columnsAgain < rowsAgain);
  b.rowsOutside = b.groupsFirst && rhsStays;

  // Tiles: enough of them to share evenly, each with work enough that finding its place costs nothing.
  constexpr double leastCycles = 6000;
  constexpr int64_t wantedTiles = 64;
  double cycles = model.totalCycles(b.mr, b.nv);
  int64_t wanted = std::clamp<int64_t>(int64_t(cycles / leastCycles), 1, std::max<int64_t>(1, wantedTiles / p.outer));
  if (b.groupsFirst) {
    int64_t blocksPerTile = std::max<int64_t>(1, rowBlocks / wanted);
    if (!b.rowsOutside)
      blocksPerTile = std::min(blocksPerTile * groups, fittingRows / b.mr);
    // Threads get equal numbers of tiles, which should be equal work.
    blocksPerTile = ceilDiv(rowBlocks, ceilDiv(rowBlocks, blocksPerTile));
    b.rowsPerTile = blocksPerTile * b.mr;
    b.groupsPerTile = b.rowsOutside ? groups : 1;
  } else {
    b.groupsPerTile = std::max<int64_t>(1, groups / wanted);
    int64_t rowTiles =
        b.copyRhs ? 1 : std::clamp<int64_t>(ceilDiv(wanted, ceilDiv(groups, b.groupsPerTile)), 1, rowBlocks);
    b.rowsPerTile = ceilDiv(rowBlocks, rowTiles) * b.mr;
  }
  b.rowsPerTile = std::min(b.rowsPerTile, p.rows);
  b.rowTiles = ceilDiv(p.rows, b.rowsPerTile);
  b.groupTiles = ceilDiv(groups, b.groupsPerTile);
  b.tiles = p.outer * b.rowTiles * b.groupTiles;

  // Columns that a few rows use up faster than memory brings the next ones.
  constexpr int64_t fewestBlocks = 2;
  int64_t mostBlocks = p.dot == Dot::BF16 ? 32 : 8;
  bool pays = target.prefetch_next_panel || rowBlocks <= mostBlocks;
  if (c.panelWidth && !b.groupsFirst && rowBlocks >= fewestBlocks && pays)
    b.prefetchLines = ceilDiv(Blocking::prefetchSteps * b.nv * b.lanes * elementBytes, 64 * rowBlocks);

  if (b.copyRhs)
    b.copyBytes = roundUp(p.panelBytes * b.nv, 64);
  if (sumsInScratch)
    b.sumBytes = b.mr * b.nv * b.lanes * BodyEvaluator::elementBytes(getElementTypeOrSelf(c.op->getResult(0)));
  return b;
}

} // namespace mlc::codegen::cpu
