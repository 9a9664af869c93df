// A sum of many elements is made of parts, as in all reductions: an element is the sum of the parts before its own, and
// of those before it in its part.
#include "codegen/cpu/BodyEvaluator.h"
#include "codegen/cpu/Scan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

// Is the body `yield select(i ? j, accumulator + element, accumulator)`, with i the loop of the sum?
std::optional<arith::CmpIPredicate> predicateOf(linalg::GenericOp op, int64_t axis) {
  Block &body = *op.getBody();
  auto select = body.getTerminator()->getOperand(0).getDefiningOp<arith::SelectOp>();
  if (!select || select.getFalseValue() != body.getArgument(1))
    return std::nullopt;
  Operation *sum = select.getTrueValue().getDefiningOp();
  auto counts = select.getCondition().getDefiningOp<arith::CmpIOp>();
  if (!counts || !isa_and_present<arith::AddFOp, arith::AddIOp>(sum) ||
      !llvm::is_contained(sum->getOperands(), Value(body.getArgument(0))) ||
      !llvm::is_contained(sum->getOperands(), Value(body.getArgument(1))))
    return std::nullopt;
  auto from = counts.getLhs().getDefiningOp<linalg::IndexOp>(), to = counts.getRhs().getDefiningOp<linalg::IndexOp>();
  if (!from || !to || from.getDim() + 1 != op.getNumLoops() || int64_t(to.getDim()) != axis)
    return std::nullopt;
  return counts.getPredicate();
}

class ScanWriter {
public:
  ScanWriter(OpBuilder &b, func::FuncOp kernel, Scan scan, const TargetDesc &target, const KernelFrame &frame)
      : b(b), loc(kernel.getLoc()), e(b, loc), scan(scan), frame(frame), input(scan.op.getInputs()[0]),
        result(kernel.getBody().front().getTerminator()->getOperand(0)), type(cast<RankedTensorType>(result.getType())),
        sumType(getElementTypeOrSelf(scan.op.getResult(0))) {
    int64_t widest = std::max<int64_t>(4, BodyEvaluator::elementBytes(sumType));
    for (Type argument : kernel.getArgumentTypes())
      widest = std::max(widest, BodyEvaluator::elementBytes(getElementTypeOrSelf(argument)));
    widest = std::max(widest, BodyEvaluator::elementBytes(type.getElementType()));
    e.width = target.vector_bytes / widest;
    // Lanes are neighbours in memory: of the axis, where nothing is behind it.
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (i == scan.axis || (i > scan.axis && type.getDimSize(i) > 1))
        laneDim = i;
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (i != scan.axis && i != laneDim) {
        rowSizes.push_back(type.getDimSize(i));
        rows *= type.getDimSize(i);
      }
    size = type.getDimSize(scan.axis);
    part = std::max<int64_t>(kLongestSum, std::sqrt(double(size)));
    vectors = llvm::divideCeil(type.getDimSize(laneDim), e.width);
    chooseTiles();
  }

  bool emit(func::FuncOp kernel) {
    Type pointer = LLVM::LLVMPointerType::get(b.getContext());
    auto binding = [&](int64_t index) -> Value {
      return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
    };
    for (auto [index, argument] : llvm::enumerate(kernel.getArguments()))
      e.buffers[argument] = binding(int64_t(index));
    output = binding(kernel.getNumArguments());
    zeros = arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get({e.width}, sumType)));
    e.loop(frame.begin, frame.end, 1, [&](Value tile) {
      if (!isAlongLanes())
        return emitColumns(rowAt(e.div(tile, chunks)), e.mul(e.rem(tile, chunks), chunk));
      Value first = e.mul(tile, group);
      Value last = arith::MinSIOp::create(b, loc, e.add(first, group), e.constant(rows));
      e.loop(first, last, 1, [&](Value row) { emitRow(rowAt(row)); });
    });
    return ok;
  }

  int64_t tiles() const { return isAlongLanes() ? llvm::divideCeil(rows, group) : rows * chunks; }
  // For each column the sums of whole parts, then those of this part.
  int64_t scratchBytes() const {
    return isAlongLanes() ? 0 : 2 * chunk * e.width * BodyEvaluator::elementBytes(sumType);
  }
  std::string schedule() const {
    return isAlongLanes() ? llvm::formatv("running sum in {0} lanes, {1} rows a tile", e.width, group).str()
                          : llvm::formatv("running sum of {0} columns", chunk * e.width).str();
  }

