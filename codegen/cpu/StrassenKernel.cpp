#include "codegen/cpu/StrassenKernel.h"
#include "codegen/Strassen.h"
#include "codegen/cpu/Epilogue.h"
#include "codegen/cpu/MicroKernel.h"
#include "dialects/mlc/Strassen.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using mlc::strassen::Update;

namespace mlc::codegen::cpu {

std::optional<StrassenProduct> matchStrassen(func::FuncOp kernel, const TargetDesc &target) {
  linalg::GenericOp products;
  Value result;
  for (Operation &op : kernel.getBody().front()) {
    if (op.hasAttr(kStrassenProducts))
      products = dyn_cast<linalg::GenericOp>(op);
    if (op.hasAttr(kStrassenResult))
      result = op.getResult(0);
  }
  Operation *returned = kernel.getBody().front().getTerminator();
  if (!products || !result || returned->getNumOperands() != 1)
    return std::nullopt;
  std::optional<Contraction> loops = matchLoops(products, target);
  // Both operands are read in the type of the sums: nothing is widened in the micro-kernel.
  if (!loops || !loops->panelWidth || loops->outer.size() != 1 || !loops->lhs.type.getElementType().isF32())
    return std::nullopt;
  StrassenProduct match{*loops, {}};
  auto type = cast<RankedTensorType>(result.getType());
  match.whole.op = products;
  match.whole.result = result;
  match.whole.rows = type.getDimSize(0);
  match.whole.n = type.getDimSize(1);
  if (!takeValue(match.whole, returned->getOperand(0)))
    return std::nullopt;
  return match;
}

namespace {

// The register tile is that of a contraction; the launch is cut so that a tile's quadrants stay in the second-level
// cache, beside the columns that it multiplies with.
Blocking chooseStrassenBlocking(const Contraction &products, const TargetDesc &target) {
  Blocking b = chooseBlocking(products, target, /*sumsInScratch=*/false);
  int64_t rows = stepsOf(products.m), groups = llvm::divideCeil(llvm::divideCeil(products.n, b.lanes), b.nv);
  constexpr int64_t mostRows = 64, enoughTiles = 16;
  b.rowTiles = llvm::divideCeil(rows, mostRows);
  b.rowsPerTile = std::min<int64_t>(llvm::alignTo(llvm::divideCeil(rows, b.rowTiles), b.mr), rows);
  b.rowTiles = llvm::divideCeil(rows, b.rowsPerTile);
  int64_t groupBytes = 4 * b.rowsPerTile * b.nv * b.lanes * 4;
  int64_t fitting = std::max<int64_t>(target.l2_bytes / 8 / groupBytes, 1);
  b.groupsPerTile = std::clamp<int64_t>(b.rowTiles * groups / enoughTiles, 1, fitting);
  b.groupTiles = llvm::divideCeil(groups, b.groupsPerTile);
  b.tiles = b.rowTiles * b.groupTiles;
  b.prefetchLines = 0; // the next columns are those of another product
  b.sumBytes = b.groupsPerTile * groupBytes;
  return b;
}

class StrassenWriter {
public:
  StrassenWriter(OpBuilder &builder, func::FuncOp kernel, const StrassenProduct &product, const Blocking &blocking,
                 const Epilogue &epilogue, const KernelFrame &frame)
      : b(builder), loc(kernel.getLoc()), e(builder, loc), kernel(kernel), c(product.products), whole(product.whole),
        blocking(blocking), epilogue(epilogue), frame(frame), f32(builder.getF32Type()),
        pointer(LLVM::LLVMPointerType::get(builder.getContext())), i64(builder.getI64Type()), rows(stepsOf(c.m)),
        vectors(llvm::divideCeil(c.n, blocking.lanes)), groups(llvm::divideCeil(vectors, blocking.nv)),
        width(blocking.nv * blocking.lanes) {}

