#include "codegen/cpu/VectorBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlc::codegen {
namespace {

using mlir::Operation;
using mlir::TypeSwitch;
namespace arith = mlir::arith;
namespace math = mlir::math;

bool isLaneType(mlir::Type type) { return type.isF32() || type.isInteger(1) || type.isInteger(32); }

// One op in LLVM: `x` holds its operands, a vector each.
struct Lanes {
  llvm::IRBuilder<> &b;
  llvm::SmallVector<llvm::Value *> x;
  unsigned lanes;

  llvm::Type *typeOf(Operation *op) const {
    mlir::Type type = op->getResult(0).getType();
    llvm::Type *element = type.isF32() ? b.getFloatTy() : b.getIntNTy(type.getIntOrFloatBitWidth());
    return llvm::FixedVectorType::get(element, lanes);
  }
  llvm::Value *unary(llvm::Intrinsic::ID id) const { return b.CreateUnaryIntrinsic(id, x[0]); }
  llvm::Value *binary(llvm::Intrinsic::ID id) const { return b.CreateBinaryIntrinsic(id, x[0], x[1]); }

  llvm::Value *constant(arith::ConstantOp op) const {
    auto count = llvm::ElementCount::getFixed(lanes);
    if (auto number = llvm::dyn_cast<mlir::FloatAttr>(op.getValue()))
      return llvm::ConstantVector::getSplat(count, llvm::ConstantFP::get(b.getContext(), number.getValue()));
    return llvm::ConstantVector::getSplat(
        count, llvm::ConstantInt::get(b.getContext(), llvm::cast<mlir::IntegerAttr>(op.getValue()).getValue()));
  }
};

llvm::CmpInst::Predicate predicateOf(arith::CmpFPredicate predicate) {
  return llvm::CmpInst::Predicate(unsigned(predicate)); // both number the same 16 relations alike
}
static_assert(unsigned(arith::CmpFPredicate::OEQ) == llvm::CmpInst::FCMP_OEQ);
static_assert(unsigned(arith::CmpFPredicate::OGE) == llvm::CmpInst::FCMP_OGE);
static_assert(unsigned(arith::CmpFPredicate::ONE) == llvm::CmpInst::FCMP_ONE);
static_assert(unsigned(arith::CmpFPredicate::ORD) == llvm::CmpInst::FCMP_ORD);
static_assert(unsigned(arith::CmpFPredicate::AlwaysTrue) == llvm::CmpInst::FCMP_TRUE);

llvm::CmpInst::Predicate predicateOf(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq: return llvm::CmpInst::ICMP_EQ;
  case P::ne: return llvm::CmpInst::ICMP_NE;
  case P::slt: return llvm::CmpInst::ICMP_SLT;
  case P::sle: return llvm::CmpInst::ICMP_SLE;
  case P::sgt: return llvm::CmpInst::ICMP_SGT;
  case P::sge: return llvm::CmpInst::ICMP_SGE;
  case P::ult: return llvm::CmpInst::ICMP_ULT;
  case P::ule: return llvm::CmpInst::ICMP_ULE;
  case P::ugt: return llvm::CmpInst::ICMP_UGT;
  case P::uge: return llvm::CmpInst::ICMP_UGE;
  }
  llvm_unreachable("all predicates are above");
}

using Emit = llvm::Value *(*)(const Lanes &, Operation *);

