// The compiler's command line; everything is in libmlc_compiler.
#include "compiler/include/mlc/compiler.h"

int main(int argc, char **argv) { return mlc_compiler_main(argc, argv); }