private:
  static constexpr int64_t kLongestSum = 128;

  bool isAlongLanes() const { return laneDim == scan.axis; }

  // Rows, as many as make a tile worth its launch; or columns, enough of them that what is read of a row is not little.
  void chooseTiles() {
    constexpr int64_t tileElements = 16384, wantedTiles = 16, leastVectors = 4, mostVectors = 64;
    if (isAlongLanes()) {
      group = std::clamp<int64_t>(tileElements / size, 1, rows);
      return;
    }
    chunk = llvm::divideCeil(vectors, llvm::divideCeil(wantedTiles, rows));
    chunk = std::min(std::clamp(chunk, leastVectors, mostVectors), vectors);
    chunks = llvm::divideCeil(vectors, chunk);
  }

  // Coordinates of a row, 0 along the axis and the lanes.
  SmallVector<Coord> rowAt(Value row) {
    SmallVector<Coord> coords(type.getRank(), Coord{e.constant(0), 0, {}});
    SmallVector<Value> places = e.delinearize(row, rowSizes);
    for (int64_t i = 0, next = 0; i < type.getRank(); ++i)
      if (i != scan.axis && i != laneDim)
        coords[i].base = places[next++];
    return coords;
  }

  Value sumOf(Value x, Value y) {
    return isa<FloatType>(sumType) ? arith::AddFOp::create(b, loc, x, y).getResult()
                                   : arith::AddIOp::create(b, loc, x, y).getResult();
  }

  Value elementsAt(ArrayRef<Coord> coords, Value mask) {
    Value x = e.evaluate(input, coords, mask);
    ok &= bool(x);
    if (!x)
      return zeros;
    return mask ? arith::SelectOp::create(b, loc, mask, x, zeros).getResult() : x;
  }

  // What is behind the sums, stored.
  void finish(Value sums, ArrayRef<Coord> coords, Value mask) {
    e.providers[scan.op.getResult(0)] = [sums, here = SmallVector<Coord>(coords)](ArrayRef<Coord> asked) -> Value {
      for (auto [x, y] : llvm::zip_equal(here, asked))
        if (x.base != y.base || x.step != y.step || y.lanes)
          return {};
      return sums;
    };
    ok &= e.store(e.evaluate(result, coords, mask), output, type, coords, mask);
  }

  // Lane i takes lane i - by, or i + by in reverse; 0 from beyond the end.
  Value shifted(Value x, int64_t by) {
    SmallVector<int64_t> from;
    for (int64_t i = 0; i < e.width; ++i) {
      int64_t lane = scan.reverse ? i + by : i - by;
      from.push_back(lane >= 0 && lane < e.width ? lane : e.width);
    }
    return vector::ShuffleOp::create(b, loc, x, zeros, from);
  }

  // A vector of elements along the axis. Returns what comes behind it: `sum` and all of its elements.
  Value emitVector(SmallVector<Coord> coords, Value place, Value mask, Value parts, Value sum) {
    coords[laneDim] = {place, 1, {}};
    Value within = elementsAt(coords, mask);
    for (int64_t by = 1; by < e.width; by *= 2)
      within = sumOf(within, shifted(within, by));
    SmallVector<int64_t> all(e.width, scan.reverse ? 0 : e.width - 1);
    Value total = vector::ShuffleOp::create(b, loc, within, within, all);
    if (scan.exclusive)
      within = shifted(within, 1);
    finish(sumOf(parts, sumOf(sum, within)), coords, mask);
    return sumOf(sum, total);
  }

  // The vector that the row does not fill, if there is one, is the last: the first in reverse.
  void emitRow(ArrayRef<Coord> row) {
    SmallVector<Coord> coords(row);
    int64_t whole = size / e.width, rest = size % e.width, vectorsOfPart = part / e.width;
    SmallVector<Value> sums = {zeros, zeros}; // of whole parts, of this part
    auto partial = [&] {
      if (rest)
        sums[1] = emitVector(coords, e.constant(whole * e.width), e.maskOfFirst(e.constant(rest)), sums[0], sums[1]);
    };
    if (scan.reverse)
      partial();
    auto parts =
        scf::ForOp::create(b, loc, e.constant(0), e.constant(whole), e.constant(vectorsOfPart), sums,
                           [&](OpBuilder &, Location, Value first, ValueRange carried) {
                             Value before = sumOf(carried[0], carried[1]);
                             Value end = arith::MinSIOp::create(b, loc, e.add(first, vectorsOfPart), e.constant(whole));
                             auto inner = scf::ForOp::create(b, loc, first, end, e.constant(1), ValueRange{zeros},
                                                             [&](OpBuilder &, Location, Value i, ValueRange sum) {
                                                               Value at = scan.reverse ? fromEnd(i, whole) : i;
                                                               Value place = e.mul(at, e.width);
                                                               Value next =
                                                                   emitVector(coords, place, {}, before, sum[0]);
                                                               scf::YieldOp::create(b, loc, next);
                                                             });
                             scf::YieldOp::create(b, loc, ValueRange{before, inner.getResult(0)});
                           });
    sums.assign(parts.result_begin(), parts.result_end());
    if (!scan.reverse)
      partial();
  }

  Value fromEnd(Value i, int64_t count) { return e.add(e.mul(i, -1), count - 1); }

  // Columns beside each other, whose sums are in scratch.
  void emitColumns(ArrayRef<Coord> row, Value firstVector) {
    SmallVector<Coord> coords(row);
    Value end = arith::MinSIOp::create(b, loc, e.add(firstVector, chunk), e.constant(vectors));
    int64_t tail = type.getDimSize(laneDim) % e.width;
    unsigned alignment = BodyEvaluator::elementBytes(sumType);
    auto partsAt = [&](Value vector) {
      Value place = e.mul(e.add(vector, e.mul(firstVector, -1)), e.width);
      return e.element(frame.scratch, sumType, place);
    };
    auto sumsAt = [&](Value pointer) { return e.element(pointer, sumType, e.constant(chunk * e.width)); };
    auto put = [&](Value vector, Value pointer) { LLVM::StoreOp::create(b, loc, vector, pointer, alignment); };
    e.loop(firstVector, end, 1, [&](Value vector) {
      put(zeros, partsAt(vector));
      put(zeros, sumsAt(partsAt(vector)));
    });
    auto step = [&](Value vector, Value mask) {
      coords[laneDim] = {e.mul(vector, e.width), 1, {}};
      Value parts = partsAt(vector), sums = sumsAt(parts), before = e.loadVector(sums, sumType, {});
      Value after = sumOf(before, elementsAt(coords, mask));
      put(after, sums);
      finish(sumOf(e.loadVector(parts, sumType, {}), scan.exclusive ? before : after), coords, mask);
    };
    e.loop(e.constant(0), e.constant(size), part, [&](Value first) {
      e.loop(firstVector, end, 1, [&](Value vector) {
        Value parts = partsAt(vector), sums = sumsAt(parts);
        put(sumOf(e.loadVector(parts, sumType, {}), e.loadVector(sums, sumType, {})), parts);
        put(zeros, sums);
      });
      Value last = arith::MinSIOp::create(b, loc, e.add(first, part), e.constant(size));
      e.loop(first, last, 1, [&](Value i) {
        coords[scan.axis].base = scan.reverse ? fromEnd(i, size) : i;
        Value whole = tail ? arith::MinSIOp::create(b, loc, end, e.constant(vectors - 1)).getResult() : end;
        if (vectors > 1 || !tail)
          e.loop(firstVector, whole, 1, [&](Value vector) { step(vector, {}); });
        if (tail) {
          Value from = arith::MaxSIOp::create(b, loc, firstVector, e.constant(vectors - 1));
          e.loop(from, end, 1, [&](Value vector) { step(vector, e.maskOfFirst(e.constant(tail))); });
        }
      });
    });
  }

  OpBuilder &b;
  Location loc;
  BodyEvaluator e;
  Scan scan;
  const KernelFrame &frame;
  Value input, result;
  RankedTensorType type;
  Type sumType;
  int64_t laneDim = 0, rows = 1, size, part, vectors;
  int64_t group = 1;             // rows of a tile along lanes
  int64_t chunk = 1, chunks = 1; // vectors of a tile of columns; tiles of a row
  SmallVector<int64_t> rowSizes;
  Value output, zeros;
  bool ok = true;
};

} // namespace

