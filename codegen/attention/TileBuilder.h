// What the steps of an attention tile are written with: vectors in scratch and of operands, their arithmetic, and loops
// over panels.
#ifndef MLC_CODEGEN_ATTENTION_TILEBUILDER_H
#define MLC_CODEGEN_ATTENTION_TILEBUILDER_H

#include "codegen/attention/Attention.h"
#include "codegen/cpu/DotProduct.h"
#include "codegen/math/Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

namespace mlc::codegen {

class TileBuilder {
protected:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Values = llvm::SmallVector<Value>;
  using Type = mlir::Type;
  using VectorType = mlir::VectorType;
  using BodyEvaluator = cpu::BodyEvaluator;

  TileBuilder(BodyEvaluator &evaluator, const Attention &attention, const AttentionBlocking &blocking, Value output,
              Value scratch)
      : e(evaluator), b(evaluator.b), loc(evaluator.loc), a(attention), t(blocking), output(output), scratch(scratch),
        f32(b.getF32Type()), word(b.getI32Type()), outside(getElementTypeOrSelf(a.op->getResult(0))) {}

  template <typename Body> Values loop(Value begin, Value end, int64_t step, ValueRange carried, Body body) {
    auto op = mlir::scf::ForOp::create(b, loc, begin, end, e.constant(step), carried,
                                       [&](mlir::OpBuilder &, mlir::Location, Value i, ValueRange values) {
                                         Values next = body(i, values);
                                         mlir::scf::YieldOp::create(b, loc, next);
                                       });
    return Values(op.getResults());
  }

  template <typename Body> void onlyIf(Value condition, Body body) {
    auto branch = mlir::scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
    mlir::OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    body();
  }

  Value isLess(Value x, Value y) { return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::slt, x, y); }
  Value isEqual(Value x, Value y) { return mlir::arith::CmpIOp::create(b, loc, mlir::arith::CmpIPredicate::eq, x, y); }

  // min(x, limit), for an x that may come up to `most`.
  Value minimum(Value x, int64_t limit, int64_t most) {
    return most <= limit ? x : mlir::arith::MinSIOp::create(b, loc, x, e.constant(limit)).getResult();
  }

  // Scratch is f32 throughout. Operands and the result may be of a narrower type: they are widened as they are read,
  // and the result is rounded once as it is written.
  Value at(Value base, Value offset) { return e.element(base, f32, offset); }
  Value at(Value base, int64_t offset) { return offset ? at(base, e.constant(offset)) : base; }
  Value region(int64_t bytes) { return at(scratch, bytes / 4); }
  Value load(Value pointer, Value mask = {}) { return e.loadVector(pointer, f32, mask); }
  Value loadSplat(Value pointer) { return e.splat(mlir::LLVM::LoadOp::create(b, loc, f32, pointer, 4)); }
  void store(Value vector, Value pointer, Value mask = {}) { storeAs(f32, vector, pointer, mask); }
  void storeAs(Type type, Value vector, Value pointer, Value mask) {
    unsigned alignment = BodyEvaluator::elementBytes(type);
    if (mask)
      mlir::LLVM::MaskedStoreOp::create(b, loc, vector, pointer, mask, alignment);
    else
      mlir::LLVM::StoreOp::create(b, loc, vector, pointer, alignment);
  }
  Value widened(Value vector) {
    auto type = VectorType::get({t.lanes}, f32);
    return vector.getType() == type || getElementTypeOrSelf(vector) == word
               ? vector
               : mlir::arith::ExtFOp::create(b, loc, type, vector).getResult();
  }
  void write(Value vector, Value pointer, Value mask) {
    if (outside != f32)
      vector = rounded(vector);
    storeAs(outside, vector, pointer, mask);
  }
  Value rounded(Value vector) {
    auto type = VectorType::get({t.lanes}, outside);
    return t.dots ? mlir::arith::TruncFOp::create(b, loc, type, vector).getResult() : buildTrunc(b, loc, vector, type);
  }
  // A matrix in scratch, or of an operand.
  struct Matrix {
    Value first;
    int64_t stride;
    Type element;
  };
  Value place(const Matrix &m, Value offset) { return e.element(m.first, m.element, offset); }
  Value vectorOf(const Matrix &m, Value pointer, int64_t offset, Value mask = {}) {
    return widened(e.loadVector(e.element(pointer, m.element, e.constant(offset)), m.element, mask));
  }
  Value splatOf(const Matrix &m, Value pointer, int64_t offset) {
    Value from = e.element(pointer, m.element, e.constant(offset));
    Value scalar = mlir::LLVM::LoadOp::create(b, loc, m.element, from, BodyEvaluator::elementBytes(m.element));
    return widened(e.splat(scalar));
  }
  void storeLane(Value vector, Value pointer) {
    mlir::LLVM::StoreOp::create(b, loc, mlir::vector::ExtractOp::create(b, loc, vector, 0).getResult(), pointer, 4);
  }
  Value number(double number) {
    auto type = VectorType::get({t.lanes}, f32);
    return mlir::arith::ConstantOp::create(b, loc, mlir::DenseElementsAttr::get(type, float(number)));
  }
  Value lowest() { return number(-std::numeric_limits<double>::infinity()); }
  Value mul(Value x, Value y) { return mlir::arith::MulFOp::create(b, loc, x, y); }
  Value plus(Value x, Value y) { return mlir::arith::AddFOp::create(b, loc, x, y); }
  Value minus(Value x, Value y) { return mlir::arith::SubFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) { return mlir::math::FmaOp::create(b, loc, x, y, z); }
  // z + x y of numbers, or of pairs.
  Value accumulate(Value x, Value y, Value z) {
    return getElementTypeOrSelf(x) == word ? cpu::emitDot(e, cpu::Dot::BF16, x, y, z) : fma(x, y, z);
  }
  Value select(Value p, Value x, Value y) { return mlir::arith::SelectOp::create(b, loc, p, x, y); }
  Value isNan(Value x) { return mlir::arith::CmpFOp::create(b, loc, mlir::arith::CmpFPredicate::UNO, x, x); }
  // A NaN among the scores is passed over: exp(NaN - highest) brings it back.
  Value higher(Value x, Value y) {
    return select(mlir::arith::CmpFOp::create(b, loc, mlir::arith::CmpFPredicate::OGT, x, y), x, y);
  }

