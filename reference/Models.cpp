#include "reference/Models.h"
#include "reference/ModelSupport.h"

using namespace mlir;

void mlc::reference::registerReferenceModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MlcDialect *) {
    attach<ConstantOp, [](ConstantOp op, Operands) { return toHostTensor(op.getValue()); }>(*context);
    attachContractionModels(*context);
    attachElementwiseModels(*context);
    attachNormalizationModels(*context);
    attachReductionModels(*context);
    attachShapeModels(*context);
    attachStrassenModels(*context);
    attachVarlenModels(*context);
  });
}
