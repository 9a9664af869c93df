#include "compiler/Progress.h"

#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

namespace mlc {

Progress::Progress() : isOnTerminal(llvm::sys::Process::StandardErrIsDisplayed()) {}

Progress::~Progress() { end(); }

void Progress::begin(llvm::StringRef name) {
  if (!isOnTerminal)
    return;
  end();
  what = name.str();
  done = total = 0;
  stop = false;
  ticker = std::thread([this] { tick(); });
}

void Progress::end() {
  if (!ticker.joinable())
    return;
  {
    std::lock_guard<std::mutex> lock(mutex);
    stop = true;
  }
  stopping.notify_all();
  ticker.join();
}

void Progress::report(size_t newDone, size_t newTotal) {
  total = newTotal;
  done = newDone;
}

void Progress::tick() {
  using namespace std::chrono_literals;
  auto started = std::chrono::steady_clock::now();
  std::unique_lock<std::mutex> lock(mutex);
  if (stopping.wait_for(lock, 2s, [&] { return stop; }))
    return;
  do {
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started);
    std::string line = "mlc-opt: " + what;
    if (total)
      line += " " + std::to_string(done) + " of " + std::to_string(total);
    // The cursor stays at the line's begin, so that a message overwrites it.
    llvm::errs() << "\033[K" << line << " (" << std::to_string(seconds.count()) << " s)\r";
  } while (!stopping.wait_for(lock, 250ms, [&] { return stop; }));
  llvm::errs() << "\033[K";
}

} // namespace mlc
