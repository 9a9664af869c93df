// mlc-opt as a process: mlc-bench itself has no compiler, and stays as small as the runtime.
#ifndef MLC_TOOLS_BENCH_COMPILER_H
#define MLC_TOOLS_BENCH_COMPILER_H

#include <filesystem>
#include <string>
#include <vector>

namespace mlc::tools {

// A folder for temporary files, removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  std::filesystem::path operator/(const std::string &name) const { return path / name; }

private:
  std::filesystem::path path;
};

// Runs the mlc-opt that lies beside this program. Throws std::runtime_error with what it said where it fails or is not
// there.
void runCompiler(const std::vector<std::string> &arguments, const TemporaryFolder &folder);

std::string readText(const std::filesystem::path &path);
void writeText(const std::filesystem::path &path, const std::string &text);

} // namespace mlc::tools

#endif // MLC_TOOLS_BENCH_COMPILER_H
