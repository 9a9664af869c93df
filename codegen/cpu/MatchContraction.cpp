#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/DotProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

// The argument that `value` is a reshape of, in zeros where `pad` is not null.
Value argumentBehind(Value value, tensor::PadOp *pad) {
  while (auto *op = value.getDefiningOp()) {
    auto padding = dyn_cast<tensor::PadOp>(op);
    if (padding && pad && !*pad && padding.getConstantPaddingValue() &&
        matchPattern(padding.getConstantPaddingValue(), m_AnyZeroFloat()))
      *pad = padding;
    else if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return value;
}

// Does it move elements, and nothing else?
bool isPermutation(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumReductionLoops() != 0)
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  return maps[0].isPermutation() && maps[1].isIdentity() &&
         op.getBody()->getTerminator()->getOperand(0) == op.getBody()->getArgument(0);
}

// The elements between neighbours in each dimension of `value`, which is an argument after permutations and reshapes;
// behind a permutation, of reshapes by dimensions of one element only. Nothing where it is something else.
std::optional<SmallVector<int64_t>> stridesIn(Value value, Value &argument) {
  auto shape = cast<RankedTensorType>(value.getType()).getShape();
  if (argument = argumentBehind(value, nullptr); argument)
    return computeStrides(shape);
  SmallVector<int64_t> strides;
  if (auto permutation = value.getDefiningOp<linalg::GenericOp>(); permutation && isPermutation(permutation)) {
    auto source = stridesIn(permutation.getInputs()[0], argument);
    if (!source)
      return std::nullopt;
    strides.resize(shape.size());
    for (auto [expr, stride] : llvm::zip(permutation.getIndexingMapsArray()[0].getResults(), *source))
      strides[cast<AffineDimExpr>(expr).getPosition()] = stride;
    return strides;
  }
  if (!isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(value.getDefiningOp()))
    return std::nullopt;
  Value operand = value.getDefiningOp()->getOperand(0);
  auto source = stridesIn(operand, argument);
  if (!source)
    return std::nullopt;
  auto before = cast<RankedTensorType>(operand.getType()).getShape();
  size_t next = 0;
  for (int64_t size : shape) {
    while (size != 1 && next < before.size() && before[next] == 1)
      ++next;
    if (size == 1)
      strides.push_back(0);
    else if (next < before.size() && before[next] == size)
      strides.push_back((*source)[next++]);
    else
      return std::nullopt;
  }
  return strides;
}

// expr * scale added to the coefficients; false when it is not linear.
bool addLinear(AffineExpr expr, int64_t scale, ContractionOperand &operand) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    operand.coefficients[dim.getPosition()] += scale;
    return true;
  }
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    operand.offset += number.getValue() * scale;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), scale, operand) && addLinear(binary.getRHS(), scale, operand);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && factor &&
         addLinear(binary.getLHS(), scale * factor.getValue(), operand);
}

std::optional<ContractionOperand> linearOperand(linalg::GenericOp op, unsigned input, bool withPadding) {
  OpOperand *use = op.getDpsInputOperand(input);
  ContractionOperand operand;
  operand.type = dyn_cast<RankedTensorType>(use->get().getType());
  if (!operand.type)
    return std::nullopt;
  operand.element = operand.type.getElementType();
  std::optional<SmallVector<int64_t>> strides;
  if (withPadding && (operand.tensor = argumentBehind(use->get(), &operand.pad)))
    strides = computeStrides(operand.type.getShape());
  else if (!withPadding)
    strides = stridesIn(use->get(), operand.tensor);
  if (!strides)
    return std::nullopt;
  operand.coefficients.assign(op.getNumLoops(), 0);
  AffineMap map = op.getMatchingIndexingMap(use);
  for (auto [expr, stride] : llvm::zip(map.getResults(), *strides))
    if (!addLinear(expr, stride, operand))
      return std::nullopt;
  return operand;
}

// `yield acc + x * y` where x and y are casts of the two inputs.
bool isMultiplyAdd(linalg::GenericOp op) {
  Block &body = *op.getBody();
  Operation *sum = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!sum || !isa<arith::AddFOp, arith::AddIOp>(sum))
    return false;
  Value acc = op.getRegionOutputArgs()[0];
  Value product = sum->getOperand(0) == acc ? sum->getOperand(1) : sum->getOperand(0);
  if (sum->getOperand(0) != acc && sum->getOperand(1) != acc)
    return false;
  Operation *multiply = product.getDefiningOp();
  if (!multiply || !isa<arith::MulFOp, arith::MulIOp>(multiply))
    return false;
  auto source = [](Value value) {
    while (Operation *cast = value.getDefiningOp()) {
      if (!isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp, arith::SIToFPOp, arith::UIToFPOp>(cast))
        break;
      value = cast->getOperand(0);
    }
    return value;
  };
  Value x = source(multiply->getOperand(0)), y = source(multiply->getOperand(1));
  Value in0 = op.getRegionInputArgs()[0], in1 = op.getRegionInputArgs()[1];
  return (x == in0 && y == in1) || (x == in1 && y == in0);
}

