#include "dialects/mlc/Inference.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

RankedTensorType mlc::tensorType(Value value) { return cast<RankedTensorType>(value.getType()); }
ArrayRef<int64_t> mlc::shapeOf(Value value) { return tensorType(value).getShape(); }
Type mlc::elementOf(Value value) { return tensorType(value).getElementType(); }

std::string mlc::formatShape(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleave(shape, os, "x");
  return text;
}

LogicalResult mlc::inferenceError(MaybeLoc location, StringRef op, const Twine &message) {
  return emitOptionalError(location, "'", op, "' op ", message.str());
}

LogicalResult mlc::checkSameElementType(MaybeLoc location, StringRef op, StringRef label, ValueRange operands) {
  for (Value operand : operands.drop_front()) {
    if (elementOf(operand) == elementOf(operands.front()))
      continue;
    std::string text;
    llvm::raw_string_ostream(text) << label << " expects operands of one element type, got "
                                   << elementOf(operands.front()) << " and " << elementOf(operand);
    return inferenceError(location, op, text);
  }
  return success();
}

LogicalResult mlc::checkAxis(MaybeLoc location, StringRef op, StringRef label, int64_t axis, int64_t rank) {
  if (axis >= 0 && axis < rank)
    return success();
  return inferenceError(location, op, label + " expects axis in [0, " + Twine(rank) + "), got " + Twine(axis));
}

std::optional<SmallVector<int64_t>> mlc::broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  SmallVector<int64_t> shape(a);
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t &size = shape[a.size() - b.size() + i];
    if (size == 1)
      size = b[i];
    else if (b[i] != 1 && b[i] != size)
      return std::nullopt;
  }
  return shape;
}

static FailureOr<SmallVector<int64_t>> broadcastAll(mlc::MaybeLoc location, StringRef op, ValueRange operands) {
  SmallVector<int64_t> shape(mlc::shapeOf(operands.front()));
  for (Value operand : operands.drop_front()) {
    auto next = mlc::broadcastShapes(shape, mlc::shapeOf(operand));
    if (!next)
      return mlc::inferenceError(location, op,
                                 "(C2) expects shapes that broadcast, got " + mlc::formatShape(shape) + " and " +
                                     mlc::formatShape(mlc::shapeOf(operand)));
    shape = *next;
  }
  return shape;
}

LogicalResult mlc::inferSameType(MaybeLoc location, StringRef op, ValueRange operands, Types &results) {
  results.push_back(RankedTensorType::get(shapeOf(operands[0]), elementOf(operands[0])));
  return success();
}

LogicalResult mlc::inferBoolean(MaybeLoc location, StringRef op, ValueRange operands, Types &results) {
  results.push_back(RankedTensorType::get(shapeOf(operands[0]), IntegerType::get(operands[0].getContext(), 1)));
  return success();
}

LogicalResult mlc::inferBroadcast(MaybeLoc location, StringRef op, ValueRange operands, Types &results) {
  if (failed(checkSameElementType(location, op, "(C1)", operands)))
    return failure();
  auto shape = broadcastAll(location, op, operands);
  if (failed(shape))
    return failure();
  results.push_back(RankedTensorType::get(*shape, elementOf(operands[0])));
  return success();
}

LogicalResult mlc::inferCompare(MaybeLoc location, StringRef op, ValueRange operands, Types &results) {
  if (failed(inferBroadcast(location, op, operands, results)))
    return failure();
  results[0] = cast<RankedTensorType>(results[0]).clone(IntegerType::get(operands[0].getContext(), 1));
  return success();
}

LogicalResult mlc::inferSelect(MaybeLoc location, StringRef op, ValueRange operands, Types &results) {
  if (failed(checkSameElementType(location, op, "(C1)", operands.drop_front())))
    return failure();
  auto shape = broadcastAll(location, op, operands);
  if (failed(shape))
    return failure();
  results.push_back(RankedTensorType::get(*shape, elementOf(operands[1])));
  return success();
}

FailureOr<SmallVector<int64_t>> mlc::inferWindows(MaybeLoc location, StringRef op, StringRef label, StringRef fitLabel,
                                                  ArrayRef<int64_t> spatial, const WindowAttrs &window) {
  struct Named {
    StringRef name;
    ArrayRef<int64_t> values;
    int64_t minimum;
  };
  for (const Named &attr :
       {Named{"window", window.size, 1}, Named{"strides", window.strides, 1}, Named{"pad_low", window.padLow, 0},
        Named{"pad_high", window.padHigh, 0}, Named{"dilations", window.dilations, 1}}) {
    if (attr.values.size() != spatial.size())
      return inferenceError(location, op,
                            label + " expects " + attr.name + " with one entry for each of " + Twine(spatial.size()) +
                                " spatial dimensions, got " + Twine(attr.values.size()));
    for (int64_t value : attr.values)
      if (value < attr.minimum)
        return inferenceError(location, op,
                              label + " expects " + attr.name + " of at least " + Twine(attr.minimum) + ", got " +
                                  Twine(value));
    // Sums and products of two of them do not overflow.
    for (int64_t value : attr.values)
      if (value > std::numeric_limits<int32_t>::max())
        return inferenceError(location, op, label + " expects " + attr.name + " below 2^31, got " + Twine(value));
  }
  SmallVector<int64_t> sizes;
  for (size_t i = 0; i < spatial.size(); ++i) {
    int64_t padded = spatial[i] + window.padLow[i] + window.padHigh[i];
    int64_t extent = window.dilations[i] * (window.size[i] - 1) + 1;
    if (extent > padded)
      return inferenceError(location, op,
                            fitLabel + " expects a window that fits into the padded input, got a window of " +
                                Twine(extent) + " in " + Twine(padded) + " (spatial dimension " + Twine(i) + ")");
    sizes.push_back((padded - extent) / window.strides[i] + 1);
  }
  return sizes;
}
