#include "compiler/CacheFolder.h"

#include "llvm/ADT/StringRef.h"

#include <cstdlib>

namespace mlc {

static llvm::StringRef variable(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

CacheFolder findCacheFolder() {
  if (llvm::StringRef asked = variable("MLC_CACHE_DIR"); !asked.empty()) {
    if (asked == "off")
      return {"", "MLC_CACHE_DIR is off"};
    if (!asked.starts_with("/"))
      return {"", ("MLC_CACHE_DIR='" + asked + "' is neither an absolute path nor 'off'").str(), /*isAsked=*/true};
    return {asked.str(), "", /*isAsked=*/true};
  }
  // A relative path in these is to be ignored, says the specification.
  if (llvm::StringRef caches = variable("XDG_CACHE_HOME"); caches.starts_with("/"))
    return {(caches + "/mlc").str(), ""};
  if (llvm::StringRef home = variable("HOME"); home.starts_with("/"))
    return {(home + "/.cache/mlc").str(), ""};
  return {"", "none of MLC_CACHE_DIR, XDG_CACHE_HOME and HOME is set"};
}

} // namespace mlc
