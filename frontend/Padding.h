// Which dimensions of a model's inputs and outputs --pad names: those that a run may be smaller in.
#ifndef MLC_FRONTEND_PADDING_H
#define MLC_FRONTEND_PADDING_H

#include "frontend/Import.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlc {

using ImportWithShapes = llvm::function_ref<ImportResult(const std::vector<ShapeBinding> &)>;

// Sets `mlc.padded` of arguments and results. They are found by importing the model with other sizes: a dimension is
// the symbolic one where it has its size whatever that is. Fails, with a diagnostic, where a result depends on it
// otherwise, and where nothing would hide the padding.
mlir::LogicalResult markPadding(mlir::ModuleOp module, const std::vector<ShapeBinding> &shapes, const Padding &padding,
                                ImportWithShapes importWith);

} // namespace mlc

#endif // MLC_FRONTEND_PADDING_H
