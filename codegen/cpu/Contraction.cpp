#include "codegen/cpu/Contraction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace mlc::codegen::cpu {
namespace {

class TileWriter {
public:
  TileWriter(BodyEvaluator &evaluator, const Contraction &c, const ContractionTile &t, func::FuncOp kernel,
             Value output, Value scratch)
      : e(evaluator), b(evaluator.b), loc(evaluator.loc), c(c), t(t), kernel(kernel), output(output), panel(scratch),
        k(c.k), element(cast<RankedTensorType>(c.op->getResult(0).getType()).getElementType()) {
    this->scratch = e.element(scratch, b.getI8Type(), e.constant(t.panelBytes));
    int64_t stride = t.nv * t.lanes;
    if (c.copyRhs)
      for (Loop &loop : llvm::reverse(k)) {
        loop.rhs = stride;
        stride *= loop.extent;
      }
  }

  bool emit(Value index) {
    mBlock = e.rem(index, t.mBlocks);
    Value rest = e.div(index, t.mBlocks);
    Value nBlock = e.rem(rest, t.nBlocks), outer = e.div(rest, t.nBlocks);
    n0 = e.mul(nBlock, t.nv * t.lanes);
    SmallVector<int64_t> sizes;
    for (const Loop &loop : c.outer)
      sizes.push_back(loop.extent);
    outerLhs = outerRhs = outerRow = e.constant(0);
    for (auto [loop, at] : llvm::zip(c.outer, e.delinearize(outer, sizes))) {
      outerLhs = e.add(outerLhs, e.mul(at, loop.lhs));
      outerRhs = e.add(outerRhs, e.mul(at, loop.rhs));
      outerRow = e.add(outerRow, e.mul(at, loop.row));
    }
    int64_t rest_n = c.n % (t.nv * t.lanes);
    if (rest_n == 0) {
      block(t.nv, 0);
    } else if (t.nBlocks == 1) {
      block((rest_n + t.lanes - 1) / t.lanes, rest_n % t.lanes);
    } else {
      Value last = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, nBlock, e.constant(t.nBlocks - 1));
      auto branch = scf::IfOp::create(b, loc, last, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      block((rest_n + t.lanes - 1) / t.lanes, rest_n % t.lanes);
      b.setInsertionPointToStart(branch.elseBlock());
      block(t.nv, 0);
    }
    return ok;
  }

private:
  template <typename Body> scf::ForOp loop(Value begin, Value end, int64_t step, ValueRange carried, Body body) {
    return scf::ForOp::create(b, loc, begin, end, e.constant(step), carried,
                              [&](OpBuilder &, Location, Value i, ValueRange values) {
                                SmallVector<Value> next = body(i, values);
                                scf::YieldOp::create(b, loc, next);
                              });
  }

  static SmallVector<Value> results(scf::ForOp op) { return {op.getResults().begin(), op.getResults().end()}; }

  // All rows of the tile with `vectors` vectors, the last of which has `tail` lanes (0: all).
  void block(int64_t vectors, int64_t tail) {
    nv = vectors;
    this->tail = tail;
    e.width = t.lanes;
    tailMask = tail ? e.maskOfFirst(e.constant(tail)) : Value();
    if (c.copyRhs)
      copyRhs(0, e.add(outerRhs, c.rhs.offset), e.constant(0));
    int64_t m = 1;
    for (const Loop &loop : c.m)
      m *= loop.extent;
    m0 = e.mul(mBlock, t.mc);
    Value end = e.add(m0, t.mc);
    if (m % t.mc)
      end = arith::MinSIOp::create(b, loc, end, e.constant(m));
    auto rowsOf = [&](Value kBlock) {
      kb = kBlock;
      int64_t rest = m % t.mr;
      Value mainEnd = end;
      if (rest) // only the last block ends off a multiple of MR
        mainEnd = e.add(m0, e.mul(e.div(arith::SubIOp::create(b, loc, end, m0), t.mr), t.mr));
      loop(m0, mainEnd, t.mr, {}, [&](Value row, ValueRange) {
        micro(row, t.mr);
        return SmallVector<Value>();
      });
      if (rest)
        loop(mainEnd, end, rest, {}, [&](Value row, ValueRange) {
          micro(row, rest);
          return SmallVector<Value>();
        });
    };
    if (t.kBlocks == 1)
      return rowsOf(e.constant(0));
    loop(e.constant(0), e.constant(t.kBlocks), 1, {}, [&](Value kBlock, ValueRange) {
      rowsOf(kBlock);
      return SmallVector<Value>();
    });
  }

