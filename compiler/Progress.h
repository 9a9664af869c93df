// A line on the terminal for what takes over two seconds; nothing where stderr is no terminal.
#ifndef MLC_COMPILER_PROGRESS_H
#define MLC_COMPILER_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace mlc {

class Progress {
public:
  Progress();
  ~Progress();
  // What is being done: a phase. The line appears when it lasts.
  void begin(llvm::StringRef what);
  void end();
  // How far it is. From any thread.
  void report(size_t done, size_t total);

private:
  void tick();

  bool isOnTerminal;
  std::atomic<size_t> done{0}, total{0};
  std::mutex mutex;
  std::condition_variable stopping;
  bool stop = false;
  std::string what;
  std::thread ticker;
};

} // namespace mlc

#endif // MLC_COMPILER_PROGRESS_H
