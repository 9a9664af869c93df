// Errors inside the runtime travel as exceptions and become a status and a message at the C interface.
#ifndef MLC_RUNTIME_CORE_ERROR_H
#define MLC_RUNTIME_CORE_ERROR_H

#include "mlc/runtime.h"
#include <string>

namespace mlc::runtime {

struct Error {
  mlc_status status;
  std::string message;
};

[[noreturn]] inline void fail(mlc_status status, std::string message) { throw Error{status, std::move(message)}; }

// Appends all arguments to one string.
template <typename... Parts> std::string concat(const Parts &...parts) {
  std::string result;
  auto append = [&](const auto &part) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>)
      result += std::to_string(part);
    else
      result += part;
  };
  (append(parts), ...);
  return result;
}

void log(mlc_log_level level, const std::string &message);

} // namespace mlc::runtime

#endif // MLC_RUNTIME_CORE_ERROR_H
