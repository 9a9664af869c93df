#include "codegen/schedule/InPlace.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace mlc::codegen {

// Do all ways from `value` to the result lead through elementwise ops that keep every element in its place?
static bool staysInPlace(Value value, ArrayRef<int64_t> shape, llvm::DenseSet<Value> &seen) {
  if (!seen.insert(value).second)
    return true;
  if (cast<ShapedType>(value.getType()).getShape() != shape)
    return false;
  for (OpOperand &use : value.getUses()) {
    if (isa<func::ReturnOp>(use.getOwner()))
      continue;
    auto generic = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!generic || generic.getNumReductionLoops() != 0 || generic.getNumDpsInits() != 1 ||
        !generic.getMatchingIndexingMap(&use).isIdentity() ||
        !generic.getMatchingIndexingMap(generic.getDpsInitOperand(0)).isIdentity() ||
        !staysInPlace(generic.getResult(0), shape, seen))
      return false;
  }
  return true;
}

bool isReadElementByElement(func::FuncOp kernel, unsigned argument) {
  if (kernel.getNumResults() != 1 || !kernel.getBody().hasOneBlock() ||
      kernel.getArgumentTypes()[argument] != kernel.getResultTypes().front())
    return false;
  llvm::DenseSet<Value> seen;
  Value value = kernel.getArgument(argument);
  return staysInPlace(value, cast<ShapedType>(value.getType()).getShape(), seen);
}

} // namespace mlc::codegen
