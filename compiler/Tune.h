// Phase `tune`: --tune, --schedules, --export-schedules.
#ifndef MLC_COMPILER_TUNE_H
#define MLC_COMPILER_TUNE_H

#include "compiler/Pipeline.h"

namespace mlc {

// What --tune says: `off`, `cached`, or a number of seconds above 0.
struct TuneRequest {
  bool isOn = false;
  double seconds = 0; // 0: only what earlier compilations measured
};
llvm::Expected<TuneRequest> parseTune(llvm::StringRef text);

// Chooses the schedules of all targets' kernels, and exports them where that is asked for. Fails with diagnostics.
mlir::LogicalResult tuneKernels(Compilation &compilation);

} // namespace mlc

#endif // MLC_COMPILER_TUNE_H
