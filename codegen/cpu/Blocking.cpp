#include "codegen/cpu/Blocking.h"
#include "codegen/cpu/BodyEvaluator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
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
    // Beside dots fewer loads are hidden: on Zen 4 8x16 and 6x16 reach 70 % of the peak, 8x32 96 %.
    double perLoad = p.dot == Dot::BF16 ? 1.25 : p.dot == Dot::None ? 0.5 : 0.625;
    double cycles = std::max({work, perLoad * double(loads), latency});
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

struct RegisterTile {
  int64_t mr, nv;
  double cycles; // of the whole contraction
};

// All that fit into registers, small ones first.
std::vector<RegisterTile> registerTiles(const CostModel &model) {
  const Problem &p = model.p;
  // More rows of an unpacked lhs at a stride of a page fall into the same sets of L1.
  constexpr int64_t mostRows = 8, mostVectors = 6;
  int64_t step = std::min(p.vectorsPerPanel, p.vectors);
  std::vector<RegisterTile> tiles;
  for (int64_t nv = step; nv <= std::min(mostVectors, p.vectors); ++nv) {
    if (nv % step && nv != p.vectors) // a group begins with a panel
      continue;
    for (int64_t mr = 1; mr <= std::min(mostRows, p.rows); ++mr) {
      int64_t registers = mr * nv + (nv + 1) * p.productsPerWord; // sums, a row of rhs, an element of lhs
      // The windows of neighbouring rows overlap: LLVM loads what they share once, and keeps it (8x48 of a depthwise
      // 3x3 convolution accessed its stack 197 times, and took 1.4 times as long as 8x32, which does not). With 16
      // registers there are none to spare: smaller blocks are no faster.
      if (p.lanesInLhs && model.target.vector_registers >= 32)
        registers += 8;
      // Dots of bf16 with 31 registers of 32 left LLVM none for what it hoists.
      if (registers <= model.target.vector_registers - (p.dot == Dot::BF16 ? 2 : 0))
        tiles.push_back({mr, nv, model.totalCycles(mr, nv)});
    }
  }
  if (tiles.empty())
    tiles.push_back({1, step, model.totalCycles(1, step)});
  return tiles;
}

// The one of least cost; the larger one where costs are within a percent.
RegisterTile cheapest(ArrayRef<RegisterTile> tiles) {
  RegisterTile chosen = tiles.front();
  double best = chosen.cycles;
  for (const RegisterTile &tile : tiles.drop_front()) {
    bool larger = tile.mr * tile.nv > chosen.mr * chosen.nv;
    if (tile.cycles < best * (larger ? 1.005 : 0.995)) {
      best = std::min(best, tile.cycles);
      chosen = tile;
    }
  }
  return chosen;
}

// Half of the widest vector, where that leaves fewer lanes of the last one without work and all columns are in
// registers at a time: 3136x144x24 on Zen 4 at 92 instead of 70 % of the peak.
bool isBetterInHalves(const Contraction &c, const TargetDesc &target, int64_t lanes) {
  constexpr int64_t fewVectors = 3;
  int64_t rest = c.n % lanes;
  return target.halves_vectors && c.interleave == 1 && !c.laneGroup && c.n < fewVectors * lanes && rest != 0 &&
         rest <= lanes / 2;
}

int64_t lanesOf(const Contraction &c, const TargetDesc &target) {
  int64_t lanes = target.vector_bytes / std::max<int64_t>(4, BodyEvaluator::elementBytes(getElementTypeOrSelf(c.init)));
  return isBetterInHalves(c, target, lanes) ? lanes / 2 : lanes;
}

// What is met in which order.
struct Order {
  bool groupsFirst, rowsOutside; // as in Blocking
};

