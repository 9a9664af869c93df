// The emitter: blocking, the kernel's function around the tiles, and MLIR to LLVM IR.
#include "codegen/attention/AttentionEmitter.h"
#include "codegen/attention/Attention.h"
#include "codegen/cpu/DotProduct.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/ModuleEmitter.h"
#include "mlc/kernel_abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mlc::codegen {

bool isFusedAttention(Operation *op) {
  bool isEmpty =
      llvm::any_of(op->getOperandTypes(), [](Type type) { return cast<RankedTensorType>(type).getNumElements() == 0; });
  Type element = getElementTypeOrSelf(op->getResult(0));
  return !isEmpty && (element.isF32() || element.isF16() || element.isBF16());
}

// Tiles for the rows of queries and the words of their elements. Few rows leave most of a tile idle.
static std::optional<cpu::AmxProductShape> chooseAmxShape(const Attention &a, const TargetDesc &target) {
  constexpr int64_t tileRows = 16, fewestRows = 4;
  std::optional<int64_t> words = cpu::wordsOfAmxTile(a.size / 2);
  if (!target.has("amx_tile") || !target.has("amx_bf16") || !words || a.queries < fewestRows)
    return std::nullopt;
  cpu::AmxProductShape shape{0, *words, a.queries > tileRows ? 2 : 1};
  int64_t blocks = llvm::divideCeil(a.queries, tileRows * shape.rowTiles);
  shape.rows = llvm::divideCeil(a.queries, blocks * shape.rowTiles);
  // Two tiles of rows are in the matrix together.
  if (shape.rows * shape.rowTiles > a.queries)
    shape.rows = a.queries / shape.rowTiles;
  return shape;
}

AttentionBlocking chooseBlocking(const Attention &a, const TargetDesc &target) {
  AttentionBlocking b;
  // Accumulators, a row of keys or values, and a broadcast element: 24 + 4 + 1 of 32 registers, or 12 + 2 + 1 of 16.
  bool wide = target.vector_bytes >= 64 && target.vector_registers >= 32;
  b.lanes = target.vector_bytes / 4;
  bool isBF16 = getElementTypeOrSelf(a.op->getResult(0)).isBF16();
  b.dots = isBF16 && !a.cuSeqlens && a.size % 2 == 0 && a.query.sequence % 2 == 0 && cpu::multipliesPairsOfBF16(target);
  b.rows = std::min<int64_t>(6, a.queries);
  b.vectors = wide ? 4 : 2;
  // Keys and values of a block take half of the second-level cache.
  int64_t elementBytes = b.dots ? 2 : 4;
  int64_t fitting = std::max<int64_t>(target.l2_bytes / 2 / (elementBytes * (a.size + a.valueSize)), 1);
  if (b.dots && a.keys <= fitting)
    b.amx = chooseAmxShape(a, target);
  if (b.amx)
    b.rows = b.amx->rowTiles * b.amx->rows;
  b.rowBlocks = llvm::divideCeil(a.queries, b.rows);
  if (a.cuSeqlens || b.amx) { // full blocks
    b.largerBlocks = b.rowBlocks;
  } else {
    b.rows = llvm::divideCeil(a.queries, b.rowBlocks);
    b.largerBlocks = a.queries - (b.rows - 1) * b.rowBlocks;
  }
  // Every tile copies the keys, which costs as much as a few queries: about 128 queries a tile, fewer only where there
  // would be too few tiles to keep threads busy.
  constexpr int64_t wantedRows = 128, fewestRows = 32, enoughTiles = 12;
  int64_t perHead = llvm::divideCeil(a.queries, wantedRows);
  while (a.batches * a.heads * perHead < enoughTiles && a.queries >= 2 * perHead * fewestRows)
    perHead *= 2;
  b.tileBlocks = llvm::divideCeil(b.rowBlocks, perHead);
  b.tilesPerHead = llvm::divideCeil(b.rowBlocks, b.tileBlocks);
  b.keyBlocks = 1;
  b.keyBlock = a.keys;
  if (a.keys > fitting) {
    int64_t blocks = llvm::divideCeil(a.keys, fitting);
    b.keyBlock = llvm::alignTo(llvm::divideCeil(a.keys, blocks), b.panel());
    b.keyBlocks = llvm::divideCeil(a.keys, b.keyBlock);
  }
  int64_t padded = llvm::alignTo(b.keyBlock, b.panel());
  // Rows at a distance of a page would fall on the same sets of the cache.
  b.scoreStride = padded * 4 % 4096 == 0 ? padded + b.lanes : padded;
  int64_t at = llvm::alignTo(padded * a.size * elementBytes, 64);
  auto place = [&](int64_t floats) { return std::exchange(at, at + int64_t(llvm::alignTo(floats * 4, 64))); };
  int64_t tileRows = b.keyBlocks > 1 ? b.tileBlocks * b.rows : 0;
  b.valuesAt = place(b.dots ? b.keyPairs() * b.valueStride(a) : 0);
  b.scoresAt = place(b.rows * b.scoreStride);
  b.highestAt = place(b.rows * b.lanes);
  b.sumAt = place(std::max(b.rows, tileRows));
  b.correctionAt = place(b.rows);
  b.stateAt = place(tileRows);
  b.productAt = place((b.amx ? b.rows : tileRows) * int64_t(llvm::alignTo(a.valueSize, b.lanes)));
  b.configAt = place(b.amx ? cpu::AmxTiles::configBytes / 4 : 0);
  b.scratchBytes = at;
  return b;
}

