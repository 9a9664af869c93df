#include "compiler/Timing.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace mlc {

static double millisecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void PhaseClock::begin(llvm::StringRef phase) {
  phases.emplace_back(phase.str(), 0);
  phaseStarted = Clock::now();
}

void PhaseClock::end() { phases.back().second = millisecondsSince(phaseStarted); }

PhaseClock::~PhaseClock() {
  if (!print)
    return;
  auto line = [](llvm::StringRef name, double milliseconds) {
    llvm::errs() << llvm::left_justify(name, 10) << llvm::format("%10.1f ms\n", milliseconds);
  };
  for (auto &[name, milliseconds] : phases)
    line(name, milliseconds);
  line("total", millisecondsSince(started));
}

} // namespace mlc
