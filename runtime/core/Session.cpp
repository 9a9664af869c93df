#include "runtime/core/Session.h"

#include "runtime/core/Checks.h"
#include "runtime/core/Format.h"
#include "runtime/core/Tensor.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace mlc::runtime {
namespace {

constexpr uint64_t hugePage = 2 << 20;

void *defaultAllocate(void *, size_t size, size_t alignment) {
  // Large blocks on huge pages: fewer TLB misses in the packed loops.
  if (size >= 2 * hugePage)
    alignment = std::max<size_t>(alignment, hugePage);
  void *block = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (block && size >= 2 * hugePage)
    madvise(block, size, MADV_HUGEPAGE);
  return block;
}

void defaultRelease(void *, void *block, size_t) { free(block); }

std::string listSpecs(const flatbuffers::Vector<flatbuffers::Offset<program::TensorSpec>> *specs) {
  std::string result;
  for (size_t i = 0, count = specs ? specs->size() : 0; i < count; ++i)
    result += (i ? ", " : "") + specs->Get(i)->name()->str() + ": " + describe(*specs->Get(i));
  return result.empty() ? "none" : result;
}

// Without those that are tied to variables: callers cannot ask for them.
std::string listOutputs(const BucketPlan &plan) {
  std::string result;
  for (uint32_t index : plan.visibleOutputs) {
    const program::TensorSpec &spec = *plan.bucket->outputs()->Get(index);
    result += (result.empty() ? "" : ", ") + spec.name()->str() + ": " + describe(spec);
  }
  return result.empty() ? "none" : result;
}

} // namespace

Block::Block(const mlc_allocator &allocator, uint64_t wanted, const char *what)
    : allocator(allocator), size(std::max<uint64_t>(wanted, MLC_BUFFER_ALIGNMENT)) {
  bytes = static_cast<char *>(allocator.allocate(allocator.context, size, MLC_BUFFER_ALIGNMENT));
  if (!bytes)
    fail(MLC_OUT_OF_MEMORY, concat("cannot allocate ", size, " bytes for ", what));
  // Kernels load whole vectors: what is less aligned would crash in them.
  if (reinterpret_cast<uintptr_t>(bytes) % MLC_BUFFER_ALIGNMENT) {
    allocator.release(allocator.context, bytes, size);
    fail(MLC_INVALID_ARGUMENT, concat("the allocator gave memory that is not aligned to the ", MLC_BUFFER_ALIGNMENT,
                                      " bytes it was asked for"));
  }
}

Block::Block(Block &&other) noexcept : allocator(other.allocator), bytes(other.bytes), size(other.size) {
  other.bytes = nullptr;
}

Block &Block::operator=(Block &&other) noexcept {
  std::swap(allocator, other.allocator);
  std::swap(bytes, other.bytes);
  std::swap(size, other.size);
  return *this;
}

Block::~Block() {
  if (bytes)
    allocator.release(allocator.context, bytes, size);
}

// Marks the session as running for its lifetime.
class Session::Busy {
public:
  explicit Busy(Session &session) : session(session) {
    if (session.running.exchange(true, std::memory_order_acquire))
      fail(MLC_BUSY, session.explainBusy());
    session.runner.store(pthread_self(), std::memory_order_relaxed);
  }
  ~Busy() {
    session.runner.store({}, std::memory_order_relaxed);
    session.running.store(false, std::memory_order_release);
  }

private:
  Session &session;
};

const char *Session::explainBusy() const {
  if (pool && pool->lostByFork())
    return "the session was running when this process was forked from another, and stays so; make one here";
  if (runner.load(std::memory_order_relaxed) == pthread_self())
    return "the session is running in this very thread: a callback must not use the session that calls it";
  return "the session is in use by another thread; give each thread a session of its own";
}

