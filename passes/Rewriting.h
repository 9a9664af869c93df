// What the graph passes share: building ops whose types are inferred, and reading constants.
#ifndef MLC_PASSES_REWRITING_H
#define MLC_PASSES_REWRITING_H

#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>
#include <optional>

namespace mlc {

inline llvm::ArrayRef<int64_t> shapeOfTensor(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getShape();
}
inline mlir::Type elementOfTensor(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getElementType();
}

// Makes ops at one location, at the insertion point of `builder`.
class OpMaker {
public:
  OpMaker(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  template <typename Op>
  mlir::Value make(mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attributes = {}) {
    return Op::create(builder, loc, operands, attributes)->getResult(0);
  }
  mlir::NamedAttribute ints(llvm::StringRef name, llvm::ArrayRef<int64_t> values) {
    return builder.getNamedAttr(name, builder.getDenseI64ArrayAttr(values));
  }
  mlir::NamedAttribute integer(llvm::StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  }
  mlir::NamedAttribute real(llvm::StringRef name, double value) {
    return builder.getNamedAttr(name, builder.getF64FloatAttr(value));
  }
  mlir::NamedAttribute unit(llvm::StringRef name) { return builder.getNamedAttr(name, builder.getUnitAttr()); }

  mlir::Value reshape(mlir::Value value, llvm::ArrayRef<int64_t> shape) {
    return shapeOfTensor(value) == shape ? value : make<ReshapeOp>(value, ints("shape", shape));
  }
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation) {
    return make<TransposeOp>(value, ints("permutation", permutation));
  }
  mlir::Value cast(mlir::Value value, mlir::Type element) {
    return elementOfTensor(value) == element
               ? value
               : make<CastOp>(value, builder.getNamedAttr("to", mlir::TypeAttr::get(element)));
  }
  mlir::Value constant(mlir::DenseElementsAttr value) { return ConstantOp::create(builder, loc, value); }
  // A scalar of a floating-point type.
  mlir::Value scalar(mlir::Type element, double value) {
    auto type = mlir::RankedTensorType::get({}, element);
    mlir::Attribute number = builder.getFloatAttr(element, value);
    return ConstantOp::create(builder, loc, mlir::DenseElementsAttr::get(type, number));
  }

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

// Is it an image that a convolution reads as well channels first as last? Elements of many channels would lie in many
// cache lines.
inline bool isReadTransposed(TransposeOp transpose) {
  constexpr int64_t mostChannels = 4;
  llvm::ArrayRef<int64_t> permutation = transpose.getPermutation();
  int64_t rank = permutation.size();
  bool isToLast = rank >= 3 && permutation.front() == 0 && permutation.back() == 1;
  for (int64_t i = 1; i + 1 < rank; ++i)
    isToLast &= permutation[i] == i + 1;
  return isToLast && shapeOfTensor(transpose).back() <= mostChannels;
}

// The value that all elements of a floating-point constant have.
inline std::optional<double> splatOf(mlir::Value value) {
  while (auto shape = value.getDefiningOp()) {
    if (!llvm::isa<ReshapeOp, BroadcastOp>(shape))
      break;
    value = shape->getOperand(0);
  }
  auto constant = value.getDefiningOp<ConstantOp>();
  auto splat = constant ? llvm::dyn_cast<mlir::SplatElementsAttr>(constant.getValue()) : mlir::SplatElementsAttr();
  if (!splat || !llvm::isa<mlir::FloatType>(splat.getElementType()))
    return std::nullopt;
  llvm::APFloat element = splat.getSplatValue<llvm::APFloat>();
  bool inexact;
  element.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return element.convertToDouble();
}

// Is `actual`, a constant as an exporter rounded it to `element`, the number `expected`?
inline bool isNear(double actual, double expected, mlir::Type element) {
  double tolerance = element.isF32() || element.isF64() ? 1e-6 : 1e-2;
  return std::abs(actual - expected) <= tolerance * std::abs(expected);
}

// Does a reshape split dimensions, and nothing else? Then a strided view of the operand is one of the result.
inline bool isSplit(ReshapeOp reshape) {
  auto from = llvm::cast<mlir::RankedTensorType>(reshape.getOperand().getType()), to = reshape.getType();
  return from.getRank() < to.getRank() && mlir::getReassociationIndicesForReshape(from, to).has_value();
}

// Does `value` depend on parameters and constants only? Then it can be computed when the module is written.
inline bool isParameterOnly(mlir::Value value) {
  llvm::SetVector<mlir::Value> values;
  values.insert(value);
  for (size_t i = 0; i < values.size(); ++i) {
    mlir::Operation *op = values[i].getDefiningOp();
    if (!op || op->getNumRegions() || !mlir::isPure(op))
      return false;
    values.insert(op->operand_begin(), op->operand_end());
  }
  return true;
}

} // namespace mlc

#endif // MLC_PASSES_REWRITING_H
