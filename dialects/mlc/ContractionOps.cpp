// Contractions: inference and constraints, FLOPs.
#include "dialects/mlc/Inference.h"
#include "dialects/mlc/MlcDialect.h"
#include "dialects/mlc/Winograd.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlc;

#define GET_OP_CLASSES
#include "dialects/mlc/MlcContractionOps.cpp.inc"

void MlcDialect::registerContractionOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/mlc/MlcContractionOps.cpp.inc"
      >();
}

static int64_t product(ArrayRef<int64_t> values) {
  int64_t result = 1;
  for (int64_t value : values)
    result *= value;
  return result;
}

// The type of a contraction's result: that of the sums where they are not rounded.
static Type resultElement(Type element, bool wide) {
  if (wide && (element.isF16() || element.isBF16()))
    return Float32Type::get(element.getContext());
  return wide && element.isInteger(8) ? IntegerType::get(element.getContext(), 32) : element;
}

static LogicalResult checkElementTypes(std::optional<Location> location, StringRef name, bool wide,
                                       ValueRange operands) {
  if (wide && llvm::all_of(operands, [](Value operand) { return elementOf(operand).isInteger(8); }))
    return success();
  return checkSameElementType(location, name, "(C1)", operands);
}

// A sum of no products, everywhere in the result.
static OpFoldResult zeros(RankedTensorType type) {
  return DenseElementsAttr::get(type, Builder(type.getContext()).getZeroAttr(type.getElementType()));
}

//===-- matmul
//------------------------------------------------------------------------------------------------------------===//

int64_t MatmulOp::flops() {
  ArrayRef<int64_t> lhs = shapeOf(getLhs());
  return 2 * countElements(getType()) * (getTransposeLhs() ? lhs[lhs.size() - 2] : lhs.back());
}

OpFoldResult MatmulOp::fold(FoldAdaptor) {
  ArrayRef<int64_t> lhs = shapeOf(getLhs());
  return (getTransposeLhs() ? lhs[lhs.size() - 2] : lhs.back()) == 0 ? zeros(getType()) : OpFoldResult();
}

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkElementTypes(location, name, adaptor.getWideResult(), adaptor.getOperands())))
    return failure();
  ArrayRef<int64_t> lhs = shapeOf(adaptor.getLhs()), rhs = shapeOf(adaptor.getRhs());
  if (lhs.size() < 2 || rhs.size() < 2)
    return inferenceError(location, name,
                          "(C2) expects operands of rank 2 or more, got " + formatShape(lhs) + " and " +
                              formatShape(rhs));
  int64_t m = lhs[lhs.size() - 2], lhsK = lhs.back();
  int64_t rhsK = rhs[rhs.size() - 2], n = rhs.back();
  if (adaptor.getTransposeLhs())
    std::swap(m, lhsK);
  if (adaptor.getTransposeRhs())
    std::swap(rhsK, n);
  if (lhsK != rhsK)
    return inferenceError(location, name,
                          "(C3) expects equal contracted sizes, got " + Twine(lhsK) + " in lhs " + formatShape(lhs) +
                              " and " + Twine(rhsK) + " in rhs " + formatShape(rhs));
  auto shape = broadcastShapes(lhs.drop_back(2), rhs.drop_back(2));
  if (!shape)
    return inferenceError(location, name,
                          "(C4) expects batch dimensions that broadcast, got " + formatShape(lhs.drop_back(2)) +
                              " and " + formatShape(rhs.drop_back(2)));
  shape->append({m, n});
  Type element = resultElement(elementOf(adaptor.getLhs()), adaptor.getWideResult());
  results.push_back(RankedTensorType::get(*shape, element));
  return success();
}

//===-- conv
//--------------------------------------------------------------------------------------------------------------===//

int64_t ConvOp::flops() {
  // Every result element meets each filter element of its output channel once.
  ArrayRef<int64_t> filter = shapeOf(getFilter());
  int64_t outChannels = getLayout() == Layout::ChannelsLast ? filter.back() : filter.front();
  return outChannels == 0 ? 0 : 2 * countElements(getType()) * (product(filter) / outChannels);
}