// How an op is emitted; null for one that is not known.
Emit emitterOf(Operation *op) {
  using E = Emit;
#define MLC_EMIT(expression)                                                                                           \
  +[](const Lanes &l, Operation *op) -> llvm::Value * {                                                                \
    (void)op;                                                                                                          \
    return expression;                                                                                                 \
  }
  namespace I = llvm::Intrinsic;
  return TypeSwitch<Operation *, E>(op)
      .Case([](arith::ConstantOp) -> E { return MLC_EMIT(l.constant(llvm::cast<arith::ConstantOp>(op))); })
      .Case([](arith::AddFOp) -> E { return MLC_EMIT(l.b.CreateFAdd(l.x[0], l.x[1])); })
      .Case([](arith::SubFOp) -> E { return MLC_EMIT(l.b.CreateFSub(l.x[0], l.x[1])); })
      .Case([](arith::MulFOp) -> E { return MLC_EMIT(l.b.CreateFMul(l.x[0], l.x[1])); })
      .Case([](arith::DivFOp) -> E { return MLC_EMIT(l.b.CreateFDiv(l.x[0], l.x[1])); })
      .Case([](arith::NegFOp) -> E { return MLC_EMIT(l.b.CreateFNeg(l.x[0])); })
      .Case([](arith::MaximumFOp) -> E { return MLC_EMIT(l.binary(I::maximum)); })
      .Case([](arith::MinimumFOp) -> E { return MLC_EMIT(l.binary(I::minimum)); })
      .Case([](arith::MaxNumFOp) -> E { return MLC_EMIT(l.binary(I::maxnum)); })
      .Case([](arith::MinNumFOp) -> E { return MLC_EMIT(l.binary(I::minnum)); })
      .Case([](arith::SelectOp) -> E { return MLC_EMIT(l.b.CreateSelect(l.x[0], l.x[1], l.x[2])); })
      .Case([](arith::AddIOp) -> E { return MLC_EMIT(l.b.CreateAdd(l.x[0], l.x[1])); })
      .Case([](arith::SubIOp) -> E { return MLC_EMIT(l.b.CreateSub(l.x[0], l.x[1])); })
      .Case([](arith::MulIOp) -> E { return MLC_EMIT(l.b.CreateMul(l.x[0], l.x[1])); })
      .Case([](arith::AndIOp) -> E { return MLC_EMIT(l.b.CreateAnd(l.x[0], l.x[1])); })
      .Case([](arith::OrIOp) -> E { return MLC_EMIT(l.b.CreateOr(l.x[0], l.x[1])); })
      .Case([](arith::XOrIOp) -> E { return MLC_EMIT(l.b.CreateXor(l.x[0], l.x[1])); })
      .Case([](arith::ShLIOp) -> E { return MLC_EMIT(l.b.CreateShl(l.x[0], l.x[1])); })
      .Case([](arith::ShRSIOp) -> E { return MLC_EMIT(l.b.CreateAShr(l.x[0], l.x[1])); })
      .Case([](arith::ShRUIOp) -> E { return MLC_EMIT(l.b.CreateLShr(l.x[0], l.x[1])); })
      .Case([](arith::MaxSIOp) -> E { return MLC_EMIT(l.binary(I::smax)); })
      .Case([](arith::MinSIOp) -> E { return MLC_EMIT(l.binary(I::smin)); })
      .Case([](arith::CmpFOp) -> E {
        return MLC_EMIT(l.b.CreateFCmp(predicateOf(llvm::cast<arith::CmpFOp>(op).getPredicate()), l.x[0], l.x[1]));
      })
      .Case([](arith::CmpIOp) -> E {
        return MLC_EMIT(l.b.CreateICmp(predicateOf(llvm::cast<arith::CmpIOp>(op).getPredicate()), l.x[0], l.x[1]));
      })
      .Case([](arith::BitcastOp) -> E { return MLC_EMIT(l.b.CreateBitCast(l.x[0], l.typeOf(op))); })
      .Case([](arith::FPToSIOp) -> E { return MLC_EMIT(l.b.CreateFPToSI(l.x[0], l.typeOf(op))); })
      .Case([](arith::SIToFPOp) -> E { return MLC_EMIT(l.b.CreateSIToFP(l.x[0], l.typeOf(op))); })
      .Case([](arith::UIToFPOp) -> E { return MLC_EMIT(l.b.CreateUIToFP(l.x[0], l.typeOf(op))); })
      .Case([](arith::ExtUIOp) -> E { return MLC_EMIT(l.b.CreateZExt(l.x[0], l.typeOf(op))); })
      .Case([](arith::ExtSIOp) -> E { return MLC_EMIT(l.b.CreateSExt(l.x[0], l.typeOf(op))); })
      .Case([](math::AbsFOp) -> E { return MLC_EMIT(l.unary(I::fabs)); })
      .Case([](math::SqrtOp) -> E { return MLC_EMIT(l.unary(I::sqrt)); })
      .Case([](math::FloorOp) -> E { return MLC_EMIT(l.unary(I::floor)); })
      .Case([](math::CeilOp) -> E { return MLC_EMIT(l.unary(I::ceil)); })
      .Case([](math::RoundEvenOp) -> E { return MLC_EMIT(l.unary(I::roundeven)); })
      .Case([](math::CopySignOp) -> E { return MLC_EMIT(l.binary(I::copysign)); })
      .Case([](math::FmaOp) -> E {
        return MLC_EMIT(l.b.CreateIntrinsic(I::fma, {l.x[0]->getType()}, {l.x[0], l.x[1], l.x[2]}));
      })
      .Default([](Operation *) -> E { return nullptr; });
#undef MLC_EMIT
}

} // namespace

bool isVectorBody(mlir::Block &body) {
  for (Operation &op : body.without_terminator())
    if (!emitterOf(&op) || !llvm::all_of(op.getResultTypes(), isLaneType))
      return false;
  // A value from outside of the body is a constant, or it is not known here.
  bool known = true;
  for (Operation &op : body)
    for (mlir::Value operand : op.getOperands())
      if (operand.getParentBlock() != &body)
        known &= operand.getDefiningOp<arith::ConstantOp>() && isLaneType(operand.getType());
  return known && isLaneType(body.getTerminator()->getOperand(0).getType());
}

llvm::Value *emitVectorBody(llvm::IRBuilder<> &builder, mlir::Block &body, llvm::ArrayRef<llvm::Value *> arguments,
                            unsigned lanes) {
  llvm::DenseMap<mlir::Value, llvm::Value *> values;
  for (auto [argument, value] : llvm::zip(body.getArguments(), arguments))
    values[argument] = value;
  auto lookup = [&](mlir::Value value) {
    auto known = values.find(value);
    if (known != values.end())
      return known->second;
    return Lanes{builder, {}, lanes}.constant(value.getDefiningOp<arith::ConstantOp>());
  };
  for (Operation &op : body.without_terminator()) {
    Lanes operands{builder, {}, lanes};
    for (mlir::Value operand : op.getOperands())
      operands.x.push_back(lookup(operand));
    values[op.getResult(0)] = emitterOf(&op)(operands, &op);
  }
  return lookup(body.getTerminator()->getOperand(0));
}

} // namespace mlc::codegen
