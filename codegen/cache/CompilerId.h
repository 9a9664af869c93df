// What tells this build of the compiler, with its libraries, from every other.
#ifndef MLC_CODEGEN_CACHE_COMPILERID_H
#define MLC_CODEGEN_CACHE_COMPILERID_H

#include <string>

namespace mlc::codegen {

// The build ids of the libraries that generate code: ours, LLVM, MLIR, Halide. A file without a build id counts by its
// size and its time.
const std::string &compilerId();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_CACHE_COMPILERID_H
