#include "codegen/halide/Region.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

// A row of a vocabulary of 50257 elements fits; threads of a host may have small stacks. What needs more belongs to
// another emitter.
constexpr int64_t kMaxStackBytes = 224 << 10;
// Elements of a constant that becomes a chain of selects.
constexpr int64_t kMaxTable = 64;
// A row of whole vectors goes through the stack fast; behind others lie vectors that overlap.
constexpr int64_t kWholeVectors = 16, kShortRow = 4096;
// Ops of a map that costs no more than such a row on the stack: a difference from the mean.
constexpr int64_t kFreeWork = 2;
// Ops of a map that is computed again for each use: an exponential and what is around it.
constexpr int64_t kMaxRepeatedWork = 64;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

bool isHalf(Type type) { return type.isF16() || type.isBF16(); }

bool isElementType(Type type) {
  return type.isF32() || type.isF64() || isHalf(type) || type.isInteger(1) || type.isInteger(8) || type.isInteger(16) ||
         type.isInteger(32) || type.isInteger(64) || type.isIndex();
}

// Halves are loaded, widened, rounded, chosen and stored; arithmetic on them is f32.
bool isOpOfHalves(Operation *op) {
  return isa<arith::ConstantOp, arith::ExtFOp, arith::TruncFOp, arith::BitcastOp, arith::SelectOp, linalg::YieldOp>(op);
}

bool isBodyOp(Operation *op) {
  return isa<arith::ConstantOp, arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp,
             arith::MaximumFOp, arith::MinimumFOp, arith::CmpFOp, arith::CmpIOp, arith::SelectOp, arith::AddIOp,
             arith::SubIOp, arith::MulIOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp, arith::ShLIOp, arith::ShRSIOp,
             arith::ShRUIOp, arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp, arith::BitcastOp,
             arith::SIToFPOp, arith::UIToFPOp, arith::FPToSIOp, arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp,
             arith::ExtUIOp, arith::TruncIOp, arith::IndexCastOp, math::FmaOp, math::SqrtOp, math::AbsFOp,
             math::FloorOp, math::CeilOp, math::RoundEvenOp, math::CopySignOp, linalg::IndexOp, linalg::YieldOp>(op);
}

// A multiply-add over two tensors: the vector emitter's.
bool isContraction(linalg::GenericOp op) {
  if (op.getNumReductionLoops() == 0)
    return false;
  int64_t used = 0;
  for (OpOperand *input : op.getDpsInputOperands())
    used += !op.getMatchingBlockArgument(input).use_empty();
  return used >= 2;
}

class Analysis {
public:
  Analysis(func::FuncOp kernel, std::string &why) : kernel(kernel), why(why) {}

  FailureOr<Region> run() {
    Block &body = kernel.getBody().front();
    if (!kernel.getBody().hasOneBlock() || kernel.getNumResults() != 1)
      return reject("it has more than one block or result");
    region.result = body.getTerminator()->getOperand(0);
    // A reshape at the end is the same bytes.
    while (isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(region.result.getDefiningOp()))
      region.result = region.result.getDefiningOp()->getOperand(0);
    if (!isa_and_present<linalg::GenericOp>(region.result.getDefiningOp()))
      return reject("its result is not computed by a linalg.generic");
    for (Operation &op : body.without_terminator())
      if (failed(check(op)))
        return failure();
    region.shape.assign(typeOf(region.result).getShape().begin(), typeOf(region.result).getShape().end());
    if (region.shape.empty() || ShapedType::getNumElements(region.shape) == 0)
      return reject("its result is a scalar or empty");
    Stage &result = region.stages[region.result];
    for (int64_t i = 0; i < int64_t(region.shape.size()); ++i)
      result.resultDim.push_back(i);
    for (Operation &op : llvm::reverse(body.without_terminator()))
      propagate(op);
    placeStages(body);
    if (region.stackBytes > kMaxStackBytes) {
      recomputes = true;
      placeStages(body);
    }
    if (region.stackBytes > kMaxStackBytes)
      return reject("its intermediate rows need too much stack");
    return region;
  }

private:
  FailureOr<Region> reject(const char *reason) {
    why = reason;
    return failure();
  }

