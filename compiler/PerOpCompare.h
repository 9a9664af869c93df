// mlc-opt MODEL --per-op-compare: the first kernel of a model that does not compute what its ops mean.
//
// Each kernel of an entry point becomes an entry point of its own in a probe module, compiled as the model is. The
// model is then interpreted region by region, and the kernel runs on the same operands as the interpreter: errors do
// not accumulate, and only live values are in memory. Last, the whole entry point runs as one: where every kernel is
// right by itself and this is wrong, the memory plan or the order of commands is.
#ifndef MLC_COMPILER_PEROPCOMPARE_H
#define MLC_COMPILER_PEROPCOMPARE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "support/HostTensor.h"

#include <optional>
#include <vector>

namespace mlc {

struct PerOpOptions {
  std::optional<double> tolerance; // relative L2 of a kernel; by default that of the result's type
  // Compiles a module's entry points into the file `path`. Fails with diagnostics.
  llvm::function_ref<mlir::LogicalResult(mlir::OwningOpRef<mlir::ModuleOp>, const std::string &path)> compile;
};

// `entry` is behind the graph phases. Prints a table to `os`: kernel, ops, emitter, difference, nodes. Fails where a
// kernel, or the whole entry point, is beyond the tolerance, and says which is the first.
mlir::LogicalResult comparePerOp(mlir::func::FuncOp entry, std::vector<HostTensor> inputs, const PerOpOptions &options,
                                 llvm::raw_ostream &os);

} // namespace mlc

#endif // MLC_COMPILER_PEROPCOMPARE_H
