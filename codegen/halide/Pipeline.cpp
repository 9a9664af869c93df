#include "codegen/halide/Pipeline.h"
#include "codegen/halide/Expressions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "support/MemoryFile.h"

#include <limits>

using mlir::Operation;
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;
namespace tensor = mlir::tensor;
using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

namespace mlc::codegen {
namespace {

using namespace halide;

// The stack at any size: what Halide calls Stack becomes a heap allocation above 16 KiB. Region.cpp bounds the sum.
constexpr Halide::MemoryType kRowMemory = Halide::MemoryType::Register;

mlir::RankedTensorType typeOf(mlir::Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }

class PipelineBuilder {
public:
  PipelineBuilder(mlir::func::FuncOp kernel, const Region &region, const TargetDesc &target)
      : kernel(kernel), region(region), lanes(target.vector_bytes / 4), vectorBytes(target.vector_bytes) {
    std::string name = "x86-64-linux-sse41-avx-avx2-f16c-fma-no_asserts-no_bounds_query-no_runtime-strict_float";
    if (target.vector_bytes == 64)
      name += "-avx512-avx512_skylake";
    halideTarget = Halide::Target(name);
  }

  HalideBitcode run() {
    HalideBitcode result;
    for (mlir::BlockArgument argument : kernel.getArguments())
      addInput(argument, result);
    for (Operation &op : kernel.getBody().front().without_terminator())
      if (op.getNumResults() == 1 && region.stages.count(op.getResult(0)) && !funcs.count(op.getResult(0)))
        build(op);
    out = funcs[region.result];
    if (region.stages.find(region.result)->second.depth >= 0) { // a reduction
      out = Func("result");
      const std::vector<Var> &vars = dims[region.result];
      out(vars) = funcs[region.result](Exprs(vars.begin(), vars.end()));
    }
    schedule();
    result.tileSize = tileSize;
    // Halide writes to a path alone.
    Result<MemoryFile> file = MemoryFile::create("bitcode of Halide");
    if (file.ok())
      out.compile_to_module(arguments, "mlc_halide", halideTarget)
          .compile({{Halide::OutputFileType::bitcode, file->path()}});
    Result<std::string> bytes = file.ok() ? file->read() : Result<std::string>(file.status());
    (bytes.ok() ? result.bytes : result.error) = bytes.ok() ? *bytes : bytes.message();
    return result;
  }

private:
  void addInput(mlir::BlockArgument argument, HalideBitcode &result) {
    if (!region.stages.count(argument))
      return;
    auto type = typeOf(argument);
    Halide::ImageParam param(storedType(type.getElementType()), type.getRank());
    int64_t stride = 1;
    for (int64_t i = 0; i < type.getRank(); ++i) { // Halide's dimension 0 is the innermost
      int64_t size = type.getDimSize(type.getRank() - 1 - i);
      param.dim(i).set_bounds(0, int(size)).set_stride(int(stride));
      stride *= size;
    }
    funcs[argument] = param;
    result.inputs.push_back(argument.getArgNumber());
    arguments.push_back(param);
  }