  LogicalResult check(Operation &op) {
    auto fail = [&](const Twine &reason) {
      why = ("'" + op.getName().getStringRef() + "' " + reason).str();
      return failure();
    };
    for (Type type : op.getResultTypes()) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!isElementType(tensor ? tensor.getElementType() : type) || (tensor && !tensor.hasStaticShape()))
        return fail("has an element type or shape that is not supported");
    }
    for (Value operand : op.getOperands())
      if (!isElementType(getElementTypeOrSelf(operand.getType())))
        return fail("has an element type that is not supported");
    if (auto fill = dyn_cast<linalg::FillOp>(op))
      return fill.getInputs()[0].getDefiningOp<arith::ConstantOp>() ? success() : fail("fills with no constant");
    if (isa<tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      return success();
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto values = dyn_cast<DenseElementsAttr>(constant.getValue());
      return !values || values.isSplat() || values.getNumElements() <= kMaxTable ? success() : fail("is a large table");
    }
    if (auto pad = dyn_cast<tensor::PadOp>(op))
      return pad.getConstantPaddingValue() && !llvm::is_contained(pad.getStaticLow(), ShapedType::kDynamic) &&
                     !llvm::is_contained(pad.getStaticHigh(), ShapedType::kDynamic)
                 ? success()
                 : fail("does not pad with a constant");
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic)
      return fail("is not supported");
    if (generic.getNumDpsInits() != 1)
      return fail("has more than one result");
    if (isContraction(generic))
      return fail("is a contraction");
    for (AffineExpr expr : generic.getIndexingMapsArray().back().getResults())
      if (!isa<AffineDimExpr>(expr))
        return fail("writes other than one element a position");
    if (int64_t(generic.getIndexingMapsArray().back().getNumResults()) != generic.getNumParallelLoops())
      return fail("writes an element twice");
    for (Operation &inner : *generic.getBody())
      if (!isBodyOp(&inner) || (llvm::any_of(inner.getOperandTypes(), isHalf) && !isOpOfHalves(&inner)))
        return fail(Twine("holds '") + inner.getName().getStringRef() + "', which is not supported");
    return success();
  }

  // Meets what one use of `value` says about its dimensions with what others said.
  void meet(Value value, ArrayRef<int64_t> dims) {
    auto [it, isNew] = region.stages.try_emplace(value);
    if (isNew) {
      it->second.resultDim.assign(dims.begin(), dims.end());
      return;
    }
    for (auto [known, dim] : llvm::zip(it->second.resultDim, dims))
      if (known != dim)
        known = -1;
  }

  void propagate(Operation &op) {
    if (op.getNumResults() != 1 || !region.stages.count(op.getResult(0)))
      return;
    SmallVector<int64_t> dims = region.stages[op.getResult(0)].resultDim;
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      SmallVector<int64_t> loops(generic.getNumLoops(), -1);
      for (auto [i, expr] : llvm::enumerate(generic.getIndexingMapsArray().back().getResults()))
        loops[cast<AffineDimExpr>(expr).getPosition()] = dims[i];
      for (OpOperand &operand : generic->getOpOperands()) {
        if (generic.getMatchingBlockArgument(&operand).use_empty())
          continue;
        SmallVector<int64_t> operandDims;
        for (AffineExpr expr : generic.getMatchingIndexingMap(&operand).getResults()) {
          auto dim = dyn_cast<AffineDimExpr>(expr);
          operandDims.push_back(dim ? loops[dim.getPosition()] : -1);
        }
        meet(operand.get(), operandDims);
      }
    } else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
      // Dimensions of equal size on both sides of a group of units stay themselves.
      Value source = op.getOperand(0);
      auto from = typeOf(source).getShape(), to = typeOf(op.getResult(0)).getShape();
      SmallVector<int64_t> sourceDims(from.size(), -1);
      for (size_t i = 0, j = 0; i < from.size() && j < to.size();) {
        if (from[i] == to[j])
          sourceDims[i++] = dims[j++];
        else if (from[i] == 1)
          ++i;
        else if (to[j] == 1)
          ++j;
        else
          break;
      }
      meet(source, sourceDims);
    } else if (auto pad = dyn_cast<tensor::PadOp>(op)) {
      for (auto [i, low] : llvm::enumerate(pad.getStaticLow()))
        if (low != 0 || pad.getStaticHigh()[i] != 0)
          dims[i] = -1;
      meet(pad.getSource(), dims);
    }
  }

  // The number of leading loops of the result on all of which the value depends; loops of one iteration count.
  int64_t depthOf(const Stage &stage) const {
    int64_t depth = 0;
    while (depth < int64_t(region.shape.size()) &&
           (region.shape[depth] == 1 || llvm::is_contained(stage.resultDim, depth)))
      ++depth;
    return depth;
  }

  // The ops that an element of a map takes, those of maps that it reads included.
  int64_t workOf(linalg::GenericOp op) const {
    int64_t work = 0;
    for (Operation &inner : op.getBody()->without_terminator())
      work += !isa<arith::ConstantOp>(inner);
    for (Value input : op.getDpsInputs())
      if (auto map = input.getDefiningOp<linalg::GenericOp>(); map && isInlined(map))
        work += workOf(map);
    return work;
  }

  // Is some fold of the value over more than the first-level cache likes to hold twice, or not over whole vectors?
  static bool isOddOrLong(Value value) {
    for (Operation *user : value.getUsers())
      if (auto fold = dyn_cast<linalg::GenericOp>(user); fold && fold.getNumReductionLoops() > 0) {
        int64_t row = 1;
        for (auto [size, iterator] : llvm::zip(fold.getStaticLoopRanges(), fold.getIteratorTypesArray()))
          row *= iterator == utils::IteratorType::reduction ? size : 1;
        if (row > kShortRow || row % kWholeVectors != 0)
          return true;
      }
    return false;
  }

  // Does `user` alone read it, at one place? A square reads it as both of its factors.
  static bool isReadOnce(Value value, linalg::GenericOp user) {
    AffineMap place;
    for (OpOperand &use : value.getUses()) {
      if (use.getOwner() != user)
        return false;
      AffineMap map = user.getMatchingIndexingMap(&use);
      if (place && map != place)
        return false;
      place = map;
    }
    return bool(place);
  }

  // A map is recomputed at its uses when that repeats nothing, and where a row of it needs too much stack.
  bool isInlined(linalg::GenericOp op) const {
    if (op.getNumReductionLoops() > 0)
      return false;
    Value value = op.getResult(0);
    if (isOddOrLong(value) && workOf(op) <= kFreeWork && llvm::none_of(op.getDpsInputs(), [](Value input) {
          auto map = input.getDefiningOp<linalg::GenericOp>();
          return map && map.getNumReductionLoops() == 0;
        }))
      return true;
    if (recomputes && typeOf(value).getNumElements() > kMaxStackBytes / 32 && workOf(op) <= kMaxRepeatedWork)
      return true;
    auto user = dyn_cast<linalg::GenericOp>(*value.user_begin());
    return user && user.getNumLoops() == op.getNumLoops() && isReadOnce(value, user);
  }

  void placeStages(Block &body) {
    int64_t rank = region.shape.size(), least = rank;
    region.stackBytes = 0;
    SmallVector<Value> materialised;
    for (Operation &op : body.without_terminator())
      if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
        Value value = generic.getResult(0);
        bool isResult = value == region.result;
        if (auto stage = region.stages.find(value); stage != region.stages.end())
          stage->second.depth = -1;
        if (isResult ? generic.getNumReductionLoops() == 0 : !region.stages.count(value) || isInlined(generic))
          continue; // a result that is a reduction is folded beside its place, then stored
        materialised.push_back(value);
        Stage &stage = region.stages[value];
        stage.depth = depthOf(stage);
        least = std::min(least, stage.depth);
      }
    // A stage is computed no deeper than the stages that read it, for which it must be complete.
    for (Value value : llvm::reverse(materialised)) {
      Stage &stage = region.stages[value];
      stage.depth = std::min(stage.depth, readersDepth(value));
      int64_t elements = 1;
      for (auto [size, dim] : llvm::zip(typeOf(value).getShape(), stage.resultDim))
        elements *= dim >= 0 && dim < stage.depth ? 1 : size;
      region.stackBytes += elements * std::max<int64_t>(1, typeOf(value).getElementTypeBitWidth() / 8) + 512;
    }
    for (Value value : materialised)
      least = std::min(least, region.stages[value].depth);
    // Tiles run along the outermost loop, if every stage is computed inside of it.
    region.tileDim = -1;
    for (int64_t i = 0; i < rank; ++i)
      if (region.shape[i] > 1) {
        if (i < least) {
          region.tileDim = i;
          region.tiles = region.shape[i];
        }
        break;
      }
  }

  int64_t readersDepth(Value value) const {
    int64_t depth = region.shape.size();
    for (Operation *user : value.getUsers()) {
      if (user->getNumResults() != 1 || user->getResult(0) == region.result)
        continue;
      auto it = region.stages.find(user->getResult(0));
      if (it == region.stages.end())
        continue;
      depth = std::min(depth, it->second.depth >= 0 ? it->second.depth : readersDepth(user->getResult(0)));
    }
    return depth;
  }

  func::FuncOp kernel;
  std::string &why;
  Region region;
  bool recomputes = false; // maps whose rows are long, rather than keep them
};

} // namespace

