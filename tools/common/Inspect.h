// A module's description as JSON.
#ifndef MLC_TOOLS_COMMON_INSPECT_H
#define MLC_TOOLS_COMMON_INSPECT_H

#include "mlc/runtime.hpp"
#include <nlohmann/json.hpp>

namespace mlc::tools {

nlohmann::ordered_json inspect(const Module &module);

} // namespace mlc::tools

#endif // MLC_TOOLS_COMMON_INSPECT_H