namespace {

class AttentionEmitter final : public cpu::ModuleEmitter {
public:
  llvm::StringRef name() const override { return "attention"; }

private:
  llvm::StringRef takes() const override {
    return "one mlc.attention or mlc.varlen_attention in f32, f16 or bf16 on views of the kernel's arguments; rewrite "
           "others by mlc-decompose-attention";
  }
  OwningOpRef<ModuleOp> build(func::FuncOp kernel, const TargetDesc &target, EmittedKernel &emitted) const override {
    std::optional<Attention> attention = matchAttention(kernel);
    if (!attention || !isFusedAttention(attention->op))
      return {};
    AttentionBlocking blocking = chooseBlocking(*attention, target);
    emitted.schedule =
        llvm::formatv("{0}x{1}{2}, {3}{4} queries a tile, {5} x {6} keys", blocking.rows, blocking.panel(),
                      blocking.amx    ? " by AMX"
                      : blocking.dots ? " of pairs"
                                      : "",
                      attention->cuSeqlens ? "up to " : "",
                      std::min(blocking.tileBlocks * blocking.rows, attention->queries), blocking.keyBlocks,
                      blocking.keyBlock)
            .str();
    emitted.tiles = blocking.tiles(*attention);
    emitted.scratch_bytes = blocking.scratchBytes;

    return cpu::buildKernelFunction(kernel, [&](OpBuilder &b, cpu::KernelFrame &frame) {
      Location loc = kernel.getLoc();
      cpu::BodyEvaluator e(b, loc);
      Type pointer = frame.bindings.getType();
      auto binding = [&](unsigned index) -> Value {
        return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
      };
      for (auto [index, argument] : llvm::enumerate(kernel.getArguments()))
        e.buffers[argument] = binding(index);
      Value output = binding(kernel.getNumArguments());
      Value end = frame.end;
      if (attention->cuSeqlens) {
        Value right = emitOffsetCheck(e, *attention);
        end = arith::SelectOp::create(b, loc, right, end, frame.begin); // or no tile runs
        auto code = [&](int code) { return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(code)); };
        frame.status = arith::SelectOp::create(b, loc, right, code(MLC_KERNEL_OK), code(MLC_KERNEL_INDEX_OUT_OF_RANGE));
      }
      cpu::AmxTiles tiles(b, loc);
      if (blocking.amx)
        configure(tiles, *blocking.amx, e.element(frame.scratch, b.getI8Type(), e.constant(blocking.configAt)));
      bool ok = true;
      scf::ForOp::create(b, loc, frame.begin, end, e.constant(1), ValueRange{},
                         [&](OpBuilder &, Location, Value tile, ValueRange) {
                           ok = emitAttentionTile(e, *attention, blocking, output, frame.scratch, tile);
                           scf::YieldOp::create(b, loc);
                         });
      if (blocking.amx)
        tiles.release();
      return ok;
    });
  }
};

} // namespace

std::unique_ptr<Emitter> createAttentionEmitter() { return std::make_unique<AttentionEmitter>(); }

} // namespace mlc::codegen