// The reduction loop over the elements of a word, which lie side by side in lhs, and in each lane of rhs.
std::optional<unsigned> loopOverWords(linalg::GenericOp op, const ContractionOperand &lhs,
                                      const ContractionOperand &rhs, unsigned lane) {
  constexpr int64_t wordBits = 32;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    int64_t length = ranges[dim];
    if (kind != utils::IteratorType::reduction || length == 1 || lhs.coefficients[dim] != 1 ||
        rhs.coefficients[dim] != 1 || rhs.coefficients[lane] != length || lhs.coefficients[lane] != 0)
      continue;
    auto isWords = [&, dim = dim](const ContractionOperand &operand) {
      bool isAligned = operand.offset % length == 0 && operand.type.getElementTypeBitWidth() * length == wordBits;
      for (auto [other, coefficient] : llvm::enumerate(operand.coefficients))
        isAligned &= other == dim || coefficient % length == 0;
      return isAligned;
    };
    if (isWords(lhs) && isWords(rhs))
      return dim;
  }
  return std::nullopt;
}

void countWords(ContractionOperand &operand, int64_t length) {
  operand.element = IntegerType::get(operand.type.getContext(), operand.type.getElementTypeBitWidth() * length);
  operand.offset /= length;
  for (int64_t &coefficient : operand.coefficients)
    coefficient /= length;
}

void mergeAdjacent(SmallVectorImpl<Loop> &loops) {
  SmallVector<Loop> merged;
  for (const Loop &loop : loops) {
    if (loop.extent == 1)
      continue;
    if (!merged.empty()) {
      Loop &last = merged.back();
      if (last.lhs == loop.lhs * loop.extent && last.rhs == loop.rhs * loop.extent &&
          last.row == loop.row * loop.extent) {
        last = {last.extent * loop.extent, loop.lhs, loop.rhs, loop.row};
        continue;
      }
    }
    merged.push_back(loop);
  }
  loops.assign(merged);
}

// Lanes that are outputs of several small groups. `dims`: of the result but the last, which the groups leave.
void joinGroups(Contraction &c, SmallVectorImpl<unsigned> &dims, ArrayRef<int64_t> ranges) {
  constexpr int64_t mostLanes = 16; // as wide as a panel
  if (c.rhsLane != 1)
    return;
  if (c.lhsLane > 1 && c.n <= mostLanes) { // groups of one output
    c.laneGroup = 1;
    c.laneGroupStride = c.lhsLane;
    c.lhsLane = 0;
    return;
  }
  if (c.lhsLane != 0 || dims.empty())
    return;
  unsigned group = dims.back();
  bool isBeside = c.rhs.coefficients[group] == c.n && c.lhs.coefficients[group] > 0;
  if (!isBeside || ranges[group] == 1 || c.n * ranges[group] > mostLanes)
    return;
  c.laneGroup = c.n;
  c.laneGroupStride = c.lhs.coefficients[group];
  c.n *= ranges[group];
  dims.pop_back();
}

} // namespace

int64_t stepsOf(ArrayRef<Loop> loops) {
  int64_t steps = 1;
  for (const Loop &loop : loops)
    steps *= loop.extent;
  return steps;
}

