// The seven sums of quadrants of a left-hand side: each row of the halves is read from the cache as often as sums need
// it, and written once for each of them.
#include "codegen/Strassen.h"
#include "codegen/cpu/BodyEvaluator.h"
#include "codegen/cpu/StrassenKernel.h"
#include "dialects/mlc/Strassen.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

class SumsWriter {
public:
  SumsWriter(OpBuilder &builder, func::FuncOp kernel, const TargetDesc &target)
      : b(builder), loc(kernel.getLoc()), e(builder, loc), f32(builder.getF32Type()) {
    ArrayRef<int64_t> in = cast<RankedTensorType>(kernel.getArgument(0).getType()).getShape();
    auto out = cast<RankedTensorType>(kernel.getResultTypes()[0]);
    e.width = target.vector_bytes / 4;
    columns = in.back();
    rows = cast<RankedTensorType>(kernel.getArgument(0).getType()).getNumElements() / columns;
    halfRows = out.getDimSize(1);
    halfColumns = out.getDimSize(2);
    constexpr int64_t tileElements = 8192;
    tileRows = std::clamp<int64_t>(tileElements / columns, 1, halfRows);
  }

  int64_t tiles() const { return (halfRows + tileRows - 1) / tileRows; }
  int64_t rowsOfTile() const { return tileRows; }

  void emit(const KernelFrame &frame) {
    Type pointer = frame.bindings.getType();
    input = LLVM::LoadOp::create(b, loc, pointer, frame.bindings);
    output = LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(1)));
    Value first = e.mul(frame.begin, tileRows), last = e.mul(frame.end, tileRows);
    // The last row of the upper half may have no row below it.
    int64_t lower = rows - halfRows;
    e.loop(first, smaller(last, lower), 1, [&](Value row) { emitRow(row, true); });
    if (lower < halfRows)
      e.loop(arith::MaxSIOp::create(b, loc, first, e.constant(lower)), smaller(last, halfRows), 1,
             [&](Value row) { emitRow(row, false); });
  }

private:
  Value smaller(Value x, int64_t limit) { return arith::MinSIOp::create(b, loc, x, e.constant(limit)); }

  void emitRow(Value row, bool hasLower) {
    int64_t right = columns - halfColumns, whole = right / e.width * e.width;
    for (auto [t, sum] : llvm::enumerate(strassen::kLhsSums)) {
      Value to = e.element(output, f32, e.add(e.mul(row, halfColumns), int64_t(t) * halfRows * halfColumns));
      auto vector = [&](Value column, int64_t leftLanes, int64_t rightLanes) {
        auto quadrant = [&](int q) -> Value {
          int64_t lanes = q % 2 ? rightLanes : leftLanes;
          if ((q / 2 && !hasLower) || lanes == 0)
            return e.splat(arith::ConstantOp::create(b, loc, b.getZeroAttr(f32)));
          Value at = e.add(e.add(e.mul(row, columns), column), q / 2 * halfRows * columns + q % 2 * halfColumns);
          return e.loadVector(e.element(input, f32, at), f32, maskOf(lanes));
        };
        Value value = quadrant(sum.first);
        if (sum.second >= 0 && sum.isDifference)
          value = arith::SubFOp::create(b, loc, value, quadrant(sum.second));
        else if (sum.second >= 0)
          value = arith::AddFOp::create(b, loc, value, quadrant(sum.second));
        Value place = e.element(to, f32, column);
        if (leftLanes < e.width)
          LLVM::MaskedStoreOp::create(b, loc, value, place, maskOf(leftLanes), 4);
        else
          LLVM::StoreOp::create(b, loc, value, place, 4);
      };
      if (whole)
        e.loop(e.constant(0), e.constant(whole), e.width, [&](Value column) { vector(column, e.width, e.width); });
      if (halfColumns > whole)
        vector(e.constant(whole), halfColumns - whole, right - whole);
    }
  }

  Value maskOf(int64_t lanes) { return lanes < e.width ? e.maskOfFirst(e.constant(lanes)) : Value(); }

  OpBuilder &b;
  Location loc;
  BodyEvaluator e;
  Type f32;
  int64_t rows, columns, halfRows, halfColumns, tileRows;
  Value input, output;
};

} // namespace

bool isStrassenSums(func::FuncOp kernel) {
  Operation *returned = kernel.getBody().front().getTerminator();
  if (kernel.getNumArguments() != 1 || returned->getNumOperands() != 1)
    return false;
  Operation *sums = returned->getOperand(0).getDefiningOp();
  return sums && sums->hasAttr(kStrassenSums) && getElementTypeOrSelf(sums->getResult(0)).isF32();
}

bool emitStrassenSums(OpBuilder &b, func::FuncOp kernel, const TargetDesc &target, const KernelFrame &frame,
                      EmittedKernel &emitted) {
  SumsWriter writer(b, kernel, target);
  writer.emit(frame);
  emitted.tiles = writer.tiles();
  emitted.schedule = llvm::formatv("sums of quadrants, {0} rows a tile", writer.rowsOfTile()).str();
  return true;
}

} // namespace mlc::codegen::cpu
