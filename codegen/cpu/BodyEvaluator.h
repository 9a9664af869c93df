// Evaluates tensor values of a kernel function as vectors, on demand ("pull" model).
//
// A tensor value at a tuple of coordinates is either loaded from a buffer (arguments, results, scratch) or computed
// from the bodies of the linalg.generics that define it, so chains of elementwise, broadcast, and movement ops cost no
// intermediate storage. Coordinates are 64-bit scalars plus a constant step per lane, so the evaluator sees at
// generation time whether an operand is a vector load, a broadcast, or a gather.
#ifndef MLC_CODEGEN_CPU_BODYEVALUATOR_H
#define MLC_CODEGEN_CPU_BODYEVALUATOR_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <functional>
#include <map>

namespace mlc::codegen::cpu {

// Lane l of a coordinate is base + l / copies * step, or lanes[l] when `lanes` is set.
struct Coord {
  mlir::Value base;
  int64_t step = 0;
  mlir::Value lanes;
  int64_t copies = 1; // of each element, side by side; a divisor of the width
};

class BodyEvaluator {
public:
  BodyEvaluator(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  // The lanes that evaluations produce; 1 gives vector<1xT>.
  int64_t width = 1;
  // Buffers of materialised tensors.
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
  // Values produced in place (accumulators of a contraction); returns a vector, or null for "not at these coordinates".
  llvm::DenseMap<mlir::Value, std::function<mlir::Value(llvm::ArrayRef<Coord>)>> providers;
  // Value of `tensor` at `coords`, or null when the definition cannot be evaluated. A lane whose mask is off has an
  // unspecified value and touches no memory. The memo of earlier evaluations is dropped: they may not dominate.
  mlir::Value evaluate(mlir::Value tensor, llvm::ArrayRef<Coord> coords, mlir::Value mask);
  // The yielded operand `result` of a generic's body, with block arguments of inputs evaluated and those of outs given.
  mlir::Value evaluateBody(mlir::linalg::GenericOp op, unsigned result, llvm::ArrayRef<Coord> iterators,
                           llvm::ArrayRef<mlir::Value> outs, mlir::Value mask);
  bool store(mlir::Value vector, mlir::Value buffer, mlir::RankedTensorType type, llvm::ArrayRef<Coord> coords,
             mlir::Value mask);

  // Clones a scalar op with vector operands; null where an operand is missing from `map`.
  mlir::Value cloneVectorized(mlir::Operation *op, unsigned result, llvm::DenseMap<mlir::Value, mlir::Value> &map);

  // Arithmetic on i64 that folds constants.
  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value add(mlir::Value x, int64_t y) { return add(x, constant(y)); }
  mlir::Value mul(mlir::Value x, int64_t y);
  mlir::Value div(mlir::Value x, int64_t y); // x >= 0
  mlir::Value rem(mlir::Value x, int64_t y); // x >= 0
  // Emits `body` for begin, begin + step, ... below end.
  void loop(mlir::Value begin, mlir::Value end, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  // Coordinates of x in a shape of these sizes. Addresses that are made of all of them are made of x again.
  llvm::SmallVector<mlir::Value> delinearize(mlir::Value x, llvm::ArrayRef<int64_t> sizes);

  mlir::Value element(mlir::Value base, mlir::Type type, mlir::Value offset);
  mlir::Value splat(mlir::Value scalar);
  mlir::Value loadVector(mlir::Value pointer, mlir::Type element, mlir::Value mask);
  // Elements from the pointer on, `copies` of each side by side.
  mlir::Value loadCopies(mlir::Value pointer, mlir::Type element, int64_t copies, mlir::Value mask);
  // Lane l is buffer[first + l * step].
  mlir::Value loadStrided(mlir::Value buffer, mlir::Type storage, mlir::Value first, int64_t step, mlir::Value mask) {
    return gather(buffer, storage, lanesOf({first, step, {}}), mask);
  }
  // Lanes [0, count) on.
  mlir::Value maskOfFirst(mlir::Value count);
  static mlir::Type storageType(mlir::Type element, mlir::OpBuilder &b);
  static int64_t elementBytes(mlir::Type element);

  mlir::OpBuilder &b;
  mlir::Location loc;

private:
  mlir::Value pull(mlir::Value tensor, llvm::ArrayRef<Coord> coords, mlir::Value mask);
  mlir::Value load(mlir::Value buffer, mlir::RankedTensorType type, llvm::ArrayRef<Coord> coords, mlir::Value mask);
  mlir::Value define(mlir::OpResult tensor, llvm::ArrayRef<Coord> coords, mlir::Value mask);
  mlir::Value lookUp(mlir::vector::ExtractOp op, llvm::DenseMap<mlir::Value, mlir::Value> &map);
  mlir::Value gather(mlir::Value buffer, mlir::Type storage, mlir::Value offsets, mlir::Value mask);
  Coord linearize(llvm::ArrayRef<Coord> coords, llvm::ArrayRef<int64_t> shape);
  llvm::SmallVector<Coord> delinearizeLanes(const Coord &x, llvm::ArrayRef<int64_t> shape);
  Coord addCoords(const Coord &x, const Coord &y);
  Coord scaleCoord(const Coord &x, int64_t factor);
  Coord applyAffine(mlir::AffineExpr expr, llvm::ArrayRef<Coord> dims);
  mlir::Value lanesOf(const Coord &x);
  Coord inside(const Coord &x, int64_t low, int64_t size, mlir::Value &ok);

  struct Delinearized {
    llvm::SmallVector<mlir::Value> coords;
    llvm::SmallVector<int64_t> sizes;
    mlir::Value x;
  };
  llvm::SmallVector<Delinearized> delinearized;
  const Delinearized *findDelinearized(llvm::ArrayRef<Coord> coords, llvm::ArrayRef<int64_t> shape) const;

  using Key = std::vector<const void *>;
  Key key(mlir::Value tensor, llvm::ArrayRef<Coord> coords, mlir::Value mask) const;
  std::map<Key, mlir::Value> memo;
};

} // namespace mlc::codegen::cpu

#endif // MLC_CODEGEN_CPU_BODYEVALUATOR_H
