// Phase `module`: kernels are linked, the schedule becomes commands, and both go with the parameters into a .mlc file.
#ifndef MLC_CODEGEN_PROGRAM_WRITEPROGRAM_H
#define MLC_CODEGEN_PROGRAM_WRITEPROGRAM_H

#include "codegen/program/EmitKernels.h"

namespace mlc::codegen {

struct ProgramOptions {
  // Gives the bytes of a stored tensor, an mlc.param, mlc.param_pack or mlc.variable, to the sink; returns an error or
  // nothing.
  std::function<std::string(mlir::Operation *param, const ByteSink &sink)> writeParam;
  bool externalCode = false;                                // code in a file of its own beside the module
  std::string compiler, source;                             // provenance: name and version; the model's base name
  std::vector<SourceFileDesc> files;                        // what the model was read from, for provenance
  std::vector<std::pair<std::string, std::string>> options; // as the user gave them, for provenance
};

// One module's code for one target.
struct TargetProgram {
  const TargetDesc &target;
  const Schedule &schedule;
  const Kernels &kernels; // with their objects
};

// At least one target; the schedules of all are of the same mlc IR, so that they store the same tensors. Fails with
// diagnostics; then `path` is as it was.
mlir::LogicalResult writeProgram(llvm::ArrayRef<TargetProgram> programs, const ProgramOptions &options,
                                 const std::string &path);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_PROGRAM_WRITEPROGRAM_H