  // The tile's columns of rhs, for all of k, as [k][NV * lanes] in scratch.
  void copyRhs(size_t depth, Value from, Value to) {
    Type type = c.rhs.type.getElementType();
    loop(e.constant(0), e.constant(k[depth].extent), 1, {}, [&](Value at, ValueRange) {
      Value source = e.add(from, e.mul(at, c.k[depth].rhs)), target = e.add(to, e.mul(at, k[depth].rhs));
      if (depth + 1 < k.size()) {
        copyRhs(depth + 1, source, target);
        return SmallVector<Value>();
      }
      for (int64_t j = 0; j < nv; ++j) {
        Value first = e.add(source, e.mul(e.add(n0, j * t.lanes), c.rhsLane));
        Value column = e.loadStrided(e.buffers.lookup(c.rhs.tensor), type, first, c.rhsLane, maskFor(j));
        LLVM::StoreOp::create(b, loc, column, e.element(panel, type, e.add(target, j * t.lanes)),
                              BodyEvaluator::elementBytes(type));
      }
      return SmallVector<Value>();
    });
  }

  struct Row {
    Value lhs;    // pointer to the row's first element
    Value linear; // row of the result
  };

  Row rowAt(Value m) {
    SmallVector<int64_t> sizes;
    for (const Loop &loop : c.m)
      sizes.push_back(loop.extent);
    Value lhs = e.add(outerLhs, c.lhs.offset), linear = outerRow;
    for (auto [loop, at] : llvm::zip(c.m, e.delinearize(m, sizes))) {
      lhs = e.add(lhs, e.mul(at, loop.lhs));
      linear = e.add(linear, e.mul(at, loop.row));
    }
    return {lhs, linear};
  }

  Value accumulatorAddress(Value localRow, int64_t i, const Row &row, Value lane) {
    if (c.bare)
      return e.element(output, element, e.add(e.mul(row.linear, c.n), e.add(n0, lane)));
    Value at = t.kBlocks > 1 ? e.add(localRow, i) : e.constant(i);
    return e.element(scratch, element, e.add(e.mul(at, t.nv * t.lanes), lane));
  }

  Value maskFor(int64_t j) const { return j == nv - 1 ? tailMask : Value(); }

  void micro(Value m, int64_t mr) {
    Type lhsType = c.lhs.type.getElementType(), rhsType = c.rhs.type.getElementType();
    Value lhsBase = e.buffers.lookup(c.lhs.tensor), rhsBase = e.buffers.lookup(c.rhs.tensor);
    Value localRow = arith::SubIOp::create(b, loc, m, m0);
    SmallVector<Row> rows;
    for (int64_t i = 0; i < mr; ++i)
      rows.push_back(rowAt(e.add(m, i)));
    SmallVector<Value> lhsPointers, rhsPointers;
    for (int64_t i = 0; i < mr; ++i) {
      if (c.m.size() == 1 && i > 0) // constant distances become displacements
        lhsPointers.push_back(e.element(lhsPointers[0], lhsType, e.constant(i * c.m[0].lhs)));
      else
        lhsPointers.push_back(e.element(lhsBase, lhsType, e.add(rows[i].lhs, e.mul(n0, c.lhsLane))));
    }
    for (int64_t j = 0; j < nv; ++j) {
      if (c.copyRhs) {
        rhsPointers.push_back(e.element(panel, rhsType, e.constant(j * t.lanes)));
        continue;
      }
      Value n = e.add(n0, j * t.lanes), offset = e.add(outerRhs, c.rhs.offset);
      if (c.panelWidth)
        offset = e.add(offset, e.add(e.mul(e.div(n, c.panelWidth), c.panelStride), e.rem(n, c.panelWidth)));
      else
        offset = e.add(offset, e.mul(n, c.rhsLane));
      rhsPointers.push_back(e.element(rhsBase, rhsType, offset));
    }
    SmallVector<Value> accumulators;
    llvm::DenseMap<Value, Value> none;
    Value init = e.cloneVectorized(c.init.getDefiningOp(), 0, none);
    for (int64_t i = 0; i < mr; ++i)
      for (int64_t j = 0; j < nv; ++j) {
        Value start = init;
        if (t.kBlocks > 1) {
          Value first = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, kb, e.constant(0));
          Value address = accumulatorAddress(localRow, i, rows[i], e.constant(j * t.lanes));
          Value partial = e.loadVector(address, element, c.bare ? maskFor(j) : Value());
          start = arith::SelectOp::create(b, loc, first, init, partial);
        }
        accumulators.push_back(start);
      }
    accumulators = reduce(0, e.constant(0), e.constant(0), accumulators, lhsPointers, rhsPointers, mr);
    for (int64_t i = 0; i < mr; ++i)
      for (int64_t j = 0; j < nv; ++j) {
        Value address = accumulatorAddress(localRow, i, rows[i], e.constant(j * t.lanes));
        unsigned alignment = BodyEvaluator::elementBytes(element);
        if (c.bare && maskFor(j))
          LLVM::MaskedStoreOp::create(b, loc, accumulators[i * nv + j], address, maskFor(j), alignment);
        else
          LLVM::StoreOp::create(b, loc, accumulators[i * nv + j], address, alignment);
      }
    if (c.bare)
      return;
    if (t.kBlocks == 1)
      return epilogue(m, localRow, mr);
    Value last = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, kb, e.constant(t.kBlocks - 1));
    auto branch = scf::IfOp::create(b, loc, last, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    epilogue(m, localRow, mr);
  }

