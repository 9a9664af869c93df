// The compiler's command line; everything is in libmlc_compiler.
#include "compiler/include/mlc/compiler.h"

#include <csignal>

int main(int argc, char **argv) {
  // A file-size limit is an error of the write, with a message, not a signal that kills.
  signal(SIGXFSZ, SIG_IGN);
  return mlc_compiler_main(argc, argv);
}
