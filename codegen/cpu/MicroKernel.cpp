#include "codegen/cpu/MicroKernel.h"
#include "codegen/cpu/DotProduct.h"
#include "codegen/cpu/LaneGroups.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

using Values = SmallVector<Value>;

class MicroWriter {
public:
  MicroWriter(BodyEvaluator &evaluator, const Contraction &c, const Blocking &blocking, const MicroShape &shape,
              const MicroArguments &arguments)
      : e(evaluator), b(evaluator.b), loc(evaluator.loc), c(c), blocking(blocking), shape(shape), arguments(arguments),
        k(c.k), lhsType(c.lhs.element), rhsType(c.rhs.element),
        sumType(cast<RankedTensorType>(c.op->getResult(0).getType()).getElementType()) {
    if (blocking.copyRhs) {
      int64_t stride = blocking.nv * blocking.lanes;
      for (Loop &loop : llvm::reverse(k)) {
        loop.rhs = stride;
        stride *= loop.extent;
      }
    }
    // The rounding errors of one running sum grow with its length; integers have none, and those of a sum in f32 are
    // small beside the ones that its operands have in bf16.
    int64_t length = isa<FloatType>(sumType) && c.interleave == 1 ? 1 : 0;
    while (parts > 0 && length * k[parts - 1].extent <= longestSum)
      length *= k[--parts].extent;
    // Innermost loops that are short are unrolled as one.
    constexpr int64_t mostProducts = 24 * 24;
    int64_t steps = c.laneGroup ? c.n / c.laneGroup : 1; // each product may take a load for each group
    while (inner > 0 && steps * k[inner - 1].extent * shape.rows * shape.vectors <= mostProducts &&
           !readsOfOtherRows(k[inner - 1]))
      steps *= k[--inner].extent;
  }

  Values emit(ArrayRef<RowPlace> places) {
    e.width = blocking.lanes;
    tailMask = shape.tail ? e.maskOfFirst(e.constant(shape.tail)) : Value();
    for (const RowPlace &place : places)
      lhs.push_back(e.element(arguments.lhs, lhsType, e.add(place.lhs, e.mul(arguments.n0, c.lhsLane))));
    for (int64_t j = 0; j < shape.vectors; ++j)
      rhs.push_back(e.element(arguments.rhs, rhsType, columnOffset(j)));
    llvm::DenseMap<Value, Value> none;
    Values sums(shape.rows * shape.vectors, e.cloneVectorized(c.init.getDefiningOp(), 0, none));
    return parts == 0 ? reduce(0, e.constant(0), e.constant(0), sums)
                      : reduceParts(0, e.constant(0), e.constant(0), sums);
  }

private:
  // Do steps of the loop read what other rows read at other steps, as the windows of neighbouring pixels do? Unrolled,
  // LLVM would load it once and keep it, in more registers than there are. With lanes in lhs (depthwise) it gains as
  // often as it loses.
  bool readsOfOtherRows(const Loop &loop) const {
    int64_t row = c.m.empty() ? 0 : c.m.back().lhs;
    if (row == 0 || loop.lhs == 0 || c.lhsLane != 0)
      return false;
    int64_t distance = std::lcm(loop.lhs, row);
    return distance / loop.lhs < loop.extent && distance / row < shape.rows;
  }

  // Of vector j from the first one. Panels are at least as wide as a vector.
  Value columnOffset(int64_t j) {
    if (blocking.copyRhs)
      return e.constant(j * blocking.lanes);
    if (!c.panelWidth)
      return e.constant(j * blocking.lanes * c.rhsLane);
    if (c.panelWidth == blocking.lanes)
      return e.constant(j * c.panelStride);
    Value n = e.add(arguments.n0, j * blocking.lanes), first = e.rem(arguments.n0, c.panelWidth);
    Value panels = arith::SubIOp::create(b, loc, e.div(n, c.panelWidth), e.div(arguments.n0, c.panelWidth));
    Value lanes = arith::SubIOp::create(b, loc, e.rem(n, c.panelWidth), first);
    return e.add(e.mul(panels, c.panelStride), lanes);
  }