class Planner {
public:
  Planner(const Contraction &c, const TargetDesc &target, bool sumsInScratch)
      : c(c), target(target), sumsInScratch(sumsInScratch), lanes(lanesOf(c, target)),
        elementBytes(BodyEvaluator::elementBytes(c.rhs.element)), p(problemOf()), model{p, target} {
    // Strided columns are copied once for all rows. Contiguous ones are read in place by few rows.
    constexpr int64_t rowsWorthACopy = 16;
    copyRhs = c.rhsLane > 1 || (c.rhsLane == 1 && !p.lanesInLhs && !c.panelWidth && p.rows >= rowsWorthACopy &&
                                c.k.back().rhs * elementBytes >= 512);
  }
  Planner(const Planner &) = delete; // `model` refers to `p`

  Blocking choose() const {
    RegisterTile tile = cheapest(registerTiles(model));
    return plan(tile, chooseOrder(tile));
  }

  std::vector<Blocking> candidates() const {
    constexpr double mostCycles = 1.3; // of the cheapest: the model is not wrong by more
    constexpr size_t mostTiles = 5;
    std::vector<Blocking> all;
    auto add = [&](const Blocking &b) {
      // Timed on one thread, and run by many: what leaves these less to share is none.
      constexpr int64_t manyTiles = 32;
      bool isCut = all.empty() || b.tiles >= std::min(all.front().tiles / 2, manyTiles);
      if (isCut && llvm::none_of(all, [&](const Blocking &known) { return nameOf(known) == nameOf(b); }))
        all.push_back(b);
    };
    add(choose());
    std::vector<RegisterTile> tiles = registerTiles(model);
    RegisterTile first = cheapest(tiles);
    for (Order order : orders())
      for (bool prefetch : {true, false})
        add(plan(first, order, prefetch));
    llvm::sort(tiles, [](const RegisterTile &a, const RegisterTile &b) {
      return std::tuple(a.cycles, a.nv, a.mr) < std::tuple(b.cycles, b.nv, b.mr);
    });
    if (tiles.size() > mostTiles)
      tiles.resize(mostTiles);
    for (const RegisterTile &tile : tiles)
      if (tile.cycles <= first.cycles * mostCycles)
        add(plan(tile, chooseOrder(tile)));
    return all;
  }

private:
  Problem problemOf() const {
    Problem p;
    p.rows = stepsOf(c.m);
    p.depth = stepsOf(c.k);
    p.outer = stepsOf(c.outer);
    p.vectors = ceilDiv(c.n, lanes);
    p.vectorsPerPanel = c.panelWidth ? c.panelWidth / lanes : c.laneGroup ? p.vectors : 1;
    p.dot = c.dot;
    p.productsPerWord = c.dot == Dot::None ? c.interleave : c.dot == Dot::I16 ? 2 : 1;
    p.lanesInLhs = c.lhsLane != 0 || c.laneGroup != 0;
    p.lineRows = c.m.empty() ? 1 : c.m.back().extent;
    p.panelBytes = p.depth * lanes * elementBytes;
    int64_t lhsElement = BodyEvaluator::elementBytes(c.lhs.element);
    int64_t lhsPerStep = c.laneGroup ? c.n / c.laneGroup : c.lhsLane ? c.n : 1;
    p.lhsBytes =
        std::min(p.rows * p.depth * lhsPerStep, c.lhs.type.getNumElements() / c.interleave / p.outer) * lhsElement;
    return p;
  }

  int64_t rowBlocks(const RegisterTile &tile) const { return ceilDiv(p.rows, tile.mr); }
  int64_t groups(const RegisterTile &tile) const { return ceilDiv(p.vectors, tile.nv); }
  int64_t cache() const { return target.l2_bytes / 2; }
  int64_t rhsBytes() const { return p.vectors * p.panelBytes; }
  bool rhsStays() const { return rhsBytes() <= cache(); }
  int64_t fittingRows(const RegisterTile &tile) const {
    int64_t rowBytes = std::max<int64_t>(1, p.lhsBytes / p.rows);
    return std::clamp<int64_t>(cache() / rowBytes / tile.mr * tile.mr, tile.mr, roundUp(p.rows, tile.mr));
  }

