#include "codegen/cpu/AmxBlocking.h"
#include "codegen/cpu/AmxTiles.h"
#include "codegen/cpu/DotProduct.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

constexpr int64_t kTileRows = 16, kPanel = 16, kWordBytes = 4;

int64_t ceilDiv(int64_t a, int64_t b) { return int64_t(llvm::divideCeil(a, b)); }

bool isZero(Value value) { return matchPattern(value, m_Zero()) || matchPattern(value, m_AnyZeroFloat()); }

class AmxPlanner {
public:
  AmxPlanner(const Contraction &c, const TargetDesc &target, const AmxBlocking &shape)
      : c(c), target(target), shape(shape) {
    int64_t steps = 1;
    for (const AmxSteps &loop : shape.k)
      steps *= loop.extent;
    rhsTile = shape.tileWords * kPanel * kWordBytes;
    panelBytes = steps * rhsTile;
    lhsBlockBytes = std::max<int64_t>(1, c.lhs.type.getNumElements() / c.interleave * kWordBytes /
                                             std::max<int64_t>(1, stepsOf(c.outer)) / shape.blocks());
    // Half a tile's loads come from L2 as a rule, and what follows the sums takes a few cycles a vector.
    constexpr double perProduct = 20, perVector = 4;
    cycles = double(shape.rowTiles * shape.panels) * (perProduct * double(steps) + perVector * double(shape.tileRows));
  }

  AmxBlocking plan(bool rowsOutside, int64_t rhsBudget, bool prefetches) const {
    AmxBlocking b = shape;
    b.rowsOutside = rowsOutside;
    setChunk(b, rhsBudget);
    int64_t blocks = b.blocks(), groups = b.groups(), outer = stepsOf(c.outer);
    constexpr double leastCycles = 6000;
    constexpr int64_t wantedTiles = 64;
    int64_t wanted = std::clamp<int64_t>(int64_t(cycles / leastCycles), 1, std::max<int64_t>(1, wantedTiles / outer));
    if (rowsOutside) {
      b.groupsPerTile = groups;
      b.blocksPerTile = std::max<int64_t>(1, blocks / wanted);
    } else {
      int64_t fitting = std::clamp<int64_t>(target.l2_bytes / 2 / lhsBlockBytes, 1, blocks);
      int64_t rowCuts = ceilDiv(blocks, fitting);
      b.groupsPerTile = std::max<int64_t>(1, groups * rowCuts / wanted);
      // Columns are read from L2 once for this many blocks of rows.
      constexpr int64_t fewestBlocks = 4;
      int64_t cuts = ceilDiv(wanted, ceilDiv(groups, b.groupsPerTile));
      rowCuts = std::max(rowCuts, std::min(cuts, blocks / fewestBlocks));
      b.blocksPerTile = ceilDiv(blocks, rowCuts);
    }
    b.rowCuts = ceilDiv(blocks, b.blocksPerTile);
    b.blocksPerTile = ceilDiv(blocks, b.rowCuts);
    b.groupCuts = ceilDiv(groups, b.groupsPerTile);
    b.tiles = outer * b.rowCuts * b.groupCuts;
    if (prefetches && !rowsOutside)
      b.prefetchRows = ceilDiv(b.tileWords, b.blocksPerTile);
    int64_t sums = b.blockRows * b.tileRows * b.blockPanels * kPanel * kWordBytes;
    constexpr int64_t config = 64;
    b.scratchBytes = config + sums * (b.chunks() > 1 ? b.blocksPerTile : 1);
    return b;
  }

  AmxBlocking choose() const { return plan(rowsFirst(), target.l1_bytes / 2, weightsAreFar()); }

  std::vector<AmxBlocking> candidates() const {
    std::vector<AmxBlocking> all;
    auto add = [&](const AmxBlocking &b) {
      if (llvm::none_of(all, [&](const AmxBlocking &known) { return nameOf(known) == nameOf(b); }))
        all.push_back(b);
    };
    add(choose());
    int64_t allOfK = shape.blockPanels * panelBytes;
    for (bool rowsOutside : {false, true}) {
      if (rowsOutside && !rhsStays())
        continue;
      for (int64_t budget : {target.l1_bytes / 4, target.l1_bytes / 2, target.l1_bytes * 3 / 4, allOfK})
        for (bool prefetches : {true, false})
          add(plan(rowsOutside, rowsOutside ? allOfK : budget, prefetches));
    }
    return all;
  }

private:
  bool rhsStays() const { return shape.panels * panelBytes <= target.l2_bytes / 2; }
  // A block's rows stay in L1 and meet columns that stay in L2.
  bool rowsFirst() const {
    constexpr int64_t manyBlocks = 16;
    return shape.blocks() >= manyBlocks && rhsStays() && 2 * lhsBlockBytes <= target.l1_bytes;
  }
  bool weightsAreFar() const { return target.prefetch_next_panel || !rhsStays(); }

