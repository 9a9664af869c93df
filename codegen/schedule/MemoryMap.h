// Where every value of an entry point is while it runs.
//
// A result is computed in the caller's memory, or in place in the variable that it is tied to; everything else that is
// computed has a place in the arena. A tied result whose variable is read after the result is computed would destroy
// what is yet to be read: it is computed elsewhere and copied at the end, and so is a value that is returned twice.
// Such copies are listed with their reasons, for --report.
#ifndef MLC_CODEGEN_SCHEDULE_MEMORYMAP_H
#define MLC_CODEGEN_SCHEDULE_MEMORYMAP_H

#include "codegen/schedule/StoredTensors.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <functional>

namespace mlc::codegen {

// One kernel's turn. Its bindings are `inputs`, then `results`.
struct Launch {
  unsigned kernel = 0; // index into Schedule::kernels
  mlir::Operation *op = nullptr;
  llvm::SmallVector<mlir::Value> inputs, results;
};

struct PlannedCopy {
  CopyDesc copy;
  std::string reason;
};

struct MemoryMap {
  std::vector<TensorSpecDesc> inputs, outputs;               // without, with those tied to variables
  std::vector<std::pair<uint32_t, uint32_t>> tiedResults;    // (output, variable)
  llvm::DenseMap<mlir::Value, BindingDesc> bindings;         // of all that launches read and write
  std::vector<std::vector<PlannedCopy>> finalStages;         // behind the launches, a barrier between
  std::vector<BindingDesc> bindingsOf(const Launch &) const; // in order
  int64_t arenaBytes = 0, maxLiveBytes = 0;                  // maxLiveBytes: the lower bound of any plan
  int64_t intermediateBytes = 0;                             // sum of all values in the arena
};

// A reshape between kernels is the same bytes under another type: the value whose memory `value` is.
mlir::Value rootOf(mlir::Value value);

// Says whether `result` of a launch may lie in the memory of its operand `input`.
using InPlaceFn = std::function<bool(const Launch &launch, mlir::Value input, mlir::Value result)>;

// Fails with diagnostics on the function.
mlir::FailureOr<MemoryMap> mapMemory(mlir::func::FuncOp entry, llvm::ArrayRef<Launch> launches, StoredTensors &tensors,
                                     const InPlaceFn &mayBeInPlace);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_SCHEDULE_MEMORYMAP_H
