// Contractions over packed weights, and plain matrix products, with their elementwise epilogue.
//
// The structure is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
// (https://doi.org/10.1145/1356052.1356053): a micro-kernel holds a block of the result in registers while it walks
// the whole reduction. The right-hand side comes packed, or a tile packs the columns it is about to use (products of
// two activations, as in attention). The left-hand side is read in place: rows of a convolution's input are found by
// their offsets, so that no image is unrolled in memory. The sum of every element of the result is formed in one
// order, whatever the tiles.
#include "codegen/Kernel.h"
#include "codegen/cpu/PackedContraction.h"
#include "codegen/cpu/VectorBody.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include <functional>

using namespace mlir;

namespace mlc::codegen {
namespace {

using Values = llvm::SmallVector<llvm::Value *>;

// Block of the result that a micro-kernel and a tile cover.
struct Blocking {
  int64_t rows, panels;         // of the micro-kernel
  int64_t tileRows, tilePanels; // multiples of those
  int64_t rowTiles, panelTiles;
};

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

Blocking chooseBlocking(const PackedContraction &c, const TargetDesc &target) {
  // Accumulators, one row of the right-hand side, and a broadcast element fill the registers: 24 + 3 of 32 with
  // AVX-512; 12 + 2 + 1 of 16 with AVX2, where a panel takes two.
  Blocking b;
  bool wide = target.vector_bytes >= 64 && target.vector_registers >= 32;
  b.rows = std::min<int64_t>(wide ? 8 : 6, c.matrixRows);
  // Few rows leave registers free: more columns at once keep more loads of weights in flight.
  int64_t panels = wide ? std::clamp<int64_t>(24 / b.rows, 3, 6) : std::clamp<int64_t>(4 / b.rows, 1, 3);
  b.panels = std::min(panels, c.panels);
  // Tiles of about a million multiply-adds balance threads and hide the cost of starting one. A weight that memory
  // has to deliver takes the time of about 16.
  constexpr int64_t tileWork = 1 << 20, maxTiles = 64;
  int64_t rowGroups = ceilDiv(c.numRows, b.rows), panelGroups = ceilDiv(c.panels, b.panels);
  double work = std::max<double>(c.numRows, 16) * double(c.columns) * double(c.depth);
  int64_t wanted = std::clamp<int64_t>(int64_t(std::min(work / tileWork, 1e6)), 1, maxTiles);
  // Columns first: then each thread reads its own part of the weights.
  int64_t panelTiles = std::min(panelGroups, wanted), rowTiles = std::min(rowGroups, ceilDiv(wanted, panelTiles));
  b.tilePanels = ceilDiv(panelGroups, panelTiles) * b.panels;
  b.tileRows = ceilDiv(rowGroups, rowTiles) * b.rows;
  // Rows of a tile are read once for every group of panels: they stay in the second-level cache.
  int64_t fitting = target.l2_bytes / 2 / (c.depth * 4) / b.rows * b.rows;
  b.tileRows = std::min(b.tileRows, std::max(fitting, b.rows));
  // A tile packs what it reads of one matrix.
  if (!c.isPacked) {
    int64_t matrices = c.numRows / c.matrixRows;
    panelTiles = std::min(panelGroups, ceilDiv(wanted, matrices));
    b.tilePanels = ceilDiv(panelGroups, panelTiles) * b.panels;
    b.tileRows = c.matrixRows;
  }
  b.panelTiles = ceilDiv(c.panels, b.tilePanels);
  b.rowTiles = ceilDiv(c.numRows, b.tileRows);
  return b;
}

class KernelWriter {
public:
  KernelWriter(func::FuncOp kernel, const PackedContraction &contraction, const Blocking &blocking,
               llvm::Module &module)
      : kernel(kernel), c(contraction), blocking(blocking), module(module), b(module.getContext()), f32(b.getFloatTy()),
        i64(b.getInt64Ty()), pointer(b.getPtrTy()), vector(llvm::FixedVectorType::get(f32, kLanes)) {}

  // Sums of the micro-kernel, then packed panels.
  int64_t sumBytes() const { return blocking.rows * blocking.panels * kLanes * 4; }
  int64_t scratchBytes() const { return sumBytes() + (c.isPacked ? 0 : c.depth * blocking.panels * kLanes * 4); }

