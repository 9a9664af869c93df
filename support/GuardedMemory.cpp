#include "support/GuardedMemory.h"
#include "support/Check.h"

#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace mlc {

static size_t pageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

GuardedMemory::GuardedMemory(size_t bytes, Side side) : bytes(bytes) {
  size_t page = pageSize(), inside = (bytes + page - 1) / page * page;
  total = inside + 2 * page;
  void *mapped = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  base = static_cast<std::byte *>(mapped);
  MLC_CHECK(mapped != MAP_FAILED && (!inside || mprotect(base + page, inside, PROT_READ | PROT_WRITE) == 0),
            "memory between guard pages");
  start = base + page + (side == Side::End ? inside - bytes : 0);
}

GuardedMemory::GuardedMemory(GuardedMemory &&other) noexcept
    : bytes(other.bytes), total(other.total), base(std::exchange(other.base, nullptr)), start(other.start) {}

GuardedMemory::~GuardedMemory() {
  if (base)
    munmap(base, total);
}

void GuardedMemory::protect() {
  size_t page = pageSize();
  if (total > 2 * page)
    mprotect(base + page, total - 2 * page, PROT_READ);
}

} // namespace mlc
