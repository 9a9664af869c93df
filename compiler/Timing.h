// Times of phases, and a line of progress for those that take long.
#ifndef MLC_COMPILER_TIMING_H
#define MLC_COMPILER_TIMING_H

#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <string>
#include <vector>

namespace mlc {

// Prints a table to stderr when it goes, if it is to: also of a compilation that failed.
class PhaseClock {
public:
  explicit PhaseClock(bool print) : print(print) {}
  ~PhaseClock();
  void begin(llvm::StringRef phase);
  void end(std::string note); // printed behind the time

private:
  using Clock = std::chrono::steady_clock;
  bool print;
  Clock::time_point started = Clock::now(), phaseStarted;
  struct Row {
    std::string name;
    double milliseconds = 0;
    std::string note;
  };
  std::vector<Row> phases;
};

} // namespace mlc

#endif // MLC_COMPILER_TIMING_H
