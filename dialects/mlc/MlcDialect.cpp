#include "dialects/mlc/MlcDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/mlc/MlcDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/mlc/MlcAttrs.cpp.inc"

void mlc::MlcDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/mlc/MlcAttrs.cpp.inc"
      >();
  registerContractionOps();
  registerElementwiseOps();
  registerNormalizationOps();
  registerReductionOps();
  registerShapeOps();
  registerStrassenOps();
  registerStructureOps();
  registerVarlenOps();
}

Operation *mlc::MlcDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, loc, type, elements);
}
