// Intermediate values as further outputs: --keep.
#ifndef MLC_FRONTEND_KEEP_H
#define MLC_FRONTEND_KEEP_H

#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace mlc::frontend {

// Makes the result of each part a further output, named like it, of every entry point that has the part. A part is what
// locations name, with all that its name is a prefix of: "encoder.layer.0" ends where "encoder.layer.0.output.dense"
// does. Fails with a diagnostic where no entry point has one.
mlir::LogicalResult keepParts(mlir::ModuleOp module, llvm::ArrayRef<std::string> names);

// For an error about a name: "; near it are 'a', 'b'"; without any that is near, some of the known names.
std::string describeNear(llvm::StringRef name, std::vector<std::string> known);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_KEEP_H
