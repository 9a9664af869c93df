// The run path: walks a bucket's steps, hands tiles to workers, reports to the profile. Allocates nothing.
#include "runtime/core/Session.h"
#include <algorithm>
#include <cstring>
#include <ctime>

namespace mlc::runtime {
namespace {

uint64_t nowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

const char *kernelResult(int32_t code) {
  switch (code) {
  case MLC_KERNEL_INDEX_OUT_OF_RANGE:
    return "an index lies outside of its axis; check the values of the integer inputs";
  default: return "it returned an unknown code";
  }
}

} // namespace

struct Session::Launch {
  mlc_kernel_fn kernel;
  mlc_kernel_args args;
  int64_t tiles;
  uint32_t workers;
  const mlc_worker *workerArgs;
  std::atomic<int32_t> result{MLC_KERNEL_OK};
  // Of a host's pool: which launch this is, when each worker last ran one, and how many have run this one.
  std::atomic<uint64_t> *lastLaunch;
  uint64_t number;
  std::atomic<uint32_t> finished{0};
  std::atomic<bool> misused{false};
};

void Session::execute(const EntryPlan &entry, const BucketPlan &plan, const BucketState &state) {
  if (pool && pool->lostByFork())
    fail(MLC_UNSUPPORTED, "the session was made before fork(), and its threads do not exist in this process; make one "
                          "here, or give it one thread");
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step &step = plan.steps[i];
    const uint64_t start = profile ? nowNs() : 0;
    switch (step.kind) {
    case Step::launch: launch(entry, plan, state, step); break;
    case Step::copy: copy(plan, state, step); break;
    case Step::repeatBegin: counters[step.slot] = 0; continue;
    case Step::repeatEnd:
      if (++counters[step.slot] < step.size)
        i = step.partner;
      else
        counters[step.slot] = 0;
      continue;
    }
    if (profile)
      report(step, start);
  }
}

// A static cut: which worker runs a tile depends on the number of workers, the tile's result does not.
void Session::runTiles(void *argument, uint32_t worker) {
  Launch &launch = *static_cast<Launch *>(argument);
  const int64_t begin = int64_t(__int128(launch.tiles) * worker / launch.workers);
  const int64_t end = int64_t(__int128(launch.tiles) * (worker + 1) / launch.workers);
  if (begin == end)
    return;
  if (int32_t result = launch.kernel(&launch.args, &launch.workerArgs[worker], begin, end); result != MLC_KERNEL_OK)
    launch.result.store(result, std::memory_order_relaxed);
}

// A host's pool may be wrong: a worker that does not exist or comes twice would write where another one does.
void Session::runHostTiles(void *argument, uint32_t worker) {
  Launch &launch = *static_cast<Launch *>(argument);
  if (worker >= launch.workers || launch.lastLaunch[worker].exchange(launch.number) == launch.number) {
    launch.misused = true;
    return;
  }
  runTiles(argument, worker);
  launch.finished.fetch_add(1, std::memory_order_release);
}

void Session::launch(const EntryPlan &entry, const BucketPlan &plan, const BucketState &state, const Step &step) {
  for (uint32_t i = 0; i < step.bindingCount; ++i)
    bindingPointers[i] = address(state, plan.bindings[step.firstBinding + i]);
  Launch launch{module->kernels[step.kernel],
                {bindingPointers.data(), step.constants},
                step.tiles,
                std::max<uint32_t>(1, uint32_t(std::min<int64_t>(workers, step.tiles))),
                workerArgs.data(),
                {MLC_KERNEL_OK},
                lastLaunch.data(),
                ++launchNumber};
  if (launch.workers == 1) {
    runTiles(&launch, 0);
  } else {
    launch.workers = workers;
    if (hostPool) {
      hostPool->parallel(hostPool->context, runHostTiles, &launch);
      const uint32_t finished = launch.finished.load(std::memory_order_acquire);
      if (launch.misused)
        fail(MLC_INVALID_ARGUMENT,
             concat("the host's pool called `body` twice for a worker, or for one that is not in [0, ", workers, ")"));
      if (finished != workers)
        fail(MLC_INVALID_ARGUMENT, concat("the host's pool ran ", finished, " of ", workers,
                                          " workers; `parallel` must call `body` for each, and wait"));
    } else {
      pool->run(runTiles, &launch);
    }
  }
  if (int32_t result = launch.result.load(std::memory_order_relaxed); result != MLC_KERNEL_OK) {
    const program::Kernel &kernel = *module->program->kernels()->Get(step.kernel);
    const char *description = kernel.description() ? kernel.description()->c_str() : "";
    fail(MLC_KERNEL_FAILED, concat("entry point '", entry.entry->name()->c_str(), "': kernel '",
                                   kernel.symbol()->c_str(), "' (", description, ") failed: ", kernelResult(result)));
  }
}

void Session::copy(const BucketPlan &plan, const BucketState &state, const Step &step) {
  char *destination = address(state, plan.bindings[step.firstBinding]);
  const char *source = address(state, plan.bindings[step.firstBinding + 1]);
  if (step.size)
    memmove(destination, source, step.size);
}

void Session::report(const Step &step, uint64_t startNs) const {
  mlc_profile_event event{};
  event.struct_size = sizeof(event);
  event.start_ns = startNs;
  event.end_ns = nowNs();
  event.command = step.command;
  event.tiles = step.tiles;
  if (step.kind == Step::launch) {
    const program::Kernel &kernel = *module->program->kernels()->Get(step.kernel);
    event.kernel = kernel.symbol()->c_str();
    event.description = kernel.description() ? kernel.description()->c_str() : "";
    event.kernel_index = step.kernel;
    event.flops = kernel.flops();
    event.bytes = kernel.bytes();
  } else {
    event.kernel = event.description = "copy";
    event.kernel_index = UINT32_MAX;
    event.bytes = 2 * step.size;
  }
  profile(profileContext, &event);
}

} // namespace mlc::runtime
