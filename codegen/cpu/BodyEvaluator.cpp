#include "codegen/cpu/BodyEvaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include <utility>

using namespace mlir;

namespace mlc::codegen::cpu {

Value BodyEvaluator::constant(int64_t value) { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); }

static std::optional<int64_t> constantOf(Value x) {
  APInt value;
  if (matchPattern(x, m_ConstantInt(&value)))
    return value.getSExtValue();
  return std::nullopt;
}

Value BodyEvaluator::add(Value x, Value y) {
  auto cx = constantOf(x), cy = constantOf(y);
  if (cx && cy)
    return constant(*cx + *cy);
  if (cx && *cx == 0)
    return y;
  if (cy && *cy == 0)
    return x;
  return arith::AddIOp::create(b, loc, x, y, arith::IntegerOverflowFlags::nsw);
}

Value BodyEvaluator::mul(Value x, int64_t y) {
  if (auto cx = constantOf(x))
    return constant(*cx * y);
  if (y == 0)
    return constant(0);
  return y == 1 ? x : arith::MulIOp::create(b, loc, x, constant(y), arith::IntegerOverflowFlags::nsw).getResult();
}

// Unsigned: coordinates are never negative where they are divided, and division by a power of two is then a shift.
Value BodyEvaluator::div(Value x, int64_t y) {
  if (auto cx = constantOf(x))
    return constant(*cx / y);
  return y == 1 ? x : arith::DivUIOp::create(b, loc, x, constant(y)).getResult();
}

Value BodyEvaluator::rem(Value x, int64_t y) {
  if (auto cx = constantOf(x))
    return constant(*cx % y);
  return y == 1 ? constant(0) : arith::RemUIOp::create(b, loc, x, constant(y)).getResult();
}

void BodyEvaluator::loop(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body) {
  scf::ForOp::create(b, loc, begin, end, constant(step), ValueRange{}, [&](OpBuilder &, Location, Value i, ValueRange) {
    body(i);
    scf::YieldOp::create(b, loc);
  });
}

SmallVector<Value> BodyEvaluator::delinearize(Value x, ArrayRef<int64_t> sizes) {
  Value whole = x;
  SmallVector<Value> result(sizes.size());
  for (size_t i = sizes.size(); i-- > 0;) {
    result[i] = i == 0 ? x : rem(x, sizes[i]);
    if (i != 0)
      x = div(x, sizes[i]);
  }
  if (sizes.size() > 1)
    delinearized.push_back({result, SmallVector<int64_t>(sizes), whole});
  return result;
}

// What the first coordinates were taken from. Their outermost size does not matter.
const BodyEvaluator::Delinearized *BodyEvaluator::findDelinearized(ArrayRef<Coord> coords,
                                                                   ArrayRef<int64_t> shape) const {
  auto matches = [&](const Delinearized &from) {
    if (from.coords.size() > coords.size())
      return false;
    for (size_t i = 0; i < from.coords.size(); ++i)
      if (coords[i].base != from.coords[i] || coords[i].step || coords[i].lanes || (i && shape[i] != from.sizes[i]))
        return false;
    return true;
  };
  const auto *found = llvm::find_if(delinearized, matches);
  return found == delinearized.end() ? nullptr : found;
}

Value BodyEvaluator::element(Value base, Type type, Value offset) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext());
  return LLVM::GEPOp::create(b, loc, pointer, type, base, ValueRange{offset});
}

// vector.broadcast of a scalar of any element type.
Value BodyEvaluator::splat(Value scalar) {
  return vector::BroadcastOp::create(b, loc, VectorType::get({width}, scalar.getType()), scalar);
}

Type BodyEvaluator::storageType(Type element, OpBuilder &b) {
  if (element.isInteger(1))
    return b.getI8Type();
  return element.isIndex() ? b.getI64Type() : element;
}

int64_t BodyEvaluator::elementBytes(Type element) {
  return element.isIndex() ? 8 : (element.getIntOrFloatBitWidth() + 7) / 8;
}

Value BodyEvaluator::loadVector(Value pointer, Type element, Value mask) {
  auto type = VectorType::get({width}, element);
  unsigned alignment = elementBytes(element);
  if (!mask)
    return LLVM::LoadOp::create(b, loc, type, pointer, alignment);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return LLVM::MaskedLoadOp::create(b, loc, type, pointer, mask, zero, alignment);
}