std::optional<Contraction> matchLoops(linalg::GenericOp op, const TargetDesc &target, bool withPadding) {
  Contraction c;
  c.op = op;
  if (c.op.getNumDpsInputs() != 2 || c.op.getNumDpsInits() != 1 || !isMultiplyAdd(c.op))
    return std::nullopt;
  auto fill = c.op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !fill.value().getDefiningOp<arith::ConstantOp>())
    return std::nullopt;
  c.init = fill.value();
  auto type = cast<RankedTensorType>(c.op->getResult(0).getType());
  auto first = linearOperand(c.op, 0, withPadding), second = linearOperand(c.op, 1, withPadding);
  AffineMap outMap = c.op.getIndexingMapsArray().back();
  if (!first || !second || !outMap.isProjectedPermutation() || type.getRank() == 0 || type.getNumElements() == 0)
    return std::nullopt;
  SmallVector<int64_t> ranges = c.op.getStaticLoopRanges();
  if (llvm::any_of(ranges, [](int64_t range) { return range <= 0; }))
    return std::nullopt;
  SmallVector<unsigned> dims;
  for (AffineExpr expr : outMap.getResults())
    dims.push_back(cast<AffineDimExpr>(expr).getPosition());
  // Trailing dimensions of one element are no lanes.
  while (dims.size() > 1 && ranges[dims.back()] == 1)
    dims.pop_back();
  unsigned lane = dims.pop_back_val();
  bool firstHasLanes = first->coefficients[lane] != 0, secondHasLanes = second->coefficients[lane] != 0;
  auto dependsOn = [&](const ContractionOperand &operand) {
    return llvm::count_if(dims, [&](unsigned dim) { return ranges[dim] > 1 && operand.coefficients[dim] != 0; });
  };
  // With lanes in both (depthwise), the weights are those that depend on fewer rows.
  c.swapped = firstHasLanes && (!secondHasLanes || dependsOn(*first) < dependsOn(*second));
  c.lhs = c.swapped ? *second : *first;
  c.rhs = c.swapped ? *first : *second;
  std::optional<unsigned> words = loopOverWords(c.op, c.lhs, c.rhs, lane);
  if (words) {
    c.interleave = ranges[*words];
    countWords(c.lhs, c.interleave);
    countWords(c.rhs, c.interleave);
    c.dot = dotInstruction(c, target);
  }
  c.lhsLane = c.lhs.coefficients[lane];
  c.rhsLane = c.rhs.coefficients[lane];
  c.n = ranges[lane];
  joinGroups(c, dims, ranges);
  if (!dims.empty() && c.laneGroup == 0 && ranges[lane] % (target.vector_bytes / 4) == 0 && c.rhsLane == 1 &&
      c.lhsLane == 0 && c.lhs.coefficients[dims.back()] == 0 && c.rhs.coefficients[dims.back()] != 0) {
    unsigned panel = dims.pop_back_val();
    c.panelWidth = ranges[lane];
    c.panelStride = c.rhs.coefficients[panel];
    c.n = ranges[lane] * ranges[panel];
  }
  if (c.lhsLane > 1 || c.rhsLane < 0 || c.lhsLane < 0 || (c.rhsLane > 1 && c.lhsLane != 0))
    return std::nullopt;
  SmallVector<int64_t> rowStrides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 0;) {
    rowStrides[i] = c.rows;
    c.rows *= ranges[dims[i]];
  }
  for (auto [dim, row] : llvm::zip(dims, rowStrides)) {
    Loop loop{ranges[dim], c.lhs.coefficients[dim], c.rhs.coefficients[dim], row};
    (loop.rhs == 0 ? c.m : c.outer).push_back(loop);
  }
  for (auto [dim, kind] : llvm::enumerate(c.op.getIteratorTypesArray()))
    if (kind == utils::IteratorType::reduction && dim != words)
      c.k.push_back({ranges[dim], c.lhs.coefficients[dim], c.rhs.coefficients[dim], 0});
  mergeAdjacent(c.k);
  if (c.k.empty())
    c.k.push_back({1, 0, 0, 0});
  mergeAdjacent(c.m);
  mergeAdjacent(c.outer);
  return c;
}

bool takeValue(Contraction &c, Value value) {
  c.value = value;
  Value behind = value;
  while (behind != c.result && behind.getDefiningOp() &&
         isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(behind.getDefiningOp()))
    behind = behind.getDefiningOp()->getOperand(0);
  c.bare = behind == c.result;
  auto outType = cast<RankedTensorType>(value.getType());
  bool keepsLanes = outType.getRank() != 0 && outType.getShape().back() % c.n == 0;
  return outType.getNumElements() == c.rows * c.n && (keepsLanes || c.bare);
}

std::optional<Contraction> matchContraction(func::FuncOp kernel, const TargetDesc &target, bool withPadding) {
  linalg::GenericOp op;
  for (auto generic : kernel.getBody().front().getOps<linalg::GenericOp>()) {
    if (generic.getNumReductionLoops() == 0)
      continue;
    if (op)
      return std::nullopt;
    op = generic;
  }
  Operation *returned = kernel.getBody().front().getTerminator();
  if (!op || returned->getNumOperands() != 1)
    return std::nullopt;
  std::optional<Contraction> match = matchLoops(op, target, withPadding);
  if (!match)
    return std::nullopt;
  Contraction &c = *match;
  // Forward over reshapes that keep the lanes, and over one crop of the panels' padding.
  c.result = c.op->getResult(0);
  int64_t paddedN = c.n;
  bool wanted = c.panelWidth != 0;
  Value walk = c.result;
  while (wanted && walk.hasOneUse()) {
    Operation *user = *walk.user_begin();
    auto shape = [](Value v) { return cast<RankedTensorType>(v.getType()).getShape(); };
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(user)) {
      walk = user->getResult(0);
      if (shape(walk).back() == paddedN)
        c.result = walk;
      continue;
    }
    auto crop = dyn_cast<tensor::ExtractSliceOp>(user);
    if (!crop || shape(walk).back() != paddedN)
      break;
    auto from = shape(crop.getSource()), to = crop.getStaticSizes();
    bool onlyLast = from.drop_back() == to.drop_back() && to.back() <= paddedN &&
                    crop.getType().getRank() == int64_t(from.size()) &&
                    llvm::all_of(crop.getStaticOffsets(), [](int64_t x) { return x == 0; }) &&
                    llvm::all_of(crop.getStaticStrides(), [](int64_t x) { return x == 1; });
    if (!onlyLast)
      break;
    c.result = crop.getResult();
    c.n = to.back();
    break;
  }
  return takeValue(c, returned->getOperand(0)) ? match : std::nullopt;
}

} // namespace mlc::codegen::cpu