Session::Session(std::shared_ptr<const Module> loaded, const mlc_session_options &options)
    : module(std::move(loaded)), allocator{nullptr, defaultAllocate, defaultRelease}, counters(format::maxSlots) {
  if (options.allocator) {
    allocator = *options.allocator;
    if (!allocator.allocate || !allocator.release)
      fail(MLC_INVALID_ARGUMENT, "the allocator lacks `allocate` or `release`");
  }
  startWorkers(options);
  const uint64_t scratchStride =
      (module->maxScratchBytes + MLC_BUFFER_ALIGNMENT - 1) / MLC_BUFFER_ALIGNMENT * MLC_BUFFER_ALIGNMENT;
  uint64_t scratchBytes;
  if (__builtin_mul_overflow(scratchStride, uint64_t(workers), &scratchBytes) || scratchBytes > uint64_t(INT64_MAX))
    fail(MLC_OUT_OF_MEMORY,
         concat("cannot allocate ", scratchStride, " bytes of scratch memory for each of ", workers, " threads"));
  scratch = Block(allocator, scratchBytes, "scratch memory");
  for (uint32_t worker = 0; worker < workers; ++worker)
    workerArgs.push_back({scratch.data() + worker * scratchStride, scratchStride, worker, 0});
  allocateVariables();
  allocateBuckets();
}

void Session::startWorkers(const mlc_session_options &options) {
  auto checkCount = [](uint32_t count, const char *what) {
    if (count > MLC_MAX_THREADS)
      fail(MLC_INVALID_ARGUMENT, concat("`", what, "` is ", count, "; at most ", MLC_MAX_THREADS, " are possible"));
  };
  if (options.pool) {
    hostPool = *options.pool;
    if (!hostPool->parallel || hostPool->worker_count == 0)
      fail(MLC_INVALID_ARGUMENT, "the host's pool lacks `parallel`, or has no workers");
    workers = hostPool->worker_count;
    checkCount(workers, "worker_count");
    lastLaunch = std::vector<std::atomic<uint64_t>>(workers);
  } else {
    checkCount(options.threads, "threads");
    workers = options.threads ? options.threads : defaultThreadCount();
    pool = std::make_unique<ThreadPool>(workers);
  }
}

void Session::allocateVariables() {
  const auto *specs = module->program->variables();
  for (size_t i = 0, count = specs ? specs->size() : 0; i < count; ++i) {
    const program::Variable &variable = *specs->Get(i);
    variables.emplace_back(allocator, variable.size(), "a variable");
    if (variable.initial_param() >= 0) {
      const program::Param &param = *module->program->params()->Get(variable.initial_param());
      memcpy(variables.back().data(), module->params + param.offset(), param.size());
    } else {
      memset(variables.back().data(), 0, variable.size());
    }
  }
}

// Arenas are shared by all buckets, since one runs at a time.
void Session::allocateBuckets() {
  std::vector<uint64_t> arenaBytes;
  size_t maxBindings = 0, maxInputs = 0, maxOutputs = 0;
  for (const EntryPlan &entry : module->entries) {
    for (const BucketPlan &plan : entry.buckets) {
      const auto *sizes = plan.bucket->arenas();
      arenaBytes.resize(std::max<size_t>(arenaBytes.size(), sizes ? sizes->size() : 0));
      for (size_t i = 0, count = sizes ? sizes->size() : 0; i < count; ++i)
        arenaBytes[i] = std::max(arenaBytes[i], sizes->Get(i));
      maxBindings = std::max<size_t>(maxBindings, plan.maxBindings);
      maxInputs = std::max(maxInputs, plan.inputBytes.size());
      maxOutputs = std::max(maxOutputs, plan.visibleOutputs.size());
    }
  }
  for (uint64_t bytes : arenaBytes)
    arenas.emplace_back(allocator, bytes, "an arena");
  bindingPointers.resize(maxBindings);
  namedInputs.resize(maxInputs);
  namedOutputs.resize(maxOutputs);

  auto *constants = module->program->constants();
  for (const EntryPlan &entry : module->entries) {
    auto &entryStates = states.emplace_back();
    for (const BucketPlan &plan : entry.buckets) {
      BucketState &state = entryStates.emplace_back();
      state.blocks.resize(plan.blocks.count);
      for (uint32_t i = plan.blocks.arenas; i < plan.blocks.params; ++i)
        state.blocks[i] = arenas[i - plan.blocks.arenas].data();
      state.blocks[plan.blocks.params] = const_cast<char *>(module->params);
      if (constants)
        state.blocks[plan.blocks.constants] = reinterpret_cast<char *>(const_cast<uint8_t *>(constants->data()));
      for (size_t i = 0; i < variables.size(); ++i)
        state.blocks[plan.blocks.variables + i] = variables[i].data();
      const auto *tied = plan.bucket->tied_results();
      for (size_t i = 0, count = tied ? tied->size() : 0; i < count; ++i)
        state.blocks[plan.blocks.outputs + tied->Get(i)->output()] = variables[tied->Get(i)->variable()].data();
      state.inputStaging.resize(plan.inputBytes.size());
      state.outputStaging.resize(plan.outputBytes.size());
    }
  }
}