Value BodyEvaluator::loadCopies(Value pointer, Type element, int64_t copies, Value mask) {
  SmallVector<int64_t> firsts, places;
  for (int64_t i = 0; i < width / copies; ++i)
    firsts.push_back(i * copies);
  for (int64_t i = 0; i < width; ++i)
    places.push_back(i / copies);
  if (mask)
    mask = vector::ShuffleOp::create(b, loc, mask, mask, firsts);
  int64_t whole = std::exchange(width, width / copies);
  Value few = loadVector(pointer, element, mask);
  width = whole;
  return vector::ShuffleOp::create(b, loc, few, few, places);
}

static Value iota(OpBuilder &b, Location loc, int64_t width) {
  SmallVector<int64_t> lanes(width);
  for (int64_t i = 0; i < width; ++i)
    lanes[i] = i;
  return arith::ConstantOp::create(b, loc, b.getI64VectorAttr(lanes));
}

Value BodyEvaluator::maskOfFirst(Value count) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, iota(b, loc, width), splat(count));
}

Value BodyEvaluator::lanesOf(const Coord &x) {
  if (x.lanes)
    return x.lanes;
  Value base = splat(x.base);
  if (x.step == 0)
    return base;
  Value steps = iota(b, loc, width);
  if (x.copies != 1)
    steps = arith::DivUIOp::create(b, loc, steps, splat(constant(x.copies)));
  if (x.step != 1)
    steps = arith::MulIOp::create(b, loc, steps, splat(constant(x.step)));
  return arith::AddIOp::create(b, loc, base, steps);
}

Coord BodyEvaluator::addCoords(const Coord &x, const Coord &y) {
  if (!x.lanes && !y.lanes && (x.copies == y.copies || x.step == 0 || y.step == 0))
    return {add(x.base, y.base), x.step + y.step, {}, x.step == 0 ? y.copies : x.copies};
  return {{}, 0, arith::AddIOp::create(b, loc, lanesOf(x), lanesOf(y))};
}

Coord BodyEvaluator::scaleCoord(const Coord &x, int64_t factor) {
  if (!x.lanes)
    return {mul(x.base, factor), x.step * factor, {}, x.copies};
  return {{}, 0, arith::MulIOp::create(b, loc, x.lanes, splat(constant(factor)))};
}

Coord BodyEvaluator::applyAffine(AffineExpr expr, ArrayRef<Coord> dims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return {constant(number.getValue()), 0, {}};
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Coord lhs = applyAffine(binary.getLHS(), dims);
  if (binary.getKind() == AffineExprKind::Add)
    return addCoords(lhs, applyAffine(binary.getRHS(), dims));
  int64_t rhs = cast<AffineConstantExpr>(binary.getRHS()).getValue();
  if (binary.getKind() == AffineExprKind::Mul)
    return scaleCoord(lhs, rhs);
  bool isMod = binary.getKind() == AffineExprKind::Mod;
  if (!lhs.lanes && lhs.step == 0)
    return {isMod ? rem(lhs.base, rhs) : div(lhs.base, rhs), 0, {}};
  Value lanes = lanesOf(lhs), divisor = splat(constant(rhs));
  if (isMod)
    return {{}, 0, arith::RemUIOp::create(b, loc, lanes, divisor)};
  return {{}, 0, arith::DivUIOp::create(b, loc, lanes, divisor)};
}

static SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Coord BodyEvaluator::linearize(ArrayRef<Coord> coords, ArrayRef<int64_t> shape) {
  Coord sum{constant(0), 0, {}};
  SmallVector<int64_t> strides = rowMajorStrides(shape);
  for (size_t i = 0; i < shape.size();) {
    const Delinearized *from = findDelinearized(coords.drop_front(i), shape.drop_front(i));
    Coord next = from ? Coord{from->x, 0, {}} : coords[i];
    i += from ? from->coords.size() : 1;
    sum = addCoords(sum, scaleCoord(next, strides[i - 1]));
  }
  return sum;
}

