#include "codegen/cpu/Transpose.h"
#include "codegen/cpu/BodyEvaluator.h"
#include "codegen/cpu/TransposeSquare.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

// Rows and columns of a tile: enough for a launch to pay, few enough for many threads to share them evenly.
constexpr int64_t kTileRows = 64, kTileColumns = 256;
// Where a side of the square is shorter, most of it is empty.
constexpr int64_t kLeastSide = 4;

// Reshapes keep the bytes.
Value behindReshapes(Value value) {
  while (isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

class TransposeWriter {
public:
  TransposeWriter(OpBuilder &b, Location loc, const Transposition &t, const TargetDesc &target)
      : b(b), loc(loc), t(t), e(b, loc), storage(BodyEvaluator::storageType(t.element, b)),
        side(target.vector_bytes / 4) {
    e.width = side;
  }

  // Elements [row, row + rows) x [column, column + columns) of the operand and the result at these offsets.
  void tile(Value in, Value out, Value row, Value rowEnd, Value column, Value columnEnd) {
    e.loop(column, columnEnd, side, [&](Value j) {
      e.loop(row, rowEnd, side, [&](Value i) {
        Value rows = left(rowEnd, i), columns = left(columnEnd, j), whole = e.constant(side);
        Value isWhole =
            arith::AndIOp::create(b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, rows, whole),
                                  arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, columns, whole));
        auto branch = [&](bool masked) {
          return [&, masked](OpBuilder &, Location) {
            square(at(in, i, 1, j, t.column.inStride), at(out, i, t.row.outStride, j, 1), masked ? rows : Value(),
                   masked ? columns : Value());
            scf::YieldOp::create(b, loc);
          };
        };
        scf::IfOp::create(b, loc, isWhole, branch(false), branch(true));
      });
    });
  }

  // The buffer of a binding from this element on.
  Value from(Value buffer, Value offset) { return e.element(buffer, storage, offset); }

  OpBuilder &b;
  Location loc;
  const Transposition &t;
  BodyEvaluator e;
  Type storage;
  int64_t side;

private:
  Value left(Value end, Value from) {
    return arith::SubIOp::create(b, loc, end, from, arith::IntegerOverflowFlags::nsw);
  }
  Value at(Value base, Value i, int64_t rowStride, Value j, int64_t columnStride) {
    return from(base, e.add(e.mul(i, rowStride), e.mul(j, columnStride)));
  }

  // One square; with `rows` and `columns` only that many of it lie in the tensors.
  void square(Value in, Value out, Value rows, Value columns) {
    Type word = b.getI32Type(), words = VectorType::get({side}, word), elements = VectorType::get({side}, storage);
    bool isNarrow = storage.getIntOrFloatBitWidth() < 32;
    SmallVector<Value> vectors;
    Value rowMask = rows ? e.maskOfFirst(rows) : Value();
    for (int64_t j = 0; j < side; ++j) {
      Value column = e.constant(j);
      if (columns) // those behind the last one read what it reads
        column = arith::MinSIOp::create(b, loc, column, e.add(columns, -1));
      Value loaded = e.loadVector(from(in, e.mul(column, t.column.inStride)), storage, rowMask);
      if (isNarrow) {
        if (!isa<IntegerType>(storage))
          loaded = arith::BitcastOp::create(b, loc, integers(elements), loaded);
        loaded = arith::ExtUIOp::create(b, loc, words, loaded);
      }
      vectors.push_back(loaded);
    }
    transposeSquare(b, loc, vectors);
    Value columnMask = columns ? e.maskOfFirst(columns) : Value();
    for (int64_t i = 0; i < side; ++i) {
      Value value = vectors[i];
      if (isNarrow) {
        value = arith::TruncIOp::create(b, loc, integers(elements), value);
        if (!isa<IntegerType>(storage))
          value = arith::BitcastOp::create(b, loc, elements, value);
      }
      Value pointer = from(out, e.constant(i * t.row.outStride));
      unsigned alignment = BodyEvaluator::elementBytes(t.element);
      if (!rows) {
        LLVM::StoreOp::create(b, loc, value, pointer, alignment);
        continue;
      }
      Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, e.constant(i), rows);
      scf::IfOp::create(b, loc, exists, [&](OpBuilder &, Location) {
        LLVM::MaskedStoreOp::create(b, loc, value, pointer, columnMask, alignment);
        scf::YieldOp::create(b, loc);
      });
    }
  }

  Type integers(Type vector) {
    return cast<VectorType>(vector).clone(b.getIntegerType(storage.getIntOrFloatBitWidth()));
  }
};

} // namespace

