#include "codegen/attention/KeyBlock.h"
#include "codegen/cpu/TransposeSquare.h"

using namespace mlir;

namespace mlc::codegen {

void KeyBlock::copyKeys() {
  Value scale = number(a.scale);
  Type element = t.dots ? word : outside;
  int64_t size = t.dots ? a.size / 2 : a.size;
  Value groups = e.div(e.add(keys, t.lanes - 1), t.lanes);
  loop(e.constant(0), groups, 1, {}, [&](Value group, ValueRange) {
    Values rows;
    for (int64_t i = 0; i < t.lanes; ++i) {
      Value row = e.add(firstKey, e.add(e.mul(group, t.lanes), i));
      // Lanes behind the last key repeat it; their scores are dropped.
      if (a.cuSeqlens || a.keys % t.lanes)
        row = arith::MinSIOp::create(b, loc, row, e.add(allKeys, -1));
      rows.push_back(e.element(key, outside, e.mul(row, a.key.sequence)));
      prefetchNextHead(key, row, a.key, a.size);
      prefetchNextHead(value, row, a.value, a.valueSize);
    }
    Value target =
        at(scratch, e.add(e.mul(e.div(group, t.vectors), size * t.panel()), e.mul(e.rem(group, t.vectors), t.lanes)));
    auto square = [&](Value d, int64_t columns) {
      Value mask = columns < t.lanes ? e.maskOfFirst(e.constant(columns)) : Value();
      Values loaded;
      for (Value row : rows)
        loaded.push_back(widened(e.loadVector(e.element(row, element, d), element, mask)));
      transposeSquare(b, loc, loaded);
      for (int64_t i = 0; i < columns; ++i)
        store(t.dots ? loaded[i] : mul(loaded[i], scale), at(at(target, e.mul(d, t.panel())), i * t.panel()));
    };
    int64_t whole = size / t.lanes * t.lanes;
    if (whole)
      loop(e.constant(0), e.constant(whole), t.lanes, {}, [&](Value d, ValueRange) {
        square(d, t.lanes);
        return Values();
      });
    if (size > whole)
      square(e.constant(whole), size - whole);
    return Values();
  });
}

void KeyBlock::copyValues() {
  auto pairs = [&](Value pair, bool hasSecond) {
    Value row = e.add(firstKey, e.mul(pair, 2));
    for (int64_t d = 0; d < a.valueSize; d += t.lanes) {
      Value mask = a.valueSize - d < t.lanes ? e.maskOfFirst(e.constant(a.valueSize - d)) : Value();
      auto bits = [&](int64_t i) {
        Value from = e.element(value, outside, e.add(e.mul(e.add(row, i), a.value.sequence), d));
        Value half = e.loadVector(from, b.getI16Type(), mask);
        return arith::ExtUIOp::create(b, loc, VectorType::get({t.lanes}, word), half).getResult();
      };
      Value words = bits(0);
      if (hasSecond) {
        Value sixteen = arith::ConstantOp::create(
            b, loc, DenseElementsAttr::get(cast<ShapedType>(words.getType()), b.getI32IntegerAttr(16)));
        words = arith::OrIOp::create(b, loc, words, arith::ShLIOp::create(b, loc, bits(1), sixteen));
      }
      store(words, at(region(t.valuesAt), e.add(e.mul(pair, t.valueStride(a)), d)));
    }
  };
  loop(e.constant(0), e.div(keys, 2), 1, {}, [&](Value pair, ValueRange) {
    pairs(pair, true);
    return Values();
  });
  if (t.amx) // pairs that are there for whole tiles alone
    loop(e.constant((a.keys + 1) / 2), e.constant(t.keyPairs()), 1, {}, [&](Value pair, ValueRange) {
      for (int64_t d = 0; d < t.valueStride(a); d += t.lanes)
        store(number(0), at(region(t.valuesAt), e.add(e.mul(pair, t.valueStride(a)), d)));
      return Values();
    });
  if (a.keys % 2) // blocks of keys are even, but for the last
    loop(e.div(keys, 2), e.div(e.add(keys, 1), 2), 1, {}, [&](Value pair, ValueRange) {
      pairs(pair, false);
      return Values();
    });
}

void KeyBlock::prefetchNextHead(Value matrix, Value row, const HeadView &view, int64_t size) {
  if (t.tilesPerHead > 1 || a.cuSeqlens || a.heads != a.keyHeads)
    return;
  constexpr int64_t lineBytes = 64;
  int64_t line = lineBytes / BodyEvaluator::elementBytes(outside);
  Value from = e.element(matrix, outside, e.add(e.mul(row, view.sequence), view.head));
  for (int64_t d = 0; d < size; d += line) // read, into L2, data
    LLVM::Prefetch::create(b, loc, e.element(from, outside, e.constant(d)), 0, 2, 1);
}

} // namespace mlc::codegen