  // The function of mlc/kernel_abi.h.
  void run() {
    int64_t rowsLeft = c.matrixRows % blocking.rows, panelsLeft = c.panels % blocking.panels;
    finish[0] = writeFinish(false);
    if (c.columns % kLanes)
      finish[1] = writeFinish(true);
    llvm::Function *micro[2][2] = {};
    for (int r = 0; r < 2; ++r)
      for (int p = 0; p < 2; ++p)
        if ((r == 0 || rowsLeft) && (p == 0 || panelsLeft))
          micro[r][p] = writeMicroKernel(r ? rowsLeft : blocking.rows, p ? panelsLeft : blocking.panels);

    llvm::Function *entry = begin("", llvm::GlobalValue::ExternalLinkage, b.getInt32Ty(), {pointer, pointer, i64, i64});
    llvm::Value *bindings = b.CreateLoad(pointer, entry->getArg(0)); // mlc_kernel_args.bindings
    llvm::Value *scratch = b.CreateLoad(pointer, entry->getArg(1));  // mlc_worker.scratch
    loop(entry->getArg(2), entry->getArg(3), 1, {}, [&](llvm::Value *tile, const Values &) {
      llvm::Value *m0 = b.CreateMul(b.CreateURem(tile, number(blocking.rowTiles)), number(blocking.tileRows));
      llvm::Value *p0 = b.CreateMul(b.CreateUDiv(tile, number(blocking.rowTiles)), number(blocking.tilePanels));
      auto end = [&](llvm::Value *from, int64_t size, int64_t limit) {
        return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b.CreateAdd(from, number(size)), number(limit));
      };
      llvm::Value *m1 = end(m0, blocking.tileRows, c.numRows), *p1 = end(p0, blocking.tilePanels, c.panels);
      llvm::Value *matrix = binding(bindings, c.rhs);
      if (!c.isPacked)
        matrix = at(matrix, rowOffset(m0, c.rhsRows));
      loop(p0, p1, blocking.panels, {}, [&](llvm::Value *panel, const Values &) {
        llvm::Value *rhs;
        if (c.isPacked) {
          rhs = at(matrix, b.CreateMul(panel, number(c.depth * kLanes)));
        } else {
          rhs = at(scratch, number(sumBytes() / 4));
          pack(matrix, rhs, panel);
        }
        loop(m0, m1, blocking.rows, {}, [&](llvm::Value *row, const Values &) {
          llvm::Value *shortRow = b.CreateICmpSGT(b.CreateAdd(row, number(blocking.rows)), m1);
          llvm::Value *shortPanel = b.CreateICmpSGT(panel, number(c.panels - blocking.panels));
          choose(micro[1][0], shortRow, [&](int r) {
            choose(micro[0][1], shortPanel,
                   [&](int p) { b.CreateCall(micro[r][p], {bindings, scratch, rhs, row, panel}); });
          });
          return Values();
        });
        return Values();
      });
      return Values();
    });
    b.CreateRet(b.getInt32(0)); // MLC_KERNEL_OK
  }

private:
  func::FuncOp kernel;
  const PackedContraction &c;
  const Blocking &blocking;
  llvm::Module &module;
  llvm::IRBuilder<> b;
  llvm::Type *f32, *i64, *pointer;
  llvm::FixedVectorType *vector;
  llvm::Function *finish[2] = {}; // of a whole panel; of the last one when it has fewer columns