  // Which operand is read again: rows for each group of columns, or columns for each block of rows. What stays in half
  // of L2 costs nothing.
  Order chooseOrder(const RegisterTile &tile) const {
    double columnsAgain =
        double(p.lhsBytes) + double(rhsBytes()) * double(rhsStays() ? 1 : ceilDiv(p.rows, fittingRows(tile)));
    double rowsAgain = double(p.lhsBytes) * double(p.lhsBytes <= cache() ? 1 : groups(tile)) + double(rhsBytes());
    bool fewRows = rowBlocks(tile) < 16;
    bool groupsFirst = !copyRhs && !fewRows && (rhsStays() || columnsAgain < rowsAgain);
    return {groupsFirst, groupsFirst && rhsStays()};
  }

  // All that are possible.
  std::vector<Order> orders() const {
    std::vector<Order> all{{false, false}};
    if (copyRhs)
      return all;
    all.push_back({true, false});
    if (rhsStays())
      all.push_back({true, true});
    return all;
  }

  // Without a word on prefetch: where it pays.
  Blocking plan(const RegisterTile &tile, Order order, std::optional<bool> prefetch = std::nullopt) const {
    Blocking b;
    b.lanes = lanes;
    b.mr = tile.mr;
    b.nv = tile.nv;
    b.copyRhs = copyRhs;
    b.groupsFirst = order.groupsFirst;
    b.rowsOutside = order.rowsOutside;
    int64_t rowBlocks = this->rowBlocks(tile), groups = this->groups(tile);

    // Tiles: enough of them to share evenly, each with work enough that finding its place costs nothing.
    constexpr double leastCycles = 6000;
    constexpr int64_t wantedTiles = 64;
    int64_t wanted =
        std::clamp<int64_t>(int64_t(tile.cycles / leastCycles), 1, std::max<int64_t>(1, wantedTiles / p.outer));
    if (b.groupsFirst) {
      int64_t blocksPerTile = std::max<int64_t>(1, rowBlocks / wanted);
      if (!b.rowsOutside)
        blocksPerTile = std::min(blocksPerTile * groups, fittingRows(tile) / b.mr);
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
    int64_t mostBlocks = p.dot == Dot::BF16 ? 32 : 16;
    bool pays = target.prefetch_next_panel || rowBlocks <= mostBlocks;
    if (c.panelWidth && !b.groupsFirst && rowBlocks >= fewestBlocks && prefetch.value_or(pays))
      b.prefetchLines = ceilDiv(Blocking::prefetchSteps * b.nv * b.lanes * elementBytes, 64 * rowBlocks);

    if (b.copyRhs)
      b.copyBytes = roundUp(p.panelBytes * b.nv, 64);
    if (sumsInScratch)
      b.sumBytes = b.mr * b.nv * b.lanes * BodyEvaluator::elementBytes(getElementTypeOrSelf(c.op->getResult(0)));
    return b;
  }

  const Contraction &c;
  const TargetDesc &target;
  bool sumsInScratch, copyRhs;
  int64_t lanes, elementBytes;
  Problem p;
  CostModel model;
};

} // namespace

Blocking chooseBlocking(const Contraction &contraction, const TargetDesc &target, bool sumsInScratch) {
  return Planner(contraction, target, sumsInScratch).choose();
}

std::vector<Blocking> candidateBlockings(const Contraction &contraction, const TargetDesc &target, bool sumsInScratch) {
  return Planner(contraction, target, sumsInScratch).candidates();
}

std::string nameOf(const Blocking &b) {
  int64_t width = b.nv * b.lanes;
  const char *order = b.rowsOutside ? "blocks" : b.groupsFirst ? "rows" : "columns";
  return llvm::formatv("{0}x{1},tile={2}x{3},order={4},prefetch={5}", b.mr, width, b.rowsPerTile,
                       b.groupsPerTile * width, order, b.prefetchLines)
      .str();
}

} // namespace mlc::codegen::cpu
