// Memory between two pages without access, for tests of generated code: it ends where one begins, or begins where the
// other ends. A byte read or written outside of it ends the process.
#pragma once

#include <cstddef>

namespace mlc {

class GuardedMemory {
public:
  // At the end nothing aligns its start but its size; at the start it has a page's alignment.
  enum class Side { End, Start };

  // The bytes are 0. No memory is a fatal error.
  explicit GuardedMemory(size_t bytes, Side side = Side::End);
  GuardedMemory(GuardedMemory &&other) noexcept;
  GuardedMemory &operator=(GuardedMemory &&) = delete;
  ~GuardedMemory();

  std::byte *data() const { return start; }
  size_t sizeBytes() const { return bytes; }
  // From now on it can be read only.
  void protect();

private:
  size_t bytes, total; // total: with the two pages
  std::byte *base, *start;
};

} // namespace mlc
