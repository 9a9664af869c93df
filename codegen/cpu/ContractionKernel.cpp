#include "codegen/cpu/ContractionKernel.h"
#include "codegen/cpu/AmxKernel.h"
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/MicroKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

class ContractionWriter {
public:
  ContractionWriter(OpBuilder &builder, func::FuncOp kernel, const Contraction &c, const Blocking &blocking,
                    const Epilogue &epilogue, const KernelFrame &frame)
      : b(builder), loc(kernel.getLoc()), e(builder, loc), kernel(kernel), c(c), blocking(blocking), epilogue(epilogue),
        frame(frame), pointer(LLVM::LLVMPointerType::get(builder.getContext())),
        vectors((c.n + blocking.lanes - 1) / blocking.lanes), groups((vectors + blocking.nv - 1) / blocking.nv) {}

  bool emit() {
    module = b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
    e.width = blocking.lanes;
    e.loop(frame.begin, frame.end, 1, [&](Value tile) { emitTile(tile); });
    return ok;
  }

private:
  static constexpr unsigned numMicroArguments = 8;

  Value binding(int64_t index) {
    return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
  }

  Value smaller(Value x, Value y) { return arith::MinSIOp::create(b, loc, x, y); }

  void emitTile(Value tile) {
    int64_t rows = stepsOf(c.m);
    int64_t inner = blocking.groupsFirst ? blocking.groupTiles : blocking.rowTiles;
    Value outer = e.div(tile, blocking.rowTiles * blocking.groupTiles);
    Value rest = e.rem(tile, blocking.rowTiles * blocking.groupTiles);
    Value fast = e.rem(rest, inner), slow = e.div(rest, inner);
    Value rowTile = blocking.groupsFirst ? slow : fast, groupTile = blocking.groupsFirst ? fast : slow;

    SmallVector<int64_t> sizes;
    for (const Loop &step : c.outer)
      sizes.push_back(step.extent);
    Value lhsOffset = e.constant(c.lhs.offset);
    rhsOffset = e.constant(c.rhs.offset);
    row0 = e.constant(0);
    for (auto [step, at] : llvm::zip(c.outer, e.delinearize(outer, sizes))) {
      lhsOffset = e.add(lhsOffset, e.mul(at, step.lhs));
      rhsOffset = e.add(rhsOffset, e.mul(at, step.rhs));
      row0 = e.add(row0, e.mul(at, step.row));
    }
    lhs = e.element(binding(numberOf(c.lhs.tensor)), c.lhs.element, lhsOffset);
    rhs = binding(numberOf(c.rhs.tensor));
    m0 = e.mul(rowTile, blocking.rowsPerTile);
    m1 = e.add(m0, blocking.rowsPerTile);
    if (rows % blocking.rowsPerTile)
      m1 = smaller(m1, e.constant(rows));
    Value g0 = e.mul(groupTile, blocking.groupsPerTile), g1 = e.add(g0, blocking.groupsPerTile);
    if (groups % blocking.groupsPerTile)
      g1 = smaller(g1, e.constant(groups));
    if (blocking.rowsOutside)
      overRows(
          [&](Value m, int64_t count) { overGroups(g0, g1, [&](Value g, bool last) { call(m, count, g, last); }); });
    else
      overGroups(g0, g1, [&](Value g, bool last) {
        startGroup(g, last);
        overRows([&](Value m, int64_t count) { call(m, count, g, last); });
      });
  }

  // Blocks of mr rows, and one of what is left behind the last.
  template <typename Body> void overRows(Body body) {
    int64_t rows = stepsOf(c.m), left = rows % blocking.mr;
    if (rows >= blocking.mr)
      e.loop(m0, left ? smaller(m1, e.constant(rows - left)) : m1, blocking.mr, [&](Value m) { body(m, blocking.mr); });
    if (left)
      e.loop(arith::MaxSIOp::create(b, loc, m0, e.constant(rows - left)), m1, left, [&](Value m) { body(m, left); });
  }

  // Groups of nv whole vectors; the last one where it has fewer.
  template <typename Body> void overGroups(Value g0, Value g1, Body body) {
    bool hasLast = c.n % (blocking.nv * blocking.lanes) != 0;
    Value end = hasLast ? smaller(g1, e.constant(groups - 1)) : g1;
    if (!hasLast || groups > 1)
      e.loop(g0, end, 1, [&](Value g) { body(g, false); });
    if (hasLast)
      e.loop(arith::MaxSIOp::create(b, loc, g0, e.constant(groups - 1)), g1, 1, [&](Value g) { body(g, true); });
  }

