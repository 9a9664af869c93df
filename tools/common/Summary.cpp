// A module's description as a person reads it.
#include "support/Units.h"
#include "tools/common/Inspect.h"

#include <algorithm>

namespace mlc::tools {
namespace {

using nlohmann::ordered_json;

std::string stringOf(const ordered_json &value) { return value.is_string() ? value.get<std::string>() : value.dump(); }
std::string sizeOf(const ordered_json &bytes) { return bytesText(bytes.get<int64_t>()); }

template <typename Function> std::string join(const ordered_json &list, const char *separator, Function describe) {
  std::string text;
  for (const ordered_json &item : list)
    text += (text.empty() ? "" : separator) + describe(item);
  return text;
}

std::string tensor(const ordered_json &spec) {
  std::string text =
      stringOf(spec["name"]) + ": " + stringOf(spec["dtype"]) + "[" + join(spec["shape"], ",", stringOf) + "]";
  return spec.contains("capacity") ? text + " (at most " + stringOf(spec["capacity"]) + " that are not 0)" : text;
}

std::string target(const ordered_json &one, size_t index) {
  std::string text = "\ntarget " + std::to_string(index) + ": " + stringOf(one["name"]) + "\n  needs     " +
                     (one["required_features"].empty() ? "nothing" : join(one["required_features"], ", ", stringOf));
  text += one["missing_here"].empty() ? "\n  here      runs\n"
                                      : "\n  here      lacks " + join(one["missing_here"], ", ", stringOf) + "\n";
  return text;
}

std::string bucket(const ordered_json &one, const std::string &name, size_t index) {
  std::string text =
      "\nentry point " + name + ", bucket " + std::to_string(index) + ", for target " + stringOf(one["target"]) + "\n";
  for (const ordered_json &input : one["inputs"])
    text += "  input     " + tensor(input) + "\n";
  for (const ordered_json &output : one["outputs"])
    text += "  output    " + tensor(output) + "\n";
  if (!one["updates"].empty())
    text += "  updates   " + join(one["updates"], ", ", stringOf) + "\n";
  text += "  commands  " + stringOf(one["commands"]) + "\n";
  if (one.contains("memory")) {
    const ordered_json &memory = one["memory"];
    text += "  memory    arena " + sizeOf(memory["arena_bytes"]) + ", at most " + sizeOf(memory["max_live_bytes"]) +
            " live at a time; scratch " + sizeOf(memory["scratch_bytes"]) + " a thread\n";
  }
  return text;
}

std::string head(const ordered_json &description) {
  std::string text;
  if (description.contains("source"))
    text +=
        "compiler    " + stringOf(description["compiler"]) + "\nsource      " + stringOf(description["source"]) + "\n";
  if (description.contains("files"))
    for (const ordered_json &file : description["files"])
      text += "  read from " + stringOf(file["name"]) + ", " + sizeOf(file["bytes"]) +
              (file.contains("xxh3_128") ? ", XXH3 " + stringOf(file["xxh3_128"]) : "") + "\n";
  if (description.contains("options"))
    for (const auto &[name, value] : description["options"].items())
      text += "option      --" + name + "=" + stringOf(value) + "\n";
  const ordered_json &file = description["file"];
  text += "file        " + sizeOf(file["bytes"]) + "\n";
  for (const ordered_json &section : file["sections"])
    text += "  " + stringOf(section["kind"]) +
            std::string(10 - std::min<size_t>(9, stringOf(section["kind"]).size()), ' ') + sizeOf(section["bytes"]) +
            (section.contains("target") ? ", target " + stringOf(section["target"]) : "") + ", XXH3 " +
            stringOf(section["xxh3"]) + "\n";
  for (const ordered_json &beside : file["code_beside"])
    text += "  beside it " + stringOf(beside["name"]) + ", " +
            (beside.contains("bytes") ? sizeOf(beside["bytes"]) : "missing") + "\n";
  return text;
}

} // namespace

std::string summarize(const ordered_json &description) {
  std::string text = head(description);
  size_t index = 0;
  for (const ordered_json &one : description["targets"])
    text += target(one, index++);
  for (const ordered_json &entry : description["entry_points"]) {
    index = 0;
    for (const ordered_json &one : entry["buckets"])
      text += bucket(one, stringOf(entry["name"]), index++);
  }
  text += "\nparameters  " + std::to_string(description["params"].size()) + " tensors, " +
          sizeOf(description["params_bytes"]) + "\n";
  for (const ordered_json &variable : description["variables"])
    text +=
        "variable    " + tensor(variable) + ", " + stringOf(variable["role"]) + ", " + sizeOf(variable["bytes"]) + "\n";
  text += "kernels     " + std::to_string(description["kernels"].size());
  for (const ordered_json &kernel : description["kernels"])
    text += "\n  " + stringOf(kernel["symbol"]) + "  " + flopsText(kernel["flops"].get<int64_t>()) + ", " +
            sizeOf(kernel["bytes"]) + ", " + stringOf(kernel["emitter"]) + " " + stringOf(kernel["schedule"]);
  return text;
}

} // namespace mlc::tools