  Value maskFor(int64_t j) const { return j == shape.vectors - 1 ? tailMask : Value(); }

  Value at(Value pointer, Type type, Value offset, int64_t constant) {
    Value moved = e.element(pointer, type, offset);
    return constant ? e.element(moved, type, e.constant(constant)) : moved;
  }

  Value scalar(Value address, Type type) {
    return e.splat(LLVM::LoadOp::create(b, loc, type, address, BodyEvaluator::elementBytes(type)));
  }

  // One step of k, at constant distances from the offsets; the `channel`-th of `channels` that follow each other.
  void step(Value lhsOffset, Value rhsOffset, int64_t lhsAt, int64_t rhsAt, Values &sums, int64_t channel = 0,
            int64_t channels = 1) {
    SmallVector<Values> right;
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Value address = at(rhs[j], rhsType, rhsOffset, rhsAt);
      bool padded = c.panelWidth || blocking.copyRhs; // reading behind the last column is reading padding
      right.push_back(elementsOf(c.rhs, c.rhsLane ? e.loadVector(address, rhsType, padded ? Value() : maskFor(j))
                                                  : scalar(address, rhsType)));
    }
    for (int64_t i = 0; i < shape.rows; ++i) {
      Values left;
      for (int64_t j = 0; j < shape.vectors; ++j) {
        if (c.laneGroup)
          left = elementsOf(
              c.lhs, loadLaneGroups(e, c, at(lhs[i], lhsType, lhsOffset, lhsAt - channel), j, channel, channels));
        else if (c.lhsLane)
          left = {e.loadVector(at(lhs[i], lhsType, lhsOffset, lhsAt + j * blocking.lanes), lhsType, maskFor(j))};
        else if (j == 0)
          left = elementsOf(c.lhs, scalar(at(lhs[i], lhsType, lhsOffset, lhsAt), lhsType));
        Value &sum = sums[i * shape.vectors + j];
        for (auto [x, y] : llvm::zip(left, right[j]))
          sum = c.dot == Dot::None ? multiplyAdd(e, c, x, y, sum) : emitDot(e, c.dot, x, y, sum);
      }
    }
  }

  Values elementsOf(const ContractionOperand &operand, Value vector) {
    return c.interleave == 1 ? Values{vector} : partsOfWords(e, c, operand, vector);
  }

  // All loops from `depth` on, unrolled.
  void unrolled(size_t depth, Value lhsOffset, Value rhsOffset, int64_t lhsAt, int64_t rhsAt, Values &sums) {
    const Loop &loop = k[depth];
    bool last = depth + 1 == k.size(), adjacent = last && loop.lhs == 1;
    for (int64_t i = 0; i < loop.extent; ++i) {
      int64_t left = lhsAt + i * loop.lhs, right = rhsAt + i * loop.rhs;
      if (last)
        step(lhsOffset, rhsOffset, left, right, sums, adjacent ? i : 0, adjacent ? loop.extent : 1);
      else
        unrolled(depth + 1, lhsOffset, rhsOffset, left, right, sums);
    }
  }

  void prefetch(Value rhsOffset) {
    if (!blocking.prefetchLines)
      return;
    constexpr int64_t lineBytes = 64;
    Value done = e.div(rhsOffset, Blocking::prefetchSteps * k.back().rhs);
    Value from = e.element(arguments.prefetch, b.getI8Type(), e.mul(done, blocking.prefetchLines * lineBytes));
    for (int64_t line = 0; line < blocking.prefetchLines; ++line) // read, into L2, data
      LLVM::Prefetch::create(b, loc, e.element(from, b.getI8Type(), e.constant(line * lineBytes)), 0, 2, 1);
  }

  // Sums carried through `body` for positions 0, step, 2 step, ... below `end`.
  Values over(int64_t end, int64_t step, Values sums, llvm::function_ref<Values(Value, Values)> body) {
    auto op = scf::ForOp::create(b, loc, e.constant(0), e.constant(end), e.constant(step), sums,
                                 [&](OpBuilder &, Location, Value at, ValueRange carried) {
                                   Values next = body(at, Values(carried));
                                   scf::YieldOp::create(b, loc, next);
                                 });
    return op.getResults();
  }

  std::pair<Value, Value> offsets(const Loop &loop, Value lhsOffset, Value rhsOffset, Value at) {
    return {e.add(lhsOffset, e.mul(at, loop.lhs)), e.add(rhsOffset, e.mul(at, loop.rhs))};
  }

  // Adds a sum of its own for each part: the loops from `parts` on, or a stretch of the last loop where that alone is
  // too long. The totals wait in memory while a part is summed.
  Values reduceParts(size_t depth, Value lhsOffset, Value rhsOffset, Values totals) {
    auto addPart = [&](Value left, Value right, std::optional<int64_t> extent, Values carried) {
      Value zero = e.splat(arith::ConstantOp::create(b, loc, b.getZeroAttr(sumType)));
      Values sums = extent ? innermost(left, right, *extent, Values(carried.size(), zero))
                           : reduce(depth, left, right, Values(carried.size(), zero));
      for (auto [total, sum] : llvm::zip(carried, sums))
        total = arith::AddFOp::create(b, loc, total, sum);
      return carried;
    };
    if (depth == parts)
      return addPart(lhsOffset, rhsOffset, std::nullopt, totals);
    const Loop &loop = k[depth];
    if (depth + 1 < k.size())
      return over(loop.extent, 1, totals, [&](Value at, Values carried) {
        auto [left, right] = offsets(loop, lhsOffset, rhsOffset, at);
        return reduceParts(depth + 1, left, right, carried);
      });
    // Parts of equal length, but for the last. The very first one is summed on top of what the result starts with.
    int64_t count = llvm::divideCeil(loop.extent, longestSum), done = 0;
    int64_t part = llvm::alignTo(llvm::divideCeil(loop.extent, count), Blocking::prefetchSteps);
    if (depth == 0) {
      totals = innermost(lhsOffset, rhsOffset, part, totals);
      done = part;
    }
    auto [leftStart, rightStart] = offsets(loop, lhsOffset, rhsOffset, e.constant(done));
    int64_t whole = (loop.extent - done) / part * part;
    if (whole)
      totals = over(whole, part, totals, [&, leftStart = leftStart, rightStart = rightStart](Value at, Values carried) {
        auto [left, right] = offsets(loop, leftStart, rightStart, at);
        return addPart(left, right, part, carried);
      });
    if (done + whole == loop.extent)
      return totals;
    auto [left, right] = offsets(loop, leftStart, rightStart, e.constant(whole));
    return addPart(left, right, loop.extent - done - whole, totals);
  }

  Values reduce(size_t depth, Value lhsOffset, Value rhsOffset, Values sums) {
    if (depth == inner) {
      unrolled(depth, lhsOffset, rhsOffset, 0, 0, sums);
      return sums;
    }
    const Loop &loop = k[depth];
    if (depth + 1 == k.size())
      return innermost(lhsOffset, rhsOffset, loop.extent, sums);
    return over(loop.extent, 1, sums, [&](Value at, Values carried) {
      auto [left, right] = offsets(loop, lhsOffset, rhsOffset, at);
      return reduce(depth + 1, left, right, carried);
    });
  }

  // The first `extent` steps of the last loop.
  Values innermost(Value lhsOffset, Value rhsOffset, int64_t extent, Values sums) {
    const Loop &loop = k.back();
    constexpr int64_t unroll = Blocking::prefetchSteps;
    int64_t whole = extent / unroll * unroll;
    if (whole)
      sums = over(whole, unroll, sums, [&](Value at, Values carried) {
        auto [left, right] = offsets(loop, lhsOffset, rhsOffset, at);
        prefetch(right);
        for (int64_t u = 0; u < unroll; ++u)
          step(left, right, u * loop.lhs, u * loop.rhs, carried);
        return carried;
      });
    for (int64_t i = whole; i < extent; ++i)
      step(lhsOffset, rhsOffset, i * loop.lhs, i * loop.rhs, sums);
    return sums;
  }

  BodyEvaluator &e;
  OpBuilder &b;
  Location loc;
  const Contraction &c;
  const Blocking &blocking;
  const MicroShape &shape;
  const MicroArguments &arguments;
  SmallVector<Loop> k;     // with the strides of the copied rhs
  size_t inner = k.size(); // loops from here on are unrolled
  // Loops from here on are one running sum of at most longestSum steps; as large as k where the last loop is longer.
  static constexpr int64_t longestSum = 512;
  size_t parts = k.size();
  Type lhsType, rhsType, sumType;
  Values lhs, rhs;
  Value tailMask;
};

} // namespace

