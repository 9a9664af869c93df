#include "codegen/cpu/DotProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace mlc::codegen::cpu {

bool multipliesPairsOfBF16(const TargetDesc &target) { return target.vector_bytes == 64 && target.has("avx512_bf16"); }

// Are elements of this input widened as unsigned ones?
static bool isUnsigned(linalg::GenericOp op, unsigned input) {
  return llvm::any_of(op.getRegionInputArgs()[input].getUsers(),
                      [](Operation *user) { return isa<arith::ExtUIOp>(user); });
}

Dot dotInstruction(const Contraction &c, const TargetDesc &target) {
  auto isI8 = [](const ContractionOperand &operand) { return operand.type.getElementType().isInteger(8); };
  linalg::GenericOp op = c.op;
  if (c.interleave == 4 && isI8(c.lhs) && isI8(c.rhs) && getElementTypeOrSelf(op.getResult(0)).isInteger(32)) {
    bool isUnsignedBySigned = isUnsigned(op, c.swapped ? 1 : 0) && !isUnsigned(op, c.swapped ? 0 : 1);
    return isUnsignedBySigned && target.vector_bytes == 64 && target.has("avx512_vnni") ? Dot::I8 : Dot::I16;
  }
  auto isBF16 = [](const ContractionOperand &operand) { return operand.type.getElementType().isBF16(); };
  bool sumsInF32 = getElementTypeOrSelf(c.op->getResult(0).getType()).isF32();
  if (c.interleave == 2 && isBF16(c.lhs) && isBF16(c.rhs) && sumsInF32 && multipliesPairsOfBF16(target))
    return Dot::BF16;
  return Dot::None;
}

StringRef amxInstruction(const Contraction &c, const TargetDesc &target) {
  if (!target.has("amx_tile") || target.vector_bytes != 64)
    return {};
  auto holds = [&](auto is) { return is(c.lhs.type.getElementType()) && is(c.rhs.type.getElementType()); };
  linalg::GenericOp op = c.op;
  Type sums = getElementTypeOrSelf(op.getResult(0));
  if (c.interleave == 2 && holds([](Type type) { return type.isBF16(); }) && sums.isF32() && target.has("amx_bf16"))
    return "llvm.x86.tdpbf16ps";
  if (c.interleave != 4 || !holds([](Type type) { return type.isInteger(8); }) || !sums.isInteger(32) ||
      !target.has("amx_int8"))
    return {};
  bool left = isUnsigned(op, c.swapped ? 1 : 0), right = isUnsigned(op, c.swapped ? 0 : 1);
  return left ? right ? "llvm.x86.tdpbuud" : "llvm.x86.tdpbusd" : right ? "llvm.x86.tdpbsud" : "llvm.x86.tdpbssd";
}

// Words of four bytes as two words of pairs of i16: bytes 0 and 2, bytes 1 and 3.
static SmallVector<Value> pairsOfWords(BodyEvaluator &e, Value words, bool isUnsigned) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  auto type = VectorType::get({2 * e.width}, b.getI16Type());
  Value pairs = vector::BitCastOp::create(b, loc, type, words);
  Value byte = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getI16IntegerAttr(8)));
  auto high = [&](Value x) -> Value {
    return isUnsigned ? arith::ShRUIOp::create(b, loc, x, byte).getResult()
                      : arith::ShRSIOp::create(b, loc, x, byte).getResult();
  };
  return {high(arith::ShLIOp::create(b, loc, pairs, byte)), high(pairs)};
}

SmallVector<Value> partsOfWords(BodyEvaluator &e, const Contraction &c, const ContractionOperand &operand,
                                Value words) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Type element = operand.type.getElementType();
  auto number = [&](int64_t value) {
    return arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(cast<ShapedType>(words.getType()), b.getI32IntegerAttr(int32_t(value))));
  };
  if (c.dot == Dot::I16)
    return pairsOfWords(e, words, isUnsigned(c.op, (&operand == &c.lhs) == c.swapped ? 1 : 0));
  if (c.dot != Dot::None)
    return {words};
  // A bf16 number is the upper half of an f32 one.
  if (element.isBF16()) {
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
  auto call = [&](StringRef intrinsic, Type element, int64_t together, bool adds) -> Value {
    Type type = VectorType::get({together * e.width}, element);
    SmallVector<Value> operands;
    if (adds)
      operands.push_back(sum);
    for (Value word : {left, right})
      operands.push_back(LLVM::BitcastOp::create(b, loc, type, word));
    return LLVM::CallIntrinsicOp::create(b, loc, sum.getType(), b.getStringAttr(intrinsic), operands).getResult(0);
  };
  switch (dot) {
  case Dot::BF16: return call("llvm.x86.avx512bf16.dpbf16ps.512", b.getBF16Type(), 2, true);
  case Dot::I8: return call("llvm.x86.avx512.vpdpbusd.512", b.getI8Type(), 4, true);
  case Dot::I16: {
    StringRef name = e.width == 16 ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd";
    return arith::AddIOp::create(b, loc, sum, call(name, b.getI16Type(), 2, false));
  }
  case Dot::None: break;
  }
  llvm_unreachable("no instruction");
}

} // namespace mlc::codegen::cpu
