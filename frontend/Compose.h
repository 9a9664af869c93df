// Short names for the mlc ops that frontends write decompositions and layers in. Every function gives null
// where an operand is null or a constraint is violated (then the diagnostic has been emitted).
#ifndef MLC_FRONTEND_COMPOSE_H
#define MLC_FRONTEND_COMPOSE_H

#include "frontend/GraphBuilder.h"

namespace mlc::frontend {

using Dims = llvm::SmallVector<int64_t>;

// Elements of a table that a frontend makes: of positions, or of a range.
constexpr int64_t kMaxTable = 1 << 26;

int64_t productOf(llvm::ArrayRef<int64_t> dims);

class Compose {
public:
  explicit Compose(GraphBuilder &graph) : g(graph) {}

  static mlir::RankedTensorType type(mlir::Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }
  static llvm::ArrayRef<int64_t> shape(mlir::Value value) { return type(value).getShape(); }
  static mlir::Type element(mlir::Value value) { return type(value).getElementType(); }
  mlir::Type i64() { return mlir::IntegerType::get(g.context(), 64); }
  mlir::Type i32() { return mlir::IntegerType::get(g.context(), 32); }
  mlir::Type f32() { return mlir::Float32Type::get(g.context()); }

  template <typename OpT> mlir::Value apply(mlir::Value a) { return g.make<OpT>(a); }
  template <typename OpT> mlir::Value apply(mlir::Value a, mlir::Value b) { return g.make<OpT>({a, b}); }
  // With a scalar of a's element type.
  template <typename OpT> mlir::Value apply(mlir::Value a, double b) { return a ? g.make<OpT>({a, like(a, b)}) : a; }

  mlir::Value add(mlir::Value a, mlir::Value b) { return apply<AddOp>(a, b); }
  mlir::Value sub(mlir::Value a, mlir::Value b) { return apply<SubOp>(a, b); }
  mlir::Value mul(mlir::Value a, mlir::Value b) { return apply<MulOp>(a, b); }
  mlir::Value div(mlir::Value a, mlir::Value b) { return apply<DivOp>(a, b); }
  mlir::Value add(mlir::Value a, double b) { return b == 0 ? a : apply<AddOp>(a, b); }
  mlir::Value mul(mlir::Value a, double b) { return b == 1 ? a : apply<MulOp>(a, b); }

  mlir::Value compare(ComparePredicate predicate, mlir::Value a, mlir::Value b);
  mlir::Value compare(ComparePredicate predicate, mlir::Value a, double b) {
    return a ? compare(predicate, a, like(a, b)) : a;
  }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b) {
    return g.make<SelectOp>({condition, a, b});
  }
  mlir::Value reduce(ReduceKind kind, mlir::Value value, llvm::ArrayRef<int64_t> axes, bool keepDims);
  mlir::Value clamp(mlir::Value value, double low, double high);

  // Constants: a scalar of the element type of `value`; a small or large table; 0, 1, ... along the last dimension of a
  // tensor of rank 1 + `behind` whose other dimensions are 1 (null, and a diagnostic, above kMaxTable).
  mlir::Value like(mlir::Value value, double number) { return value ? g.scalar(element(value), number) : value; }
  mlir::Value table(const HostTensor &tensor);
  mlir::Value table(llvm::ArrayRef<int64_t> values);
  // Numbers in a floating-point or integer type.
  mlir::Value reals(llvm::ArrayRef<double> values, llvm::ArrayRef<int64_t> shape, mlir::Type elementType);
  mlir::Value iota(int64_t size, int64_t behind = 0);

  // Movement.
  mlir::Value broadcast(mlir::Value value, llvm::ArrayRef<int64_t> shape);
  mlir::Value concat(mlir::ValueRange values, int64_t axis);
  mlir::Value pad(mlir::Value value, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high, double with);
  mlir::Value slice(mlir::Value value, int64_t axis, int64_t offset, int64_t size, int64_t stride = 1);
  // `value` with a dimension of 1 before `axis`.
  mlir::Value expand(mlir::Value value, int64_t axis);
  mlir::Value moveAxis(mlir::Value value, int64_t from, int64_t to);
  // The elements at constant `positions` along `axis`: a slice or a broadcast where they are regular, else a gather.
  mlir::Value take(mlir::Value value, int64_t axis, llvm::ArrayRef<int64_t> positions);
  mlir::Value gather(mlir::Value data, mlir::Value indices, int64_t axis);
  // result[i] = data[..., indices[i], ...], as GatherElements and GatherND of ONNX. An index outside of [-D, D) is an
  // error at run time, as it is of mlc.gather.
  mlir::Value gatherElements(mlir::Value data, mlir::Value indices, int64_t axis);
  mlir::Value gatherNd(mlir::Value data, mlir::Value indices, int64_t batchDims);
  // Row-major positions of the slices that `indices` name. Wrong indices give a position behind all rows.
  mlir::Value flatElementIndex(llvm::ArrayRef<int64_t> data, mlir::Value indices, int64_t axis);
  mlir::Value flatSliceIndex(llvm::ArrayRef<int64_t> data, mlir::Value indices, int64_t batchDims);

  mlir::Value matmul(mlir::Value a, mlir::Value b, bool transposeA = false, bool transposeB = false);
  mlir::Value softmax(mlir::Value value, int64_t axis);

  GraphBuilder &g;
};

} // namespace mlc::frontend

#endif // MLC_FRONTEND_COMPOSE_H
