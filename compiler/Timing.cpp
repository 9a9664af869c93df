#include "compiler/Timing.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace mlc {

static double millisecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void PhaseClock::begin(llvm::StringRef phase) {
  phases.push_back({phase.str(), 0, ""});
  phaseStarted = Clock::now();
}

void PhaseClock::end(std::string note) {
  phases.back().milliseconds = millisecondsSince(phaseStarted);
  phases.back().note = std::move(note);
}

PhaseClock::~PhaseClock() {
  if (!print)
    return;
  phases.push_back({"total", millisecondsSince(started), ""});
  for (const Row &row : phases)
    llvm::errs() << llvm::left_justify(row.name, 10) << llvm::format("%10.1f ms", row.milliseconds)
                 << (row.note.empty() ? "" : "  ") << row.note << "\n";
}

} // namespace mlc