Value multiplyAdd(BodyEvaluator &e, const Contraction &c, Value left, Value right, Value sum) {
  linalg::GenericOp op = c.op;
  llvm::DenseMap<Value, Value> map;
  map[op.getRegionInputArgs()[c.swapped ? 1 : 0]] = left;
  map[op.getRegionInputArgs()[c.swapped ? 0 : 1]] = right;
  Value accumulator = op.getRegionOutputArgs()[0];
  Operation *add = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  Operation *product = add->getOperand(add->getOperand(0) == accumulator ? 1 : 0).getDefiningOp();
  auto operand = [&](unsigned i) {
    Value value = product->getOperand(i);
    Value source = value;
    while (Operation *cast = source.getDefiningOp())
      source = cast->getOperand(0);
    Value known = map.lookup(source); // what came out of a word may be as wide as the product already
    return getElementTypeOrSelf(known) == value.getType() ? known : e.cloneVectorized(value.getDefiningOp(), 0, map);
  };
  Value x = operand(0), y = operand(1);
  if (isa<FloatType>(getElementTypeOrSelf(sum)))
    return math::FmaOp::create(e.b, e.loc, x, y, sum);
  return arith::AddIOp::create(e.b, e.loc, sum, arith::MulIOp::create(e.b, e.loc, x, y));
}

