// Where kernels are kept between compilations.
#ifndef MLC_COMPILER_CACHEFOLDER_H
#define MLC_COMPILER_CACHEFOLDER_H

#include <string>

namespace mlc {

struct CacheFolder {
  std::string path;     // empty: nothing is kept
  std::string why;      // then: the reason
  bool isAsked = false; // by the user, who is told where it cannot be used
};

// MLC_CACHE_DIR, an absolute path or `off`; else `mlc` in $XDG_CACHE_HOME, else in $HOME/.cache (XDG Base Directory
// Specification, https://specifications.freedesktop.org/basedir-spec/latest/).
CacheFolder findCacheFolder();

} // namespace mlc

#endif // MLC_COMPILER_CACHEFOLDER_H
