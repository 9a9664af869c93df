// Fork-join pool for kernel launches. Workers spin with a bound after a region and then park, so that back-to-back
// launches cost well under a microsecond and an idle session costs nothing. A child of fork() has none of the threads:
// it must not run, and may destroy.
#ifndef MLC_RUNTIME_CPU_THREADPOOL_H
#define MLC_RUNTIME_CPU_THREADPOOL_H

#include <atomic>
#include <cstdint>
#include <pthread.h>
#include <vector>

namespace mlc::runtime {

// The caller of run() is worker 0. One run() at a time.
class ThreadPool {
public:
  using Body = void (*)(void *argument, uint32_t worker);

  explicit ThreadPool(uint32_t workerCount);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  uint32_t workerCount() const { return uint32_t(threads.size()) + 1; }
  // Whether this process is a child of the one that started the threads.
  bool lostByFork() const;

  // Calls body(argument, w) once for each worker; returns when all have.
  void run(Body body, void *argument);

private:
  // A handle without a destructor, unlike std::thread's: a child of fork() has nothing to join.
  struct Thread {
    ThreadPool *pool;
    uint32_t worker;
    pthread_t handle;
  };
  static void *start(void *thread);
  void work(uint32_t worker);
  void stop();
  // Passes a moment of waiting; false when it is time to park. `looks`: how often one has looked before.
  bool waitAwake(uint32_t looks) const;

  std::vector<Thread> threads;
  int owner;    // the process
  bool mayWait; // otherwise than parked
  Body body = nullptr;
  void *argument = nullptr;
  alignas(64) std::atomic<uint32_t> epoch{0};   // one more for each region; futex of parked workers
  alignas(64) std::atomic<uint32_t> pending{0}; // workers still in the region; futex of a parked caller
  alignas(64) std::atomic<uint32_t> parkedWorkers{0};
  std::atomic<bool> callerParked{false};
  std::atomic<bool> stopping{false};
};

// CPUs that the process may run on.
uint32_t availableCpus();

// MLC_NUM_THREADS when it is a positive number (else a warning is logged), else availableCpus().
uint32_t defaultThreadCount();

} // namespace mlc::runtime

#endif // MLC_RUNTIME_CPU_THREADPOOL_H
