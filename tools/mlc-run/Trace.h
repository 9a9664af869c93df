// mlc-run --profile: what ran when, for chrome://tracing and ui.perfetto.dev.
#ifndef MLC_TOOLS_RUN_TRACE_H
#define MLC_TOOLS_RUN_TRACE_H

#include "mlc/runtime.hpp"
#include <string>
#include <vector>

namespace mlc::tools {

// Chrome's trace format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
class Trace {
public:
  // Of a module in memory, whose kernels it names.
  explicit Trace(const Module &module) : module(module) {}

  // For Session::setProfile, with the trace as its context.
  static void record(void *context, const mlc_profile_event *event);
  void beginRun() { runs.push_back(events.size()); }
  // Throws where the file cannot be written.
  void write(const std::string &path, const std::string &title) const;

private:
  const Module &module;
  std::vector<mlc_profile_event> events;
  std::vector<size_t> runs; // the first event of each
};

} // namespace mlc::tools

#endif // MLC_TOOLS_RUN_TRACE_H