// Is a tensor of the caller smaller than that of the bucket, whose specification it otherwise has?
static bool isCut(const program::TensorSpec &spec, const std::vector<int32_t> &padded, const mlc_tensor &tensor) {
  return !padded.empty() && !sameShapeAndType(spec, tensor);
}

void Session::bindInputs(const BucketPlan &plan, BucketState &state, const mlc_tensor *inputs) {
  for (size_t i = 0; i < plan.inputBytes.size(); ++i) {
    const mlc_tensor &input = inputs[i];
    const program::TensorSpec &spec = *plan.bucket->inputs()->Get(i);
    const bool isSmaller = isCut(spec, plan.paddedInputs[i], input);
    if (isDense(input) && !isSmaller) {
      state.blocks[plan.blocks.inputs + i] = static_cast<char *>(input.data);
      continue;
    }
    Block &staging = state.inputStaging[i];
    if (!staging.data())
      staging = Block(allocator, plan.inputBytes[i], isSmaller ? "a padded input" : "a copy of a strided input");
    if (isSmaller)
      padToDense(input, staging.data(), spec.shape()->data());
    else
      gatherToDense(input, staging.data());
    state.blocks[plan.blocks.inputs + i] = staging.data();
  }
}

// Refuses what has not the type and shape of output `index` in a run with these inputs.
static void checkOutput(const EntryPlan &entry, const BucketPlan &plan, uint32_t index, const mlc_tensor *inputs,
                        const mlc_tensor &output) {
  const program::TensorSpec &spec = *plan.bucket->outputs()->Get(index);
  const char *name = spec.name()->c_str();
  const size_t rank = spec.shape() ? spec.shape()->size() : 0;
  checkShape(output, rank, "output", name);
  bool matches = int(output.dtype) == int(spec.dtype());
  for (size_t dim = 0; matches && dim < rank; ++dim)
    matches = output.shape[dim] == plan.outputSize(index, dim, inputs);
  if (!matches) {
    std::vector<int64_t> expected;
    for (size_t dim = 0; dim < rank; ++dim)
      expected.push_back(plan.outputSize(index, dim, inputs));
    fail(MLC_INVALID_ARGUMENT, concat("output '", name, "' of entry point '", entry.entry->name()->c_str(), "' is ",
                                      describe(mlc_dtype(spec.dtype()), expected.data(), rank), ", but ",
                                      describe(output), " was given to fill"));
  }
  checkData(output, Access::write, "output", name);
}

// An output that is strided, smaller than the bucket's, or that the caller does not want (dtype 0), is computed into
// memory of the session.
void Session::bindOutputs(const EntryPlan &entry, const BucketPlan &plan, BucketState &state, const mlc_tensor *inputs,
                          const mlc_tensor *outputs, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint32_t index = plan.visibleOutputs[i];
    const mlc_tensor &output = outputs[i];
    const program::TensorSpec &spec = *plan.bucket->outputs()->Get(index);
    const bool wanted = output.dtype != 0;
    if (wanted)
      checkOutput(entry, plan, index, inputs, output);
    const bool isSmaller = wanted && isCut(spec, plan.paddedOutputs[index], output);
    if (wanted && isDense(output) && !isSmaller) {
      state.blocks[plan.blocks.outputs + index] = static_cast<char *>(output.data);
      continue;
    }
    Block &staging = state.outputStaging[index];
    if (!staging.data())
      staging = Block(allocator, plan.outputBytes[index],
                      isSmaller ? "an output of a padded run" : "a copy of a strided output");
    state.blocks[plan.blocks.outputs + index] = staging.data();
  }
}