SmallVector<RowPlace> placesOf(BodyEvaluator &e, const Contraction &c, Value m, int64_t rows) {
  SmallVector<int64_t> sizes;
  for (const Loop &loop : c.m)
    sizes.push_back(loop.extent);
  auto place = [&](Value row) {
    RowPlace result{e.constant(0), e.constant(0)};
    for (auto [loop, at] : llvm::zip(c.m, e.delinearize(row, sizes))) {
      result.lhs = e.add(result.lhs, e.mul(at, loop.lhs));
      result.row = e.add(result.row, e.mul(at, loop.row));
    }
    return result;
  };
  SmallVector<RowPlace> places{place(m)};
  // Constant distances become displacements.
  bool oneLine = c.m.size() <= 1 || c.m.back().extent % rows == 0;
  for (int64_t i = 1; i < rows; ++i) {
    if (oneLine)
      places.push_back({e.add(places[0].lhs, i * c.m.back().lhs), e.add(places[0].row, i * c.m.back().row)});
    else
      places.push_back(place(e.add(m, i)));
  }
  return places;
}

void emitMicroKernel(BodyEvaluator &evaluator, const Contraction &contraction, const Blocking &blocking,
                     const MicroShape &shape, const MicroArguments &arguments, Finish finish) {
  SmallVector<RowPlace> places = placesOf(evaluator, contraction, arguments.m, shape.rows);
  SmallVector<Value> sums = MicroWriter(evaluator, contraction, blocking, shape, arguments).emit(places);
  finish(arguments, shape, places, sums);
}

} // namespace mlc::codegen::cpu
