// The emitter of contractions and elementwise kernels: linalg to vector code, MLIR to LLVM IR.
#include "codegen/cpu/TileEmitter.h"
#include "codegen/Kernel.h"
#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/VectorToLLVM.h"
#include "mlc/kernel_abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace mlc::codegen {

void registerTileEmitter(DialectRegistry &registry) {
  registry
      .insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, linalg::LinalgDialect, LLVM::LLVMDialect,
              math::MathDialect, scf::SCFDialect, tensor::TensorDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

namespace {

using namespace cpu;

// Ops of bodies that x86 has instructions for; the others would become calls of libm or compiler-rt.
bool bodyIsSupported(linalg::GenericOp op) {
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (isa<linalg::IndexOp>(inner))
      continue;
    if (isa<math::MathDialect>(inner.getDialect())) {
      if (!isa<math::FmaOp, math::SqrtOp, math::AbsFOp, math::AbsIOp, math::FloorOp, math::CeilOp, math::RoundEvenOp,
               math::TruncOp, math::CopySignOp>(inner))
        return false;
    } else if (!isa<arith::ArithDialect>(inner.getDialect()) || isa<arith::RemFOp>(inner)) {
      return false;
    }
  }
  return true;
}

bool isElementwise(func::FuncOp kernel) {
  for (Operation &op : kernel.getBody().front())
    if (auto generic = dyn_cast<linalg::GenericOp>(op); generic && generic.getNumReductionLoops() != 0)
      return false;
  return true;
}

// Everything in the kernel is known and static.
bool isSupported(func::FuncOp kernel) {
  if (!kernel.getBody().hasOneBlock())
    return false;
  auto isStatic = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return !tensor ||
           (tensor.hasStaticShape() && tensor.getElementType().isIntOrIndexOrFloat() && tensor.getNumElements() != 0);
  };
  for (Value argument : kernel.getArguments())
    if (!isa<RankedTensorType>(argument.getType()) || !isStatic(argument.getType()))
      return false;
  for (Operation &op : kernel.getBody().front()) {
    if (!llvm::all_of(op.getOperandTypes(), isStatic) || !llvm::all_of(op.getResultTypes(), isStatic))
      return false;
    if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
      if (!bodyIsSupported(generic))
        return false;
    } else if (!isa<linalg::FillOp, tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                    tensor::ExtractSliceOp, tensor::InsertSliceOp, tensor::PadOp, arith::ConstantOp, func::ReturnOp>(
                   op)) {
      return false;
    }
  }
  return true;
}

class TileEmitter final : public Emitter {
public:
  llvm::StringRef name() const override { return "tile"; }
  // Elementwise kernels: a vector is computed from its own elements, then stored; tails are masked, nothing overlaps.
  bool allowsInPlace() const override { return true; }

  // Emission is the only complete answer to whether an epilogue can be evaluated, and is cheap before LLVM.
  bool accepts(func::FuncOp kernel, const TargetDesc &target) const override {
    EmittedKernel emitted;
    return bool(build(kernel, target, emitted));
  }

