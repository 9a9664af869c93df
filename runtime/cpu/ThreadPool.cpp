#include "runtime/cpu/ThreadPool.h"

#include "runtime/core/Error.h"
#include <cstdlib>
#include <cstring>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mlc::runtime {
namespace {

// A thread that waits first spins, about 50 us of pause instructions on current machines (30 to 140 cycles each):
// longer than the serial gaps inside a model. Then it offers the CPU to others between looks, about a millisecond:
// longer than the slower half of a large kernel lets the other wait, since waking a parked thread costs 50 to 100 us,
// in a virtual machine in particular; shorter than anything a user would see as an idle process that burns CPU. Then it
// parks.
constexpr uint32_t spinsBeforeYield = 2000, yieldsBeforePark = 2000;

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "a futex is a plain 32-bit word");

void futexWait(std::atomic<uint32_t> &word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void futexWakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

} // namespace

ThreadPool::ThreadPool(uint32_t workerCount) : owner(getpid()) {
  // With more threads than CPUs, spinning only keeps the CPU from whom one waits for.
  mayWait = workerCount <= availableCpus();
  threads.reserve(workerCount - 1);
  for (uint32_t worker = 1; worker < workerCount; ++worker) {
    Thread &thread = threads.emplace_back(Thread{this, worker, {}});
    if (int error = pthread_create(&thread.handle, nullptr, start, &thread)) {
      threads.pop_back();
      stop();
      fail(MLC_OUT_OF_MEMORY, concat("cannot start ", workerCount, " threads (", worker, " started): ", strerror(error),
                                     ". Ask for fewer, by the session's options or MLC_NUM_THREADS"));
    }
  }
}

bool ThreadPool::waitAwake(uint32_t looks) const {
  if (!mayWait || looks >= spinsBeforeYield + yieldsBeforePark)
    return false;
  if (looks < spinsBeforeYield)
    __builtin_ia32_pause();
  else
    sched_yield();
  return true;
}

void *ThreadPool::start(void *argument) {
  const Thread &thread = *static_cast<Thread *>(argument);
  thread.pool->work(thread.worker);
  return nullptr;
}

bool ThreadPool::lostByFork() const { return !threads.empty() && getpid() != owner; }

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  if (lostByFork())
    return;
  stopping.store(true, std::memory_order_relaxed);
  epoch.fetch_add(1, std::memory_order_seq_cst);
  futexWakeAll(epoch);
  for (const Thread &thread : threads)
    pthread_join(thread.handle, nullptr);
  threads.clear();
}

void ThreadPool::run(Body newBody, void *newArgument) {
  if (threads.empty())
    return newBody(newArgument, 0);
  body = newBody;
  argument = newArgument;
  pending.store(uint32_t(threads.size()), std::memory_order_relaxed);
  // Sequentially consistent with parkedWorkers: either we see the parked worker, or it sees the new epoch.
  epoch.fetch_add(1, std::memory_order_seq_cst);
  if (parkedWorkers.load(std::memory_order_seq_cst) != 0)
    futexWakeAll(epoch);

  newBody(newArgument, 0);

  uint32_t left;
  for (uint32_t spins = 0; (left = pending.load(std::memory_order_acquire)) != 0;) {
    if (waitAwake(spins++))
      continue;
    callerParked.store(true, std::memory_order_seq_cst);
    left = pending.load(std::memory_order_seq_cst);
    if (left != 0)
      futexWait(pending, left);
    callerParked.store(false, std::memory_order_relaxed);
  }
}

void ThreadPool::work(uint32_t worker) {
  uint32_t seen = 0;
  while (true) {
    uint32_t current;
    for (uint32_t spins = 0; (current = epoch.load(std::memory_order_acquire)) == seen;) {
      if (waitAwake(spins++))
        continue;
      parkedWorkers.fetch_add(1, std::memory_order_seq_cst);
      futexWait(epoch, seen);
      parkedWorkers.fetch_sub(1, std::memory_order_relaxed);
    }
    seen = current;
    if (stopping.load(std::memory_order_relaxed))
      return;
    body(argument, worker);
    pending.fetch_sub(1, std::memory_order_seq_cst);
    if (callerParked.load(std::memory_order_seq_cst))
      futexWakeAll(pending);
  }
}

uint32_t availableCpus() {
  // Grows until the kernel's mask fits: machines with more than 1024 CPUs exist.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    size_t size = CPU_ALLOC_SIZE(cpus);
    int result = sched_getaffinity(0, size, set);
    int count = result == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (result == 0)
      return uint32_t(count > 0 ? count : 1);
  }
  return 1;
}

uint32_t defaultThreadCount() {
  if (const char *text = getenv("MLC_NUM_THREADS"); text && *text) {
    char *end;
    long count = strtol(text, &end, 10);
    if (*end == '\0' && count >= 1 && count <= MLC_MAX_THREADS)
      return uint32_t(count);
    log(MLC_LOG_WARNING,
        concat("MLC_NUM_THREADS='", text, "' is ignored: expected a number from 1 to ", MLC_MAX_THREADS));
  }
  return availableCpus();
}

} // namespace mlc::runtime
