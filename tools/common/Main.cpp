#include "tools/common/Main.h"

#include "support/Printable.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>

namespace mlc::tools {
namespace {

[[noreturn]] void failToPrint(int error) {
  throw std::runtime_error(std::string("cannot write to the standard output: ") + strerror(error ? error : EIO));
}

void printText(const std::string &text) {
  errno = 0;
  if (fwrite(text.data(), 1, text.size(), stdout) != text.size())
    failToPrint(errno);
}

// Whether there is something to run.
bool parse(CLI::App &app, int argc, char **argv) {
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp &) {
    printText(app.help());
  } catch (const CLI::CallForVersion &version) {
    printText(std::string(version.what()) + "\n");
  }
  return false;
}

} // namespace

int runMain(const char *tool, CLI::App &app, int argc, char **argv, const std::function<int()> &work) {
  // A file-size limit is an error of the write, with a message, not a signal that kills.
  signal(SIGXFSZ, SIG_IGN);
  auto report = [&](const std::string &what, int code) {
    fprintf(stderr, "%s: error: %s\n", tool, printable(what).c_str());
    return code;
  };
  try {
    const int code = parse(app, argc, argv) ? work() : 0;
    errno = 0;
    if (fflush(stdout) != 0)
      failToPrint(errno);
    return code;
  } catch (const CLI::ParseError &error) {
    return report(std::string(error.what()) + "\nRun with --help for the options", exitUsage);
  } catch (const std::bad_alloc &) {
    return report("out of memory: the inputs and the module's arena must fit", exitFailure);
  } catch (const std::exception &error) {
    return report(error.what(), exitFailure);
  }
}

void print(const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int size = vsnprintf(nullptr, 0, format, arguments);
  va_end(arguments);
  std::string text(size_t(size > 0 ? size : 0) + 1, '\0');
  vsnprintf(text.data(), text.size(), format, again);
  va_end(again);
  text.pop_back();
  printText(printable(text));
}

void expectName(CLI::Option *option) {
  option->check([](const std::string &text) { return text.empty() ? "the value is empty" : std::string(); }, "");
}

void expectOutputFile(CLI::Option *option) {
  expectName(option);
  option->check(
      [](const std::string &text) {
        return text == "-" ? "'-' does not stand for the standard output here: name a file" : std::string();
      },
      "");
}

void expectIndex(CLI::Option *option) {
  option->check(
      [](const std::string &text) {
        size_t value;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool good = error == std::errc() && end == text.data() + text.size();
        return good ? std::string() : "'" + text + "': expected a number, 0 or more";
      },
      "");
}

void expectNumber(CLI::Option *option, double low, double high, bool aboveLow) {
  option->check(
      [=](const std::string &text) {
        double value;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        // Written so that NaN is none.
        const bool good = error == std::errc() && end == text.data() + text.size() && value <= high &&
                          (aboveLow ? value > low : value >= low);
        char bounds[96];
        snprintf(bounds, sizeof(bounds), "expected a number %s %g and at most %g", aboveLow ? "above" : "of at least",
                 low, high);
        return good ? std::string() : "'" + text + "': " + bounds;
      },
      "");
}

} // namespace mlc::tools
