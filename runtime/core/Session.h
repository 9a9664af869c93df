// A session: memory, variables and threads to run a module's entry points with.
#ifndef MLC_RUNTIME_CORE_SESSION_H
#define MLC_RUNTIME_CORE_SESSION_H

#include "runtime/core/Module.h"
#include "runtime/cpu/ThreadPool.h"
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace mlc::runtime {

// Memory from the session's allocator.
class Block {
public:
  Block() = default;
  Block(const mlc_allocator &allocator, uint64_t size, const char *what);
  Block(Block &&other) noexcept;
  Block &operator=(Block &&other) noexcept;
  ~Block();
  char *data() const { return bytes; }

private:
  mlc_allocator allocator{};
  char *bytes = nullptr;
  uint64_t size = 0;
};

class Session {
public:
  Session(std::shared_ptr<const Module> module, const mlc_session_options &options);

  void run(size_t entry, const mlc_tensor *inputs, size_t inputCount, const mlc_tensor *outputs, size_t outputCount);
  void runNamed(const char *entry, const char *const *inputNames, const mlc_tensor *inputs, size_t inputCount,
                const char *const *outputNames, const mlc_tensor *outputs, size_t outputCount);
  void getVariable(const char *name, const mlc_tensor &destination);
  void setVariable(const char *name, const mlc_tensor &source);
  void setProfile(mlc_profile_fn profile, void *context);
  uint32_t workerCount() const { return workers; }

private:
  // What one bucket needs besides the module's plan: where each block is, and copies of what callers give strided or
  // smaller.
  struct BucketState {
    std::vector<char *> blocks;
    std::vector<Block> inputStaging, outputStaging; // empty until a run needs them
  };
  struct Launch; // what the workers of one launch share
  class Busy;

  const char *explainBusy() const;
  void startWorkers(const mlc_session_options &options);
  void allocateVariables();
  void allocateBuckets();
  void orderInputs(const EntryPlan &entry, const char *const *names, const mlc_tensor *inputs, size_t count);
  void orderOutputs(const EntryPlan &entry, const char *const *names, const mlc_tensor *outputs, size_t count);
  void runByPosition(size_t entry, const mlc_tensor *inputs, size_t inputCount, const mlc_tensor *outputs,
                     size_t outputCount);
  void bindInputs(const BucketPlan &plan, BucketState &state, const mlc_tensor *inputs);
  void bindOutputs(const EntryPlan &entry, const BucketPlan &plan, BucketState &state, const mlc_tensor *inputs,
                   const mlc_tensor *outputs, size_t count);
  void execute(const EntryPlan &entry, const BucketPlan &plan, const BucketState &state);
  void launch(const EntryPlan &entry, const BucketPlan &plan, const BucketState &state, const Step &step);
  void copy(const BucketPlan &plan, const BucketState &state, const Step &step);
  void report(const Step &step, uint64_t startNs) const;
  char *address(const BucketState &state, const ResolvedBinding &binding) const {
    return state.blocks[binding.block] + binding.offset + int64_t(counters[binding.slot]) * binding.slotStride;
  }
  const program::Variable &findVariable(const char *name, size_t &index) const;
  static void runTiles(void *launch, uint32_t worker);
  static void runHostTiles(void *launch, uint32_t worker);

  std::shared_ptr<const Module> module;
  mlc_allocator allocator;
  std::optional<mlc_host_pool> hostPool;
  std::unique_ptr<ThreadPool> pool;
  uint32_t workers = 1;
  std::vector<Block> arenas, variables;
  Block scratch;
  std::vector<mlc_worker> workerArgs;
  std::vector<std::vector<BucketState>> states;      // [entry][bucket]
  std::vector<void *> bindingPointers;               // of the launch that runs
  std::vector<uint64_t> counters;                    // of Repeat slots
  std::vector<mlc_tensor> namedInputs, namedOutputs; // of a call by names, in the module's order
  std::vector<std::atomic<uint64_t>> lastLaunch;     // of a host's pool: the launch that each worker last ran
  uint64_t launchNumber = 0;
  mlc_profile_fn profile = nullptr;
  void *profileContext = nullptr;
  std::atomic<bool> running{false};
  std::atomic<pthread_t> runner{}; // the thread that runs
};

} // namespace mlc::runtime

#endif // MLC_RUNTIME_CORE_SESSION_H
