// One tile of an attention kernel, as vector code. See Attention.h for its structure.
#include "codegen/attention/KeyBlock.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

using cpu::BodyEvaluator;
using cpu::Coord;

class AttentionWriter : KeyBlock {
public:
  AttentionWriter(BodyEvaluator &evaluator, const Attention &attention, const AttentionBlocking &blocking, Value output,
                  Value scratch)
      : KeyBlock(evaluator, attention, blocking, output, scratch) {
    e.width = t.lanes;
    if (a.mask)
      maskShape.assign(cast<RankedTensorType>(a.mask.getType()).getShape());
  }

  bool emit(Value tile) {
    if (a.cuSeqlens) {
      packedTile(tile);
      return ok;
    }
    Value matrix = e.div(tile, t.tilesPerHead);
    head = e.rem(matrix, a.heads);
    batch = e.div(matrix, a.heads);
    findMatrices();
    firstBlock = e.mul(e.rem(tile, t.tilesPerHead), t.tileBlocks);
    lastBlock = minimum(e.add(firstBlock, t.tileBlocks), t.rowBlocks, t.tilesPerHead * t.tileBlocks);
    firstRow = rowOf(firstBlock);
    endRow = rowOf(lastBlock);
    allKeys = e.constant(a.keys);
    allKeyBlocks();
    return ok;
  }

private:
  // Of packed sequences `batch` is the row that the sequence begins at. Heads are outermost, so that any number of
  // threads gets about as many tokens each, however the sequences are ordered.
  void packedTile(Value tile) {
    Value matrix = e.div(tile, t.tilesPerHead), sequence = e.rem(matrix, a.batches);
    head = e.div(matrix, a.batches);
    batch = offsetOfSequence(e, a, sequence);
    Value end = offsetOfSequence(e, a, e.add(sequence, 1));
    allKeys = arith::SubIOp::create(b, loc, end, batch);
    findMatrices();
    Value part = e.rem(tile, t.tilesPerHead);
    firstRow = e.mul(part, t.tileBlocks * t.rows);
    endRow = arith::MinSIOp::create(b, loc, e.add(firstRow, t.tileBlocks * t.rows), allKeys);
    onlyIf(isLess(firstRow, endRow), [&] { allKeyBlocks(); });
    Value isLast =
        arith::AndIOp::create(b, loc, isEqual(sequence, e.constant(a.batches - 1)), isEqual(part, e.constant(0)));
    onlyIf(isLast, [&] { zeroRowsFrom(end); });
  }

  // What lies behind the last sequence.
  void zeroRowsFrom(Value first) {
    Value column = e.mul(head, a.result.head);
    loop(first, e.constant(a.rows), 1, {}, [&](Value row, ValueRange) {
      Value to = e.element(output, outside, e.add(e.mul(row, a.result.sequence), column));
      overPanels(
          e.constant(a.valueSize), a.valueSize, {}, [&](Value column, int64_t vectors, Value inside, ValueRange) {
            for (int64_t j = 0; j < vectors; ++j)
              write(number(0), e.element(to, outside, e.add(column, j * t.lanes)), j + 1 == vectors ? inside : Value());
            return Values();
          });
      return Values();
    });
  }

  void allKeyBlocks() {
    if (t.keyBlocks == 1) {
      keyBlock(e.constant(0));
      return;
    }
    Value blocks = a.cuSeqlens ? e.div(e.add(allKeys, t.keyBlock - 1), t.keyBlock) : e.constant(t.keyBlocks);
    loop(e.constant(0), blocks, 1, {}, [&](Value block, ValueRange) {
      keyBlock(block);
      return Values();
    });
    divideBySums();
  }

  void findMatrices() {
    Value keyHead = e.div(head, a.heads / a.keyHeads);
    query = start(a.query, head);
    key = start(a.key, keyHead);
    value = start(a.value, keyHead);
    result = start(a.result, head);
  }

  Value start(const HeadView &view, Value head) {
    Value offset = e.add(e.mul(batch, view.batch), e.mul(head, view.head));
    return e.element(view.buffer ? e.buffers.lookup(view.buffer) : output, outside, e.add(offset, view.offset));
  }

  // First row of a block of rows: the larger blocks come first.
  Value rowOf(Value block) {
    if (t.largerBlocks == t.rowBlocks)
      return e.mul(block, t.rows);
    Value larger = arith::MinSIOp::create(b, loc, block, e.constant(t.largerBlocks));
    return e.add(e.mul(block, t.rows - 1), larger);
  }