SmallVector<Coord> BodyEvaluator::delinearizeLanes(const Coord &x, ArrayRef<int64_t> shape) {
  SmallVector<Coord> result(shape.size());
  Coord rest = x;
  for (size_t i = shape.size(); i-- > 0;) {
    if (i == 0) {
      result[0] = rest;
      break;
    }
    if (!rest.lanes && rest.step == 0) {
      result[i] = {rem(rest.base, shape[i]), 0, {}};
      rest = {div(rest.base, shape[i]), 0, {}};
    } else {
      Value lanes = lanesOf(rest), size = splat(constant(shape[i]));
      result[i] = {{}, 0, arith::RemUIOp::create(b, loc, lanes, size)};
      rest = {{}, 0, arith::DivUIOp::create(b, loc, lanes, size)};
    }
  }
  return result;
}

Value BodyEvaluator::gather(Value buffer, Type storage, Value offsets, Value mask) {
  auto type = VectorType::get({width}, storage);
  auto pointers = VectorType::get({width}, LLVM::LLVMPointerType::get(b.getContext()));
  Value addresses = LLVM::GEPOp::create(b, loc, pointers, storage, buffer, ValueRange{offsets});
  if (!mask)
    mask = splat(arith::ConstantOp::create(b, loc, b.getBoolAttr(true)));
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return LLVM::masked_gather::create(b, loc, type, addresses, mask, ValueRange{zero}, uint32_t(elementBytes(storage)));
}

Value BodyEvaluator::load(Value buffer, RankedTensorType type, ArrayRef<Coord> coords, Value mask) {
  Coord offset = linearize(coords, type.getShape());
  Type element = type.getElementType(), storage = storageType(element, b);
  Value value;
  if (!offset.lanes && offset.step == 0) {
    Value scalar =
        LLVM::LoadOp::create(b, loc, storage, this->element(buffer, storage, offset.base), elementBytes(element));
    value = splat(scalar);
  } else if (!offset.lanes && offset.step == 1) {
    Value pointer = this->element(buffer, storage, offset.base);
    value = offset.copies == 1 ? loadVector(pointer, storage, mask) : loadCopies(pointer, storage, offset.copies, mask);
  } else {
    value = gather(buffer, storage, lanesOf(offset), mask);
  }
  if (element.isInteger(1)) {
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(value.getType()));
    value = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
  }
  return value;
}

bool BodyEvaluator::store(Value vector, Value buffer, RankedTensorType type, ArrayRef<Coord> coords, Value mask) {
  if (!vector)
    return false;
  Coord offset = linearize(coords, type.getShape());
  if (offset.lanes || (offset.step != 1 && width != 1))
    return false;
  Type element = type.getElementType(), storage = storageType(element, b);
  if (element.isInteger(1))
    vector = arith::ExtUIOp::create(b, loc, VectorType::get({width}, storage), vector);
  Value pointer = this->element(buffer, storage, offset.base);
  if (mask)
    LLVM::MaskedStoreOp::create(b, loc, vector, pointer, mask, uint32_t(elementBytes(element)));
  else
    LLVM::StoreOp::create(b, loc, vector, pointer, elementBytes(element));
  return true;
}

BodyEvaluator::Key BodyEvaluator::key(Value tensor, ArrayRef<Coord> coords, Value mask) const {
  Key result{tensor.getAsOpaquePointer(), mask.getAsOpaquePointer()};
  for (const Coord &coord : coords) {
    result.push_back(coord.base.getAsOpaquePointer());
    result.push_back(coord.lanes.getAsOpaquePointer());
    result.push_back(reinterpret_cast<const void *>(coord.step));
    result.push_back(reinterpret_cast<const void *>(coord.copies));
  }
  return result;
}

Value BodyEvaluator::evaluate(Value tensor, ArrayRef<Coord> coords, Value mask) {
  memo.clear();
  return pull(tensor, coords, mask);
}

Value BodyEvaluator::pull(Value tensor, ArrayRef<Coord> coords, Value mask) {
  if (auto provider = providers.find(tensor); provider != providers.end())
    return provider->second(coords);
  Key id = key(tensor, coords, mask);
  if (auto known = memo.find(id); known != memo.end())
    return known->second;
  Value value;
  if (auto buffer = buffers.find(tensor); buffer != buffers.end()) {
    value = load(buffer->second, cast<RankedTensorType>(tensor.getType()), coords, mask);
  } else if (auto result = dyn_cast<OpResult>(tensor)) {
    value = define(result, coords, mask);
  }
  memo[id] = value;
  return value;
}

