#include "compiler/Reproducer.h"

#include "support/FileWriter.h"

#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace mlc {

std::string reproducerPath(StringRef output) {
  if (output != "-")
    return (output + ".repro.mlir").str();
  llvm::SmallString<128> path;
  if (llvm::sys::fs::createTemporaryFile("mlc-opt", "repro.mlir", path))
    return "mlc-opt.repro.mlir";
  return std::string(path);
}

Status writeReproducer(ModuleOp before, const std::string &path, const std::string &what, const std::string &command) {
  std::string text = "// " + what + ". Run it again:\n//   " + command + "\n";
  llvm::raw_string_ostream os(text);
  before.print(os, OpPrintingFlags().enableDebugInfo(true));
  os << "\n";
  return writeFile(path, std::as_bytes(std::span(text)));
}

std::string runSafely(llvm::function_ref<LogicalResult()> run) {
  LogicalResult result = failure();
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext recovery;
  bool survived = recovery.RunSafely([&] { result = run(); });
  llvm::CrashRecoveryContext::Disable();
  if (!survived)
    return "crashed (status " + std::to_string(recovery.RetCode) + ")";
  return succeeded(result) ? "" : "failed";
}

static void leave(Compilation &c, ModuleOp before, const Phase &phase, StringRef phaseBefore, StringRef what) {
  std::string path = reproducerPath(c.options.output);
  std::string command = "mlc-opt " + path + " --compile-from=" + phaseBefore.str() +
                        " --compile-to=" + phase.name.str() + " --target-cpu=" + c.options.targetCpu;
  // `objects` prints nothing: what it would compile is made to.
  if (phase.name == "objects")
    command = "mlc-opt " + path + " --compile-from=" + phaseBefore.str() +
              " --emit=obj -o /dev/null --target-cpu=" + c.options.targetCpu;
  for (const PassOption &option : passOptions())
    if (c.options.*option.value != PipelineOptions().*option.value)
      command += " --" + option.name.str() + "=" + c.options.*option.value;
  if (!c.options.schedules.empty())
    command += " --schedules=" + c.options.schedules;
  if (c.options.tune != "off") // what was measured is kept, and not measured again
    command += " --tune=" + (c.options.cache.path.empty() ? c.options.tune : "cached");
  for (const auto &[name, passes] : c.options.addedPasses)
    if (name == phase.name)
      command += " --add-passes='" + name + ":" + passes + "'";
  Status status =
      writeReproducer(before, path, "Phase '" + phase.name.str() + "' " + what.str() + " on this IR", command);
  InFlightDiagnostic error = emitError(UnknownLoc::get(&c.context));
  error << "phase '" << phase.name << "' " << what;
  if (status.ok())
    error.attachNote() << "the IR that it began with is in '" << path << "'; run it again with\n  " << command;
  else
    error.attachNote() << "the IR that it began with cannot be kept: " << status.message();
}

LogicalResult runReproducibly(Compilation &c, const Phase &phase, StringRef phaseBefore,
                              llvm::function_ref<LogicalResult()> run) {
  // Passes change the IR; the phases behind them only read it. Weights are not in it, so that a copy costs little.
  OwningOpRef<ModuleOp> copy;
  if (!phase.run)
    copy = c.module->clone();
  std::string problem = runSafely(run);
  if (problem.empty())
    return success();
  leave(c, copy ? *copy : *c.module, phase, phaseBefore, problem);
  // What a crash left half done is not to be touched, not even to free it. A crash of LLVM in a thread of its own has
  // become an error.
  if (StringRef(problem).starts_with("crashed"))
    (void)c.module.release();
  (void)new std::vector<TargetCode>(std::move(c.codes));
  return failure();
}

} // namespace mlc
