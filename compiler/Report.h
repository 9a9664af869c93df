// mlc-opt --report and --check: what a module will hold, for people.
#ifndef MLC_COMPILER_REPORT_H
#define MLC_COMPILER_REPORT_H

#include "compiler/Pipeline.h"
#include "llvm/Support/raw_ostream.h"

namespace mlc {

// Entry points with their memory, kernels, copies, weights. Of a compilation that ended behind phase `schedule`,
// without what only generated code tells: tiles, scratch, the schedule.
void printReport(Compilation &compilation, llvm::raw_ostream &os);

} // namespace mlc

#endif // MLC_COMPILER_REPORT_H