  MicroShape shapeOf(int64_t rows, bool last) const {
    if (!last)
      return {rows, blocking.nv, 0};
    return {rows, vectors - (groups - 1) * blocking.nv, c.n % blocking.lanes};
  }

  Value columnsOf(Value group) { // pointer to the group's first column
    Value n = e.mul(group, blocking.nv * blocking.lanes), offset = e.mul(n, c.rhsLane);
    if (c.panelWidth)
      offset = e.add(e.mul(e.div(n, c.panelWidth), c.panelStride), e.rem(n, c.panelWidth));
    return e.element(rhs, c.rhs.element, e.add(rhsOffset, offset));
  }

  // Copies the group's columns, for all of k, as [k][nv * lanes] to scratch.
  void startGroup(Value group, bool last) {
    if (blocking.copyRhs)
      copyRhs(0, shapeOf(blocking.mr, last), columnsOf(group), e.constant(0), e.constant(0));
  }

  void copyRhs(size_t depth, const MicroShape &shape, Value columns, Value from, Value to) {
    Type type = c.rhs.element;
    int64_t stride = blocking.nv * blocking.lanes;
    for (size_t i = depth + 1; i < c.k.size(); ++i)
      stride *= c.k[i].extent;
    e.loop(e.constant(0), e.constant(c.k[depth].extent), 1, [&](Value at) {
      Value source = e.add(from, e.mul(at, c.k[depth].rhs)), target = e.add(to, e.mul(at, stride));
      if (depth + 1 < c.k.size())
        return copyRhs(depth + 1, shape, columns, source, target);
      for (int64_t j = 0; j < shape.vectors; ++j) {
        bool partial = shape.tail && j == shape.vectors - 1;
        Value mask = partial ? e.maskOfFirst(e.constant(shape.tail)) : Value();
        Value first = e.add(source, j * blocking.lanes * c.rhsLane);
        Value column = c.rhsLane == 1 ? e.loadVector(e.element(columns, type, first), type, mask)
                                      : e.loadStrided(columns, type, first, c.rhsLane, mask);
        LLVM::StoreOp::create(b, loc, column, e.element(frame.scratch, type, e.add(target, j * blocking.lanes)),
                              BodyEvaluator::elementBytes(type));
      }
    });
  }

  void call(Value m, int64_t rows, Value group, bool last) {
    Value columns = blocking.copyRhs ? frame.scratch : columnsOf(group);
    Value sums = e.element(frame.scratch, b.getI8Type(), e.constant(blocking.copyBytes));
    Value prefetch = columns;
    if (blocking.prefetchLines) {
      // The next group follows this one; each block of rows asks for its share.
      Type type = c.rhs.element;
      int64_t panels = blocking.nv * blocking.lanes / c.panelWidth;
      int64_t share = blocking.prefetchLines * 64 * (stepsOf(c.k) / Blocking::prefetchSteps);
      prefetch = e.element(columns, type, e.constant(panels * c.panelStride));
      prefetch = e.element(prefetch, b.getI8Type(), e.mul(e.div(m, blocking.mr), share));
    }
    Value n0 = e.mul(group, blocking.nv * blocking.lanes);
    func::CallOp::create(b, loc, micro(shapeOf(rows, last)),
                         ValueRange{lhs, columns, sums, frame.bindings, m, n0, row0, prefetch});
  }