// Kernels write outputs while others still read inputs.
static void checkOverlaps(const BucketPlan &plan, const mlc_tensor *inputs, const mlc_tensor *outputs) {
  auto nameOf = [&](size_t output) {
    return plan.bucket->outputs()->Get(plan.visibleOutputs[output])->name()->c_str();
  };
  for (size_t i = 0; i < plan.visibleOutputs.size(); ++i) {
    if (outputs[i].dtype == 0)
      continue;
    for (size_t j = 0; j < plan.inputBytes.size(); ++j)
      if (overlap(outputs[i], inputs[j]))
        fail(MLC_INVALID_ARGUMENT, concat("output '", nameOf(i), "' overlaps input '",
                                          plan.bucket->inputs()->Get(j)->name()->c_str(), "' in memory"));
    for (size_t j = 0; j < i; ++j)
      if (outputs[j].dtype != 0 && overlap(outputs[i], outputs[j]))
        fail(MLC_INVALID_ARGUMENT, concat("outputs '", nameOf(j), "' and '", nameOf(i), "' overlap in memory"));
  }
}

void Session::run(size_t entryIndex, const mlc_tensor *inputs, size_t inputCount, const mlc_tensor *outputs,
                  size_t outputCount) {
  Busy busy(*this);
  runByPosition(entryIndex, inputs, inputCount, outputs, outputCount);
}

void Session::runByPosition(size_t entryIndex, const mlc_tensor *inputs, size_t inputCount, const mlc_tensor *outputs,
                            size_t outputCount) {
  const EntryPlan &entry = module->entry(entryIndex);
  const size_t bucket = module->findBucket(entry, inputs, inputCount);
  const BucketPlan &plan = entry.buckets[bucket];
  for (size_t i = 0; i < inputCount; ++i)
    checkData(inputs[i], Access::read, "input", plan.bucket->inputs()->Get(i)->name()->c_str());
  if (outputCount != plan.visibleOutputs.size())
    fail(MLC_INVALID_ARGUMENT,
         concat("entry point '", entry.entry->name()->c_str(), "' gives ", plan.visibleOutputs.size(), " outputs, but ",
                outputCount, " were given to fill"));
  BucketState &state = states[entryIndex][bucket];
  bindOutputs(entry, plan, state, inputs, outputs, outputCount);
  checkOverlaps(plan, inputs, outputs);
  bindInputs(plan, state, inputs);
  execute(entry, plan, state);
  for (size_t i = 0; i < outputCount; ++i) {
    const uint32_t index = plan.visibleOutputs[i];
    const program::TensorSpec &spec = *plan.bucket->outputs()->Get(index);
    const char *computed = state.blocks[plan.blocks.outputs + index];
    if (outputs[i].dtype == 0)
      continue;
    if (isCut(spec, plan.paddedOutputs[index], outputs[i]))
      cutFromDense(computed, spec.shape()->data(), outputs[i]);
    else if (!isDense(outputs[i]))
      scatterFromDense(computed, outputs[i]);
  }
}

void Session::orderInputs(const EntryPlan &entry, const char *const *names, const mlc_tensor *inputs, size_t count) {
  const char *entryName = entry.entry->name()->c_str();
  const size_t expected = entry.buckets[0].inputBytes.size();
  const auto *specs = entry.buckets[0].bucket->inputs();
  std::fill_n(namedInputs.begin(), expected, mlc_tensor{}); // dtype 0: not given yet
  for (size_t i = 0; i < count; ++i) {
    size_t position = 0;
    while (position < expected && strcmp(specs->Get(position)->name()->c_str(), names[i]) != 0)
      ++position;
    if (position == expected)
      fail(MLC_INVALID_ARGUMENT,
           concat("entry point '", entryName, "' has no input '", names[i], "'; its inputs are ", listSpecs(specs)));
    if (namedInputs[position].dtype != 0)
      fail(MLC_INVALID_ARGUMENT, concat("input '", names[i], "' is given twice"));
    if (mlc_dtype_size(inputs[i].dtype) == 0)
      fail(MLC_INVALID_ARGUMENT, concat("input '", names[i], "': dtype ", int(inputs[i].dtype), " does not exist"));
    namedInputs[position] = inputs[i];
  }
  std::string missing;
  for (size_t i = 0; i < expected; ++i)
    if (namedInputs[i].dtype == 0)
      missing += concat(missing.empty() ? "" : ", ", specs->Get(i)->name()->c_str(), ": ", describe(*specs->Get(i)));
  if (!missing.empty())
    fail(MLC_INVALID_ARGUMENT, concat("entry point '", entryName, "' also needs the inputs ", missing));
}

