// What the mains of the runtime's tools share: how they fail.
#ifndef MLC_TOOLS_COMMON_MAIN_H
#define MLC_TOOLS_COMMON_MAIN_H

#include <functional>

namespace mlc::tools {

// Runs `work` and returns its exit code. An exception becomes "TOOL: error: what" on stderr and the code 1, as does
// output that could not be written.
int runMain(const char *tool, const std::function<int()> &work);

} // namespace mlc::tools

#endif // MLC_TOOLS_COMMON_MAIN_H