  FailureOr<EmittedKernel> emit(func::FuncOp kernel, const TargetDesc &target,
                                llvm::LLVMContext &context) const override {
    EmittedKernel emitted;
    OwningOpRef<ModuleOp> module = build(kernel, target, emitted);
    if (!module)
      return kernel.emitError("the tile emitter takes one contraction with an elementwise epilogue, or elementwise "
                              "and movement ops, on static tensors; use the loop emitter for this kernel");
    emitted.module = lowerVectorToLLVM(*module, context);
    if (!emitted.module)
      return kernel.emitError("lowering of the kernel's vector code to LLVM failed");
    return emitted;
  }

private:
  OwningOpRef<ModuleOp> build(func::FuncOp kernel, const TargetDesc &target, EmittedKernel &emitted) const {
    if (!isSupported(kernel))
      return {};
    std::optional<Contraction> contraction = matchContraction(kernel, target);
    if (!contraction && !isElementwise(kernel))
      return {};
    Location loc = kernel.getLoc();
    MLIRContext *context = kernel.getContext();
    context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect, LLVM::LLVMDialect, math::MathDialect,
                         scf::SCFDialect, vector::VectorDialect>();
    OpBuilder b(context);
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    b.setInsertionPointToEnd(module->getBody());
    Type pointer = LLVM::LLVMPointerType::get(context), i64 = b.getI64Type();
    auto function = func::FuncOp::create(b, loc, kernel.getName(),
                                         b.getFunctionType({pointer, pointer, i64, i64}, {b.getI32Type()}));
    b.setInsertionPointToStart(function.addEntryBlock());
    BodyEvaluator e(b, loc);
    auto field = [&](Value base, int64_t index) -> Value {
      return LLVM::LoadOp::create(b, loc, pointer, e.element(base, pointer, e.constant(index)));
    };
    Value bindings = field(function.getArgument(0), 0), scratch = field(function.getArgument(1), 0);
    for (auto [index, argument] : llvm::enumerate(kernel.getArguments()))
      e.buffers[argument] = field(bindings, int64_t(index));
    SmallVector<Value> outputs;
    for (unsigned i = 0; i < kernel.getNumResults(); ++i)
      outputs.push_back(field(bindings, kernel.getNumArguments() + i));
    emitted.name = kernel.getName().str();
    emitted.emitter = "tile";
    bool ok = true;
    auto overTiles = [&](auto body) {
      scf::ForOp::create(b, loc, function.getArgument(2), function.getArgument(3), e.constant(1), ValueRange{},
                         [&](OpBuilder &, Location, Value tile, ValueRange) {
                           body(tile);
                           scf::YieldOp::create(b, loc);
                         });
    };
    if (contraction) {
      ContractionTile tile = chooseTile(*contraction, target);
      emitted.tiles = tile.tiles;
      emitted.scratch_bytes = tile.scratchBytes;
      emitted.schedule =
          llvm::formatv("{0}x{1}, MC={2}, KC={3}", tile.mr, tile.nv * tile.lanes, tile.mc, tile.kc).str();
      overTiles(
          [&](Value index) { ok = emitContractionTile(e, *contraction, tile, kernel, outputs[0], scratch, index); });
    } else {
      ok = emitElementwise(e, kernel, target, outputs, emitted, overTiles);
    }
    if (!ok)
      return {};
    Value status = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(MLC_KERNEL_OK));
    func::ReturnOp::create(b, loc, status);
    return module;
  }

  // Each result in turn, a tile being a group of rows or a stretch of one long row.
  template <typename OverTiles>
  static bool emitElementwise(BodyEvaluator &e, func::FuncOp kernel, const TargetDesc &target, ArrayRef<Value> outputs,
                              EmittedKernel &emitted, OverTiles overTiles) {
    auto *terminator = kernel.getBody().front().getTerminator();
    if (terminator->getNumOperands() != 1)
      return false;
    Value result = terminator->getOperand(0);
    auto type = cast<RankedTensorType>(result.getType());
    e.width = target.vector_bytes / 4;
    constexpr int64_t tileElements = 16384;
    int64_t columns = type.getRank() ? type.getShape().back() : 1, rows = type.getNumElements() / columns;
    int64_t chunk = std::min(columns, tileElements), chunks = (columns + chunk - 1) / chunk;
    int64_t group = chunks > 1 ? 1 : std::min(rows, std::max<int64_t>(1, tileElements / columns));
    int64_t groups = (rows + group - 1) / group;
    emitted.tiles = groups * chunks;
    emitted.schedule = llvm::formatv("elementwise, {0} rows of {1}", group, chunk).str();
    bool ok = true;
    OpBuilder &b = e.b;
    Location loc = e.loc;
    auto vectorAt = [&](Value row, Value column, Value mask) {
      SmallVector<Coord> coords;
      if (type.getRank()) {
        for (Value at : e.delinearize(row, type.getShape().drop_back()))
          coords.push_back({at, 0, {}});
        coords.push_back({column, 1, {}});
      }
      ok &= e.store(e.evaluate(result, coords, mask), outputs[0], type, coords, mask);
    };
    auto loop = [&](Value begin, Value end, int64_t step, auto body) {
      scf::ForOp::create(b, loc, begin, end, e.constant(step), ValueRange{},
                         [&](OpBuilder &, Location, Value i, ValueRange) {
                           body(i);
                           scf::YieldOp::create(b, loc);
                         });
    };
    if (type.getRank() == 0)
      e.width = 1;
    overTiles([&](Value tile) {
      Value first = e.mul(e.div(tile, chunks), group), start = e.mul(e.rem(tile, chunks), chunk);
      Value last = e.add(first, group), stop = e.add(start, chunk);
      if (rows % group)
        last = arith::MinSIOp::create(b, loc, last, e.constant(rows));
      if (columns % chunk)
        stop = arith::MinSIOp::create(b, loc, stop, e.constant(columns));
      // Chunks begin at multiples of the width, so only the row's end is partial.
      int64_t whole = columns / e.width * e.width, rest = columns % e.width;
      loop(first, last, 1, [&](Value row) {
        if (whole) {
          Value mainStop = rest ? arith::MinSIOp::create(b, loc, stop, e.constant(whole)).getResult() : stop;
          loop(start, mainStop, e.width, [&](Value column) { vectorAt(row, column, {}); });
        }
        if (rest) {
          Value tailStart = arith::MaxSIOp::create(b, loc, start, e.constant(whole));
          loop(tailStart, stop, e.width, [&](Value column) { vectorAt(row, column, e.maskOfFirst(e.constant(rest))); });
        }
      });
    });
    return ok;
  }
};

} // namespace

std::unique_ptr<Emitter> createTileEmitter() { return std::make_unique<TileEmitter>(); }

} // namespace mlc::codegen
