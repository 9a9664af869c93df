// What the files of codegen/attention share: the kernel taken apart, its blocking, and the writer of one tile.
//
// A tile of the launch is a block of queries of one head. Over blocks of keys (one, unless keys and values together
// outgrow the second-level cache) it
//   1. copies the block's keys, scaled, transposed into panels [key / (vectors * lanes)][head size][vectors * lanes];
//      operands of bf16, on a target that multiplies pairs of them, into panels of pairs, and the values in pairs of
//      keys;
//   2. for each group of a few queries, forms their scores against all keys of the block, rows x vectors accumulators
//      in registers at a time, adds the mask, and stores them to scratch, where they stay in the first-level cache;
//   3. replaces the scores by exp(score - highest of the row), and sums them;
//   4. multiplies them with the values, which are read in place, and divides by the sums.
// By AMX the products of steps 2 and 4 are stored to scratch as they are, and go through vector registers from there.
// With several blocks of keys the highest score, the sum and the product so far are kept in scratch and rescaled, as in
// Milakov and Gimelshein, https://arxiv.org/abs/1805.02867, and Dao et al., https://arxiv.org/abs/2205.14135.
// Queries, keys, values and result are found by strides: either head layout, slices of one wider tensor, and heads that
// share their keys (multi-query) are read in place.
//
// Of mlc.varlen_attention a tile is a block of queries of one head of one sequence, whose length is known when the
// kernel runs: the numbers of keys and queries are values, a tile behind the end of its sequence does nothing, and a
// last block of rows that is not full begins earlier and computes some rows again.
#ifndef MLC_CODEGEN_ATTENTION_ATTENTION_H
#define MLC_CODEGEN_ATTENTION_ATTENTION_H

#include "codegen/Kernel.h"
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/BodyEvaluator.h"
#include "dialects/mlc/MlcDialect.h"
#include <optional>

namespace mlc::codegen {

// An operand or the result in memory: offset + batch * b + head * h + sequence * s + element.
struct HeadView {
  mlir::Value buffer; // an argument of the kernel; null for the result
  int64_t offset = 0;
  int64_t batch = 0, head = 0, sequence = 0;
};

struct Attention {
  mlir::Operation *op;
  mlir::Value mask;      // or null
  mlir::Value cuSeqlens; // of packed sequences, an argument of the kernel; or null
  int64_t rows;          // of packed sequences together
  double scale;
  bool causal, zeroNanRows;
  HeadView query, key, value, result;
  // Of packed sequences a batch is a sequence, and the numbers of queries and keys are those of the longest.
  int64_t batches, heads, keyHeads, queries, keys, size, valueSize;
};

// How the work is cut. Rows of queries come in blocks of `rows` or `rows - 1`, so that all are nearly equal: the first
// `largerBlocks` have `rows`. Of packed sequences, all have `rows`.
struct AttentionBlocking {
  int64_t lanes; // floats of a vector register
  bool dots;     // products are those of pairs of bf16; scores are scaled behind them, weights rounded in front
  // Of `dots`, those by AMX: blocks of rows are as high as its tiles. The last one begins earlier where it is not full,
  // and computes rows again, which it does not store.
  std::optional<cpu::AmxProductShape> amx;
  int64_t rows;    // queries of a micro-kernel
  int64_t vectors; // of keys, or of a value's elements, of a micro-kernel
  int64_t rowBlocks, largerBlocks;
  int64_t tileBlocks, tilesPerHead; // row blocks of a tile
  int64_t keyBlock, keyBlocks;      // keys of a block, a multiple of a panel where there are several
  int64_t scoreStride;              // floats between rows of scores
  // Offsets into scratch, in bytes; the keys come first, then values where they are copied. The last three are for
  // several blocks of keys, the very last one for AMX too.
  int64_t valuesAt, scoresAt, highestAt, sumAt, correctionAt, stateAt, productAt, scratchBytes;
  int64_t configAt = 0; // of AMX's tiles

  int64_t panel() const { return vectors * lanes; }
  int64_t keyPairs() const { // of values, with zeros behind the last key
    int64_t pairs = (keyBlock + 1) / 2;
    return amx ? int64_t(llvm::alignTo(pairs, amx->words)) : pairs;
  }
  int64_t valueStride(const Attention &a) const { return llvm::alignTo(a.valueSize, lanes); } // of copied values, words
  int64_t tiles(const Attention &a) const { return a.batches * a.heads * tilesPerHead; }
};

// The kernel as one attention whose operands are views of arguments, or nothing.
std::optional<Attention> matchAttention(mlir::func::FuncOp kernel);
AttentionBlocking chooseBlocking(const Attention &attention, const TargetDesc &target);
// Where a packed sequence begins, in rows: cu_seqlens[sequence].
mlir::Value offsetOfSequence(cpu::BodyEvaluator &evaluator, const Attention &attention, mlir::Value sequence);
// Whether the offsets of packed sequences ascend from 0 to at most the number of rows, none longer than the longest.
mlir::Value emitOffsetCheck(cpu::BodyEvaluator &evaluator, const Attention &attention);
// Emits one tile at the evaluator's insertion point; its buffers are the kernel's arguments. False when the mask cannot
// be evaluated.
bool emitAttentionTile(cpu::BodyEvaluator &evaluator, const Attention &attention, const AttentionBlocking &blocking,
                       mlir::Value output, mlir::Value scratch, mlir::Value tile);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_ATTENTION_ATTENTION_H