void Session::orderOutputs(const EntryPlan &entry, const char *const *names, const mlc_tensor *outputs, size_t count) {
  const BucketPlan &first = entry.buckets[0];
  const size_t expected = first.visibleOutputs.size();
  const auto *specs = first.bucket->outputs();
  std::fill_n(namedOutputs.begin(), expected, mlc_tensor{}); // dtype 0: not wanted
  for (size_t i = 0; i < count; ++i) {
    size_t position = 0;
    while (position < expected && strcmp(specs->Get(first.visibleOutputs[position])->name()->c_str(), names[i]) != 0)
      ++position;
    if (position == expected)
      fail(MLC_INVALID_ARGUMENT, concat("entry point '", entry.entry->name()->c_str(), "' has no output '", names[i],
                                        "'; its outputs are ", listOutputs(first)));
    if (namedOutputs[position].dtype != 0)
      fail(MLC_INVALID_ARGUMENT, concat("output '", names[i], "' is given twice"));
    if (mlc_dtype_size(outputs[i].dtype) == 0)
      fail(MLC_INVALID_ARGUMENT, concat("output '", names[i], "': dtype ", int(outputs[i].dtype), " does not exist"));
    namedOutputs[position] = outputs[i];
  }
}

void Session::runNamed(const char *entryName, const char *const *inputNames, const mlc_tensor *inputs,
                       size_t inputCount, const char *const *outputNames, const mlc_tensor *outputs,
                       size_t outputCount) {
  Busy busy(*this);
  const size_t entryIndex = module->findEntry(entryName);
  const EntryPlan &entry = module->entries[entryIndex];
  orderInputs(entry, inputNames, inputs, inputCount);
  orderOutputs(entry, outputNames, outputs, outputCount);
  runByPosition(entryIndex, namedInputs.data(), entry.buckets[0].inputBytes.size(), namedOutputs.data(),
                entry.buckets[0].visibleOutputs.size());
}

const program::Variable &Session::findVariable(const char *name, size_t &index) const {
  const auto *specs = module->program->variables();
  std::string known;
  for (index = 0; index < variables.size(); ++index) {
    const program::Variable &variable = *specs->Get(index);
    if (variable.name()->string_view() == name) {
      if (variable.layout() && variable.layout()->size())
        fail(MLC_UNSUPPORTED, concat("variable '", name, "' is stored packed as ", variable.layout()->c_str(),
                                     " and cannot be read or written"));
      return variable;
    }
    known += (index ? ", " : "") + variable.name()->str();
  }
  fail(MLC_NOT_FOUND, concat("there is no variable '", name, "'; there are ", known.empty() ? "none" : known));
}

static void checkVariable(const program::Variable &variable, const mlc_tensor &tensor, Access access) {
  const char *name = variable.name()->c_str();
  const auto *shape = variable.shape();
  size_t rank = shape ? shape->size() : 0;
  checkShape(tensor, rank, "variable", name);
  bool same = int(tensor.dtype) == int(variable.dtype());
  for (size_t i = 0; same && i < rank; ++i)
    same = tensor.shape[i] == shape->Get(i);
  if (!same)
    fail(MLC_INVALID_ARGUMENT, concat("variable '", name, "' is ",
                                      describe(mlc_dtype(variable.dtype()), rank ? shape->data() : nullptr, rank),
                                      ", but ", describe(tensor), " was given"));
  checkData(tensor, access, "variable", name);
}

void Session::getVariable(const char *name, const mlc_tensor &destination) {
  Busy busy(*this);
  size_t index;
  checkVariable(findVariable(name, index), destination, Access::write);
  scatterFromDense(variables[index].data(), destination);
}

void Session::setVariable(const char *name, const mlc_tensor &source) {
  Busy busy(*this);
  size_t index;
  checkVariable(findVariable(name, index), source, Access::read);
  gatherToDense(source, variables[index].data());
}

void Session::setProfile(mlc_profile_fn newProfile, void *context) {
  Busy busy(*this);
  profile = newProfile;
  profileContext = context;
}

} // namespace mlc::runtime
