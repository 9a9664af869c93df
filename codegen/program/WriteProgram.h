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
  std::vector<std::pair<std::string, std::string>> options; // as the user gave them, for provenance
};

// `kernels` have their objects. Fails with diagnostics; then `path` is as it was.
mlir::LogicalResult writeProgram(const Schedule &schedule, const Kernels &kernels, const TargetDesc &target,
                                 const ProgramOptions &options, const std::string &path);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_PROGRAM_WRITEPROGRAM_H
