// Packed sequences: inference and constraints.
#include "dialects/mlc/Inference.h"
#include "dialects/mlc/MlcDialect.h"

using namespace mlir;
using namespace mlc;

#define GET_OP_CLASSES
#include "dialects/mlc/MlcVarlenOps.cpp.inc"

void MlcDialect::registerVarlenOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/mlc/MlcVarlenOps.cpp.inc"
      >();
}

static LogicalResult checkMask(MaybeLoc location, StringRef name, Value mask) {
  if (shapeOf(mask).size() == 2)
    return success();
  return inferenceError(location, name, "(C1) expects a mask of rank 2, got " + formatShape(shapeOf(mask)));
}

static LogicalResult checkOffsets(MaybeLoc location, StringRef name, Value mask, Value offsets) {
  if (failed(checkMask(location, name, mask)))
    return failure();
  int64_t count = shapeOf(mask)[0] + 1;
  if (elementOf(offsets).isInteger(32) && shapeOf(offsets) == ArrayRef(count))
    return success();
  return inferenceError(location, name,
                        "(C1) expects cu_seqlens of i32 and shape " + Twine(count) + ", got " +
                            formatShape(shapeOf(offsets)) + " of " + Twine(elementOf(offsets).getIntOrFloatBitWidth()) +
                            " bits");
}

static LogicalResult checkPositive(MaybeLoc location, StringRef name, StringRef label, StringRef what, int64_t value) {
  if (value >= 1)
    return success();
  return inferenceError(location, name, label + " expects " + what + " of at least 1, got " + Twine(value));
}

LogicalResult CuSeqlensOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkMask(location, name, adaptor.getMask())) ||
      failed(checkPositive(location, name, "(C2)", "capacity", adaptor.getCapacity())))
    return failure();
  results.push_back(RankedTensorType::get({shapeOf(adaptor.getMask())[0] + 1}, IntegerType::get(context, 32)));
  return success();
}

LogicalResult UnpadOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                        SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkOffsets(location, name, adaptor.getMask(), adaptor.getCuSeqlens())))
    return failure();
  ArrayRef<int64_t> x = shapeOf(adaptor.getX()), mask = shapeOf(adaptor.getMask());
  bool stretches = x.size() >= 2 && llvm::all_of(llvm::zip(x.take_front(2), mask), [](auto pair) {
                     return std::get<0>(pair) == 1 || std::get<0>(pair) == std::get<1>(pair);
                   });
  if (!stretches)
    return inferenceError(location, name,
                          "(C2) expects x whose first dimensions stretch to " + formatShape(mask) + ", got " +
                              formatShape(x));
  if (failed(checkPositive(location, name, "(C3)", "capacity", adaptor.getCapacity())))
    return failure();
  SmallVector<int64_t> shape{int64_t(adaptor.getCapacity())};
  llvm::append_range(shape, x.drop_front(2));
  results.push_back(RankedTensorType::get(shape, elementOf(adaptor.getX())));
  return success();
}

LogicalResult RepadOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                        SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkOffsets(location, name, adaptor.getMask(), adaptor.getCuSeqlens())))
    return failure();
  ArrayRef<int64_t> x = shapeOf(adaptor.getX());
  if (x.empty())
    return inferenceError(location, name, "(C2) expects x of rank 1 or more, got a scalar");
  SmallVector<int64_t> shape(shapeOf(adaptor.getMask()));
  llvm::append_range(shape, x.drop_front());
  results.push_back(RankedTensorType::get(shape, elementOf(adaptor.getX())));
  return success();
}

int64_t VarlenAttentionOp::flops() {
  ArrayRef<int64_t> query = shapeOf(getQuery()), value = shapeOf(getValue());
  return 2 * query[0] * query[1] * int64_t(getMaxSeqlen()) * (query[2] + value[2]);
}

LogicalResult VarlenAttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                                  SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  Value operands[] = {adaptor.getQuery(), adaptor.getKey(), adaptor.getValue()};
  if (failed(checkSameElementType(location, name, "(C1)", operands)))
    return failure();
  ArrayRef<int64_t> query = shapeOf(operands[0]), key = shapeOf(operands[1]), value = shapeOf(operands[2]);
  std::string shapes = formatShape(query) + ", " + formatShape(key) + " and " + formatShape(value);
  if (query.size() != 3 || key.size() != 3 || value.size() != 3)
    return inferenceError(location, name, "(C2) expects query, key and value of rank 3, got " + shapes);
  bool isEmpty = llvm::is_contained(query, 0) || llvm::is_contained(key, 0) || llvm::is_contained(value, 0);
  if (isEmpty || query[0] != key[0] || key[0] != value[0] || query[2] != key[2] || key[1] != value[1] ||
      query[1] % key[1])
    return inferenceError(location, name,
                          "(C3) expects equal tokens and head size, key heads that divide the query heads, and "
                          "nothing empty, got " +
                              shapes);
  ArrayRef<int64_t> offsets = shapeOf(adaptor.getCuSeqlens());
  if (!elementOf(adaptor.getCuSeqlens()).isInteger(32) || offsets.size() != 1 || offsets[0] < 2)
    return inferenceError(location, name,
                          "(C4) expects cu_seqlens of i32 with 2 elements or more, got " + formatShape(offsets) +
                              " of " + Twine(elementOf(adaptor.getCuSeqlens()).getIntOrFloatBitWidth()) + " bits");
  if (failed(checkPositive(location, name, "(C5)", "max_seqlen", adaptor.getMaxSeqlen())))
    return failure();
  results.push_back(RankedTensorType::get({query[0], query[1], value[2]}, elementOf(operands[0])));
  return success();
}