  // An element of a value of the kernel; indices outermost first.
  Expr read(mlir::Value value, Exprs indices) {
    mlir::Type element = typeOf(value).getElementType();
    if (Operation *op = value.getDefiningOp()) {
      if (auto fill = mlir::dyn_cast<linalg::FillOp>(op)) {
        mlir::Attribute attribute;
        mlir::matchPattern(fill.getInputs()[0], mlir::m_Constant(&attribute)); // analyseRegion took nothing else
        return constant(attribute, element);
      }
      if (auto table = mlir::dyn_cast<arith::ConstantOp>(op))
        return readTable(mlir::cast<mlir::DenseElementsAttr>(table.getValue()), indices);
      if (auto pad = mlir::dyn_cast<tensor::PadOp>(op))
        return readPadded(pad, indices);
      if (mlir::isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
        return read(op->getOperand(0),
                    reshapeIndices(indices, typeOf(value).getShape(), typeOf(op->getOperand(0)).getShape()));
    }
    std::reverse(indices.begin(), indices.end());
    return load(funcs[value](indices), element);
  }

  Expr readTable(mlir::DenseElementsAttr table, const Exprs &indices) {
    mlir::Type element = table.getElementType();
    if (table.isSplat())
      return constant(table.getSplatValue<mlir::Attribute>(), element);
    Expr linear = 0;
    for (auto [index, size] : llvm::zip(indices, table.getType().getShape()))
      linear = linear * int(size) + index;
    Exprs values;
    for (mlir::Attribute value : table.getValues<mlir::Attribute>())
      values.push_back(constant(value, element));
    return Halide::mux(linear, values);
  }

  Expr readPadded(tensor::PadOp pad, const Exprs &indices) {
    auto source = typeOf(pad.getSource());
    Exprs inner;
    Expr inside;
    for (auto [i, index] : llvm::enumerate(indices)) {
      int64_t low = pad.getStaticLow()[i], size = source.getDimSize(i);
      Expr position = low ? index - int(low) : index;
      if (low || pad.getStaticHigh()[i]) {
        Expr here = position >= 0 && position < int(size);
        inside = inside.defined() ? inside && here : here;
        position = Halide::clamp(position, 0, int(size) - 1);
      }
      inner.push_back(position);
    }
    Expr value = read(pad.getSource(), inner);
    if (!inside.defined())
      return value;
    mlir::Attribute padding;
    mlir::matchPattern(pad.getConstantPaddingValue(), mlir::m_Constant(&padding));
    return Halide::select(inside, value, constant(padding, source.getElementType()));
  }

  // Indices of `from` as indices of `to`, which has the same elements in the same order. Dimensions that both sides
  // share pass through, so that no division comes in.
  Exprs reshapeIndices(const Exprs &indices, llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to) {
    Exprs result(to.size(), Expr(0));
    size_t i = 0, j = 0;
    while (i < from.size() || j < to.size()) {
      // The shortest run of dimensions with the same product on both sides.
      size_t i0 = i, j0 = j;
      int64_t left = i < from.size() ? from[i++] : 1, right = j < to.size() ? to[j++] : 1;
      while (left != right)
        if (left < right)
          left *= from[i++];
        else
          right *= to[j++];
      Expr linear = 0;
      for (size_t d = i0; d < i; ++d)
        if (from[d] != 1)
          linear = linear * int(from[d]) + indices[d];
      for (size_t d = j; d-- > j0;) {
        if (to[d] == 1)
          continue;
        right /= to[d];
        result[d] = right == 1 ? linear : linear % int(to[d]);
        if (right != 1)
          linear = linear / int(to[d]);
        if (right == 1)
          linear = 0;
      }
    }
    return result;
  }

  Expr affine(mlir::AffineExpr expr, const Exprs &loops) {
    if (auto dim = mlir::dyn_cast<mlir::AffineDimExpr>(expr))
      return loops[dim.getPosition()];
    if (auto number = mlir::dyn_cast<mlir::AffineConstantExpr>(expr))
      return Expr(int(number.getValue()));
    auto binary = mlir::cast<mlir::AffineBinaryOpExpr>(expr);
    Expr x = affine(binary.getLHS(), loops), y = affine(binary.getRHS(), loops);
    switch (expr.getKind()) {
    case mlir::AffineExprKind::Add: return x + y;
    case mlir::AffineExprKind::Mul: return x * y;
    case mlir::AffineExprKind::Mod: return x % y;
    case mlir::AffineExprKind::FloorDiv: return x / y;
    default: return (x + y - 1) / y;
    }
  }

  // The body of a generic at a position of its loops; `accumulator` stands for the element of the init.
  Expr evaluateBody(linalg::GenericOp op, const Exprs &loops, Expr accumulator) {
    llvm::DenseMap<mlir::Value, Expr> values;
    for (mlir::OpOperand &operand : op->getOpOperands()) {
      mlir::BlockArgument argument = op.getMatchingBlockArgument(&operand);
      if (argument.use_empty())
        continue;
      if (op.isDpsInit(&operand) && accumulator.defined()) {
        values[argument] = accumulator;
        continue;
      }
      Exprs indices;
      for (mlir::AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
        indices.push_back(affine(expr, loops));
      values[argument] = read(operand.get(), indices);
    }
    for (Operation &inner : op.getBody()->without_terminator()) {
      if (auto index = mlir::dyn_cast<linalg::IndexOp>(inner)) {
        values[index] = Halide::cast<int64_t>(loops[index.getDim()]);
        continue;
      }
      Exprs operands;
      for (mlir::Value operand : inner.getOperands()) {
        auto known = values.find(operand);
        operands.push_back(known != values.end() ? known->second : outer(operand));
      }
      values[inner.getResult(0)] = evaluate(&inner, operands);
    }
    mlir::Value yielded = op.getBody()->getTerminator()->getOperand(0);
    auto known = values.find(yielded);
    return known != values.end() ? known->second : outer(yielded);
  }

  // A scalar constant defined outside of the body.
  Expr outer(mlir::Value value) {
    mlir::Attribute attribute;
    mlir::matchPattern(value, mlir::m_Constant(&attribute));
    return constant(attribute, value.getType());
  }

  void build(Operation &op) {
    auto generic = mlir::dyn_cast<linalg::GenericOp>(op);
    if (!generic)
      return; // fills, pads and reshapes are read through
    mlir::Value value = generic.getResult(0);
    mlir::Type element = typeOf(value).getElementType();
    int64_t rank = typeOf(value).getRank();
    std::vector<Var> vars;
    Exprs coordinates;
    for (int64_t i = 0; i < rank; ++i) {
      vars.emplace_back("d" + std::to_string(i));
      coordinates.push_back(vars.back());
    }
    Exprs loops(generic.getNumLoops());
    mlir::AffineMap outMap = generic.getIndexingMapsArray().back();
    for (int64_t i = 0; i < rank; ++i)
      loops[mlir::cast<mlir::AffineDimExpr>(outMap.getResult(i)).getPosition()] = coordinates[i];
    Func func("f" + std::to_string(funcs.size()));
    std::vector<Var> reversed(vars.rbegin(), vars.rend());
    dims[value] = reversed;
    if (generic.getNumReductionLoops() == 0) {
      func(reversed) = store(evaluateBody(generic, loops, Expr()), element);
      funcs[value] = func;
      return;
    }
    buildReduction(generic, func, reversed, coordinates, loops);
  }

  Expr combine(Operation *combiner, Expr x, Expr y) { return evaluate(combiner, {x, y}); }

  void buildReduction(linalg::GenericOp op, Func func, const std::vector<Var> &vars, const Exprs &coordinates,
                      Exprs loops) {
    mlir::Value value = op.getResult(0);
    mlir::Type element = typeOf(value).getElementType();
    Exprs index(vars.begin(), vars.end());
    llvm::SmallVector<int64_t> sizes(op.getStaticLoopRanges()), reductions;
    for (auto [i, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
      if (iterator == mlir::utils::IteratorType::reduction)
        reductions.push_back(i);
    int64_t row = reductions.back(), wide = 4 * lanes;
    Operation *combiner = findCombiner(op);
    Expr initial = read(op.getDpsInits()[0], coordinates);
    // A row is folded in `wide` interleaved partial results, combined as a tree, then what is left over in order.
    bool isRow = row == int64_t(sizes.size()) - 1 && reductions.size() == 1 && combiner && sizes[row] >= 2 * wide &&
                 readsContiguously(op, row);
    if (!isRow) {
      func(vars) = store(initial, element);
      std::vector<Halide::Range> ranges;
      for (int64_t i : llvm::reverse(reductions)) // the last loop innermost
        ranges.emplace_back(0, int(sizes[i]));
      RDom domain(ranges);
      for (size_t i = 0; i < reductions.size(); ++i)
        loops[reductions[reductions.size() - 1 - i]] = domain[int(i)];
      func(vars) = store(evaluateBody(op, loops, load(func(index), element)), element);
      funcs[value] = func;
      return;
    }
    int64_t chunks = sizes[row] / wide, left = sizes[row] % wide;
    Expr neutral = neutralOf(combiner, element);
    Var lane("lane");
    std::vector<Var> laneVars = vars;
    laneVars.insert(laneVars.begin(), lane);
    Exprs laneIndex(laneVars.begin(), laneVars.end());
    Func partial(func.name() + "p");
    partial(laneVars) = neutral;
    RDom chunk(0, int(chunks));
    loops[row] = chunk * int(wide) + lane;
    partial(laneVars) = evaluateBody(op, loops, partial(laneIndex));
    parts[value].push_back({partial, lane, wide, true});
    Func last = partial;
    for (int64_t width = wide / 2; width >= 1; width /= 2) {
      Func half(func.name() + "h" + std::to_string(width));
      Exprs high = laneIndex;
      high[0] = lane + int(width);
      half(laneVars) = combine(combiner, last(laneIndex), last(high));
      parts[value].push_back({half, lane, width, false});
      last = half;
    }
    Exprs first = laneIndex;
    first[0] = 0;
    func(vars) = store(combine(combiner, initial, last(first)), element);
    if (left > 0) {
      RDom rest(0, int(left));
      loops[row] = rest + int(chunks * wide);
      func(vars) = store(evaluateBody(op, loops, load(func(index), element)), element);
    }
    funcs[value] = func;
  }

  // Whether some operand's innermost dimension is the loop.
  bool readsContiguously(linalg::GenericOp op, int64_t loop) {
    for (mlir::OpOperand *input : op.getDpsInputOperands()) {
      mlir::AffineMap map = op.getMatchingIndexingMap(input);
      if (map.getNumResults() > 0)
        if (auto dim = mlir::dyn_cast<mlir::AffineDimExpr>(map.getResults().back());
            dim && int64_t(dim.getPosition()) == loop)
          return true;
    }
    return false;
  }

  Expr neutralOf(Operation *combiner, mlir::Type element) {
    mlir::Builder b(kernel.getContext());
    double infinity = std::numeric_limits<double>::infinity();
    if (mlir::isa<arith::AddFOp>(combiner)) // x + -0 = x, of -0 too
      return constant(b.getFloatAttr(element, -0.0), element);
    if (mlir::isa<arith::MaximumFOp, arith::MinimumFOp>(combiner))
      return constant(b.getFloatAttr(element, mlir::isa<arith::MaximumFOp>(combiner) ? -infinity : infinity), element);
    if (mlir::isa<arith::AddIOp>(combiner))
      return Halide::Internal::make_const(storedType(element), 0);
    return mlir::isa<arith::MaxSIOp>(combiner) ? storedType(element).min() : storedType(element).max();
  }

  void schedule() {
    const std::vector<Var> &vars = dims[region.result]; // innermost first
    int64_t rank = vars.size(), inner = region.shape[rank - 1];
    for (int64_t i = 0, stride = 1; i < rank; ++i) {
      int64_t size = region.shape[rank - 1 - i];
      out.output_buffer().dim(i).set_stride(int(stride));
      if (rank - 1 - i != region.tileDim)
        out.output_buffer().dim(i).set_bounds(0, int(size));
      stride *= size;
    }
    Var outer("outer"), element("element"), whole("whole");
    int64_t width = widthOf(typeOf(region.result).getElementType(), std::max<int64_t>(1, inner));
    bool vectorised = inner >= 4 || region.tileDim == rank - 1;
    if (vectorised) {
      out.split(vars[0], outer, element, int(width), Halide::TailStrategy::GuardWithIf).vectorize(element);
      if (region.tileDim == rank - 1)
        tileSize = width;
    }
    // A loop of one iteration around everything, for stages that need the whole result.
    Var level0("level0"), rest("rest");
    bool needsWhole = false;
    for (auto &[value, stage] : region.stages)
      needsWhole |= stage.depth == 0;
    if (needsWhole) {
      Var top = rank > 1 ? vars[rank - 1] : vectorised ? outer : vars[0];
      out.split(top, level0, rest, int(std::max<int64_t>(1, region.shape[0])), Halide::TailStrategy::GuardWithIf);
    }
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      if (op.getNumResults() != 1)
        continue;
      auto it = region.stages.find(op.getResult(0));
      if (it == region.stages.end() || it->second.depth < 0)
        continue;
      int64_t depth = it->second.depth;
      Var at = depth == 0 ? level0 : depth < rank ? vars[rank - depth] : vectorised ? outer : vars[0];
      if (depth == 1 && needsWhole)
        at = rest; // what the outermost loop was split into
      place(op.getResult(0), at);
    }
  }

  // A vector is one register at most: of two Halide makes slices, and stops at the store of one of a single lane.
  int64_t widthOf(mlir::Type element, int64_t size) {
    return std::min({size, lanes, vectorBytes / storedType(element).bytes()});
  }

  void vectorise(Func func, int stage, const Var &var, int64_t size, mlir::Type type) {
    if (size < 4)
      return;
    Var outer("o"), element("e");
    int width = int(widthOf(type, size));
    if (stage < 0)
      func.split(var, outer, element, width, Halide::TailStrategy::GuardWithIf).vectorize(element);
    else
      func.update(stage).split(var, outer, element, width, Halide::TailStrategy::GuardWithIf).vectorize(element);
  }

  void place(mlir::Value value, const Var &at) {
    mlir::Type element = typeOf(value).getElementType();
    for (Part &part : parts[value]) {
      part.func.compute_at(out, at).store_in(kRowMemory).bound_extent(part.lane, int(part.width));
      vectorise(part.func, -1, part.lane, part.width, element);
      if (part.isFold) {
        Var outer("o"), inside("e");
        part.func.update()
            .reorder(part.lane, Halide::RVar(part.func.rvars(0)[0]))
            .split(part.lane, outer, inside, int(widthOf(element, lanes)))
            .vectorize(inside)
            .unroll(outer);
      }
    }
    Func func = funcs[value];
    func.compute_at(out, at).store_in(kRowMemory);
    if (func.has_update_definition() && !parts[value].empty())
      func.update().unscheduled(); // what is left over of a row, in order
    auto type = typeOf(value);
    if (type.getRank() == 0)
      return;
    const Stage &stage = region.stages.find(value)->second;
    const Var &inner = dims[value][0];
    int64_t size = type.getShape().back(), last = stage.resultDim.back();
    if (last >= 0 && last < stage.depth && last != int64_t(region.shape.size()) - 1)
      return; // one element inside the loops of the result
    vectorise(func, -1, inner, size, element);
    if (func.has_update_definition() && parts[value].empty()) {
      // Neighbouring results of a fold go side by side, inside its loops.
      std::vector<Halide::VarOrRVar> order = {inner};
      for (const Halide::RVar &r : func.rvars(0))
        order.push_back(r);
      for (size_t i = 1; i < dims[value].size(); ++i)
        order.push_back(dims[value][i]);
      func.update().reorder(order);
      vectorise(func, 0, inner, size, element);
    }
  }

  struct Part {
    Func func;
    Var lane;
    int64_t width;
    bool isFold;
  };
  mlir::func::FuncOp kernel;
  const Region &region;
  int64_t lanes, vectorBytes, tileSize = 1;
  Halide::Target halideTarget;
  Func out; // the result
  llvm::DenseMap<mlir::Value, Func> funcs;
  llvm::DenseMap<mlir::Value, std::vector<Var>> dims;
  llvm::DenseMap<mlir::Value, std::vector<Part>> parts;
  std::vector<Halide::Argument> arguments;
};

} // namespace

HalideBitcode compilePipeline(mlir::func::FuncOp kernel, const Region &region, const TargetDesc &target) {
  try {
    return PipelineBuilder(kernel, region, target).run();
  } catch (const Halide::Error &error) {
    HalideBitcode result;
    result.error = error.what();
    return result;
  }
}

} // namespace mlc::codegen
