// Whether what stands at one position of a dimension depends on what stands at others.
#ifndef MLC_FRONTEND_PADDINGCHECK_H
#define MLC_FRONTEND_PADDINGCHECK_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlc {

// The first op of `entry` through which positions of a dimension reach each other, or through which their number is
// used; null where there is none: then more positions behind the last change nothing before them. `other` is the same
// model with the size `otherSize` instead of `size`. What is not known of is found, too.
mlir::Operation *findMixing(mlir::func::FuncOp entry, mlir::func::FuncOp other, int64_t size, int64_t otherSize);

} // namespace mlc

#endif // MLC_FRONTEND_PADDINGCHECK_H