  bool emit() {
    module = b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
    e.width = blocking.lanes;
    e.loop(frame.begin, frame.end, 1, [&](Value tile) { emitTile(tile); });
    return ok;
  }

private:
  Value smaller(Value x, int64_t limit) { return arith::MinSIOp::create(b, loc, x, e.constant(limit)); }
  Value larger(Value x, int64_t limit) { return arith::MaxSIOp::create(b, loc, x, e.constant(limit)); }
  Value minus(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value binding(Value tensor) {
    int64_t index = cast<BlockArgument>(tensor).getArgNumber();
    return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
  }

  void emitTile(Value tile) {
    Value rowTile = e.rem(tile, blocking.rowTiles), groupTile = e.div(tile, blocking.rowTiles);
    m0 = e.mul(rowTile, blocking.rowsPerTile);
    m1 = smaller(e.add(m0, blocking.rowsPerTile), rows);
    g0 = e.mul(groupTile, blocking.groupsPerTile);
    Value g1 = smaller(e.add(g0, blocking.groupsPerTile), groups);
    Value lhs = binding(c.lhs.tensor), rhs = binding(c.rhs.tensor);
    for (int t = 0; t < strassen::kProducts; ++t) {
      Value left = e.element(lhs, f32, e.constant(c.lhs.offset + t * c.outer[0].lhs));
      Value right = e.element(rhs, f32, e.constant(c.rhs.offset + t * c.outer[0].rhs));
      overGroups(g0, g1, [&](Value g, bool last) {
        overRows([&](Value m, int64_t count) { multiply(t, left, right, m, count, g, last); });
      });
    }
    overGroups(g0, g1, [&](Value g, bool last) {
      for (int64_t q = 0; q < 4; ++q)
        finish(q, g, last);
    });
  }

  // Blocks of mr rows, and one of what is left behind the last.
  template <typename Body> void overRows(Body body) {
    int64_t left = rows % blocking.mr;
    if (rows >= blocking.mr)
      e.loop(m0, left ? smaller(m1, rows - left) : m1, blocking.mr, [&](Value m) { body(m, blocking.mr); });
    if (left)
      e.loop(larger(m0, rows - left), m1, left, [&](Value m) { body(m, left); });
  }

  // Groups of nv vectors; the last one where it has fewer, or fewer columns of the result.
  template <typename Body> void overGroups(Value first, Value end, Body body) {
    bool hasLast = 2 * groups * width != whole.n;
    if (!hasLast || groups > 1)
      e.loop(first, hasLast ? smaller(end, groups - 1) : end, 1, [&](Value g) { body(g, false); });
    if (hasLast)
      e.loop(larger(first, groups - 1), end, 1, [&](Value g) { body(g, true); });
  }

  int64_t vectorsOf(bool last) const { return last ? vectors - (groups - 1) * blocking.nv : blocking.nv; }

  // The sums of a group in scratch, rows of `width`, one quadrant after the other.
  Value sumsOf(Value group, int64_t quadrant, Value row) {
    Value block = e.add(e.mul(minus(group, g0), 4), quadrant);
    Value at = e.add(e.mul(block, blocking.rowsPerTile * width), e.mul(row, width));
    return e.element(frame.scratch, f32, at);
  }

  void multiply(int t, Value lhs, Value rhs, Value m, int64_t count, Value group, bool last) {
    Value n0 = e.mul(group, width),
          offset = e.add(e.mul(e.div(n0, c.panelWidth), c.panelStride), e.rem(n0, c.panelWidth));
    SmallVector<Value> arguments{lhs, e.element(rhs, f32, offset), m, n0};
    for (const strassen::Target &target : strassen::kTargets[t]) {
      arguments.push_back(sumsOf(group, std::max(target.quadrant, 0), minus(m, m0)));
      arguments.push_back(e.constant(int64_t(target.update)));
    }
    func::CallOp::create(b, loc, micro({count, vectorsOf(last), 0}), arguments);
  }

  // Rows of one quadrant of a group, those that the result has, through the epilogue.
  void finish(int64_t quadrant, Value group, bool last) {
    int64_t lowerRows = whole.rows - rows, firstColumn = quadrant % 2 * columns();
    Value end = quadrant / 2 && lowerRows < rows ? smaller(m1, lowerRows) : m1;
    int64_t inside = quadrant % 2 ? whole.n - columns() : columns();
    int64_t lanes = last ? inside - (groups - 1) * width : width;
    if (lanes <= 0)
      return;
    Value row = e.add(m0, quadrant / 2 * rows), n0 = e.add(e.mul(group, width), firstColumn);
    func::CallOp::create(b, loc, finisher(lanes),
                         ValueRange{sumsOf(group, quadrant, e.constant(0)), frame.bindings, row, minus(end, m0), n0});
  }

  int64_t columns() const { return llvm::divideCeil(whole.n, 2); } // of a half

  // A function of its own: its loop has all registers.
  func::FuncOp createFunction(const std::string &suffix, ArrayRef<Type> types) {
    auto function = func::FuncOp::create(b, loc, kernel.getName().str() + "." + suffix, b.getFunctionType(types, {}));
    function.setPrivate();
    function->setAttr("llvm.linkage", LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
    function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    b.setInsertionPointToStart(function.addEntryBlock());
    return function;
  }

  func::FuncOp micro(const MicroShape &shape) {
    func::FuncOp &function = micros[{shape.rows, shape.vectors}];
    if (function)
      return function;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    std::string name = llvm::formatv("strassen_{0}x{1}", shape.rows, shape.vectors * blocking.lanes);
    function = createFunction(name, {pointer, pointer, i64, i64, pointer, i64, pointer, i64});
    BodyEvaluator inside(b, loc);
    inside.width = blocking.lanes;
    MicroArguments arguments;
    arguments.lhs = function.getArgument(0);
    arguments.rhs = function.getArgument(1);
    arguments.m = function.getArgument(2);
    arguments.n0 = function.getArgument(3);
    emitMicroKernel(inside, c, blocking, shape, arguments,
                    [&](const MicroArguments &, const MicroShape &, ArrayRef<RowPlace>, ArrayRef<Value> sums) {
                      for (unsigned target = 0; target < 2; ++target)
                        update(inside, shape, function.getArgument(4 + 2 * target),
                               function.getArgument(5 + 2 * target), sums);
                    });
    func::ReturnOp::create(b, loc);
    return function;
  }

  // Sets sums, or adds to them, as `how` says.
  void update(BodyEvaluator &inside, const MicroShape &shape, Value sums, Value how, ArrayRef<Value> products) {
    auto is = [&](Update what) -> Value {
      return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, how, inside.constant(int64_t(what)));
    };
    auto forEach = [&](llvm::function_ref<Value(Value, Value)> combine) {
      for (int64_t i = 0; i < shape.rows; ++i)
        for (int64_t j = 0; j < shape.vectors; ++j) {
          Value at = inside.element(sums, f32, inside.constant(i * width + j * blocking.lanes));
          LLVM::StoreOp::create(b, loc, combine(products[i * shape.vectors + j], at), at, 4);
        }
      scf::YieldOp::create(b, loc);
    };
    auto number = [&](float value) -> Value { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value)); };
    Value sign = inside.splat(arith::SelectOp::create(b, loc, is(Update::Subtract), number(-1), number(1)));
    Value any = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, how, inside.constant(int64_t(Update::None)));
    scf::IfOp::create(b, loc, any, [&](OpBuilder &, Location) {
      scf::IfOp::create(
          b, loc, is(Update::Set),
          [&](OpBuilder &, Location) { forEach([](Value product, Value) { return product; }); },
          [&](OpBuilder &, Location) {
            forEach([&](Value product, Value at) {
              return math::FmaOp::create(b, loc, product, sign, inside.loadVector(at, f32, {})).getResult();
            });
          });
      scf::YieldOp::create(b, loc);
    });
  }