  // All lanes hold the combination of all lanes.
  template <typename Combine> Value acrossLanes(Value vector, Combine combine) {
    for (int64_t distance = t.lanes / 2; distance; distance /= 2) {
      llvm::SmallVector<int64_t> order;
      for (int64_t lane = 0; lane < t.lanes; ++lane)
        order.push_back(lane ^ distance);
      vector = combine(vector, mlir::vector::ShuffleOp::create(b, loc, vector, vector, order));
    }
    return vector;
  }

  // The number of keys, where it is known only when the kernel runs.
  static constexpr int64_t unknown = -1;
  int64_t knownKeys() const { return a.cuSeqlens ? unknown : a.keys; }

  // body(first, vectors, lanes of the last vector or null for all) over panels of [0, size). `wholeSize` is `size`
  // taken over all blocks, or unknown.
  template <typename Body> Values overPanels(Value size, int64_t wholeSize, ValueRange carried, Body body) {
    Values state(carried);
    Value whole = e.mul(e.div(size, t.panel()), t.panel());
    if (wholeSize == unknown || wholeSize >= t.panel())
      state = loop(e.constant(0), whole, t.panel(), state,
                   [&](Value first, ValueRange values) { return body(first, t.vectors, Value(), values); });
    if (wholeSize == unknown)
      return overLastPanel(whole, mlir::arith::SubIOp::create(b, loc, size, whole), state, body);
    // Only the last block ends off a multiple of the panel.
    if (int64_t rest = wholeSize % t.panel())
      state = loop(whole, size, t.panel(), state, [&](Value first, ValueRange values) {
        Value inside = rest % t.lanes ? e.maskOfFirst(e.constant(rest % t.lanes)) : Value();
        return body(first, int64_t(llvm::divideCeil(rest, t.lanes)), inside, values);
      });
    return state;
  }

  // A panel of `rest` elements, fewer than a whole one: as many vectors as there are, and all of the last one's lanes
  // that hold any.
  template <typename Body> Values overLastPanel(Value first, Value rest, Values state, Body body) {
    Value needed = e.div(e.add(rest, t.lanes - 1), t.lanes);
    for (int64_t vectors = 1; vectors <= t.vectors; ++vectors) {
      // A loop of one turn or none carries values without a copy of each in an else.
      Value turns = mlir::arith::ExtUIOp::create(b, loc, b.getI64Type(), isEqual(needed, e.constant(vectors)));
      state = loop(e.constant(0), turns, 1, state, [&](Value, ValueRange values) {
        Value inside = e.maskOfFirst(e.add(rest, -(vectors - 1) * t.lanes));
        return body(first, vectors, inside, values);
      });
    }
    return state;
  }

  BodyEvaluator &e;
  mlir::OpBuilder &b;
  mlir::Location loc;
  const Attention &a;
  const AttentionBlocking &t;
  Value output, scratch;
  Type f32, word, outside; // of scratch, there two numbers of bf16; of the operands and the result
};

} // namespace mlc::codegen

#endif // MLC_CODEGEN_ATTENTION_TILEBUILDER_H
