#include "tools/common/Main.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>

namespace mlc::tools {

int runMain(const char *tool, const std::function<int()> &work) {
  // A file-size limit is an error of the write, with a message, not a signal that kills.
  signal(SIGXFSZ, SIG_IGN);
  auto report = [&](const char *what) {
    fprintf(stderr, "%s: error: %s\n", tool, what);
    return 1;
  };
  try {
    const int code = work();
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
      const int error = errno;
      fprintf(stderr, "%s: error: cannot write to the standard output: %s\n", tool, strerror(error ? error : EIO));
      return 1;
    }
    return code;
  } catch (const std::bad_alloc &) {
    return report("out of memory: the inputs and the module's arena must fit");
  } catch (const std::exception &error) {
    return report(error.what());
  }
}

} // namespace mlc::tools