  llvm::ConstantInt *number(int64_t value) { return b.getInt64(value); }
  llvm::Value *at(llvm::Value *base, llvm::Value *elements) { return b.CreateGEP(f32, base, elements); }
  llvm::Value *binding(llvm::Value *bindings, unsigned i) {
    return b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, bindings, i));
  }
  llvm::Value *multiplyAdd(llvm::Value *index, int64_t by, llvm::Value *offset) {
    return b.CreateAdd(offset, b.CreateMul(index, number(by)));
  }

  // The kernel's own function has no suffix.
  llvm::Function *begin(const llvm::Twine &suffix, llvm::GlobalValue::LinkageTypes linkage, llvm::Type *result,
                        ArrayRef<llvm::Type *> arguments) {
    auto *function = llvm::Function::Create(llvm::FunctionType::get(result, arguments, false), linkage,
                                            kernel.getSymName() + suffix, module);
    function->setDoesNotThrow();
    b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", function));
    return function;
  }

  // for (i = from; i < to; i += step) carried = body(i, carried); gives what is carried out.
  Values loop(llvm::Value *from, llvm::Value *to, int64_t step, const Values &initial,
              llvm::function_ref<Values(llvm::Value *, const Values &)> body) {
    llvm::BasicBlock *before = b.GetInsertBlock();
    llvm::Function *function = before->getParent();
    auto block = [&](const char *name) { return llvm::BasicBlock::Create(module.getContext(), name, function); };
    llvm::BasicBlock *head = block("head"), *inside = block("body"), *after = block("after");
    b.CreateBr(head);
    b.SetInsertPoint(head);
    llvm::PHINode *index = b.CreatePHI(i64, 2);
    index->addIncoming(from, before);
    Values carried;
    for (llvm::Value *value : initial) {
      auto *phi = b.CreatePHI(value->getType(), 2);
      phi->addIncoming(value, before);
      carried.push_back(phi);
    }
    b.CreateCondBr(b.CreateICmpSLT(index, to), inside, after);
    b.SetInsertPoint(inside);
    Values next = body(index, carried);
    index->addIncoming(b.CreateNSWAdd(index, number(step)), b.GetInsertBlock());
    for (auto [phi, value] : llvm::zip_equal(carried, next))
      cast<llvm::PHINode>(phi)->addIncoming(value, b.GetInsertBlock());
    b.CreateBr(head);
    b.SetInsertPoint(after);
    return carried;
  }

  // body(condition); body(0) alone where there is nothing else to choose.
  void choose(bool possible, llvm::Value *condition, llvm::function_ref<void(int)> body) {
    if (!possible)
      return body(0);
    llvm::Function *function = b.GetInsertBlock()->getParent();
    auto block = [&](const char *name) { return llvm::BasicBlock::Create(module.getContext(), name, function); };
    llvm::BasicBlock *yes = block("yes"), *no = block("no"), *after = block("after");
    b.CreateCondBr(condition, yes, no);
    b.SetInsertPoint(yes);
    body(1);
    b.CreateBr(after);
    b.SetInsertPoint(no);
    body(0);
    b.CreateBr(after);
    b.SetInsertPoint(after);
  }

  // Offset of a row: its number taken apart into the loops' indices.
  llvm::Value *rowOffset(llvm::Value *row, const StridedLoops &loops) {
    llvm::Value *offset = number(0), *rest = row;
    for (size_t i = loops.size(); i-- > 0;) {
      llvm::Value *index = i ? b.CreateURem(rest, number(loops[i].size)) : rest;
      offset = multiplyAdd(index, loops[i].stride, offset);
      if (i)
        rest = b.CreateUDiv(rest, number(loops[i].size));
    }
    return offset;
  }

  // Copies panels [panel, panel + blocking.panels) of a plain matrix. Lanes behind the last column stay undefined:
  // nothing of them is stored.
  void pack(llvm::Value *matrix, llvm::Value *to, llvm::Value *panel) {
    llvm::Value *first = b.CreateMul(panel, number(kLanes));
    llvm::Value *count = b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, number(blocking.panels * kLanes),
                                                 b.CreateSub(number(c.columns), first));
    llvm::Value *from = at(matrix, b.CreateMul(first, number(c.rhsColumnStride)));
    auto copy = [&](llvm::Value *column, llvm::Value *k) {
      llvm::Value *source = multiplyAdd(k, c.rhsDepthStride, b.CreateMul(column, number(c.rhsColumnStride)));
      llvm::Value *lane = b.CreateURem(column, number(kLanes)), *which = b.CreateUDiv(column, number(kLanes));
      llvm::Value *target = multiplyAdd(which, c.depth * kLanes, multiplyAdd(k, kLanes, lane));
      b.CreateAlignedStore(b.CreateAlignedLoad(f32, at(from, source), llvm::Align(4)), at(to, target), llvm::Align(4));
    };
    // Reads in the order of memory.
    bool columnsInside = c.rhsColumnStride <= c.rhsDepthStride;
    llvm::Value *depth = number(c.depth);
    loop(number(0), columnsInside ? depth : count, 1, {}, [&](llvm::Value *outer, const Values &) {
      loop(number(0), columnsInside ? count : depth, 1, {}, [&](llvm::Value *inner, const Values &) {
        columnsInside ? copy(inner, outer) : copy(outer, inner);
        return Values();
      });
      return Values();
    });
  }

  // micro(bindings, scratch, rhs, row, panel): rows x panels of the result; rhs is where the first panel begins.
  llvm::Function *writeMicroKernel(int64_t rows, int64_t panels) {
    llvm::Function *function =
        begin(".micro_" + std::to_string(rows) + "x" + std::to_string(panels * kLanes),
              llvm::GlobalValue::InternalLinkage, b.getVoidTy(), {pointer, pointer, pointer, i64, i64});
    function->addFnAttr(llvm::Attribute::NoInline); // its registers are all taken
    llvm::Value *bindings = function->getArg(0), *scratch = function->getArg(1);
    llvm::Value *rhs = function->getArg(2), *row = function->getArg(3), *panel = function->getArg(4);
    llvm::Value *lhs = binding(bindings, c.lhs);
    Values starts;
    for (int64_t i = 0; i < rows; ++i)
      starts.push_back(at(lhs, rowOffset(b.CreateAdd(row, number(i)), c.rows)));

    auto step = [&](llvm::Value *lhsOffset, llvm::Value *rhsOffset, Values sums) {
      Values right;
      for (int64_t j = 0; j < panels; ++j)
        right.push_back(
            b.CreateAlignedLoad(vector, at(rhs, b.CreateAdd(rhsOffset, number(j * c.depth * kLanes))), llvm::Align(4)));
      for (int64_t i = 0; i < rows; ++i) {
        llvm::Value *element = b.CreateAlignedLoad(f32, at(starts[i], lhsOffset), llvm::Align(4));
        llvm::Value *left = b.CreateVectorSplat(kLanes, element);
        for (int64_t j = 0; j < panels; ++j) {
          llvm::Value *&sum = sums[i * panels + j];
          sum = b.CreateIntrinsic(llvm::Intrinsic::fma, {vector}, {left, right[j], sum});
        }
      }
      return sums;
    };
    // The reduction's loops; only the innermost is unrolled.
    constexpr int64_t unroll = 4;
    std::function<Values(size_t, int64_t, llvm::Value *, llvm::Value *, Values)> reduce =
        [&](size_t level, int64_t inside, llvm::Value *lhsOffset, llvm::Value *rhsOffset, Values sums) {
          auto [size, stride] = c.reductions[level];
          inside /= size;
          auto offsets = [&](llvm::Value *k) {
            return std::pair(multiplyAdd(k, stride, lhsOffset), multiplyAdd(k, inside * kLanes, rhsOffset));
          };
          if (level + 1 < c.reductions.size())
            return loop(number(0), number(size), 1, sums, [&](llvm::Value *k, const Values &carried) {
              auto [left, right] = offsets(k);
              return reduce(level + 1, inside, left, right, carried);
            });
          int64_t whole = size / unroll * unroll;
          auto one = [&](llvm::Value *k) {
            auto [left, right] = offsets(k);
            sums = step(left, right, sums);
          };
          if (whole)
            sums = loop(number(0), number(whole), unroll, sums, [&](llvm::Value *k, const Values &carried) {
              sums = carried;
              for (int64_t u = 0; u < unroll; ++u)
                one(b.CreateAdd(k, number(u)));
              return sums;
            });
          for (int64_t k = whole; k < size; ++k)
            one(number(k));
          return sums;
        };
    Values zeros(rows * panels, llvm::ConstantAggregateZero::get(vector));
    Values sums = reduce(0, c.depth, number(0), number(0), zeros);

    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < panels; ++j)
        b.CreateAlignedStore(sums[i * panels + j], at(scratch, number((i * blocking.panels + j) * kLanes)),
                             llvm::Align(64));
    for (int64_t j = 0; j < panels; ++j) {
      llvm::Value *which = b.CreateAdd(panel, number(j));
      choose(finish[1] && j + 1 == panels, b.CreateICmpEQ(which, number(c.panels - 1)), [&](int tail) {
        b.CreateCall(finish[tail], {bindings, at(scratch, number(j * kLanes)), row, number(rows), which});
      });
    }
    b.CreateRetVoid();
    return function;
  }

  // finish(bindings, sums, row, rows, panel): the epilogue and the store of one panel's columns.
  llvm::Function *writeFinish(bool tail) {
    llvm::Function *function = begin(tail ? ".finish_tail" : ".finish", llvm::GlobalValue::InternalLinkage,
                                     b.getVoidTy(), {pointer, pointer, i64, i64, i64});
    llvm::Value *bindings = function->getArg(0), *sums = function->getArg(1), *first = function->getArg(2);
    llvm::Value *column = b.CreateMul(function->getArg(4), number(kLanes));
    llvm::Constant *mask = nullptr;
    if (tail) {
      llvm::SmallVector<llvm::Constant *> bits;
      for (int64_t lane = 0; lane < kLanes; ++lane)
        bits.push_back(b.getInt1(lane < c.columns % kLanes));
      mask = llvm::ConstantVector::get(bits);
    }
    llvm::Value *out = binding(bindings, kernel.getNumArguments());
    loop(number(0), function->getArg(3), 1, {}, [&](llvm::Value *i, const Values &) {
      llvm::Value *row = b.CreateAdd(first, i);
      llvm::DenseMap<Value, llvm::Value *> known;
      known[c.product] =
          b.CreateAlignedLoad(vector, at(sums, b.CreateMul(i, number(blocking.panels * kLanes))), llvm::Align(64));
      llvm::Value *result = evaluate(stripReshapes(c.result), bindings, row, column, mask, known);
      llvm::Value *to = at(out, b.CreateAdd(b.CreateMul(row, number(c.columns)), column));
      if (mask)
        b.CreateMaskedStore(result, to, llvm::Align(4), mask);
      else
        b.CreateAlignedStore(result, to, llvm::Align(4));
      return Values();
    });
    b.CreateRetVoid();
    return function;
  }

  llvm::Value *evaluate(Value value, llvm::Value *bindings, llvm::Value *row, llvm::Value *column, llvm::Constant *mask,
                        llvm::DenseMap<Value, llvm::Value *> &known) {
    if (auto found = known.find(value); found != known.end())
      return found->second;
    auto op = value.getDefiningOp<linalg::GenericOp>();
    auto shape = cast<RankedTensorType>(value.getType()).getShape();
    Values arguments;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      Value source = stripReshapes(operand->get());
      auto argument = dyn_cast<BlockArgument>(source);
      arguments.push_back(argument ? read(binding(bindings, argument.getArgNumber()),
                                          *accessOf(op.getMatchingIndexingMap(operand),
                                                    cast<RankedTensorType>(operand->get().getType()), shape),
                                          row, column, mask)
                                   : evaluate(source, bindings, row, column, mask, known));
    }
    return known[value] = emitVectorBody(b, op.getRegion().front(), arguments, kLanes);
  }

  llvm::Value *read(llvm::Value *base, const OperandAccess &access, llvm::Value *row, llvm::Value *column,
                    llvm::Constant *mask) {
    llvm::Value *start = at(base, rowOffset(row, access.rows));
    if (!access.varies)
      return b.CreateVectorSplat(kLanes, b.CreateAlignedLoad(f32, start, llvm::Align(4)));
    llvm::Value *from = at(start, column);
    if (mask)
      return b.CreateMaskedLoad(vector, from, llvm::Align(4), mask, llvm::ConstantAggregateZero::get(vector));
    return b.CreateAlignedLoad(vector, from, llvm::Align(4));
  }
};