  // Cuts k where the columns of a group exceed the budget.
  void setChunk(AmxBlocking &b, int64_t budget) const {
    // Blocks of rows that follow each other use them again; one alone does not, nor do rows that are outside.
    bool isUsedAgain = b.blocks() > 1 && !b.rowsOutside;
    b.cut = 0;
    b.chunk = b.k.front().extent;
    if (!isUsedAgain)
      return;
    int64_t inside = b.blockPanels * rhsTile;
    for (size_t i = b.k.size(); i-- > 0;) {
      if (inside * b.k[i].extent > budget || i == 0) {
        b.cut = int64_t(i);
        int64_t most = std::clamp<int64_t>(budget / inside, 1, b.k[i].extent);
        b.chunk = ceilDiv(b.k[i].extent, ceilDiv(b.k[i].extent, most));
        return;
      }
      inside *= b.k[i].extent;
    }
  }

  const Contraction &c;
  const TargetDesc &target;
  const AmxBlocking &shape;
  int64_t rhsTile, panelBytes, lhsBlockBytes;
  double cycles;
};

std::optional<AmxBlocking> shapeOf(const Contraction &c, const TargetDesc &target) {
  if (amxInstruction(c, target).empty() || c.panelWidth != kPanel || c.rhsLane != 1 || c.lhsLane != 0 || c.laneGroup ||
      c.k.back().lhs != 1 || !isZero(c.init))
    return std::nullopt;
  std::optional<int64_t> words = wordsOfAmxTile(c.k.back().extent);
  if (!words)
    return std::nullopt;
  AmxBlocking b;
  for (const Loop &loop : c.k)
    b.k.push_back({loop.extent, loop.lhs, loop.rhs});
  AmxSteps &last = b.k.back();
  last = {last.extent / *words, last.lhs * *words, last.rhs * *words};
  b.tileWords = *words;
  b.lineRows = c.m.empty() ? 1 : c.m.back().extent;
  b.tilesPerLine = ceilDiv(b.lineRows, kTileRows);
  b.tileRows = ceilDiv(b.lineRows, b.tilesPerLine);
  b.rowTiles = stepsOf(c.m) / b.lineRows * b.tilesPerLine;
  b.panels = ceilDiv(c.n, kPanel);
  b.blockRows = std::min<int64_t>(2, b.rowTiles);
  b.blockPanels = std::min<int64_t>(b.blockRows == 1 ? 4 : 2, b.panels);
  return b;
}

} // namespace

int64_t AmxBlocking::chunks() const {
  int64_t count = ceilDiv(k[cut].extent, chunk);
  for (int64_t i = 0; i < cut; ++i)
    count *= k[i].extent;
  return count;
}

std::optional<AmxBlocking> chooseAmxBlocking(const Contraction &c, const TargetDesc &target) {
  std::optional<AmxBlocking> shape = shapeOf(c, target);
  if (!shape)
    return std::nullopt;
  return AmxPlanner(c, target, *shape).choose();
}

std::vector<AmxBlocking> candidateAmxBlockings(const Contraction &c, const TargetDesc &target) {
  std::optional<AmxBlocking> shape = shapeOf(c, target);
  return shape ? AmxPlanner(c, target, *shape).candidates() : std::vector<AmxBlocking>();
}

std::string nameOf(const AmxBlocking &b) {
  int64_t chunk = b.chunk;
  for (size_t i = b.cut + 1; i < b.k.size(); ++i)
    chunk *= b.k[i].extent;
  return llvm::formatv("amx {0}x{1},block={2}x{3},chunk={4},tile={5}x{6},order={7},prefetch={8}", b.tileRows,
                       b.tileWords, b.blockRows, b.blockPanels, chunk, b.blocksPerTile * b.blockRows * b.tileRows,
                       b.groupsPerTile * b.blockPanels * kPanel, b.rowsOutside ? "blocks" : "columns", b.prefetchRows)
      .str();
}

} // namespace mlc::codegen::cpu
