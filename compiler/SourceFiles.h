// The files that a module was compiled of, for its provenance.
#ifndef MLC_COMPILER_SOURCEFILES_H
#define MLC_COMPILER_SOURCEFILES_H

#include "codegen/module/ModuleWriter.h"
#include "compiler/Input.h"
#include "support/Status.h"

namespace mlc {

// The model's file, or the configuration of a checkpoint, and the files of --const, with hashes; then the files that
// parameters of `module` are read from, with their sizes alone: they may have many gigabytes, and the module has a
// checksum of its parameters. A model of the zoo has no file. Paths are relative to the model.
Result<std::vector<codegen::SourceFileDesc>> sourceFiles(const InputOptions &input, mlir::ModuleOp module);

} // namespace mlc

#endif // MLC_COMPILER_SOURCEFILES_H
