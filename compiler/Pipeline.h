// The spine: everything that happens to a model, from its file to a module, in named phases.
#ifndef MLC_COMPILER_PIPELINE_H
#define MLC_COMPILER_PIPELINE_H

#include "codegen/program/EmitKernels.h"
#include "codegen/tune/Tuner.h"
#include "compiler/CacheFolder.h"
#include "compiler/Input.h"
#include "compiler/Progress.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace mlir {
class TimingScope;
}

namespace mlc {

struct PipelineOptions {
  InputOptions input;
  std::string targetCpu = "native"; // several with commas between: code for each in one module
  std::string output = "-";         // what phase `module` writes, and where a reproducer goes
  std::string precision = "keep";   // of contractions and of what kernels hand on: keep, or bf16 for f32
  bool externalCode = false;        // code in a file of its own beside the module
  unsigned jobs = 0;                // threads of phase `objects`; 0: as many as the machine has
  std::string from;                 // the input is IR behind this phase; empty: a model, or IR behind `import`
  std::string unpad = "off";        // capacities in tokens, or auto
  // (phase, passes): run at the end of a phase on IR, before its promise is verified. For trying a pass in its place.
  std::vector<std::pair<std::string, std::string>> addedPasses;
  CacheFolder cache;                      // of kernels, for a module
  bool timing = false;                    // prints the time of each phase
  std::string winograd = "auto";          // off, f2, f4, auto or auto-f32, as of mlc-winograd
  std::string fastMatmul = "false";       // large products by Strassen's algorithm
  std::string tune = "off";               // seconds to measure schedules for, or cached
  std::string schedules, exportSchedules; // files: which schedules kernels have; empty: none
};

// An option whose value passes are told: `$name` in a phase's pipeline stands for it. Kept in the module's provenance
// and in a reproducer's command where it is not the default.
struct PassOption {
  llvm::StringLiteral name; // without the dashes
  std::string PipelineOptions::*value;
};

llvm::ArrayRef<PassOption> passOptions();

// What the phases behind `fuse` make for one target. Those before it know of none.
struct TargetCode {
  codegen::TargetDesc target;
  std::optional<codegen::Schedule> schedule;
  std::vector<codegen::ScheduleChoice> choices; // of the schedule's kernels; empty: the cost model's
  std::optional<codegen::Kernels> kernels;
};

// A model on its way: what the phases that were run have made of it.
struct Compilation {
  Compilation(mlir::MLIRContext &context, const PipelineOptions &options) : context(context), options(options) {}

  mlir::MLIRContext &context;
  const PipelineOptions &options;
  mlir::OwningOpRef<mlir::ModuleOp> module; // import .. fuse; set before: nothing is imported
  std::vector<TargetCode> codes;            // one for each target
  codegen::EmitterTable emitters;
  std::optional<codegen::KernelCache> cache;
  std::string note; // on the phase that runs, for --timing
  Progress progress;
};

// A phase is a pass pipeline over Compilation::module, or a function.
struct Phase {
  llvm::StringLiteral name;
  llvm::StringLiteral promise; // what holds behind it
  llvm::StringLiteral passes;  // textual pass pipeline
  mlir::LogicalResult (*run)(Compilation &);
  mlir::LogicalResult (*verify)(Compilation &); // that the promise holds; null: there is nothing to see
  bool mayRefuse = false;                       // a failure is the model's or the machine's: nothing to reproduce
};

llvm::ArrayRef<Phase> phases();
// Null, and a diagnostic that lists the phases, where there is none of the name.
const Phase *findPhase(mlir::MLIRContext &context, llvm::StringRef option, llvm::StringRef name);

// The passes of a phase on IR one by one, with the values of the options that they name, and those that the user added.
std::vector<std::string> passesOf(const Phase &phase, const PipelineOptions &options);
mlir::LogicalResult runPasses(mlir::ModuleOp module, llvm::StringRef passes, mlir::TimingScope &timing);

// Runs the phases up to `last`. Fails with diagnostics.
mlir::LogicalResult runPhases(Compilation &compilation, llvm::StringRef last);

} // namespace mlc

#endif // MLC_COMPILER_PIPELINE_H
