// A module's description as JSON.
#ifndef MLC_TOOLS_COMMON_INSPECT_H
#define MLC_TOOLS_COMMON_INSPECT_H

#include "mlc/runtime.hpp"
#include <nlohmann/json.hpp>

namespace mlc::tools {

// What the program says, and what of it this machine lacks. Also of a module that was only opened.
nlohmann::ordered_json inspect(const Module &module);
// What the module's file at `path` holds, and which files are beside it.
nlohmann::ordered_json inspectFile(const Module &module, const std::string &path);
// The main figures of a description that has both, the second as `file`, to read.
std::string summarize(const nlohmann::ordered_json &description);

// As text. Names in files are bytes: those that are no UTF-8 become the replacement character, which JSON wants.
std::string toText(const nlohmann::ordered_json &json, int indent = -1);

// The files beside the module at `path` that hold its code (--code=external).
std::vector<std::string> codeFiles(const Module &module, const std::string &path);

} // namespace mlc::tools

#endif // MLC_TOOLS_COMMON_INSPECT_H
