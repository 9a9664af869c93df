// Lookups in small constant tables: a permutation of the register that holds one.
#include "codegen/cpu/BodyEvaluator.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace mlc::codegen::cpu {

// An element of a constant vector of 16 f32, as buildGeluByTable asks for it: of one register, or of two half ones.
Value BodyEvaluator::lookUp(vector::ExtractOp op, llvm::DenseMap<Value, Value> &map) {
  DenseElementsAttr table;
  if ((width != 16 && width != 8) || !op.getType().isF32() || op.getDynamicPosition().size() != 1 ||
      !matchPattern(op.getSource(), m_Constant(&table)) || table.getNumElements() != 16)
    return {};
  auto index = op.getDynamicPosition()[0].getDefiningOp<arith::IndexCastUIOp>();
  if (!index || !index.getIn().getType().isInteger(32) || !index.getIn().getDefiningOp())
    return {};
  Value lanes = cloneVectorized(index.getIn().getDefiningOp(), 0, map);
  if (!lanes)
    return {};
  auto type = VectorType::get(width, b.getF32Type());
  SmallVector<Attribute> numbers(table.getValues<Attribute>());
  auto from = [&](int64_t begin) {
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, ArrayRef(numbers).slice(begin, width)));
  };
  // Both look at the low four bits of a lane.
  StringRef permute = width == 16 ? "llvm.x86.avx512.permvar.sf.512" : "llvm.x86.avx512.vpermi2var.ps.256";
  SmallVector<Value> operands = {from(0), lanes};
  if (width == 8)
    operands.push_back(from(8));
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(permute), operands).getResult(0);
}

} // namespace mlc::codegen::cpu
