// Strassen products: inference and constraints, FLOPs.
#include "dialects/mlc/Inference.h"
#include "dialects/mlc/MlcDialect.h"
#include "dialects/mlc/Strassen.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlc;

#define GET_OP_CLASSES
#include "dialects/mlc/MlcStrassenOps.cpp.inc"

void MlcDialect::registerStrassenOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/mlc/MlcStrassenOps.cpp.inc"
      >();
}

static int64_t half(int64_t size) { return llvm::divideCeilSigned(size, 2); }

static int64_t rowsOf(ArrayRef<int64_t> shape) {
  int64_t rows = 1;
  for (int64_t size : shape.drop_back())
    rows *= size;
  return rows;
}

// Five of the seven are sums of two quadrants.
int64_t StrassenSumsOp::flops() { return countElements(getType()) / strassen::kProducts * 5; }

LogicalResult StrassenSumsOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                               SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(adaptor.getOperand());
  if (shape.size() < 2)
    return inferenceError(location, getOperationName(),
                          "(C1) expects an operand of rank 2 or more, got " + formatShape(shape));
  int64_t result[] = {strassen::kProducts, half(rowsOf(shape)), half(shape.back())};
  results.push_back(RankedTensorType::get(result, elementOf(adaptor.getOperand())));
  return success();
}

// Those that are executed: seven eighths of the product's, and an addition for each use of a product but the first
// four.
int64_t StrassenMatmulOp::flops() {
  int64_t quadrant = shapeOf(getLhs())[1] * half(getShape().back());
  return quadrant * (strassen::kProducts * 2 * shapeOf(getLhs())[2] + 8);
}

LogicalResult StrassenMatmulOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                                 SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkSameElementType(location, name, "(C1)", adaptor.getOperands())))
    return failure();
  ArrayRef<int64_t> lhs = shapeOf(adaptor.getLhs()), rhs = shapeOf(adaptor.getRhs()), shape = adaptor.getShape();
  if (lhs.size() != 3 || lhs[0] != strassen::kProducts || rhs.size() != 4 || rhs[1] != strassen::kProducts)
    return inferenceError(location, name,
                          "(C2) expects lhs of rank 3 with 7 matrices and rhs of rank 4 with 7 matrices, got " +
                              formatShape(lhs) + " and " + formatShape(rhs));
  if (lhs[2] != rhs[2])
    return inferenceError(location, name,
                          "(C3) expects equal contracted sizes, got " + Twine(lhs[2]) + " and " + Twine(rhs[2]));
  bool fits = shape.size() >= 2 && llvm::all_of(shape, [](int64_t size) { return size >= 0; }) &&
              half(rowsOf(shape)) == lhs[1] && rhs[3] > 0 &&
              llvm::divideCeilSigned(half(shape.back()), rhs[3]) == rhs[0];
  if (!fits)
    return inferenceError(location, name,
                          "(C4) expects a shape of rank 2 or more with half of its rows in lhs and half of its columns "
                          "in the panels of rhs, got " +
                              formatShape(shape) + " of " + formatShape(lhs) + " and " + formatShape(rhs));
  results.push_back(RankedTensorType::get(shape, elementOf(adaptor.getLhs())));
  return success();
}