OpFoldResult ConvOp::fold(FoldAdaptor) {
  ArrayRef<int64_t> filter = shapeOf(getFilter());
  return filter[getLayout() == Layout::ChannelsLast ? filter.size() - 2 : 1] == 0 ? zeros(getType()) : OpFoldResult();
}

LogicalResult ConvOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkElementTypes(location, name, adaptor.getWideResult(), adaptor.getOperands())))
    return failure();
  ArrayRef<int64_t> input = shapeOf(adaptor.getInput()), filter = shapeOf(adaptor.getFilter());
  if (input.size() < 3 || input.size() != filter.size())
    return inferenceError(location, name,
                          "(C2) expects input and filter of one rank, 3 or more, got " + formatShape(input) + " and " +
                              formatShape(filter));
  bool channelsLast = adaptor.getLayout() == Layout::ChannelsLast;
  ArrayRef<int64_t> spatial = channelsLast ? input.drop_front().drop_back() : input.drop_front(2);
  ArrayRef<int64_t> window = channelsLast ? filter.drop_back(2) : filter.drop_front(2);
  int64_t channels = channelsLast ? input.back() : input[1];
  int64_t filterChannels = channelsLast ? filter[filter.size() - 2] : filter[1];
  int64_t outChannels = channelsLast ? filter.back() : filter[0];
  int64_t groups = adaptor.getGroups();
  if (groups < 1 || channels % groups || outChannels % groups || filterChannels != channels / groups)
    return inferenceError(
        location, name,
        "(C4) expects groups that divide the channels, and a filter of channels / groups inputs, got " +
            Twine(channels) + " input and " + Twine(outChannels) + " output channels in " + Twine(groups) +
            " groups, and a filter of " + Twine(filterChannels));
  auto sizes =
      inferWindows(location, name, "(C3)", "(C5)", spatial,
                   {window, adaptor.getStrides(), adaptor.getPadLow(), adaptor.getPadHigh(), adaptor.getDilations()});
  if (failed(sizes))
    return failure();
  SmallVector<int64_t> shape{input[0]};
  if (!channelsLast)
    shape.push_back(outChannels);
  llvm::append_range(shape, *sizes);
  if (channelsLast)
    shape.push_back(outChannels);
  Type element = resultElement(elementOf(adaptor.getInput()), adaptor.getWideResult());
  results.push_back(RankedTensorType::get(shape, element));
  return success();
}

//===-- packed forms
//--------------------------------------------------------------------------------------------------------===//

LogicalResult PackOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(adaptor.getOperand());
  // Where the attribute is not given, a builder has not set its default yet.
  int64_t lanes = adaptor.getLanes(), interleave = adaptor.getInterleaveAttr() ? adaptor.getInterleave() : 1;
  if (shape.empty())
    return inferenceError(location, getOperationName(), "(C1) expects an operand of rank 1 or more, got a scalar");
  if (lanes < 1)
    return inferenceError(location, getOperationName(), "(C2) expects lanes of at least 1, got " + Twine(lanes));
  if (interleave < 1)
    return inferenceError(location, getOperationName(),
                          "(C2) expects an interleave of at least 1, got " + Twine(interleave));
  if (interleave > 1 && shape.size() < 2)
    return inferenceError(location, getOperationName(),
                          "(C1) expects an operand of rank 2 or more, whose rows are interleaved, got " +
                              formatShape(shape));
  SmallVector<int64_t> result{llvm::divideCeilSigned(shape.back(), lanes)};
  llvm::append_range(result, shape.drop_back());
  if (interleave > 1)
    result.back() = llvm::divideCeilSigned(result.back(), interleave);
  result.push_back(lanes);
  if (interleave > 1)
    result.push_back(interleave);
  results.push_back(RankedTensorType::get(result, elementOf(adaptor.getOperand())));
  return success();
}

