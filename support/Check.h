// Invariants of our own code, checked in every build (the build is NDEBUG, as Debian's LLVM is).
// Never for user input: that gets a Status or a diagnostic.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace mlc::detail {
[[noreturn]] inline void checkFailed(const char *condition, const char *message, const char *file, int line) {
  std::fprintf(stderr, "%s:%d: internal error: %s (%s)\n", file, line, message, condition);
  std::abort();
}
} // namespace mlc::detail

#define MLC_CHECK(condition, message)                                                                                  \
  (static_cast<bool>(condition) ? static_cast<void>(0)                                                                 \
                                : ::mlc::detail::checkFailed(#condition, message, __FILE__, __LINE__))