// x - low clamped into [0, size); lanes outside are cleared in `ok`. A coordinate that moves with the lane keeps its
// form (the mask guards memory); one that does not is clamped, so that broadcasts stay inside of the buffer.
Coord BodyEvaluator::inside(const Coord &x, int64_t low, int64_t size, Value &ok) {
  Coord shifted = addCoords(x, {constant(-low), 0, {}});
  Value condition;
  if (!shifted.lanes && shifted.step == 0) {
    // One unsigned comparison covers both ends.
    Value in = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, shifted.base, constant(size));
    shifted.base = arith::SelectOp::create(b, loc, in, shifted.base, constant(0));
    condition = splat(in);
  } else {
    condition = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, lanesOf(shifted), splat(constant(size)));
  }
  ok = ok ? arith::AndIOp::create(b, loc, ok, condition).getResult() : condition;
  return shifted;
}

Value BodyEvaluator::define(OpResult tensor, ArrayRef<Coord> coords, Value mask) {
  Operation *op = tensor.getOwner();
  auto type = cast<RankedTensorType>(tensor.getType());
  if (auto generic = dyn_cast<linalg::GenericOp>(op)) {
    if (generic.getNumParallelLoops() != generic.getNumLoops())
      return {};
    AffineMap map = generic.getMatchingIndexingMap(generic.getDpsInitOperand(tensor.getResultNumber()));
    if (!map.isPermutation())
      return {};
    SmallVector<Coord> iterators(generic.getNumLoops());
    for (auto [expr, coord] : llvm::zip(map.getResults(), coords))
      iterators[cast<AffineDimExpr>(expr).getPosition()] = coord;
    SmallVector<Value> outs(generic.getNumDpsInits());
    for (auto [index, out] : llvm::enumerate(generic.getDpsInits())) {
      if (!generic.getRegionOutputArgs()[index].use_empty())
        outs[index] = pull(out, coords, mask);
    }
    return evaluateBody(generic, tensor.getResultNumber(), iterators, outs, mask);
  }
  if (auto fill = dyn_cast<linalg::FillOp>(op)) {
    llvm::DenseMap<Value, Value> map;
    if (auto constantOp = fill.value().getDefiningOp<arith::ConstantOp>())
      return cloneVectorized(constantOp, 0, map);
    return {};
  }
  if (isa<tensor::EmptyOp>(op))
    return arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get({width}, type.getElementType())));
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = dyn_cast<DenseElementsAttr>(constantOp.getValue());
    if (!dense || !dense.isSplat())
      return {};
    auto splatType = VectorType::get({width}, type.getElementType());
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(splatType, dense.getSplatValue<Attribute>()));
  }
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
    auto source = cast<RankedTensorType>(op->getOperand(0).getType());
    if (auto buffer = buffers.find(op->getOperand(0)); buffer != buffers.end())
      return load(buffer->second, type, coords, mask);
    Coord linear = linearize(coords, type.getShape());
    return pull(op->getOperand(0), delinearizeLanes(linear, source.getShape()), mask);
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    auto dropped = slice.getDroppedDims();
    SmallVector<Coord> sourceCoords;
    size_t next = 0;
    for (size_t i = 0; i < slice.getStaticOffsets().size(); ++i) {
      int64_t offset = slice.getStaticOffsets()[i], stride = slice.getStaticStrides()[i];
      if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(stride))
        return {};
      Coord at{constant(offset), 0, {}};
      sourceCoords.push_back(dropped.test(i) ? at : addCoords(scaleCoord(coords[next++], stride), at));
    }
    return pull(slice.getSource(), sourceCoords, mask);
  }
  auto choose = [&](Value ok, Value source, ArrayRef<Coord> sourceCoords, Value otherwise) -> Value {
    Value guarded = mask ? arith::AndIOp::create(b, loc, mask, ok).getResult() : ok;
    Value value = pull(source, sourceCoords, guarded);
    if (!value || !otherwise)
      return {};
    return arith::SelectOp::create(b, loc, ok, value, otherwise);
  };
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    auto source = insert.getSourceType();
    if (source.getRank() != type.getRank())
      return {};
    Value ok;
    SmallVector<Coord> sourceCoords;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      int64_t offset = insert.getStaticOffsets()[i];
      if (ShapedType::isDynamic(offset) || insert.getStaticStrides()[i] != 1)
        return {};
      bool whole = offset == 0 && source.getDimSize(i) == type.getDimSize(i);
      sourceCoords.push_back(whole ? coords[i] : inside(coords[i], offset, source.getDimSize(i), ok));
    }
    if (!ok)
      return pull(insert.getSource(), coords, mask);
    return choose(ok, insert.getSource(), sourceCoords, pull(insert.getDest(), coords, mask));
  }
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value padding = pad.getConstantPaddingValue();
    if (!padding || !padding.getDefiningOp<arith::ConstantOp>())
      return {};
    Value ok;
    SmallVector<Coord> sourceCoords;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      int64_t low = pad.getStaticLow()[i], size = pad.getSourceType().getDimSize(i);
      if (ShapedType::isDynamic(low))
        return {};
      sourceCoords.push_back(low == 0 && size == type.getDimSize(i) ? coords[i] : inside(coords[i], low, size, ok));
    }
    if (!ok)
      return pull(pad.getSource(), coords, mask);
    llvm::DenseMap<Value, Value> map;
    return choose(ok, pad.getSource(), sourceCoords, cloneVectorized(padding.getDefiningOp(), 0, map));
  }
  return {};
}