  // Stores `lanes` columns of rows of sums.
  func::FuncOp finisher(int64_t lanes) {
    func::FuncOp &function = finishers[lanes];
    if (function)
      return function;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    function = createFunction(llvm::formatv("finish_{0}", lanes).str(), {pointer, pointer, i64, i64, i64});
    BodyEvaluator inside(b, loc);
    inside.width = blocking.lanes;
    MicroArguments arguments;
    for (unsigned i = 0; i <= kernel.getNumArguments(); ++i) {
      Value at = inside.element(function.getArgument(1), pointer, inside.constant(i));
      arguments.bindings.push_back(LLVM::LoadOp::create(b, loc, pointer, at));
    }
    for (auto [tensor, buffer] : llvm::zip(kernel.getArguments(), arguments.bindings))
      inside.buffers[tensor] = buffer;
    arguments.row0 = function.getArgument(2);
    e.loop(inside.constant(0), function.getArgument(3), 1, [&](Value i) {
      Value sums = inside.element(function.getArgument(0), f32, inside.mul(i, width));
      for (int64_t j = 0; j < lanes; j += blocking.lanes) {
        int64_t left = lanes - j;
        Value mask = left < blocking.lanes ? inside.maskOfFirst(inside.constant(left)) : Value();
        Value sum = inside.loadVector(inside.element(sums, f32, inside.constant(j)), f32, {});
        ok &= epilogue.finishVector(inside, arguments, {Value(), i}, inside.add(function.getArgument(4), j), sum, mask);
      }
    });
    func::ReturnOp::create(b, loc);
    return function;
  }

  OpBuilder &b;
  Location loc;
  BodyEvaluator e;
  func::FuncOp kernel;
  const Contraction &c, &whole;
  const Blocking &blocking;
  const Epilogue &epilogue;
  const KernelFrame &frame;
  Type f32, pointer, i64;
  int64_t rows, vectors, groups, width; // of a half, in panels; columns of a group
  ModuleOp module;                      // that takes the functions
  Value m0, m1, g0;                     // of the tile
  std::map<std::pair<int64_t, int64_t>, func::FuncOp> micros;
  std::map<int64_t, func::FuncOp> finishers;
  bool ok = true;
};

} // namespace

bool emitStrassen(OpBuilder &builder, func::FuncOp kernel, const StrassenProduct &product, const TargetDesc &target,
                  const KernelFrame &frame, EmittedKernel &emitted) {
  Epilogue epilogue(kernel, product.whole);
  Blocking blocking = chooseStrassenBlocking(product.products, target);
  emitted.tiles = blocking.tiles;
  emitted.scratch_bytes = blocking.sumBytes;
  emitted.schedule = llvm::formatv("Strassen, {0}x{1}, {2} tiles of 2 x {3} rows", blocking.mr,
                                   blocking.nv * blocking.lanes, blocking.tiles, blocking.rowsPerTile)
                         .str();
  return StrassenWriter(builder, kernel, product, blocking, epilogue, frame).emit();
}

} // namespace mlc::codegen::cpu