LogicalResult UnpackOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  ArrayRef<int64_t> shape = shapeOf(adaptor.getOperand());
  int64_t size = adaptor.getSize();
  std::optional<int64_t> depth = adaptor.getDepth();
  size_t leastRank = depth ? 4 : 2;
  if (shape.size() < leastRank)
    return inferenceError(location, getOperationName(),
                          "(C1) expects an operand of rank " + Twine(leastRank) + " or more, got " +
                              formatShape(shape));
  int64_t interleave = depth ? shape.back() : 1;
  if (depth)
    shape = shape.drop_back();
  int64_t lanes = shape.back(), groups = shape[shape.size() - 2];
  if (size < 0 || lanes == 0 || llvm::divideCeilSigned(size, lanes) != shape.front())
    return inferenceError(location, getOperationName(),
                          "(C2) expects a size that fills " + Twine(shape.front()) + " panels of " + Twine(lanes) +
                              ", got " + Twine(size));
  if (depth && (*depth < 0 || interleave == 0 || llvm::divideCeilSigned(*depth, interleave) != groups))
    return inferenceError(location, getOperationName(),
                          "(C3) expects a depth that fills " + Twine(groups) + " groups of " + Twine(interleave) +
                              " rows, got " + Twine(*depth));
  SmallVector<int64_t> result(shape.drop_front().drop_back());
  if (depth)
    result.back() = *depth;
  result.push_back(size);
  results.push_back(RankedTensorType::get(result, elementOf(adaptor.getOperand())));
  return success();
}

// Of `[count, D..., depth, lanes]`, or `[count, D..., depth / interleave, lanes, interleave]`.
static PanelShape panelsOf(ArrayRef<int64_t> shape, bool isInterleaved) {
  int64_t interleave = isInterleaved ? shape.back() : 1;
  if (isInterleaved)
    shape = shape.drop_back();
  return {shape.front(), shape[shape.size() - 2] * interleave, shape.back(), interleave};
}

// Do `panels` panels of `lanes` hold `size` elements, the last one not empty?
static bool fillsPanels(int64_t size, int64_t panels, int64_t lanes) {
  return size >= 0 && lanes > 0 && llvm::divideCeilSigned(size, lanes) == panels;
}

PanelShape PackedMatmulOp::panels() { return panelsOf(shapeOf(getRhs()), shapeOf(getRhs()).size() == 4); }

int64_t PackedMatmulOp::flops() { return 2 * countElements(getType()) * shapeOf(getLhs()).back(); }

LogicalResult PackedMatmulOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                               SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkElementTypes(location, name, adaptor.getWideResult(), adaptor.getOperands())))
    return failure();
  ArrayRef<int64_t> lhs = shapeOf(adaptor.getLhs()), rhs = shapeOf(adaptor.getRhs());
  if (lhs.empty() || (rhs.size() != 3 && rhs.size() != 4))
    return inferenceError(location, name,
                          "(C2) expects lhs of rank 1 or more and rhs of rank 3 or 4, got " + formatShape(lhs) +
                              " and " + formatShape(rhs));
  PanelShape panels = panelsOf(rhs, rhs.size() == 4);
  if (lhs.back() != panels.depth)
    return inferenceError(location, name,
                          "(C3) expects equal contracted sizes, got " + Twine(lhs.back()) + " and " +
                              Twine(panels.depth));
  int64_t n = adaptor.getN();
  if (!fillsPanels(n, panels.count, panels.lanes))
    return inferenceError(location, name,
                          "(C4) expects n that fills " + Twine(panels.count) + " panels of " + Twine(panels.lanes) +
                              ", got " + Twine(n));
  SmallVector<int64_t> shape(lhs.drop_back());
  shape.push_back(n);
  Type element = resultElement(elementOf(adaptor.getLhs()), adaptor.getWideResult());
  results.push_back(RankedTensorType::get(shape, element));
  return success();
}

// Are there panels of a number of whole groups each, without padding?
static bool groupsAreSideBySide(int64_t outputs, int64_t groups, int64_t panels, int64_t lanes) {
  int64_t each = outputs / groups;
  return each > 0 && lanes % each == 0 && panels * lanes == outputs;
}

