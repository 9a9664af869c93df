#include "codegen/halide/Pipeline.h"
#include "codegen/halide/Values.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "support/MemoryFile.h"

#include <cmath>
#include <limits>

using mlir::Operation;
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;
using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

namespace mlc::codegen {
namespace {

using namespace halide;

// The stack at any size: what Halide calls Stack becomes a heap allocation above 16 KiB. Region.cpp bounds the sum.
constexpr Halide::MemoryType kRowMemory = Halide::MemoryType::Register;

constexpr auto kGuard = Halide::TailStrategy::GuardWithIf, kShift = Halide::TailStrategy::ShiftInwards;
// Terms of one running sum, and more only where a sum has more than the square of that.
constexpr int64_t kLongestSum = 128;

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
      func(reversed) = store(values.evaluateBody(generic, loops, Expr()), element);
      funcs[value] = func;
      return;
    }
    buildReduction(generic, func, reversed, coordinates, loops);
  }

  // A run over positions of a reduction loop: its index is what `loops` says, plus 0, scale, 2 scale, ...
  struct Run {
    int64_t loop, size, scale;
  };

  void buildReduction(linalg::GenericOp op, Func func, const std::vector<Var> &vars, const Exprs &coordinates,
                      Exprs loops) {
    mlir::Value value = op.getResult(0);
    mlir::Type element = typeOf(value).getElementType();
    llvm::SmallVector<int64_t> sizes(op.getStaticLoopRanges());
    llvm::SmallVector<Run> runs;
    for (auto [i, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
      if (iterator == mlir::utils::IteratorType::reduction) {
        runs.push_back({int64_t(i), sizes[i], 1});
        loops[i] = 0;
      }
    funcs[value] = func;
    int64_t row = runs.back().loop;
    Operation *combiner = findCombiner(op);
    Expr initial = values.read(op.getDpsInits()[0], coordinates);
    // A row is folded in `wide` interleaved partial results, which are combined as a tree.
    bool isRow = row == int64_t(sizes.size()) - 1 && combiner && sizes[row] >= lanes && readsContiguously(op, row);
    if (!isRow) {
      func(vars) = store(initial, element);
      accumulate(op, func, vars, loops, runs);
      return;
    }
    int64_t wide = 4 * lanes;
    while (wide > sizes[row])
      wide /= 2;
    int64_t chunks = sizes[row] / wide, vectors = sizes[row] % wide / lanes, rest = sizes[row] % lanes;
    Var lane("lane");
    std::vector<Var> laneVars = vars;
    laneVars.insert(laneVars.begin(), lane);
    Exprs laneIndex(laneVars.begin(), laneVars.end());
    Func partial(func.name() + "p");
    partial(laneVars) = neutralOf(combiner, element);
    parts[value].push_back({partial, laneVars, wide, Func(), {}});
    loops[row] = lane;
    runs.back() = {row, chunks, wide};
    accumulate(op, partial, laneVars, loops, runs);
    // Vectors behind the last chunk go to the first lanes, and what is behind these to the next, out of the last vector
    // of the row: its other elements are counted already.
    auto addToSome = [&](int64_t first, int64_t count, int64_t from, int64_t counted) {
      runs.back() = {row, count, 1};
      RDom some = domainOf(runs);
      Exprs index = laneIndex;
      index[0] = some[0] + int(first);
      loops[row] = int(from);
      Expr sum = values.evaluateBody(op, at(loops, runs, some), partial(index));
      partial(index) = counted ? Halide::select(some[0] >= int(counted), sum, partial(index)) : sum;
    };
    if (vectors > 0)
      addToSome(0, vectors * lanes, chunks * wide, 0);
    if (rest > 0)
      addToSome(vectors * lanes % wide, lanes, sizes[row] - lanes, lanes - rest);
    Func last = partial;
    for (int64_t width = wide / 2; width >= 1; width /= 2) {
      Func half(func.name() + "h" + std::to_string(width));
      Exprs high = laneIndex;
      high[0] = lane + int(width);
      half(laneVars) = evaluate(combiner, {last(laneIndex), last(high)});
      parts[value].push_back({half, laneVars, width, Func(), {}});
      last = half;
    }
    laneIndex[0] = 0;
    func(vars) = store(evaluate(combiner, {initial, last(laneIndex)}), element);
  }

  static RDom domainOf(llvm::ArrayRef<Run> runs) {
    std::vector<Halide::Range> ranges;
    for (const Run &run : llvm::reverse(runs)) // the last one innermost
      ranges.emplace_back(0, int(run.size));
    return RDom(ranges);
  }

  // The loops where the runs are at a point of their domain.
  static Exprs at(Exprs loops, llvm::ArrayRef<Run> runs, const RDom &domain) {
    for (size_t i = 0; i < runs.size(); ++i)
      loops[runs[i].loop] += domain[int(runs.size() - 1 - i)] * int(runs[i].scale);
    return loops;
  }

  // Updates `func` with every position of the runs. The error of one long sum grows with its length, so that a long one
  // is made of parts: those of the inner runs, and of pieces of the next.
  void accumulate(linalg::GenericOp op, Func func, const std::vector<Var> &vars, const Exprs &loops,
                  llvm::ArrayRef<Run> runs) {
    mlir::Type element = typeOf(op.getResult(0)).getElementType();
    Exprs index(vars.begin(), vars.end());
    auto add = [&](Func to, const Exprs &where, const Exprs &from, llvm::ArrayRef<Run> over) {
      to(where) = store(values.evaluateBody(op, at(from, over, domainOf(over)), load(to(where), element)), element);
    };
    int64_t count = 1;
    for (const Run &run : runs)
      count *= run.size;
    Operation *combiner = findCombiner(op);
    if (count <= kLongestSum || !mlir::isa_and_present<arith::AddFOp>(combiner))
      return add(func, index, loops, runs);
    int64_t longest = std::max<int64_t>(kLongestSum, std::sqrt(double(count))), inner = 1;
    size_t cut = runs.size(); // runs[cut] and those before it are outside of a part
    while (cut > 0 && inner * runs[cut - 1].size <= longest)
      inner *= runs[--cut].size;
    --cut;
    int64_t piece = longest / inner;
    if (cut > 0) // pieces of one size, or every step of the outer runs would have a rest
      while (runs[cut].size % piece != 0)
        --piece;
    Run outer = {runs[cut].loop, runs[cut].size / piece, runs[cut].scale * piece};
    llvm::SmallVector<Run> within(runs.drop_front(cut)), outside(runs.take_front(cut));
    within[0].size = piece;
    outside.push_back(outer);

    Func part(func.name() + "s");
    std::vector<Var> partVars = vars;
    Exprs from = loops, partIndex = index;
    for (const Run &run : outside) {
      partVars.emplace_back("o" + std::to_string(partVars.size()));
      from[run.loop] += partVars.back() * int(run.scale);
    }
    part(partVars) = neutralOf(combiner, element);
    add(part, Exprs(partVars.begin(), partVars.end()), from, within);
    RDom domain = domainOf(outside);
    for (size_t i = 0; i < outside.size(); ++i)
      partIndex.push_back(domain[int(outside.size() - 1 - i)]);
    func(vars) = evaluate(combiner, {func(index), part(partIndex)});
    // Its first variable has as many values as that of `func`.
    int64_t width = parts[op.getResult(0)].empty() ? 0 : parts[op.getResult(0)][0].width;
    parts[op.getResult(0)].push_back({part, partVars, width, func, domain[0]});
    if (int64_t rest = runs[cut].size % piece) {
      Exprs behind = loops;
      behind[outer.loop] += int(outer.size * outer.scale);
      within[0].size = rest;
      add(func, index, behind, within);
    }
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
    int64_t width = widthOf(typeOf(region.result).getElementType(), std::max<int64_t>(1, inner)), elements = width;
    bool vectorised = inner >= 4 || region.tileDim == rank - 1;
    // A fold of a row is vectorised itself, and its code is best with one row at a time.
    for (auto &[value, stage] : region.stages)
      vectorised &= stage.depth != rank || !parts.count(value) || parts[value][0].width == 0;
    if (vectorised) {
      // Folds beside an element read a few vectors of every row.
      for (auto &[value, stage] : region.stages)
        if (stage.depth == rank && funcs[value].has_update_definition())
          // Of a row that strips do not divide Halide computes all in the last one.
          while (elements < 4 * width &&
                 (region.tileDim == rank - 1 ? inner >= elements * 8 : inner % (elements * 2) == 0))
            elements *= 2;
      auto tail =
          region.tileDim == rank - 1 || elements > width || inner < width || inner % width == 0 ? kGuard : kShift;
      out.split(vars[0], outer, element, int(elements), tail);
      if (elements > width) {
        Var vector("vector");
        out.split(element, vector, element, int(width), kGuard);
      }
      out.vectorize(element);
      if (region.tileDim == rank - 1)
        tileSize = elements;
    }
    // A loop of one iteration around everything, for stages that need the whole result.
    Var level0("level0"), rest("rest");
    bool needsWhole = false;
    for (auto &[value, stage] : region.stages)
      needsWhole |= stage.depth == 0;
    if (needsWhole) {
      Var top = rank > 1 ? vars[rank - 1] : vectorised ? outer : vars[0];
      out.split(top, level0, rest, int(std::max<int64_t>(1, region.shape[0])), kGuard);
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
      place(op.getResult(0), at, depth == rank ? elements : inner);
    }
  }

  // A vector is one register at most: of two Halide makes slices, and stops at the store of one of a single lane.
  int64_t widthOf(mlir::Type element, int64_t size) {
    return std::min({size, lanes, vectorBytes / storedType(element).bytes()});
  }

  // `whole`: all of them are computed, so that the last vector may begin earlier.
  void vectorise(Func func, const Var &var, int64_t size, bool whole, mlir::Type type) {
    if (size < 4)
      return;
    Var vector("o"), element("e");
    func.split(var, vector, element, int(widthOf(type, size)),
               whole && size % widthOf(type, size) != 0 ? kShift : kGuard)
        .vectorize(element);
  }

  // Neighbouring results of a fold go side by side, inside its loops, in strips that stay in registers. `size`: how
  // many there are; `exact`: always.
  void vectoriseFold(Func func, int stage, const std::vector<Var> &vars, int64_t size, bool exact, mlir::Type type) {
    Halide::Stage update = func.update(stage);
    Var strip("s"), inside("i"), vector("v"), element("e");
    int64_t width = widthOf(type, size), vectors = std::min<int64_t>(4, (size + width - 1) / width);
    std::vector<Halide::VarOrRVar> order = {vars[0]};
    if (size >= 4) {
      if (!exact)
        update.split(vars[0], strip, inside, int(vectors * width), kGuard);
      update.split(exact ? vars[0] : inside, vector, element, int(width), kGuard).vectorize(element).unroll(vector);
      order = {element, vector};
    }
    for (const Halide::RVar &r : func.rvars(stage))
      order.push_back(r);
    if (size >= 4 && !exact)
      order.push_back(strip);
    order.insert(order.end(), vars.begin() + 1, vars.end());
    update.reorder(order);
  }

  // Does the update set what its Func's variables say, and not what a reduction variable says?
  static bool isPure(Func func, int stage) { return func.update_args(stage)[0].as<Halide::Internal::Variable>(); }

  // `elements`: of the result's innermost dimension are computed at `at`.
  void place(mlir::Value value, const Var &at, int64_t elements) {
    mlir::Type element = typeOf(value).getElementType();
    auto type = typeOf(value);
    const Stage &stage = region.stages.find(value)->second;
    int64_t size = 1;
    bool isWhole = true; // whether all of them are computed at a time
    if (type.getRank() > 0) {
      int64_t last = stage.resultDim.back(), innermost = int64_t(region.shape.size()) - 1;
      bool one = last >= 0 && last < stage.depth && last != innermost; // one element inside the loops of the result
      size = one ? 1 : type.getShape().back();
      if (last == innermost) {
        size = std::min(size, elements);
        isWhole = stage.depth < int64_t(region.shape.size());
      }
    }
    bool isRow = false;
    for (Part &part : parts[value]) {
      part.func.store_in(kRowMemory);
      if (part.user.defined())
        part.func.compute_at(part.user, part.at);
      else
        part.func.compute_at(out, at);
      if (part.width > 0)
        part.func.bound_extent(part.vars[0], int(part.width));
      else if (size >= 4) // of a strip
        part.func.bound_storage(part.vars[0], int(std::min(size, 4 * widthOf(element, size))));
      isRow |= part.width > 0;
      int64_t count = part.width > 0 ? part.width : size;
      vectorise(part.func, part.vars[0], count, false, element);
      for (int i = 0; i < part.func.num_update_definitions(); ++i) {
        Halide::RVar r = part.func.rvars(i)[0], vector("o"), inside("e");
        if (part.width > 0 && !isPure(part.func, i)) // some of the lanes, whole vectors
          part.func.update(i).split(r, vector, inside, int(widthOf(element, lanes))).vectorize(inside).unroll(vector);
        else
          vectoriseFold(part.func, i, part.vars, count, part.width > 0, element);
      }
    }
    Func func = funcs[value];
    func.compute_at(out, at).store_in(kRowMemory);
    if (type.getRank() == 0)
      return;
    vectorise(func, dims[value][0], size, isWhole && !func.has_update_definition(), element);
    for (int i = 0; !isRow && i < func.num_update_definitions(); ++i)
      vectoriseFold(func, i, dims[value], size, false, element);
  }

  // A step of a fold that has a Func of its own.
  struct Part {
    Func func;
    std::vector<Var> vars; // the first is vectorised
    int64_t width = 0;     // its extent, where it counts interleaved partial results of a row
    Func user;             // computed inside the loop `at` of this Func, and beside the value where undefined
    Halide::RVar at;
  };
  mlir::func::FuncOp kernel;
  const Region &region;
  int64_t lanes, vectorBytes, tileSize = 1;
  Halide::Target halideTarget;
  Func out; // the result
  KernelValues values;
  llvm::DenseMap<mlir::Value, Func> &funcs = values.funcs;
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
