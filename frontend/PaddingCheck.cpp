// Do the positions of a dimension stay apart? The model is compared, op by op, with itself where the dimension has
// another size: a dimension of a value whose size differs holds the positions.
#include "frontend/PaddingCheck.h"

#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/MlcDialect.h"
#include "dialects/mlc/MlcInterfaces.h"
#include <cstring>
#include <map>

using namespace mlir;
using namespace mlc;

namespace {

ArrayRef<int64_t> shapeOfValue(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

class PositionCheck {
public:
  PositionCheck(func::FuncOp entry, func::FuncOp other, int64_t size, int64_t otherSize)
      : entry(entry), other(other), size(size), otherSize(otherSize) {}

  // The op that is in the way; null where there is none.
  Operation *find();

private:
  bool isSameOp(Operation *a, Operation *b);
  bool keepsApart(Operation *a, Operation *b);
  bool keepsReshape(Value a, Value b, Value resultA, Value resultB) const;
  bool isFront(Operation *a, Operation *b) const;
  // Has `value` positions in this dimension, or in any?
  bool holds(Value value, int64_t dim) const {
    return shapeOfValue(value)[dim] != shapeOfValue(counterparts.lookup(value))[dim];
  }
  bool holds(Value value) const { return value.getType() != counterparts.lookup(value).getType(); }

  func::FuncOp entry, other;
  int64_t size, otherSize;
  llvm::DenseMap<Value, Value> counterparts; // of the entry's values in the other one
};

Operation *PositionCheck::find() {
  for (auto [a, b] : llvm::zip(entry.getArguments(), other.getArguments()))
    counterparts[a] = b;
  auto &opsA = entry.getBody().front().getOperations(), &opsB = other.getBody().front().getOperations();
  auto b = opsB.begin();
  for (Operation &a : opsA) {
    if (b == opsB.end() || !isSameOp(&a, &*b))
      return &a;
    for (auto [valueA, valueB] : llvm::zip(a.getResults(), b->getResults()))
      counterparts[valueA] = valueB;
    bool isTouched = llvm::any_of(a.getOperands(), [&](Value value) { return holds(value); }) ||
                     llvm::any_of(a.getResults(), [&](Value value) { return holds(value); });
    if (isTouched && !isa<func::ReturnOp>(a) && !keepsApart(&a, &*b))
      return &a;
    ++b;
  }
  return nullptr;
}

// The same op on the same values. What follows the size is looked at by keepsApart.
bool PositionCheck::isSameOp(Operation *a, Operation *b) {
  if (a->getName() != b->getName() || a->getNumOperands() != b->getNumOperands() ||
      a->getNumResults() != b->getNumResults())
    return false;
  for (auto [valueA, valueB] : llvm::zip(a->getOperands(), b->getOperands()))
    if (counterparts.lookup(valueA) != valueB)
      return false;
  for (auto [valueA, valueB] : llvm::zip(a->getResults(), b->getResults()))
    if (shapeOfValue(valueA).size() != shapeOfValue(valueB).size())
      return false;
  if (isa<ConstantOp, LoadParamOp>(a))
    return isFront(a, b);
  if (isa<ReshapeOp, BroadcastOp, SliceOp>(a))
    return true;
  return a->getAttrDictionary() == b->getAttrDictionary();
}

Attribute contentOf(Operation *op) {
  if (auto constant = dyn_cast<ConstantOp>(op))
    return constant.getValue();
  auto param = SymbolTable::lookupNearestSymbolFrom<ParamOp>(op, cast<LoadParamOp>(op).getParamAttr());
  return param ? Attribute(param.getSource()) : Attribute();
}

// Is one constant the front of the other?
bool PositionCheck::isFront(Operation *a, Operation *b) const {
  Attribute contentA = contentOf(a), contentB = contentOf(b);
  if (contentA == contentB)
    return true;
  Result<HostTensor> tensorA = toHostTensor(contentA), tensorB = toHostTensor(contentB);
  if (!tensorA.ok() || !tensorB.ok() || tensorA->dtype() != tensorB->dtype())
    return false;
  const std::vector<int64_t> &shapeA = tensorA->shape(), &shapeB = tensorB->shape();
  size_t bytes = sizeOf(tensorA->dtype());
  for (int64_t i = 0; i < tensorA->numElements(); ++i) {
    int64_t rest = i, at = 0, stride = 1;
    bool isShared = true;
    for (size_t dim = shapeA.size(); dim-- > 0; rest /= shapeA[dim]) {
      isShared &= rest % shapeA[dim] < shapeB[dim];
      at += rest % shapeA[dim] * stride;
      stride *= shapeB[dim];
    }
    if (isShared && std::memcmp(tensorA->bytes() + static_cast<size_t>(i) * bytes,
                                tensorB->bytes() + static_cast<size_t>(at) * bytes, bytes) != 0)
      return false;
  }
  return true;
}

// Operand and result cut the same elements into other dimensions. Both are products of factors; positions stay where
// they are when the factors are the same ones whatever the size, and only those that are the size follow it.
bool PositionCheck::keepsReshape(Value a, Value b, Value resultA, Value resultB) const {
  // Products of the sizes behind each border, and whose border it is.
  auto borders = [](ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
    std::map<int64_t, int> found;
    for (auto [shape, owner] : {std::pair(from, 1), std::pair(to, 2)}) {
      int64_t product = 1;
      for (int64_t dim : llvm::reverse(shape))
        found[product *= dim] |= owner;
    }
    found.erase(1);
    return llvm::to_vector(found);
  };
  auto first = borders(shapeOfValue(a), shapeOfValue(resultA)),
       second = borders(shapeOfValue(b), shapeOfValue(resultB));
  if (first.size() != second.size())
    return false;
  int64_t before = 1, otherBefore = 1;
  for (auto [one, two] : llvm::zip(first, second)) {
    if (one.second != two.second || one.first % before || two.first % otherBefore)
      return false;
    int64_t factor = one.first / before, otherFactor = two.first / otherBefore;
    if (factor != otherFactor && (factor != size || otherFactor != otherSize))
      return false;
    before = one.first;
    otherBefore = two.first;
  }
  return true;
}

bool PositionCheck::keepsApart(Operation *a, Operation *b) {
  auto isApart = [&](Value value, int64_t from, int64_t to) {
    for (int64_t dim = from; dim < to; ++dim)
      if (holds(value, dim))
        return false;
    return true;
  };
  auto rank = [](Value value) { return static_cast<int64_t>(shapeOfValue(value).size()); };
  if (isa<ConstantOp, LoadParamOp, TransposeOp, BroadcastOp, BatchNormOp>(a))
    return true;
  if (auto fusible = dyn_cast<FusibleOp>(a); fusible && fusible.fusionClass() == FusionClass::Elementwise)
    return true;
  if (auto op = dyn_cast<ReshapeOp>(a))
    return keepsReshape(op.getOperand(), b->getOperand(0), op.getResult(), b->getResult(0));
  if (auto op = dyn_cast<SliceOp>(a)) {
    auto sliceB = cast<SliceOp>(b);
    if (op.getOffsets() != sliceB.getOffsets() || op.getStrides() != sliceB.getStrides())
      return false;
    // Of positions all are taken, or the first.
    for (int64_t dim = 0; dim < rank(op.getOperand()); ++dim) {
      bool isAll = op.getSizes()[dim] == shapeOfValue(op.getOperand())[dim] && op.getStrides()[dim] == 1;
      if (holds(op.getOperand(), dim) && !isAll && (op.getOffsets()[dim] || op.getSizes()[dim] != 1))
        return false;
    }
    return true;
  }
  if (auto op = dyn_cast<ConcatOp>(a))
    return !holds(op.getResult(), op.getAxis());
  if (auto op = dyn_cast<PadOp>(a)) {
    for (int64_t dim = 0; dim < rank(op.getOperand()); ++dim)
      if (holds(op.getOperand(), dim) && (op.getLow()[dim] || op.getHigh()[dim]))
        return false;
    return true;
  }
  if (auto op = dyn_cast<MatmulOp>(a))
    return !holds(op.getLhs(), rank(op.getLhs()) - (op.getTransposeLhs() ? 2 : 1));
  if (auto op = dyn_cast<GatherOp>(a))
    return !holds(op.getData(), op.getAxis());
  if (auto op = dyn_cast<ReduceOp>(a))
    return llvm::none_of(op.getAxes(), [&](int64_t axis) { return holds(op.getOperand(), axis); });
  if (auto op = dyn_cast<LayerNormOp>(a))
    return isApart(op.getOperand(), op.getAxis(), rank(op.getOperand()));
  if (auto op = dyn_cast<CumSumOp>(a)) // those behind are not in the sum
    return !op.getReverse() || !holds(op.getOperand(), op.getAxis());
  if (isa<SoftmaxOp, LogSoftmaxOp, ArgMaxOp, ArgMinOp>(a))
    return !holds(a->getOperand(0), a->getAttrOfType<IntegerAttr>("axis").getInt());
  if (isa<ConvOp, PoolOp>(a)) // [batch, ...]
    return isApart(a->getOperand(0), 1, rank(a->getOperand(0))) && (isa<PoolOp>(a) || !holds(a->getOperand(1)));
  if (auto op = dyn_cast<AttentionOp>(a)) {
    int64_t keys = op.getLayout() == HeadLayout::BSHD ? 1 : 2;
    return !holds(op.getKey(), keys) && isApart(op.getKey(), 3, 4) && isApart(op.getValue(), 3, 4);
  }
  return false;
}

} // namespace

Operation *mlc::findMixing(func::FuncOp entry, func::FuncOp other, int64_t size, int64_t otherSize) {
  return PositionCheck(entry, other, size, otherSize).find();
}
