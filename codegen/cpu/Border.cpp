#include "codegen/cpu/Border.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace mlc::codegen::cpu {

void fillBorder(BodyEvaluator &e, tensor::PadOp pad, Value output, Value begin, Value end, int64_t tiles) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  ArrayRef<int64_t> shape = pad.getResultType().getShape(), inside = pad.getSourceType().getShape();
  ArrayRef<int64_t> low = pad.getStaticLow();
  Type element = pad.getResultType().getElementType();
  // A line is all elements of the two innermost dimensions; the last one has no border.
  size_t rank = shape.size();
  int64_t columns = shape[rank - 1], line = shape[rank - 2] * columns,
          lines = pad.getResultType().getNumElements() / line;
  llvm::DenseMap<Value, Value> none;
  Value value = e.cloneVectorized(pad.getConstantPaddingValue().getDefiningOp(), 0, none);
  auto flat = RankedTensorType::get({ShapedType::kDynamic}, element);
  auto loop = [&](Value from, Value to, int64_t step, auto body) {
    scf::ForOp::create(b, loc, from, to, e.constant(step), ValueRange{},
                       [&](OpBuilder &, Location, Value i, ValueRange) {
                         body(i);
                         scf::YieldOp::create(b, loc);
                       });
  };
  auto fill = [&](Value first, int64_t count) {
    int64_t whole = count / e.width * e.width;
    if (whole)
      loop(e.constant(0), e.constant(whole), e.width,
           [&](Value i) { e.store(value, output, flat, Coord{e.add(first, i), 1, {}}, {}); });
    if (count != whole)
      e.store(value, output, flat, Coord{e.add(first, whole), 1, {}}, e.maskOfFirst(e.constant(count - whole)));
  };
  loop(e.div(e.mul(begin, lines), tiles), e.div(e.mul(end, lines), tiles), 1, [&](Value at) {
    Value isInside;
    auto coords = e.delinearize(at, shape.drop_back(2));
    for (auto [i, coord] : llvm::enumerate(coords)) {
      if (inside[i] == shape[i])
        continue;
      Value shifted = arith::SubIOp::create(b, loc, coord, e.constant(low[i]));
      Value in = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, shifted, e.constant(inside[i]));
      isInside = isInside ? arith::AndIOp::create(b, loc, isInside, in).getResult() : in;
    }
    Value first = e.mul(at, line);
    auto ends = [&] {
      int64_t left = low[rank - 2], right = shape[rank - 2] - inside[rank - 2] - left;
      fill(first, left * columns);
      fill(e.add(first, (left + inside[rank - 2]) * columns), right * columns);
    };
    if (!isInside)
      return ends();
    auto branch = scf::IfOp::create(b, loc, isInside, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    ends();
    b.setInsertionPointToStart(branch.elseBlock());
    fill(first, line);
  });
}

} // namespace mlc::codegen::cpu