class VectorEmitter : public Emitter {
public:
  llvm::StringRef name() const override { return "vector"; }

  bool accepts(func::FuncOp kernel, const TargetDesc &) const override {
    return matchPackedContraction(kernel).has_value();
  }

  FailureOr<EmittedKernel> emit(func::FuncOp kernel, const TargetDesc &target,
                                llvm::LLVMContext &context) const override {
    auto contraction = matchPackedContraction(kernel);
    if (!contraction)
      return kernel.emitOpError("is not a contraction over panels of ")
             << kLanes << " columns with an elementwise epilogue";
    Blocking blocking = chooseBlocking(*contraction, target);
    EmittedKernel result;
    result.name = kernel.getSymName().str();
    result.emitter = "vector";
    result.schedule = llvm::formatv("{0}x{1}, {2}x{3} tiles", blocking.rows, blocking.panels * kLanes,
                                    blocking.rowTiles, blocking.panelTiles)
                          .str();
    result.tiles = blocking.rowTiles * blocking.panelTiles;
    result.module = std::make_unique<llvm::Module>(result.name, context);
    KernelWriter writer(kernel, *contraction, blocking, *result.module);
    writer.run();
    result.scratch_bytes = writer.scratchBytes();
    return result;
  }
};

} // namespace

std::unique_ptr<Emitter> createVectorEmitter() { return std::make_unique<VectorEmitter>(); }

} // namespace mlc::codegen
