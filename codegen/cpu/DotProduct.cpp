#include "codegen/cpu/DotProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace mlc::codegen::cpu {

Dot dotInstruction(const Contraction &c, const TargetDesc &target) {
  auto isBF16 = [](const ContractionOperand &operand) { return operand.type.getElementType().isBF16(); };
  bool sumsInF32 = getElementTypeOrSelf(c.op->getResult(0).getType()).isF32();
  if (c.interleave == 2 && isBF16(c.lhs) && isBF16(c.rhs) && sumsInF32 && target.vector_bytes == 64 &&
      target.has("avx512_bf16"))
    return Dot::BF16;
  return Dot::None;
}

SmallVector<Value> partsOfWords(BodyEvaluator &e, const Contraction &c, RankedTensorType operand, Value words) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Type element = operand.getElementType();
  if (c.dot != Dot::None)
    return {words};
  // A bf16 number is the upper half of an f32 one.
  if (element.isBF16()) {
    auto number = [&](int64_t value) {
      return arith::ConstantOp::create(
          b, loc, DenseElementsAttr::get(cast<ShapedType>(words.getType()), b.getI32IntegerAttr(int32_t(value))));
    };
    Type wide = VectorType::get({e.width}, b.getF32Type());
    Value low = arith::ShLIOp::create(b, loc, words, number(16));
    Value high = arith::AndIOp::create(b, loc, words, number(0xffff0000));
    return {arith::BitcastOp::create(b, loc, wide, low), arith::BitcastOp::create(b, loc, wide, high)};
  }
  Value elements = vector::BitCastOp::create(b, loc, VectorType::get({e.width * c.interleave}, element), words);
  SmallVector<Value> parts;
  for (int64_t part = 0; part < c.interleave; ++part) {
    SmallVector<int64_t> order;
    for (int64_t lane = 0; lane < e.width; ++lane)
      order.push_back(lane * c.interleave + part);
    parts.push_back(vector::ShuffleOp::create(b, loc, elements, elements, order));
  }
  return parts;
}

Value emitDot(BodyEvaluator &e, Dot dot, Value left, Value right, Value sum) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  assert(dot == Dot::BF16);
  Type pairs = VectorType::get({2 * e.width}, b.getBF16Type());
  Value operands[] = {sum, LLVM::BitcastOp::create(b, loc, pairs, left), LLVM::BitcastOp::create(b, loc, pairs, right)};
  return LLVM::CallIntrinsicOp::create(b, loc, sum.getType(), b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
                                       operands)
      .getResult(0);
}

} // namespace mlc::codegen::cpu