int64_t PackedConvOp::groupsPerPanel() {
  PanelShape shape = panels();
  int64_t outputs = getOutChannels(), groups = getGroups();
  return groupsAreSideBySide(outputs, groups, shape.count, shape.lanes) ? shape.lanes / (outputs / groups) : 1;
}

PanelShape PackedConvOp::panels() {
  return panelsOf(shapeOf(getFilter()), shapeOf(getFilter()).size() == shapeOf(getInput()).size() + 2);
}

int64_t PackedConvOp::flops() {
  size_t spatial = shapeOf(getInput()).size() - 2;
  return 2 * countElements(getType()) * product(shapeOf(getFilter()).slice(1, spatial)) * panels().depth;
}

LogicalResult PackedConvOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                             SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkElementTypes(location, name, adaptor.getWideResult(), adaptor.getOperands())))
    return failure();
  ArrayRef<int64_t> input = shapeOf(adaptor.getInput()), filter = shapeOf(adaptor.getFilter());
  bool isInterleaved = filter.size() == input.size() + 2;
  if (input.size() < 3 || (filter.size() != input.size() + 1 && !isInterleaved))
    return inferenceError(location, name,
                          "(C2) expects an input of rank 3 or more and a filter of one or two ranks more, got " +
                              formatShape(input) + " and " + formatShape(filter));
  auto [panels, channels, lanes, interleave] = panelsOf(filter, isInterleaved);
  int64_t groups = adaptor.getGroups(), outputs = adaptor.getOutChannels();
  if (groups < 1 || outputs % groups)
    return inferenceError(location, name,
                          "(C5) expects groups that divide out_channels, got " + Twine(groups) + " and " +
                              Twine(outputs));
  if (input.back() != channels * groups)
    return inferenceError(location, name,
                          "(C4) expects equal channels, got " + Twine(input.back()) + " and " + Twine(channels) +
                              (groups == 1 ? "" : " in each of " + Twine(groups) + " groups"));
  if (!groupsAreSideBySide(outputs, groups, panels, lanes) &&
      (panels % groups || !fillsPanels(outputs / groups, panels / groups, lanes)))
    return inferenceError(location, name,
                          "(C5) expects out_channels that fill " + Twine(panels) + " panels of " + Twine(lanes) +
                              ", got " + Twine(outputs) + (groups == 1 ? "" : " in " + Twine(groups) + " groups"));
  ArrayRef<int64_t> spatial = input.drop_front().drop_back();
  SmallVector<int64_t> none(spatial.size(), 0);
  auto sizes =
      inferWindows(location, name, "(C3)", "(C6)", spatial,
                   {filter.slice(1, spatial.size()), adaptor.getStrides(), none, none, adaptor.getDilations()});
  if (failed(sizes))
    return failure();
  SmallVector<int64_t> shape{input[0]};
  llvm::append_range(shape, *sizes);
  shape.push_back(outputs);
  Type element = resultElement(elementOf(adaptor.getInput()), adaptor.getWideResult());
  results.push_back(RankedTensorType::get(shape, element));
  return success();
}

//===-- winograd_conv
//-------------------------------------------------------------------------------------------------------===//

PanelShape WinogradConvOp::panels() { return panelsOf(shapeOf(getFilter()), shapeOf(getFilter()).size() == 5); }

// Of the products alone: those of every tile, whole.
int64_t WinogradConvOp::flops() {
  ArrayRef<int64_t> result = shapeOf(getResult()), filter = shapeOf(getFilter());
  int64_t m = getTile();
  int64_t tiles = result[0] * llvm::divideCeilSigned(result[1], m) * llvm::divideCeilSigned(result[2], m);
  return 2 * tiles * filter[1] * shapeOf(getInput()).back() * result[3];
}