Operation *findCombiner(linalg::GenericOp op) {
  BlockArgument accumulator = op.getBody()->getArguments().back();
  if (!accumulator.hasOneUse())
    return nullptr;
  Operation *combiner = *accumulator.user_begin();
  Operation *yield = op.getBody()->getTerminator();
  if (yield->getOperand(0).getDefiningOp() != combiner || !combiner->getResult(0).hasOneUse())
    return nullptr;
  return isa<arith::AddFOp, arith::MaximumFOp, arith::MinimumFOp, arith::AddIOp, arith::MaxSIOp, arith::MinSIOp>(
             combiner)
             ? combiner
             : nullptr;
}

// A result without dimensions becomes one of a single element: the same bytes.
static void giveScalarADimension(IRRewriter &b, func::FuncOp kernel) {
  Operation *terminator = kernel.getBody().front().getTerminator();
  if (kernel.getNumResults() != 1)
    return;
  Value result = terminator->getOperand(0);
  while (isa_and_present<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(result.getDefiningOp()))
    result = result.getDefiningOp()->getOperand(0);
  auto type = typeOf(result);
  if (type.getRank() > 0 || !result.getDefiningOp<linalg::GenericOp>())
    return;
  Location loc = kernel.getLoc();
  b.setInsertionPoint(terminator);
  auto one = RankedTensorType::get({1}, type.getElementType());
  Value expanded = tensor::ExpandShapeOp::create(b, loc, one, result, ArrayRef<ReassociationIndices>{});
  Value init = tensor::EmptyOp::create(b, loc, one.getShape(), one.getElementType());
  AffineMap map = b.getMultiDimIdentityMap(1);
  auto copy = linalg::GenericOp::create(
      b, loc, TypeRange{one}, ValueRange{expanded}, ValueRange{init}, ArrayRef<AffineMap>{map, map},
      {utils::IteratorType::parallel},
      [](OpBuilder &n, Location where, ValueRange v) { linalg::YieldOp::create(n, where, v[0]); });
  terminator->setOperand(0, copy.getResult(0));
}

void normaliseKernel(func::FuncOp kernel) {
  SmallVector<linalg::LinalgOp> ops;
  kernel.walk([&](linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp, linalg::FillOp>(op.getOperation()))
      ops.push_back(op);
  });
  IRRewriter rewriter(kernel.getContext());
  for (linalg::LinalgOp op : ops) {
    rewriter.setInsertionPoint(op);
    (void)linalg::generalizeNamedOp(rewriter, op);
  }
  giveScalarADimension(rewriter, kernel);
}

FailureOr<Region> analyseRegion(func::FuncOp kernel, std::string &why) { return Analysis(kernel, why).run(); }

} // namespace mlc::codegen
