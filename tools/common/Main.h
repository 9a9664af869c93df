// What the mains of the runtime's tools share: how they read their arguments, print, and fail.
#ifndef MLC_TOOLS_COMMON_MAIN_H
#define MLC_TOOLS_COMMON_MAIN_H

#include <functional>
#include <string>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace mlc::tools {

// Exit codes, as --help states them (see exitCodes).
inline constexpr int exitFailure = 1, exitUsage = 2;

// Parses the command line, runs `work` and returns its exit code. An exception becomes "TOOL: error: what" on stderr
// and exitFailure, as does output that could not be written; a wrong command line becomes the same and exitUsage.
int runMain(const char *tool, CLI::App &app, int argc, char **argv, const std::function<int()> &work);

// Prints to the standard output, with names from files made harmless; throws where that fails.
[[gnu::format(printf, 1, 2)]] void print(const char *format, ...);

// Checks of option values, whose messages say what is expected.
void expectName(CLI::Option *option);       // not empty
void expectOutputFile(CLI::Option *option); // not empty, and not the "-" that elsewhere is the standard output
void expectIndex(CLI::Option *option);      // a number, 0 or more
// A number of [low, high]; of (low, high] where `aboveLow`.
void expectNumber(CLI::Option *option, double low, double high, bool aboveLow);

} // namespace mlc::tools

#endif // MLC_TOOLS_COMMON_MAIN_H