LogicalResult WinogradConvOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                               SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  if (failed(checkSameElementType(location, name, "(C1)", adaptor.getOperands())))
    return failure();
  ArrayRef<int64_t> input = shapeOf(adaptor.getInput()), filter = shapeOf(adaptor.getFilter());
  bool isInterleaved = filter.size() == 5;
  if (input.size() != 4 || (filter.size() != 4 && !isInterleaved))
    return inferenceError(location, name,
                          "(C2) expects an input of rank 4 and a filter of rank 4 or 5, got " + formatShape(input) +
                              " and " + formatShape(filter));
  PanelShape panels = panelsOf(filter, isInterleaved);
  int64_t tile = adaptor.getTile(), outputs = adaptor.getOutChannels(), taps = tile + Winograd::window - 1;
  if (!Winograd::hasTile(tile))
    return inferenceError(location, name, "(C3) expects a tile of 2 or 4, got " + Twine(tile));
  int64_t channels = input.back(), padding = panels.depth - channels;
  if (filter[1] != taps * taps || padding < 0 || padding >= std::max<int64_t>(panels.interleave, 1))
    return inferenceError(location, name,
                          "(C4) expects a filter of " + Twine(taps * taps) + " positions and " + Twine(channels) +
                              " channels, got " + Twine(filter[1]) + " and " + Twine(panels.depth));
  if (!fillsPanels(outputs, panels.count, panels.lanes))
    return inferenceError(location, name,
                          "(C5) expects out_channels that fill " + Twine(panels.count) + " panels of " +
                              Twine(panels.lanes) + ", got " + Twine(outputs));
  const int64_t window[] = {Winograd::window, Winograd::window}, ones[] = {1, 1};
  auto sizes = inferWindows(location, name, "(C6)", "(C6)", input.drop_front().drop_back(),
                            {window, ones, adaptor.getPadLow(), adaptor.getPadHigh(), ones});
  if (failed(sizes))
    return failure();
  Type element = resultElement(elementOf(adaptor.getInput()), adaptor.getWideResult());
  results.push_back(RankedTensorType::get({input[0], (*sizes)[0], (*sizes)[1], outputs}, element));
  return success();
}

//===-- attention
//-----------------------------------------------------------------------------------------------------------===//

int64_t AttentionOp::flops() {
  ArrayRef<int64_t> query = shapeOf(getQuery()), value = shapeOf(getValue());
  bool bshd = getLayout() == HeadLayout::BSHD;
  int64_t keys = value[bshd ? 1 : 2];
  return 2 * query[0] * query[1] * query[2] * keys * (query[3] + value[3]);
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  StringRef name = getOperationName();
  ValueRange sameType = adaptor.getOperands();
  if (adaptor.getMask() && elementOf(adaptor.getMask()).isF32())
    sameType = sameType.take_front(3);
  if (failed(checkSameElementType(location, name, "(C1)", sameType)))
    return failure();
  ArrayRef<int64_t> query = shapeOf(adaptor.getQuery()), key = shapeOf(adaptor.getKey()),
                    value = shapeOf(adaptor.getValue());
  if (query.size() != 4 || key.size() != 4 || value.size() != 4)
    return inferenceError(location, name,
                          "(C2) expects query, key and value of rank 4, got " + formatShape(query) + ", " +
                              formatShape(key) + " and " + formatShape(value));
  bool bshd = adaptor.getLayout() == HeadLayout::BSHD;
  int h = bshd ? 2 : 1, s = bshd ? 1 : 2;
  bool agree = query[0] == key[0] && key[0] == value[0] && query[3] == key[3] && key[s] == value[s] &&
               key[h] == value[h] && key[h] > 0 && query[h] % key[h] == 0;
  if (!agree)
    return inferenceError(
        location, name,
        "(C3) expects equal batch, head size, key count and key heads that divide the query heads, got " +
            formatShape(query) + ", " + formatShape(key) + " and " + formatShape(value));
  SmallVector<int64_t> scores{query[0], query[h], query[s], key[s]};
  if (Value mask = adaptor.getMask()) {
    auto shape = broadcastShapes(shapeOf(mask), scores);
    if (!shape || *shape != scores)
      return inferenceError(location, name,
                            "(C4) expects a mask that broadcasts to " + formatShape(scores) + ", got " +
                                formatShape(shapeOf(mask)));
  }
  SmallVector<int64_t> shape(query);
  shape[3] = value[3];
  results.push_back(RankedTensorType::get(shape, elementOf(adaptor.getQuery())));
  return success();
}