  void keyBlock(Value block) {
    Value before = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, block, e.constant(0));
    isFirst = before;
    firstKey = e.mul(block, t.keyBlock);
    keys = t.keyBlocks == 1 ? allKeys
                            : arith::MinSIOp::create(b, loc, e.constant(t.keyBlock),
                                                     arith::SubIOp::create(b, loc, allKeys, firstKey));
    copyKeys();
    if (t.dots)
      copyValues();
    if (a.cuSeqlens)
      return packedRows();
    if (t.amx)
      return amxRows();
    bool allLarger = t.largerBlocks == t.rowBlocks;
    Value larger = allLarger ? lastBlock : minimum(lastBlock, t.largerBlocks, t.rowBlocks);
    loop(firstBlock, larger, 1, {}, [&](Value block, ValueRange) {
      rowBlock(rowOf(block), t.rows);
      return Values();
    });
    if (allLarger)
      return;
    Value from = arith::MaxSIOp::create(b, loc, firstBlock, e.constant(t.largerBlocks));
    loop(from, lastBlock, 1, {}, [&](Value block, ValueRange) {
      rowBlock(rowOf(block), t.rows - 1);
      return Values();
    });
  }

  // Rows [firstRow, endRow) in whole blocks. A last block that is not full begins earlier: a row that is computed twice
  // gives the same bits. Not so with several blocks of keys, where a row's state is updated: the rest is done by single
  // rows then, and always where there is no whole block.
  void packedRows() {
    Value rows = arith::SubIOp::create(b, loc, endRow, firstRow), whole = e.div(rows, t.rows);
    Value blocks = whole;
    if (t.keyBlocks == 1) {
      Value all = e.div(e.add(rows, t.rows - 1), t.rows);
      blocks = arith::SelectOp::create(b, loc, isEqual(whole, e.constant(0)), whole, all);
    }
    Value lastStart = e.add(endRow, -t.rows);
    loop(e.constant(0), blocks, 1, {}, [&](Value block, ValueRange) {
      Value row = e.add(firstRow, e.mul(block, t.rows));
      rowBlock(arith::MinSIOp::create(b, loc, row, lastStart), t.rows);
      return Values();
    });
    Value done = arith::MinSIOp::create(b, loc, e.add(firstRow, e.mul(blocks, t.rows)), endRow);
    loop(done, endRow, 1, {}, [&](Value row, ValueRange) {
      rowBlock(row, 1);
      return Values();
    });
  }

  // Blocks of whole tiles.
  void amxRows() {
    loop(firstBlock, lastBlock, 1, {}, [&](Value block, ValueRange) {
      Value wanted = e.mul(block, t.rows), row = minimum(wanted, a.queries - t.rows, (t.rowBlocks - 1) * t.rows);
      amxRowBlock(row, arith::SubIOp::create(b, loc, wanted, row));
      return Values();
    });
  }

  // The rows below `known` are another block's.
  void amxRowBlock(Value row, Value known) {
    localRow = arith::SubIOp::create(b, loc, row, firstRow);
    constexpr int64_t wordBytes = 4;
    cpu::AmxMatrix scores{region(t.scoresAt), wordBytes * t.scoreStride};
    cpu::AmxMatrix queries{e.element(query, outside, e.mul(row, a.query.sequence)), wordBytes / 2 * a.query.sequence};
    int64_t steps = a.size / 2 / t.amx->words, keyTiles = llvm::divideCeil(a.keys, t.lanes);
    emitAmxProduct(e, *t.amx, queries,
                   {{scratch, wordBytes * t.panel()}, t.vectors, wordBytes * a.size / 2 * t.panel()}, scores, steps,
                   keyTiles);
    loop(e.constant(0), e.constant(t.rows), 1, {}, [&](Value i, ValueRange) {
      Value line = at(region(t.scoresAt), e.mul(i, t.scoreStride));
      Value highest =
          overPanels(keys, a.keys, lowest(), [&](Value panel, int64_t vectors, Value inside, ValueRange so) {
            Value highest = so[0];
            for (int64_t j = 0; j < vectors; ++j) {
              Value place = at(line, e.add(panel, j * t.lanes));
              Value position = e.add(panel, j * t.lanes), mask = j + 1 == vectors ? inside : Value();
              Value score = finished(load(place), e.add(row, i), position, mask, {});
              store(score, place);
              highest = higher(score, highest);
            }
            return Values{highest};
          })[0];
      store(highest, at(region(t.highestAt), e.mul(i, t.lanes)));
      softmax(i);
      // Weights of keys that are there for whole tiles alone.
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get({t.lanes}, b.getI16Type())));
      for (int64_t key = keyTiles * t.lanes; key < 2 * t.keyPairs(); key += t.lanes)
        storeAs(outside, zero, e.element(line, outside, e.constant(key)), {});
      return Values();
    });
    cpu::AmxMatrix product{region(t.productAt), wordBytes * productStride()};
    emitAmxProduct(e, *t.amx, scores, {{region(t.valuesAt), wordBytes * t.valueStride(a)}, productStride(), 0}, product,
                   t.keyPairs() / t.amx->words, productStride() / t.lanes);
    loop(known, e.constant(t.rows), 1, {}, [&](Value i, ValueRange) {
      writeRow(at(product.first, e.mul(i, productStride())), i, e.add(row, i));
      return Values();
    });
  }

  // Row `row` of the result: of the products at `from`, divided by the sum of weights i.
  void writeRow(Value from, Value i, Value row) {
    Value inverse = inverseOfSum(i);
    Value to = e.element(result, outside, e.mul(row, a.result.sequence));
    overPanels(e.constant(a.valueSize), a.valueSize, {}, [&](Value column, int64_t vectors, Value inside, ValueRange) {
      for (int64_t j = 0; j < vectors; ++j) {
        Value offset = e.add(column, j * t.lanes);
        write(mul(load(at(from, offset)), inverse), e.element(to, outside, offset),
              j + 1 == vectors ? inside : Value());
      }
      return Values();
    });
  }

  void rowBlock(Value row, int64_t rows) {
    localRow = arith::SubIOp::create(b, loc, row, firstRow);
    for (int64_t i = 0; i < rows; ++i)
      prefetchNextHead(query, e.add(row, i), a.query, a.size);
    Values highest = overPanels(keys, knownKeys(), Values(rows, lowest()),
                                [&](Value panel, int64_t vectors, Value inside, ValueRange highest) {
                                  return scores(row, rows, panel, vectors, inside, highest);
                                });
    for (int64_t i = 0; i < rows; ++i)
      store(highest[i], at(region(t.highestAt), i * t.lanes));
    loop(e.constant(0), e.constant(rows), 1, {}, [&](Value i, ValueRange) {
      softmax(i);
      return Values();
    });
    overPanels(e.constant(a.valueSize), a.valueSize, {}, [&](Value column, int64_t vectors, Value inside, ValueRange) {
      weightedSum(row, rows, column, vectors, inside);
      return Values();
    });
  }

  // acc[i][j] += left[i][k] * right[k][j] over k in [0, count): left by single elements, right by vectors.
  Values multiply(Values acc, Value count, int64_t wholeCount, const Matrix &left, const Matrix &right, int64_t rows,
                  int64_t vectors, Value mask) {
    auto step = [&](Value k, ValueRange carried, int64_t unroll) {
      Values next(carried);
      Value leftAt = place(left, k), rightAt = place(right, e.mul(k, right.stride));
      for (int64_t u = 0; u < unroll; ++u) {
        Values column;
        for (int64_t j = 0; j < vectors; ++j)
          column.push_back(vectorOf(right, rightAt, u * right.stride + j * t.lanes, j + 1 == vectors ? mask : Value()));
        for (int64_t i = 0; i < rows; ++i) {
          Value element = splatOf(left, leftAt, i * left.stride + u);
          for (int64_t j = 0; j < vectors; ++j)
            next[i * vectors + j] = accumulate(element, column[j], next[i * vectors + j]);
        }
      }
      return next;
    };
    constexpr int64_t unroll = 4;
    Value whole = e.mul(e.div(count, unroll), unroll);
    if (wholeCount == unknown || wholeCount >= unroll)
      acc = loop(e.constant(0), whole, unroll, acc,
                 [&](Value k, ValueRange carried) { return step(k, carried, unroll); });
    if (wholeCount % unroll) // or unknown
      acc = loop(whole, count, 1, acc, [&](Value k, ValueRange carried) { return step(k, carried, 1); });
    return acc;
  }

  // Step 2: scores of `rows` queries against a panel of keys. Returns the highest so far, lane by lane.
  Values scores(Value row, int64_t rows, Value panel, int64_t vectors, Value lastInside, ValueRange highestSoFar) {
    Value queries = e.element(query, outside, e.mul(row, a.query.sequence));
    int64_t size = t.dots ? a.size / 2 : a.size;
    Matrix left{queries, t.dots ? a.query.sequence / 2 : a.query.sequence, t.dots ? word : outside};
    Matrix right{at(scratch, e.mul(panel, size)), t.panel(), t.dots ? word : f32};
    Values acc = multiply(Values(rows * vectors, number(0)), e.constant(size), size, left, right, rows, vectors, {});
    Values highest(highestSoFar);
    Value target = at(region(t.scoresAt), panel);
    for (int64_t j = 0; j < vectors; ++j) {
      Value position = e.add(firstKey, e.add(panel, j * t.lanes));
      Value inside = j + 1 == vectors ? lastInside : Value();
      Value shared = a.mask && !maskVariesByQuery() ? maskAt(e.constant(0), position, inside) : Value();
      for (int64_t i = 0; i < rows; ++i) {
        Value score = finished(acc[i * vectors + j], e.add(row, i), position, inside, shared);
        store(score, at(target, i * t.scoreStride + j * t.lanes));
        highest[i] = higher(score, highest[i]);
      }
    }
    return highest;
  }

  // The score of a query's product with the keys from `position` on; `shared`: the mask of all queries, or null.
  Value finished(Value score, Value row, Value position, Value inside, Value shared) {
    if (t.dots)
      score = mul(score, number(a.scale));
    if (a.mask)
      score = plus(score, shared ? shared : maskAt(row, position, inside));
    if (a.causal) {
      Value visible = arith::SubIOp::create(b, loc, e.add(row, 1), position);
      score = plus(score, select(e.maskOfFirst(visible), number(0), lowest()));
    }
    return inside ? select(inside, score, lowest()) : score;
  }

  bool maskVariesByQuery() const { return maskShape.size() >= 2 && maskShape[maskShape.size() - 2] != 1; }

  // Stretched dimensions are read at 0.
  Value maskAt(Value row, Value position, Value inside) {
    Coord all[] = {{batch, 0, {}}, {head, 0, {}}, {row, 0, {}}, {position, 1, {}}};
    SmallVector<Coord> coords;
    for (auto [size, coord] : llvm::zip(maskShape, ArrayRef<Coord>(all).take_back(maskShape.size())))
      coords.push_back(size == 1 ? Coord{e.constant(0), 0, {}} : coord);
    Value vector = e.evaluate(a.mask, coords, inside);
    ok &= bool(vector);
    return vector ? widened(vector) : number(0);
  }

  // Step 3, row i of the block: scores become weights, and their sum is kept.
  void softmax(Value i) {
    Value highest =
        acrossLanes(load(at(region(t.highestAt), e.mul(i, t.lanes))), [&](Value x, Value y) { return higher(x, y); });
    Value state = e.add(localRow, i), correction, sumBefore;
    if (t.keyBlocks > 1) {
      Value before = select(e.splat(isFirst), lowest(), loadSplat(at(region(t.stateAt), state)));
      highest = higher(highest, before);
      storeLane(highest, at(region(t.stateAt), state));
      // Nothing but -inf so far: the weights are exp(-inf - 0) = 0.
      Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, highest, lowest());
      highest = select(none, number(0), highest);
      correction = buildExpNonPositive(b, loc, minus(before, highest));
      if (a.zeroNanRows) // inf - inf
        correction = select(isNan(correction), number(0), correction);
      storeLane(correction, at(region(t.correctionAt), i));
      sumBefore = select(e.splat(isFirst), number(0), loadSplat(at(region(t.sumAt), state)));
    } else {
      state = i;
    }
    Value line = at(region(t.scoresAt), e.mul(i, t.scoreStride));
    Value sum = overPanels(keys, knownKeys(), number(0), [&](Value panel, int64_t vectors, Value, ValueRange carried) {
      Value sum = carried[0];
      for (int64_t j = 0; j < vectors; ++j) {
        Value place = at(at(line, panel), j * t.lanes);
        Value weight = buildExpNonPositive(b, loc, minus(load(place), highest));
        // Weights of half the size take the place of scores that have been read.
        if (t.dots)
          storeAs(outside, rounded(weight), e.element(line, outside, e.add(panel, j * t.lanes)), {});
        else
          store(weight, place);
        sum = plus(sum, weight);
      }
      return Values{sum};
    })[0];
    sum = acrossLanes(sum, [&](Value x, Value y) { return plus(x, y); });
    if (a.zeroNanRows)
      zeroWeightsIf(isNan(sum), line);
    if (t.keyBlocks > 1)
      sum = fma(sumBefore, correction, sum);
    storeLane(sum, at(region(t.sumAt), state));
  }

  // Stores zeros over a row of weights; all lanes of the condition are equal.
  void zeroWeightsIf(Value condition, Value line) {
    onlyIf(vector::ExtractOp::create(b, loc, condition, 0), [&] {
      overPanels(keys, knownKeys(), {}, [&](Value panel, int64_t vectors, Value, ValueRange) {
        for (int64_t j = 0; j < vectors; ++j)
          store(number(0), at(at(line, panel), j * t.lanes));
        return Values();
      });
    });
  }

  // What a row's product is multiplied with in the end. Every row of numbers sums to 1 or more, as its highest score
  // has the weight 1; a row that is hidden block by block sums to 0, one with a NaN to NaN.
  Value inverseOfSum(Value row) {
    Value sum = loadSplat(at(region(t.sumAt), row)), inverse = arith::DivFOp::create(b, loc, number(1), sum);
    if (!a.zeroNanRows)
      return inverse;
    Value isNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, sum, number(0));
    return select(isNumber, inverse, number(0));
  }

  // Step 4: a panel of columns of weights * values.
  void weightedSum(Value row, int64_t rows, Value column, int64_t vectors, Value mask) {
    Value product;
    Values acc(rows * vectors, number(0));
    if (t.keyBlocks > 1) {
      product = at(region(t.productAt), e.add(e.mul(localRow, productStride()), column));
      for (int64_t i = 0; i < rows; ++i) {
        Value correction = loadSplat(at(region(t.correctionAt), i));
        for (int64_t j = 0; j < vectors; ++j) {
          Value before = mul(load(at(product, i * productStride() + j * t.lanes)), correction);
          acc[i * vectors + j] = select(e.splat(isFirst), number(0), before);
        }
      }
    }
    if (t.dots) {
      Matrix weights{region(t.scoresAt), t.scoreStride, word};
      Matrix values{at(region(t.valuesAt), column), t.valueStride(a), word};
      acc = multiply(acc, e.div(e.add(keys, 1), 2), (a.keys + 1) / 2, weights, values, rows, vectors, {});
    } else {
      Value from = e.element(value, outside, e.add(e.mul(firstKey, a.value.sequence), column));
      acc = multiply(acc, keys, knownKeys(), {region(t.scoresAt), t.scoreStride, f32},
                     {from, a.value.sequence, outside}, rows, vectors, mask);
    }
    Value target = e.element(result, outside, e.add(e.mul(row, a.result.sequence), column));
    for (int64_t i = 0; i < rows; ++i) {
      if (product) {
        for (int64_t j = 0; j < vectors; ++j)
          store(acc[i * vectors + j], at(product, i * productStride() + j * t.lanes));
        continue;
      }
      Value inverse = inverseOfSum(e.constant(i));
      for (int64_t j = 0; j < vectors; ++j)
        write(mul(acc[i * vectors + j], inverse),
              e.element(target, outside, e.constant(i * a.result.sequence + j * t.lanes)),
              j + 1 == vectors ? mask : Value());
    }
  }

  int64_t productStride() const { return int64_t(llvm::alignTo(a.valueSize, t.lanes)); }

  // The last step with several blocks of keys.
  void divideBySums() {
    Value rows = arith::SubIOp::create(b, loc, endRow, firstRow);
    loop(e.constant(0), rows, 1, {}, [&](Value i, ValueRange) {
      writeRow(at(region(t.productAt), e.mul(i, productStride())), i, e.add(firstRow, i));
      return Values();
    });
  }

  SmallVector<int64_t> maskShape;
  // Of the tile: its place, where its head's matrices begin, and its rows.
  Value batch, head, query, result, firstBlock, lastBlock, firstRow, endRow;
  Value isFirst; // is the block of keys the first one?
  // Of the block of rows: the first one's number in the tile.
  Value localRow;
  bool ok = true;
};

} // namespace

bool emitAttentionTile(BodyEvaluator &evaluator, const Attention &attention, const AttentionBlocking &blocking,
                       Value output, Value scratch, Value tile) {
  return AttentionWriter(evaluator, attention, blocking, output, scratch).emit(tile);
}

} // namespace mlc::codegen
