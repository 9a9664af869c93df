// Errors as values for code that must not link LLVM (the runtime tools share it).
// A message names the thing, what was expected, what came, and the way out.
#pragma once

#include "support/Check.h"

#include <optional>
#include <string>
#include <utility>

namespace mlc {

class [[nodiscard]] Status {
public:
  static Status success() { return Status(); }
  static Status error(std::string message) {
    Status status;
    status.text = std::move(message);
    return status;
  }
  bool ok() const { return !text; }
  // Only of an error.
  const std::string &message() const {
    MLC_CHECK(text, "message of a success");
    return *text;
  }

private:
  std::optional<std::string> text;
};

// A value or an error.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : content(std::move(value)), state(Status::success()) {}
  Result(Status error) : state(std::move(error)) { MLC_CHECK(!state.ok(), "a Result without a value is an error"); }
  bool ok() const { return state.ok(); }
  const Status &status() const { return state; }
  const std::string &message() const { return state.message(); }
  T &operator*() & { return get(); }
  const T &operator*() const & { return const_cast<Result *>(this)->get(); }
  T &&operator*() && { return std::move(get()); }
  T *operator->() { return &get(); }
  const T *operator->() const { return &const_cast<Result *>(this)->get(); }

private:
  T &get() {
    MLC_CHECK(content, "value of an error");
    return *content;
  }
  std::optional<T> content;
  Status state;
};

} // namespace mlc