  // One step of the innermost k, `unrolled` elements.
  SmallVector<Value> step(Value lhsOffset, Value rhsOffset, ValueRange carried, ArrayRef<Value> lhsPointers,
                          ArrayRef<Value> rhsPointers, int64_t mr, int64_t unroll) {
    Type lhsType = c.lhs.type.getElementType(), rhsType = c.rhs.type.getElementType();
    SmallVector<Value> acc(carried.begin(), carried.end());
    const Loop &k = this->k.back();
    auto at = [&](Value pointer, Type type, Value offset, int64_t constant) {
      Value moved = e.element(pointer, type, offset);
      return constant ? e.element(moved, type, e.constant(constant)) : moved;
    };
    auto scalar = [&](Value address, Type type) {
      return e.splat(LLVM::LoadOp::create(b, loc, type, address, BodyEvaluator::elementBytes(type)));
    };
    for (int64_t u = 0; u < unroll; ++u) {
      SmallVector<Value> rhs;
      for (int64_t j = 0; j < nv; ++j) {
        Value address = at(rhsPointers[j], rhsType, rhsOffset, u * k.rhs);
        rhs.push_back(c.rhsLane ? e.loadVector(address, rhsType, c.panelWidth || c.copyRhs ? Value() : maskFor(j))
                                : scalar(address, rhsType));
      }
      for (int64_t i = 0; i < mr; ++i) {
        Value lhs;
        for (int64_t j = 0; j < nv; ++j) {
          if (c.lhsLane)
            lhs = e.loadVector(at(lhsPointers[i], lhsType, lhsOffset, u * k.lhs + j * t.lanes), lhsType, maskFor(j));
          else if (j == 0)
            lhs = scalar(at(lhsPointers[i], lhsType, lhsOffset, u * k.lhs), lhsType);
          acc[i * nv + j] = multiplyAdd(lhs, rhs[j], acc[i * nv + j]);
        }
      }
    }
    return acc;
  }

  Value multiplyAdd(Value lhs, Value rhs, Value acc) {
    linalg::GenericOp op = c.op;
    llvm::DenseMap<Value, Value> map;
    map[op.getRegionInputArgs()[c.swapped ? 1 : 0]] = lhs;
    map[op.getRegionInputArgs()[c.swapped ? 0 : 1]] = rhs;
    Value accArgument = op.getRegionOutputArgs()[0];
    Operation *sum = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
    Operation *product = sum->getOperand(sum->getOperand(0) == accArgument ? 1 : 0).getDefiningOp();
    auto operand = [&](unsigned i) {
      Value value = product->getOperand(i);
      Value known = map.lookup(value);
      return known ? known : e.cloneVectorized(value.getDefiningOp(), 0, map);
    };
    Value x = operand(0), y = operand(1);
    if (isa<FloatType>(element))
      return math::FmaOp::create(b, loc, x, y, acc);
    return arith::AddIOp::create(b, loc, acc, arith::MulIOp::create(b, loc, x, y));
  }