std::optional<Scan> matchScan(func::FuncOp kernel) {
  linalg::GenericOp op;
  for (auto generic : kernel.getBody().front().getOps<linalg::GenericOp>())
    if (generic.getNumReductionLoops() != 0) {
      if (op)
        return std::nullopt;
      op = generic;
    }
  if (!op || op.getNumReductionLoops() != 1 || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getIteratorTypesArray().back() != utils::IteratorType::reduction)
    return std::nullopt;
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !(matchPattern(fill.value(), m_PosZeroFloat()) || matchPattern(fill.value(), m_Zero())))
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  unsigned rank = op.getNumLoops() - 1;
  if (maps[1] != AffineMap::getMultiDimIdentityMap(rank + 1, op.getContext()).dropResult(rank) ||
      maps[0].getNumResults() != rank)
    return std::nullopt;
  int64_t axis = -1;
  for (auto [i, expr] : llvm::enumerate(maps[0].getResults())) {
    if (expr == getAffineDimExpr(rank, op.getContext()) && axis < 0)
      axis = int64_t(i);
    else if (expr != getAffineDimExpr(i, op.getContext()))
      return std::nullopt;
  }
  auto *terminator = kernel.getBody().front().getTerminator();
  auto predicate = axis < 0 ? std::nullopt : predicateOf(op, axis);
  if (!predicate || terminator->getNumOperands() != 1 ||
      cast<RankedTensorType>(terminator->getOperand(0).getType()).getShape() !=
          cast<RankedTensorType>(op.getResult(0).getType()).getShape())
    return std::nullopt;
  using P = arith::CmpIPredicate;
  switch (*predicate) {
  case P::ule: return Scan{op, axis, false, false};
  case P::ult: return Scan{op, axis, true, false};
  case P::uge: return Scan{op, axis, false, true};
  case P::ugt: return Scan{op, axis, true, true};
  default: return std::nullopt;
  }
}

bool emitScan(OpBuilder &b, func::FuncOp kernel, const Scan &scan, const TargetDesc &target, const KernelFrame &frame,
              EmittedKernel &emitted) {
  ScanWriter writer(b, kernel, scan, target, frame);
  emitted.tiles = writer.tiles();
  emitted.scratch_bytes = writer.scratchBytes();
  emitted.schedule = writer.schedule();
  return writer.emit(kernel);
}

} // namespace mlc::codegen::cpu