  // The function of a micro-kernel, made where it is first called.
  func::FuncOp micro(const MicroShape &shape) {
    func::FuncOp &function = functions[{shape.rows, shape.vectors, shape.tail}];
    if (function)
      return function;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    Type i64 = b.getI64Type();
    SmallVector<Type, numMicroArguments> types{pointer, pointer, pointer, pointer, i64, i64, i64, pointer};
    std::string name =
        llvm::formatv("{0}.micro_{1}x{2}", kernel.getName(), shape.rows,
                      shape.tail ? (shape.vectors - 1) * blocking.lanes + shape.tail : shape.vectors * blocking.lanes);
    function = func::FuncOp::create(b, loc, name, b.getFunctionType(types, {}));
    function.setPrivate();
    // A function of its own: its loop has all registers.
    function->setAttr("llvm.linkage", LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
    function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    b.setInsertionPointToStart(function.addEntryBlock());
    BodyEvaluator inside(b, loc);
    inside.width = blocking.lanes;
    auto argument = [&](unsigned i) -> Value { return function.getArgument(i); };
    MicroArguments arguments{argument(0), argument(1), argument(2), argument(4),
                             argument(5), argument(6), argument(7), {}};
    for (unsigned i = 0; i <= kernel.getNumArguments(); ++i) {
      Value at = inside.element(argument(3), pointer, inside.constant(i));
      arguments.bindings.push_back(LLVM::LoadOp::create(b, loc, pointer, at));
    }
    for (auto [tensor, buffer] : llvm::zip(kernel.getArguments(), arguments.bindings))
      inside.buffers[tensor] = buffer;
    emitMicroKernel(inside, c, blocking, shape, arguments,
                    [&](const MicroArguments &, const MicroShape &, ArrayRef<RowPlace> places, ArrayRef<Value> sums) {
                      ok &= epilogue.emit(inside, blocking, arguments, shape, places, sums);
                    });
    func::ReturnOp::create(b, loc);
    return function;
  }

  static int64_t numberOf(Value argument) { return cast<BlockArgument>(argument).getArgNumber(); }

  OpBuilder &b;
  Location loc;
  BodyEvaluator e;
  func::FuncOp kernel;
  const Contraction &c;
  const Blocking &blocking;
  const Epilogue &epilogue;
  const KernelFrame &frame;
  ModuleOp module; // that takes the micro-kernels
  Type pointer;
  int64_t vectors, groups;
  Value lhs, rhs, rhsOffset, row0, m0, m1; // of the tile
  std::map<std::tuple<int64_t, int64_t, int64_t>, func::FuncOp> functions;
  bool ok = true;
};

// The one that the kernel asks for, or `first`, where it asks for none; nothing where there is none of the name.
template <typename Plan>
std::optional<Plan> planOf(func::FuncOp kernel, const Plan &first, llvm::function_ref<std::vector<Plan>()> candidates) {
  auto wanted = kernel->getAttrOfType<StringAttr>(kScheduleAttr);
  if (!wanted)
    return first;
  for (const Plan &plan : candidates())
    if (nameOf(plan) == wanted.getValue())
      return plan;
  return std::nullopt;
}

std::vector<std::string> namesOf(const auto &plans) {
  std::vector<std::string> names;
  for (const auto &plan : plans)
    names.push_back(nameOf(plan));
  return names;
}

} // namespace

std::vector<std::string> schedulesOf(func::FuncOp kernel, const Contraction &contraction, const TargetDesc &target) {
  if (std::vector<AmxBlocking> plans = candidateAmxBlockings(contraction, target); !plans.empty())
    return namesOf(plans);
  return namesOf(candidateBlockings(contraction, target, Epilogue(kernel, contraction).isLong()));
}

bool emitContraction(OpBuilder &builder, func::FuncOp kernel, const Contraction &contraction, const TargetDesc &target,
                     const KernelFrame &frame, EmittedKernel &emitted) {
  Epilogue epilogue(kernel, contraction);
  if (std::optional<AmxBlocking> amx = chooseAmxBlocking(contraction, target)) {
    amx = planOf<AmxBlocking>(kernel, *amx, [&] { return candidateAmxBlockings(contraction, target); });
    if (!amx)
      return false;
    emitted.tiles = amx->tiles;
    emitted.scratch_bytes = amx->scratchBytes;
    emitted.schedule = nameOf(*amx);
    return emitAmxContraction(builder, kernel, contraction, target, *amx, epilogue, frame);
  }
  bool sumsInScratch = epilogue.isLong();
  std::optional<Blocking> chosen = planOf<Blocking>(kernel, chooseBlocking(contraction, target, sumsInScratch), [&] {
    return candidateBlockings(contraction, target, sumsInScratch);
  });
  if (!chosen)
    return false;
  const Blocking &blocking = *chosen;
  emitted.tiles = blocking.tiles;
  emitted.scratch_bytes = blocking.copyBytes + blocking.sumBytes;
  emitted.schedule = llvm::formatv("{0}x{1}, {2} tiles of {3} rows", blocking.mr, blocking.nv * blocking.lanes,
                                   blocking.tiles, blocking.rowsPerTile)
                         .str();
  return ContractionWriter(builder, kernel, contraction, blocking, epilogue, frame).emit();
}

} // namespace mlc::codegen::cpu
