// Which operand of a kernel function may share its memory with the result.
#ifndef MLC_CODEGEN_SCHEDULE_INPLACE_H
#define MLC_CODEGEN_SCHEDULE_INPLACE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlc::codegen {

// Is the one result of `kernel` elementwise, and the element i of `argument` read for the element i of it alone?
bool isReadElementByElement(mlir::func::FuncOp kernel, unsigned argument);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_SCHEDULE_INPLACE_H