  SmallVector<Value> reduce(size_t depth, Value lhsOffset, Value rhsOffset, ValueRange carried,
                            ArrayRef<Value> lhsPointers, ArrayRef<Value> rhsPointers, int64_t mr) {
    const Loop &k = this->k[depth];
    auto offsets = [&](Value at) {
      return std::pair(e.add(lhsOffset, e.mul(at, k.lhs)), e.add(rhsOffset, e.mul(at, k.rhs)));
    };
    if (depth + 1 < c.k.size())
      return results(loop(e.constant(0), e.constant(k.extent), 1, carried, [&](Value at, ValueRange acc) {
        auto [l, r] = offsets(at);
        return reduce(depth + 1, l, r, acc, lhsPointers, rhsPointers, mr);
      }));
    constexpr int64_t unroll = 4;
    Value begin = e.mul(kb, t.kc), end = e.constant(k.extent), mainEnd = e.constant(k.extent / unroll * unroll);
    if (t.kBlocks > 1) {
      Value blockEnd = e.add(begin, t.kc);
      end = arith::MinSIOp::create(b, loc, blockEnd, end);
      mainEnd = arith::MinSIOp::create(b, loc, blockEnd, mainEnd);
    }
    SmallVector<Value> acc(carried.begin(), carried.end());
    if (k.extent >= unroll)
      acc = results(loop(begin, mainEnd, unroll, acc, [&](Value at, ValueRange values) {
        auto [l, r] = offsets(at);
        return step(l, r, values, lhsPointers, rhsPointers, mr, unroll);
      }));
    if (k.extent % unroll) {
      Value from = t.kBlocks > 1 ? arith::MaxSIOp::create(b, loc, begin, mainEnd).getResult() : mainEnd;
      acc = results(loop(from, end, 1, acc, [&](Value at, ValueRange values) {
        auto [l, r] = offsets(at);
        return step(l, r, values, lhsPointers, rhsPointers, mr, 1);
      }));
    }
    return acc;
  }

  // Evaluates the kernel's result over the tile in scratch, and stores it.
  void epilogue(Value m, Value localRow, int64_t mr) {
    Value result = kernel.getBody().front().getTerminator()->getOperand(0);
    auto type = cast<RankedTensorType>(result.getType());
    loop(e.constant(0), e.constant(mr), 1, {}, [&](Value i, ValueRange) {
      Row row = rowAt(e.add(m, i));
      Value at = t.kBlocks > 1 ? e.add(localRow, i) : i;
      Value line = e.element(scratch, element, e.mul(at, t.nv * t.lanes));
      int64_t full = tail ? nv - 1 : nv;
      auto vectorAt = [&](Value lane, Value mask) {
        Value n = e.add(n0, lane);
        std::map<std::vector<int64_t>, SmallVector<Coord>> forms;
        auto coordsFor = [&](RankedTensorType t) -> SmallVector<Coord> & {
          auto rows = t.getShape().drop_back();
          auto [known, isNew] = forms.try_emplace({rows.begin(), rows.end()});
          if (isNew) {
            for (Value at : e.delinearize(row.linear, rows))
              known->second.push_back({at, 0, {}});
            known->second.push_back({n, 1, {}});
          }
          return known->second;
        };
        coordsFor(type);
        e.providers.clear();
        Value accumulated = e.loadVector(e.element(line, element, lane), element, {});
        // The accumulators stand for every reshape of the contraction that keeps n.
        SmallVector<Value> names{c.result};
        for (size_t next = 0; next < names.size(); ++next) {
          auto nameType = cast<RankedTensorType>(names[next].getType());
          for (Operation *user : names[next].getUsers())
            if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user))
              names.push_back(user->getResult(0));
          if (nameType.getRank() == 0 || nameType.getShape().back() != c.n)
            continue;
          SmallVector<Coord> here = coordsFor(nameType);
          e.providers[names[next]] = [here, accumulated](ArrayRef<Coord> asked) -> Value {
            for (auto [x, y] : llvm::zip(here, asked))
              if (x.base != y.base || x.step != y.step || y.lanes)
                return {};
            return accumulated;
          };
        }
        SmallVector<Coord> coords = coordsFor(type);
        ok &= e.store(e.evaluate(result, coords, mask), output, type, coords, mask);
      };
      if (full)
        loop(e.constant(0), e.constant(full * t.lanes), t.lanes, {}, [&](Value lane, ValueRange) {
          vectorAt(lane, {});
          return SmallVector<Value>();
        });
      if (tail)
        vectorAt(e.constant(full * t.lanes), tailMask);
      return SmallVector<Value>();
    });
  }

  BodyEvaluator &e;
  OpBuilder &b;
  Location loc;
  const Contraction &c;
  const ContractionTile &t;
  func::FuncOp kernel;
  Value output, scratch, panel;
  SmallVector<Loop> k; // with the strides of the copied rhs
  Type element;
  Value mBlock, m0, n0, kb, outerLhs, outerRhs, outerRow, tailMask;
  int64_t nv = 0, tail = 0;
  bool ok = true;
};

} // namespace

bool emitContractionTile(BodyEvaluator &evaluator, const Contraction &contraction, const ContractionTile &tile,
                         func::FuncOp kernel, Value output, Value scratch, Value index) {
  return TileWriter(evaluator, contraction, tile, kernel, output, scratch).emit(index);
}

} // namespace mlc::codegen::cpu