Value BodyEvaluator::cloneVectorized(Operation *op, unsigned result, llvm::DenseMap<Value, Value> &map) {
  if (auto known = map.find(op->getResult(result)); known != map.end())
    return known->second;
  if (auto lookup = dyn_cast<vector::ExtractOp>(op))
    return map[lookup] = lookUp(lookup, map);
  SmallVector<Type> types;
  for (Type type : op->getResultTypes())
    types.push_back(VectorType::get({width}, type));
  if (auto constantOp = dyn_cast<arith::ConstantOp>(op)) {
    auto value = dyn_cast<TypedAttr>(constantOp.getValue());
    if (!value || !value.getType().isIntOrIndexOrFloat())
      return {};
    Attribute dense = DenseElementsAttr::get(cast<ShapedType>(types[0]), Attribute(value));
    return map[op->getResult(0)] = arith::ConstantOp::create(b, loc, cast<TypedAttr>(dense));
  }
  if (!OpTrait::hasElementwiseMappableTraits(op))
    return {};
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    Value known = map.lookup(operand);
    if (!known && operand.getDefiningOp())
      known = cloneVectorized(operand.getDefiningOp(), cast<OpResult>(operand).getResultNumber(), map);
    if (!known)
      return {};
    operands.push_back(known);
  }
  OperationState state(loc, op->getName(), operands, types, op->getAttrs());
  Operation *vectorized = b.create(state);
  for (auto [scalar, vector] : llvm::zip(op->getResults(), vectorized->getResults()))
    map[scalar] = vector;
  return map[op->getResult(result)];
}

Value BodyEvaluator::evaluateBody(linalg::GenericOp op, unsigned result, ArrayRef<Coord> iterators,
                                  ArrayRef<Value> outs, Value mask) {
  llvm::DenseMap<Value, Value> map;
  for (auto [operand, argument] : llvm::zip(op.getDpsInputOperands(), op.getRegionInputArgs())) {
    if (argument.use_empty())
      continue;
    if (!isa<RankedTensorType>(operand->get().getType())) {
      auto constantOp = operand->get().getDefiningOp<arith::ConstantOp>();
      if (!constantOp)
        return {};
      map[argument] = cloneVectorized(constantOp, 0, map);
      continue;
    }
    SmallVector<Coord> coords;
    for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults())
      coords.push_back(applyAffine(expr, iterators));
    Value value = pull(operand->get(), coords, mask);
    if (!value)
      return {};
    map[argument] = value;
  }
  for (auto [argument, value] : llvm::zip(op.getRegionOutputArgs(), outs))
    if (value)
      map[argument] = value;
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      auto type = VectorType::get({width}, b.getIndexType());
      map[index] = arith::IndexCastOp::create(b, loc, type, lanesOf(iterators[index.getDim()]));
    } else if (!inner.use_empty() &&
               !isa<VectorType>(inner.getResult(0).getType())) { // tables are made where they are read
      if (!cloneVectorized(&inner, 0, map))
        return {};
    }
  }
  Value yielded = op.getBody()->getTerminator()->getOperand(result);
  if (Value known = map.lookup(yielded))
    return known;
  return yielded.getDefiningOp()
             ? cloneVectorized(yielded.getDefiningOp(), cast<OpResult>(yielded).getResultNumber(), map)
             : Value();
}

} // namespace mlc::codegen::cpu
