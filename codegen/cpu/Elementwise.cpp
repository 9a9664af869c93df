#include "codegen/cpu/Elementwise.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace mlc::codegen::cpu {

// The size of the result's last dimension, where it is a few copies of each element, as when an image is enlarged: a
// vector holds the copies of several. 1 where that is not so.
static int64_t copiesOfEach(Value result, int64_t width) {
  auto generic = result.getDefiningOp<linalg::GenericOp>();
  auto type = cast<RankedTensorType>(result.getType());
  if (!generic || type.getRank() < 2 || width % type.getShape().back() != 0 || generic.getNumDpsInputs() != 1 ||
      !isa<BlockArgument>(generic.getInputs()[0]) || generic.hasIndexSemantics() ||
      !generic.getRegionOutputArgs()[0].use_empty())
    return 1;
  AffineMap in = generic.getIndexingMapsArray()[0], out = generic.getIndexingMapsArray()[1];
  return out.isIdentity() && !in.isFunctionOfDim(type.getRank() - 1) ? type.getShape().back() : 1;
}

bool emitElementwise(OpBuilder &b, func::FuncOp kernel, const TargetDesc &target, const KernelFrame &frame,
                     EmittedKernel &emitted) {
  auto *terminator = kernel.getBody().front().getTerminator();
  if (terminator->getNumOperands() != 1)
    return false;
  Value result = terminator->getOperand(0);
  auto type = cast<RankedTensorType>(result.getType());
  Location loc = kernel.getLoc();
  BodyEvaluator e(b, loc);
  // A register of the result's elements. Of wider ones LLVM makes two, and the masked load of the second, where all of
  // it is padding, becomes one without a mask (LLVM 22, AVX2, rows of 14 f64 of which 11 are stored).
  e.width = target.vector_bytes / std::max<int64_t>(4, BodyEvaluator::elementBytes(type.getElementType()));
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto binding = [&](int64_t index) -> Value {
    return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
  };
  for (auto [index, argument] : llvm::enumerate(kernel.getArguments()))
    e.buffers[argument] = binding(int64_t(index));
  Value output = binding(kernel.getNumArguments());
  constexpr int64_t tileElements = 16384;
  int64_t columns = type.getRank() ? type.getShape().back() : 1;
  int64_t copies = copiesOfEach(result, e.width);
  if (copies > 1)
    columns *= type.getDimSize(type.getRank() - 2);
  int64_t rows = type.getNumElements() / columns;
  int64_t chunk = std::min(columns, tileElements), chunks = (columns + chunk - 1) / chunk;
  int64_t group = chunks > 1 ? 1 : std::min(rows, std::max<int64_t>(1, tileElements / columns));
  int64_t groups = (rows + group - 1) / group;
  emitted.tiles = groups * chunks;
  emitted.schedule = llvm::formatv("elementwise, {0} rows of {1}", group, chunk).str();
  bool ok = true;
  auto vectorAt = [&](Value row, Value column, Value mask) {
    SmallVector<Coord> coords;
    if (copies > 1) {
      for (Value at : e.delinearize(row, type.getShape().drop_back(2)))
        coords.push_back({at, 0, {}});
      coords.push_back({e.div(column, copies), 1, {}, copies});
      coords.push_back({e.constant(0), 0, {}}); // any of the copies
      auto flat = RankedTensorType::get({ShapedType::kDynamic}, type.getElementType());
      ok &=
          e.store(e.evaluate(result, coords, mask), output, flat, {{e.add(e.mul(row, columns), column), 1, {}}}, mask);
      return;
    }
    if (type.getRank()) {
      for (Value at : e.delinearize(row, type.getShape().drop_back()))
        coords.push_back({at, 0, {}});
      coords.push_back({column, 1, {}});
    }
    ok &= e.store(e.evaluate(result, coords, mask), output, type, coords, mask);
  };
  if (type.getRank() == 0)
    e.width = 1;
  e.loop(frame.begin, frame.end, 1, [&](Value tile) {
    Value first = e.mul(e.div(tile, chunks), group), start = e.mul(e.rem(tile, chunks), chunk);
    Value last = e.add(first, group), stop = e.add(start, chunk);
    if (rows % group)
      last = arith::MinSIOp::create(b, loc, last, e.constant(rows));
    if (columns % chunk)
      stop = arith::MinSIOp::create(b, loc, stop, e.constant(columns));
    // Chunks begin at multiples of the width, so only the row's end is partial.
    int64_t whole = columns / e.width * e.width, rest = columns % e.width;
    e.loop(first, last, 1, [&](Value row) {
      if (whole) {
        Value mainStop = rest ? arith::MinSIOp::create(b, loc, stop, e.constant(whole)).getResult() : stop;
        e.loop(start, mainStop, e.width, [&](Value column) { vectorAt(row, column, {}); });
      }
      if (rest) {
        Value tailStart = arith::MaxSIOp::create(b, loc, start, e.constant(whole));
        e.loop(tailStart, stop, e.width, [&](Value column) { vectorAt(row, column, e.maskOfFirst(e.constant(rest))); });
      }
    });
  });
  return ok;
}

} // namespace mlc::codegen::cpu
