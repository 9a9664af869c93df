#include "tools/mlc-run/Trace.h"

#include "support/FileWriter.h"
#include "tools/common/Inspect.h"

#include <span>
#include <stdexcept>

namespace mlc::tools {

using nlohmann::ordered_json;

// Commands run one after the other, each on all threads of the session: one row of the picture.
constexpr int kProcess = 1, kThread = 1;

static ordered_json metadata(const char *what, const std::string &name) {
  return {{"name", what}, {"ph", "M"}, {"pid", kProcess}, {"tid", kThread}, {"args", {{"name", name}}}};
}

void Trace::record(void *context, const mlc_profile_event *event) {
  static_cast<Trace *>(context)->events.push_back(*event);
}

void Trace::write(const std::string &path, const std::string &title) const {
  const ordered_json kernels = inspect(module)["kernels"];
  const uint64_t start = events.empty() ? 0 : events.front().start_ns;
  auto slice = [&](const std::string &name, const char *category, uint64_t begin, uint64_t end) {
    return ordered_json{{"name", name},
                        {"cat", category},
                        {"ph", "X"},
                        {"pid", kProcess},
                        {"tid", kThread},
                        {"ts", double(begin - start) * 1e-3},
                        {"dur", double(end - begin) * 1e-3}};
  };
  ordered_json list = ordered_json::array({metadata("process_name", title), metadata("thread_name", "commands")});
  for (size_t run = 0; run < runs.size(); ++run) {
    const size_t first = runs[run], end = run + 1 < runs.size() ? runs[run + 1] : events.size();
    if (first != end)
      list.push_back(slice("run " + std::to_string(run), "run", events[first].start_ns, events[end - 1].end_ns));
    for (size_t i = first; i < end; ++i) {
      const mlc_profile_event &event = events[i];
      ordered_json one =
          slice(*event.description ? event.description : event.kernel, "kernel", event.start_ns, event.end_ns);
      ordered_json arguments{{"kernel", event.kernel},
                             {"command", event.command},
                             {"tiles", event.tiles},
                             {"flops", event.flops},
                             {"bytes", event.bytes}};
      if (const uint64_t ns = event.end_ns - event.start_ns) {
        arguments["gflops_per_s"] = double(event.flops) / double(ns);
        arguments["gb_per_s"] = double(event.bytes) / double(ns);
      }
      if (event.kernel_index < kernels.size())
        for (const char *key : {"emitter", "schedule", "arithmetic"})
          arguments[key] = kernels[event.kernel_index][key];
      one["args"] = std::move(arguments);
      list.push_back(std::move(one));
    }
  }
  const std::string text = toText({{"traceEvents", list}, {"displayTimeUnit", "ns"}}, 1) + "\n";
  if (Status status = writeFile(path, std::as_bytes(std::span(text))); !status.ok())
    throw std::runtime_error(status.message());
}

} // namespace mlc::tools
