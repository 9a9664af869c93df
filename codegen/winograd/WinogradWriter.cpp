// The tiles of a Winograd kernel, as vector code. See Kernel.h for its structure. Each step is a function of its own,
// so that its loop has all registers.
#include "codegen/cpu/DotProduct.h"
#include "codegen/cpu/Epilogue.h"
#include "codegen/math/Math.h"
#include "codegen/winograd/Kernel.h"
#include "codegen/winograd/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

using cpu::BodyEvaluator;
using Values = SmallVector<Value>;

class WinogradWriter {
public:
  WinogradWriter(OpBuilder &builder, func::FuncOp function, const WinogradKernel &kernel, const WinogradBlocking &t,
                 const cpu::KernelFrame &frame)
      : b(builder), loc(function.getLoc()), e(builder, loc), kernel(function), k(kernel), t(t), frame(frame),
        epilogue(function, kernel.sums), pointer(LLVM::LLVMPointerType::get(b.getContext())), f32(b.getF32Type()),
        imageType(kernel.sums.lhs.type.getElementType()), wordType(kernel.interleave == 1 ? f32 : Type(b.getI32Type())),
        m(k.winograd.tile), groupWidth(t.groupPanels * k.panelWidth) {}

  bool emit() {
    module = b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
    input = binding(k.input);
    filter = binding(k.filter);
    scf::ForOp::create(b, loc, frame.begin, frame.end, e.constant(1), ValueRange{e.constant(-1)},
                       [&](OpBuilder &, Location, Value tile, ValueRange last) {
                         Value block = e.div(tile, t.groups);
                         emitTile(block, e.rem(tile, t.groups), last.front());
                         scf::YieldOp::create(b, loc, block);
                       });
    return ok;
  }

private:
  // Control flow and addresses.
  template <typename Body> void loop(int64_t begin, int64_t end, Body body) {
    if (begin < end)
      e.loop(e.constant(begin), e.constant(end), 1, body);
  }
  template <typename Then> void onlyIf(Value condition, Then then) {
    scf::IfOp::create(b, loc, condition, [&](OpBuilder &, Location) {
      then();
      scf::YieldOp::create(b, loc);
    });
  }
  template <typename Then, typename Else> void either(Value condition, Then then, Else otherwise) {
    auto branch = [&](auto &body) {
      return [&](OpBuilder &, Location) {
        body();
        scf::YieldOp::create(b, loc);
      };
    };
    scf::IfOp::create(b, loc, condition, branch(then), branch(otherwise));
  }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  }
  Value less(Value x, int64_t y) { return compare(arith::CmpIPredicate::slt, x, e.constant(y)); }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  // Offsets are of words, as wide as f32.
  Value at(Value base, Value offset) { return e.element(base, f32, offset); }
  Value at(Value base, int64_t offset) { return offset ? at(base, e.constant(offset)) : base; }
  Value binding(int64_t index) {
    return LLVM::LoadOp::create(b, loc, pointer, e.element(frame.bindings, pointer, e.constant(index)));
  }
  // To read, into L2, data. Never faults.
  void prefetch(Value address) { LLVM::Prefetch::create(b, loc, address, 0, 2, 1); }
  void store(Value vector, Value to) { LLVM::StoreOp::create(b, loc, vector, to, 4); }

  // A private function of the module, made where it is first asked for.
  template <typename Body> func::FuncOp function(const std::string &name, ArrayRef<Type> types, Body body) {
    func::FuncOp &known = functions[name];
    if (known)
      return known;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto made = func::FuncOp::create(b, loc, (kernel.getName() + "." + name).str(), b.getFunctionType(types, {}));
    made.setPrivate();
    made->setAttr("llvm.linkage", LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
    // Vectors that find no register lie within cache lines.
    made->setAttr("passthrough",
                  b.getArrayAttr({b.getStringAttr("noinline"), b.getStrArrayAttr({"alignstack", "64"})}));
    b.setInsertionPointToStart(made.addEntryBlock());
    BodyEvaluator inside(b, loc);
    inside.width = t.lanes;
    body(inside, made.getArguments());
    func::ReturnOp::create(b, loc);
    return known = made;
  }

  // A tile of the launch: a block, whose size is one of two, and a group, of which the last may be narrower.
  void emitTile(Value block, Value group, Value lastBlock) {
    auto whole = [&](int64_t count, Value first) {
      if (t.groups == 1)
        transformInputs(first, count);
      else
        onlyIf(compare(arith::CmpIPredicate::ne, block, lastBlock), [&] { transformInputs(first, count); });
      auto rest = [&](bool isLast) {
        multiply(group, count, panelsOf(isLast));
        transformOutputs(first, count, group, isLast);
      };
      bool lastDiffers = k.outputs % groupWidth != 0;
      if (lastDiffers && t.groups > 1)
        either(less(group, t.groups - 1), [&] { rest(false); }, [&] { rest(true); });
      else
        rest(lastDiffers);
    };
    Value larger = arith::MinSIOp::create(b, loc, block, e.constant(t.blocks.larger));
    Value first = e.add(e.mul(block, t.blocks.each), larger);
    if (t.blocks.larger)
      either(
          less(block, t.blocks.larger), [&] { whole(t.blocks.each + 1, first); }, [&] { whole(t.blocks.each, first); });
    else
      whole(t.blocks.each, first);
  }

  int64_t panelsOf(bool isLast) const { return isLast ? k.panels - (t.groups - 1) * t.groupPanels : t.groupPanels; }

  // The first pixel of a tile of the result, and its image.
  struct Place {
    Value image, row, column;
  };
  Place placeOf(Value tile) {
    Value image = e.div(tile, k.tilesDown() * k.tilesAcross()), rest = e.rem(tile, k.tilesDown() * k.tilesAcross());
    return {image, e.mul(e.div(rest, k.tilesAcross()), m), e.mul(e.rem(rest, k.tilesAcross()), m)};
  }

  // Step 1.
  void transformInputs(Value first, int64_t count) {
    bool hasBorder = k.top || k.left || k.tilesDown() * m + Winograd::window - 1 - k.top > k.height ||
                     k.tilesAcross() * m + Winograd::window - 1 - k.left > k.width;
    loop(0, count, [&](Value i) {
      Place place = placeOf(e.add(first, i));
      Value row = e.add(place.row, -k.top), column = e.add(place.column, -k.left);
      Value line = e.add(e.mul(place.image, k.height), row);
      Value pixel = e.element(input, imageType, e.mul(e.add(e.mul(line, k.width), column), k.channels));
      Value to = at(frame.scratch, e.mul(i, t.wordStride));
      auto call = [&](bool border) {
        func::CallOp::create(b, loc, inputTransform(border), ValueRange{pixel, to, row, column});
      };
      if (!hasBorder)
        return call(false);
      Value inside = both(isWithin(row, k.height - k.taps()), isWithin(column, k.width - k.taps()));
      either(inside, [&] { call(false); }, [&] { call(true); });
    });
  }

  // Is x in [0, last]?
  Value isWithin(Value x, int64_t last) {
    if (last < 0)
      return arith::ConstantOp::create(b, loc, b.getBoolAttr(false));
    return compare(arith::CmpIPredicate::ult, x, e.constant(last + 1));
  }

  // (first pixel, where to, its row and column): all channels of one tile. At the border what is outside is 0.
  func::FuncOp inputTransform(bool border) {
    Type i64 = b.getI64Type();
    std::string name = border ? "border" : "input";
    return function(name, {pointer, pointer, i64, i64}, [&](BodyEvaluator &inside, ValueRange arguments) {
      Values rows, columns; // which of them are in the image
      for (int64_t i = 0; border && i < k.taps(); ++i) {
        rows.push_back(isWithin(e.add(arguments[2], i), k.height - 1));
        columns.push_back(isWithin(e.add(arguments[3], i), k.width - 1));
      }
      auto vectorAt = [&](Value i, Value mask) {
        Value from = e.element(arguments[0], imageType, e.mul(i, t.lanes));
        Value to = at(arguments[1], e.mul(i, t.lanes / k.interleave));
        auto pixelAt = [&](int64_t i, int64_t j) {
          return e.element(from, imageType, e.constant((i * k.width + j) * k.channels));
        };
        auto load = [&](int64_t i, int64_t j) {
          Value loaded = mask;
          if (border) {
            loaded = inside.splat(both(rows[i], columns[j]));
            loaded = mask ? both(loaded, mask) : loaded;
          }
          return widened(inside.loadVector(pixelAt(i, j), imageType, loaded));
        };
        Values transformed = square(k.taps(), k.taps(), load,
                                    [&](ArrayRef<Value> line) { return transformInput(b, loc, k.winograd, line); });
        for (auto [position, vector] : llvm::enumerate(transformed))
          store(narrowed(vector), at(to, int64_t(position) * t.inputStride));
        // What the next tile of the row reads behind this one, into L2: short pieces, which no hardware foresees.
        for (int64_t i = 0; i < k.taps(); ++i)
          for (int64_t j = k.taps(); j < k.taps() + m; ++j)
            prefetch(pixelAt(i, j));
      };
      int64_t whole = k.channels / t.lanes, rest = k.channels % t.lanes;
      loop(0, whole, [&](Value i) { vectorAt(i, {}); });
      if (rest)
        vectorAt(e.constant(whole), inside.maskOfFirst(e.constant(rest)));
    });
  }

  // Transforms compute in f32.
  Value widened(Value vector) {
    return imageType == f32 ? vector : arith::ExtFOp::create(b, loc, VectorType::get({t.lanes}, f32), vector);
  }
  Value narrowed(Value vector) {
    if (imageType == f32)
      return vector;
    Type narrow = VectorType::get({t.lanes}, imageType);
    return k.sums.dot == cpu::Dot::BF16 ? arith::TruncFOp::create(b, loc, narrow, vector).getResult()
                                        : buildTrunc(b, loc, vector, narrow);
  }

  // transform x transform^T for a square of `from` vectors, to a square of `to`.
  template <typename Load, typename Transform> Values square(int64_t from, int64_t to, Load load, Transform transform) {
    SmallVector<Values> columns;
    for (int64_t j = 0; j < from; ++j) {
      Values column;
      for (int64_t i = 0; i < from; ++i)
        column.push_back(load(i, j));
      columns.push_back(transform(column));
    }
    Values result;
    for (int64_t i = 0; i < to; ++i) {
      Values row;
      for (int64_t j = 0; j < from; ++j)
        row.push_back(columns[j][i]);
      llvm::append_range(result, transform(row));
    }
    return result;
  }

  // Step 2. Panels of a group lie apart; the next position's follow in each of them.
  void multiply(Value group, int64_t count, int64_t panels) {
    int64_t panelRows = k.words() * k.panelWidth; // words of a position
    Value columns = at(filter, e.mul(group, t.groupPanels * k.panelStride()));
    Split rows(count, (count + t.mostRows - 1) / t.mostRows);
    // The panels of the next positions are asked for while these are used, two positions' worth; each micro-kernel asks
    // for its share.
    constexpr int64_t ahead = 2;
    int64_t lines = (ahead * unroll * k.panelWidth * 4 / lineBytes + rows.parts - 1) / rows.parts;
    int64_t share = k.words() / unroll * lines * (lineBytes / 4);
    loop(0, k.positions(), [&](Value position) {
      Value from = at(frame.scratch, e.mul(position, t.inputStride));
      Value to = at(frame.scratch, e.add(e.mul(position, t.sumStride), t.sumsAt / 4));
      Value here = at(columns, e.mul(position, panelRows)), next = at(here, panelRows);
      // Behind the last position comes the next group's first.
      next = arith::SelectOp::create(b, loc, less(position, k.positions() - 1), next,
                                     at(columns, t.groupPanels * k.panelStride()));
      auto call = [&](Value part, Value row, int64_t size) {
        func::CallOp::create(b, loc, micro(size, panels, lines),
                             ValueRange{at(from, e.mul(row, t.wordStride)), here, at(to, e.mul(row, groupWidth)),
                                        at(next, e.mul(part, share))});
      };
      loop(0, rows.larger, [&](Value part) { call(part, e.mul(part, rows.each + 1), rows.each + 1); });
      loop(rows.larger, rows.parts,
           [&](Value part) { call(part, e.add(e.mul(part, rows.each), rows.larger), rows.each); });
    });
  }

  // (rows of V, panels, rows of S, what to prefetch).
  func::FuncOp micro(int64_t rows, int64_t panels, int64_t lines) {
    std::string name = llvm::formatv("micro_{0}x{1}_{2}", rows, panels * k.panelWidth, lines);
    return function(name, {pointer, pointer, pointer, pointer}, [&](BodyEvaluator &inside, ValueRange arguments) {
      int64_t panelVectors = k.panelWidth / t.lanes, vectors = panels * panelVectors;
      Values left, right;
      for (int64_t i = 0; i < rows; ++i)
        left.push_back(at(arguments[0], i * t.wordStride));
      for (int64_t j = 0; j < vectors; ++j)
        right.push_back(at(arguments[1], j / panelVectors * k.panelStride() + j % panelVectors * t.lanes));
      auto partsOf = [&](const cpu::ContractionOperand &operand, Value words) {
        return k.interleave == 1 ? Values{words} : cpu::partsOfWords(inside, k.sums, operand, words);
      };
      auto step = [&](Value word, int64_t behind, Values &sums) {
        SmallVector<Values> row;
        for (Value first : right)
          row.push_back(
              partsOf(k.sums.rhs, inside.loadVector(at(at(first, e.mul(word, k.panelWidth)), behind * k.panelWidth),
                                                    wordType, {})));
        for (int64_t i = 0; i < rows; ++i) {
          Value element = LLVM::LoadOp::create(b, loc, wordType, at(at(left[i], word), behind), 4);
          Values factors = partsOf(k.sums.lhs, inside.splat(element));
          for (int64_t j = 0; j < vectors; ++j)
            for (auto [x, y] : llvm::zip(factors, row[j])) {
              Value &sum = sums[i * vectors + j];
              sum = k.sums.dot == cpu::Dot::None ? math::FmaOp::create(b, loc, x, y, sum).getResult()
                                                 : cpu::emitDot(inside, k.sums.dot, x, y, sum);
            }
        }
      };
      auto ask = [&](Value word) {
        Value done = e.mul(e.div(word, unroll), lines * (lineBytes / 4));
        for (int64_t panel = 0; panel < panels; ++panel)
          for (int64_t line = 0; line < lines; ++line)
            prefetch(at(at(arguments[3], panel * k.panelStride() + line * (lineBytes / 4)), done));
      };
      Values sums = sumOver(
          Values(rows * vectors, arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get({t.lanes}, f32)))),
          step, ask);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < vectors; ++j)
          store(sums[i * vectors + j], at(arguments[2], i * groupWidth + j * t.lanes));
    });
  }

  // Sums over all channels, in parts where there are many: the rounding errors of one running sum grow with its length.
  // Those of a sum in f32 are small beside the ones that its operands have in bf16.
  template <typename Step, typename Ask> Values sumOver(const Values &zeros, Step step, Ask ask) {
    constexpr int64_t longestSum = 512, part = 256;
    auto over = [&](int64_t begin, int64_t end, int64_t by, Values carried, auto body) {
      auto op = scf::ForOp::create(b, loc, e.constant(begin), e.constant(end), e.constant(by), carried,
                                   [&](OpBuilder &, Location, Value i, ValueRange values) {
                                     scf::YieldOp::create(b, loc, body(i, Values(values)));
                                   });
      return Values(op.getResults());
    };
    auto words = [&](Value first, int64_t count, Values sums) {
      int64_t whole = count / unroll * unroll;
      if (whole)
        sums = over(0, whole, unroll, sums, [&](Value i, Values carried) {
          Value word = e.add(first, i);
          ask(word);
          for (int64_t behind = 0; behind < unroll; ++behind)
            step(word, behind, carried);
          return carried;
        });
      for (int64_t behind = whole; behind < count; ++behind)
        step(first, behind, sums);
      return sums;
    };
    if (k.channels <= longestSum || k.interleave > 1)
      return words(e.constant(0), k.words(), zeros);
    auto added = [&](Value first, int64_t count, Values totals) {
      for (auto [total, sum] : llvm::zip(totals, words(first, count, zeros)))
        total = arith::AddFOp::create(b, loc, total, sum);
      return totals;
    };
    int64_t whole = k.channels / part * part;
    Values totals = over(0, whole, part, zeros, [&](Value i, Values carried) { return added(i, part, carried); });
    return whole == k.channels ? totals : added(e.constant(whole), k.channels - whole, totals);
  }

  // Step 3.
  void transformOutputs(Value first, int64_t count, Value group, bool isLast) {
    loop(0, count, [&](Value i) {
      Place place = placeOf(e.add(first, i));
      Value line = e.add(e.mul(place.image, k.rows), place.row);
      Value row = e.add(e.mul(line, k.columns), place.column);
      Value from = at(frame.scratch, e.add(e.mul(i, groupWidth), t.sumsAt / 4));
      auto left = [&](int64_t size, Value used) { return arith::SubIOp::create(b, loc, e.constant(size), used); };
      func::CallOp::create(b, loc, outputTransform(isLast),
                           ValueRange{from, row, left(k.rows, place.row), left(k.columns, place.column),
                                      e.mul(group, groupWidth), frame.bindings, frame.scratch});
    });
  }

  // (sums of a tile, its first row of the result as rows x outputs, rows and columns of the image that are left, first
  // output, bindings, scratch).
  func::FuncOp outputTransform(bool isLast) {
    Type i64 = b.getI64Type();
    return function(isLast ? "last_output" : "output", {pointer, i64, i64, i64, i64, pointer, pointer},
                    [&](BodyEvaluator &inside, ValueRange arguments) {
                      cpu::MicroArguments place;
                      place.row0 = arguments[1];
                      for (unsigned i = 0; i <= kernel.getNumArguments(); ++i)
                        place.bindings.push_back(LLVM::LoadOp::create(
                            b, loc, pointer, inside.element(arguments[5], pointer, inside.constant(i))));
                      for (auto [tensor, buffer] : llvm::zip(kernel.getArguments(), place.bindings))
                        inside.buffers[tensor] = buffer;
                      OutputTile tile{arguments[0], arguments[2], arguments[3], at(arguments[6], t.pixelsAt / 4)};
                      int64_t outputs = isLast ? k.outputs - (t.groups - 1) * groupWidth : groupWidth;
                      int64_t whole = outputs / t.lanes, rest = outputs % t.lanes;
                      auto vectorAt = [&](Value offset, Value mask) {
                        finishTile(inside, tile, place, offset, e.add(arguments[4], offset), mask);
                      };
                      loop(0, whole, [&](Value i) { vectorAt(e.mul(i, t.lanes), {}); });
                      if (rest)
                        vectorAt(e.constant(whole * t.lanes), inside.maskOfFirst(e.constant(rest)));
                    });
  }

  struct OutputTile {
    Value sums, rowsLeft, columnsLeft, pixels;
  };

  // One vector of outputs, `n` its first one, in all pixels of a tile.
  void finishTile(BodyEvaluator &inside, const OutputTile &tile, const cpu::MicroArguments &place, Value offset,
                  Value n, Value mask) {
    auto load = [&](int64_t i, int64_t j) {
      return inside.loadVector(at(at(tile.sums, (i * k.taps() + j) * t.sumStride), offset), f32, {});
    };
    Values pixels =
        square(k.taps(), m, load, [&](ArrayRef<Value> line) { return transformOutput(b, loc, k.winograd, line); });
    auto finish = [&](Value i, Value j, Value sum) {
      Value row = e.add(e.mul(i, k.columns), j);
      ok &= epilogue.finishVector(inside, place, {Value(), row}, n, sum, mask);
    };
    if (epilogue.isLong()) {
      for (auto [i, pixel] : llvm::enumerate(pixels))
        store(pixel, at(tile.pixels, int64_t(i) * t.lanes));
      auto upTo = [&](Value left, auto body) {
        Value end = arith::MinSIOp::create(b, loc, left, e.constant(m));
        e.loop(e.constant(0), end, 1, body);
      };
      return upTo(tile.rowsLeft, [&](Value i) {
        upTo(tile.columnsLeft, [&](Value j) {
          Value from = at(tile.pixels, e.mul(e.add(e.mul(i, m), j), t.lanes));
          finish(i, j, inside.loadVector(from, f32, {}));
        });
      });
    }
    // The first pixel of a tile is always in the image; where tiles fit evenly, all are.
    auto onlyWithin = [&](Value left, int64_t i, int64_t size, auto body) {
      if (i == 0 || size % m == 0)
        body();
      else
        onlyIf(compare(arith::CmpIPredicate::sgt, left, e.constant(i)), body);
    };
    for (int64_t i = 0; i < m; ++i)
      onlyWithin(tile.rowsLeft, i, k.rows, [&] {
        for (int64_t j = 0; j < m; ++j)
          onlyWithin(tile.columnsLeft, j, k.columns, [&] { finish(e.constant(i), e.constant(j), pixels[i * m + j]); });
      });
  }

  static constexpr int64_t unroll = 4, lineBytes = 64;
  OpBuilder &b;
  Location loc;
  BodyEvaluator e; // for addresses
  func::FuncOp kernel;
  const WinogradKernel &k;
  const WinogradBlocking &t;
  const cpu::KernelFrame &frame;
  cpu::Epilogue epilogue;
  Type pointer, f32, imageType, wordType;
  int64_t m, groupWidth; // groupWidth: outputs
  ModuleOp module;       // that takes the functions
  Value input, filter;
  std::map<std::string, func::FuncOp> functions;
  bool ok = true;
};

} // namespace

bool emitWinograd(OpBuilder &builder, func::FuncOp function, const WinogradKernel &kernel,
                  const WinogradBlocking &blocking, const cpu::KernelFrame &frame) {
  return WinogradWriter(builder, function, kernel, blocking, frame).emit();
}

} // namespace mlc::codegen
