#include "compiler/include/mlc/compiler.h"
#include "llvm/Config/llvm-config.h"

const char *mlc_compiler_version(void) { return "mlc " MLC_VERSION " (LLVM " LLVM_VERSION_STRING ")"; }