std::optional<Transposition> matchTransposition(func::FuncOp kernel) {
  Operation *terminator = kernel.getBody().front().getTerminator();
  if (terminator->getNumOperands() != 1)
    return std::nullopt;
  auto generic = behindReshapes(terminator->getOperand(0)).getDefiningOp<linalg::GenericOp>();
  if (!generic || generic.getNumDpsInputs() != 1 || generic.getNumParallelLoops() != generic.getNumLoops())
    return std::nullopt;
  auto argument = dyn_cast<BlockArgument>(behindReshapes(generic.getInputs()[0]));
  auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
  AffineMap from = generic.getIndexingMapsArray()[0], to = generic.getIndexingMapsArray()[1];
  if (!argument || yield.getOperand(0) != generic.getBody()->getArgument(0) || !from.isPermutation() ||
      !to.isIdentity())
    return std::nullopt;
  Type element = getElementTypeOrSelf(argument);
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() > 32)
    return std::nullopt;
  auto shape = cast<RankedTensorType>(generic.getInputs()[0].getType()).getShape();
  SmallVector<int64_t> inStrides(shape.size(), 0);
  int64_t stride = 1;
  for (int64_t i = int64_t(shape.size()) - 1; i >= 0; --i) {
    inStrides[cast<AffineDimExpr>(from.getResult(i)).getPosition()] = stride;
    stride *= shape[i];
  }
  SmallVector<Transposition::Dim> dims;
  for (auto [size, inStride] : llvm::zip(generic.getStaticLoopRanges(), inStrides)) {
    if (size == 1)
      continue;
    if (!dims.empty() && dims.back().inStride == size * inStride)
      dims.back() = {dims.back().size * size, inStride, 0};
    else
      dims.push_back({size, inStride, 0});
  }
  stride = 1;
  for (Transposition::Dim &dim : llvm::reverse(dims)) {
    dim.outStride = stride;
    stride *= dim.size;
  }
  auto *row = llvm::find_if(dims, [](const Transposition::Dim &dim) { return dim.inStride == 1; });
  if (dims.size() < 2 || row == dims.end() || row == &dims.back() || row->size < kLeastSide ||
      dims.back().size < kLeastSide)
    return std::nullopt;
  Transposition result{{}, *row, dims.back(), element, argument.getArgNumber()};
  for (Transposition::Dim &dim : dims)
    if (&dim != row && &dim != &dims.back())
      result.outer.push_back(dim);
  return result;
}

void emitTransposition(OpBuilder &b, func::FuncOp kernel, const Transposition &t, const TargetDesc &target,
                       const KernelFrame &frame, EmittedKernel &emitted) {
  Location loc = kernel.getLoc();
  TransposeWriter w(b, loc, t, target);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto binding = [&](unsigned index) -> Value {
    return LLVM::LoadOp::create(b, loc, pointer, w.e.element(frame.bindings, pointer, w.e.constant(index)));
  };
  Value in = binding(t.argument), out = binding(kernel.getNumArguments());
  int64_t rowTiles = llvm::divideCeil(t.row.size, kTileRows),
          columnTiles = llvm::divideCeil(t.column.size, kTileColumns);
  SmallVector<int64_t> sizes;
  emitted.tiles = rowTiles * columnTiles;
  for (const Transposition::Dim &dim : t.outer) {
    sizes.push_back(dim.size);
    emitted.tiles *= dim.size;
  }
  sizes.append({rowTiles, columnTiles});
  emitted.schedule =
      llvm::formatv("squares of {0}, {1} x {2} of {3} x {4} a tile", w.side, std::min(kTileRows, t.row.size),
                    std::min(kTileColumns, t.column.size), t.row.size, t.column.size)
          .str();
  w.e.loop(frame.begin, frame.end, 1, [&](Value tile) {
    SmallVector<Value> index = w.e.delinearize(tile, sizes);
    Value inOffset = w.e.constant(0), outOffset = w.e.constant(0);
    for (auto [dim, i] : llvm::zip(t.outer, index)) {
      inOffset = w.e.add(inOffset, w.e.mul(i, dim.inStride));
      outOffset = w.e.add(outOffset, w.e.mul(i, dim.outStride));
    }
    auto range = [&](Value i, int64_t step, int64_t size) {
      Value begin = w.e.mul(i, step), end = w.e.add(begin, step);
      return std::pair(begin, arith::MinSIOp::create(b, loc, end, w.e.constant(size)).getResult());
    };
    auto [row, rowEnd] = range(index[sizes.size() - 2], kTileRows, t.row.size);
    auto [column, columnEnd] = range(index[sizes.size() - 1], kTileColumns, t.column.size);
    w.tile(w.from(in, inOffset), w.from(out, outOffset), row, rowEnd, column, columnEnd);
  });
}

} // namespace mlc::codegen::cpu
