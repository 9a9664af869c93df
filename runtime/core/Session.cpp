#include "runtime/core/Session.h"

#include "runtime/core/Format.h"
#include "runtime/core/Tensor.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
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

uint64_t nowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void checkView(const mlc_tensor &tensor, const char *what, const char *name) {
  size_t elementSize = mlc_dtype_size(tensor.dtype);
  if (elementSize == 0)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "': dtype ", int(tensor.dtype), " does not exist"));
  if (tensor.rank < 0 || (tensor.rank > 0 && !tensor.shape))
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' has rank ", tensor.rank, " but no shape"));
  bool empty = std::any_of(tensor.shape, tensor.shape + tensor.rank, [](int64_t dim) { return dim == 0; });
  if (!tensor.data && !empty)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' has no data"));
  if (reinterpret_cast<uintptr_t>(tensor.data) % elementSize)
    fail(MLC_INVALID_ARGUMENT, concat(what, " '", name, "' is not aligned to its elements of ", elementSize, " bytes"));
}

std::string names(const flatbuffers::Vector<flatbuffers::Offset<program::TensorSpec>> *specs) {
  std::string result;
  for (size_t i = 0, count = specs ? specs->size() : 0; i < count; ++i)
    result += (i ? ", " : "") + specs->Get(i)->name()->str() + ": " + describe(*specs->Get(i));
  return result.empty() ? "none" : result;
}

const char *kernelResult(int32_t code) {
  switch (code) {
  case MLC_KERNEL_INDEX_OUT_OF_RANGE:
    return "an index lies outside of its axis; check the values of the integer inputs";
  default: return "it returned an unknown code";
  }
}

} // namespace

Block::Block(const mlc_allocator &allocator, uint64_t wanted, const char *what)
    : allocator(allocator), size(std::max<uint64_t>(wanted, MLC_BUFFER_ALIGNMENT)) {
  bytes = static_cast<char *>(allocator.allocate(allocator.context, size, MLC_BUFFER_ALIGNMENT));
  if (!bytes)
    fail(MLC_OUT_OF_MEMORY, concat("cannot allocate ", size, " bytes for ", what));
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
      fail(MLC_BUSY, "the session is in use by another thread; give each thread a session of its own");
  }
  ~Busy() { session.running.store(false, std::memory_order_release); }

private:
  Session &session;
};

struct Session::Launch {
  mlc_kernel_fn kernel;
  mlc_kernel_args args;
  int64_t tiles;
  uint32_t workers;
  const mlc_worker *workerArgs;
  std::atomic<int32_t> result{MLC_KERNEL_OK};
};

Session::Session(std::shared_ptr<const Module> loaded, const mlc_session_options &options)
    : module(std::move(loaded)), allocator{nullptr, defaultAllocate, defaultRelease}, counters(format::maxSlots) {
  if (options.allocator) {
    allocator = *options.allocator;
    if (!allocator.allocate || !allocator.release)
      fail(MLC_INVALID_ARGUMENT, "the allocator lacks `allocate` or `release`");
  }
  if (options.pool) {
    hostPool = *options.pool;
    if (!hostPool->parallel || hostPool->worker_count == 0)
      fail(MLC_INVALID_ARGUMENT, "the host's pool lacks `parallel`, or has no workers");
    workers = hostPool->worker_count;
  } else {
    workers = options.threads ? options.threads : defaultThreadCount();
    pool = std::make_unique<ThreadPool>(workers);
  }
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
  size_t maxBindings = 0;
  for (const EntryPlan &entry : module->entries) {
    for (const BucketPlan &plan : entry.buckets) {
      const auto *sizes = plan.bucket->arenas();
      arenaBytes.resize(std::max<size_t>(arenaBytes.size(), sizes ? sizes->size() : 0));
      for (size_t i = 0, count = sizes ? sizes->size() : 0; i < count; ++i)
        arenaBytes[i] = std::max(arenaBytes[i], sizes->Get(i));
      maxBindings = std::max<size_t>(maxBindings, plan.maxBindings);
    }
  }
  for (uint64_t bytes : arenaBytes)
    arenas.emplace_back(allocator, bytes, "an arena");
  bindingPointers.resize(maxBindings);

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

void Session::bindInputs(const BucketPlan &plan, BucketState &state, const mlc_tensor *inputs) {
  for (size_t i = 0; i < plan.inputBytes.size(); ++i) {
    const mlc_tensor &input = inputs[i];
    if (isDense(input)) {
      state.blocks[plan.blocks.inputs + i] = static_cast<char *>(input.data);
      continue;
    }
    Block &staging = state.inputStaging[i];
    if (!staging.data())
      staging = Block(allocator, plan.inputBytes[i], "a copy of a strided input");
    gatherToDense(input, staging.data());
    state.blocks[plan.blocks.inputs + i] = staging.data();
  }
}

// An output that is strided, or that the caller does not want (null data), is computed into memory of the session.
void Session::bindOutputs(const EntryPlan &entry, const BucketPlan &plan, BucketState &state, const mlc_tensor *outputs,
                          size_t count) {
  if (count != plan.visibleOutputs.size())
    fail(MLC_INVALID_ARGUMENT, concat("entry point '", entry.entry->name()->c_str(), "' gives ",
                                      plan.visibleOutputs.size(), " outputs, but ", count, " were given to fill"));
  for (size_t i = 0; i < count; ++i) {
    const uint32_t index = plan.visibleOutputs[i];
    const mlc_tensor &output = outputs[i];
    const program::TensorSpec &spec = *plan.bucket->outputs()->Get(index);
    const bool wanted = output.dtype != 0;
    if (wanted) {
      checkView(output, "output", spec.name()->c_str());
      if (!sameShapeAndType(spec, output))
        fail(MLC_INVALID_ARGUMENT,
             concat("output '", spec.name()->c_str(), "' of entry point '", entry.entry->name()->c_str(), "' is ",
                    describe(spec), ", but ", describe(output), " was given to fill"));
    }
    if (wanted && isDense(output)) {
      state.blocks[plan.blocks.outputs + index] = static_cast<char *>(output.data);
      continue;
    }
    Block &staging = state.outputStaging[index];
    if (!staging.data())
      staging = Block(allocator, plan.outputBytes[index], "a copy of a strided output");
    state.blocks[plan.blocks.outputs + index] = staging.data();
  }
}

void Session::run(size_t entryIndex, const mlc_tensor *inputs, size_t inputCount, const mlc_tensor *outputs,
                  size_t outputCount) {
  Busy busy(*this);
  const EntryPlan &entry = module->entry(entryIndex);
  const auto *inputSpecs = entry.buckets[0].bucket->inputs();
  for (size_t i = 0; i < inputCount; ++i)
    checkView(inputs[i], "input",
              i < entry.buckets[0].inputBytes.size() ? inputSpecs->Get(i)->name()->c_str() : "(one too many)");
  const size_t bucket = module->findBucket(entry, inputs, inputCount);
  const BucketPlan &plan = entry.buckets[bucket];
  BucketState &state = states[entryIndex][bucket];
  bindInputs(plan, state, inputs);
  bindOutputs(entry, plan, state, outputs, outputCount);
  execute(entry, plan, state);
  for (size_t i = 0; i < outputCount; ++i)
    if (outputs[i].dtype != 0 && !isDense(outputs[i]))
      scatterFromDense(state.blocks[plan.blocks.outputs + plan.visibleOutputs[i]], outputs[i]);
}

void Session::runNamed(const char *entryName, const char *const *inputNames, const mlc_tensor *inputs,
                       size_t inputCount, const char *const *outputNames, const mlc_tensor *outputs,
                       size_t outputCount) {
  const size_t entryIndex = module->findEntry(entryName);
  const EntryPlan &entry = module->entries[entryIndex];
  const BucketPlan &first = entry.buckets[0];
  const auto *inputSpecs = first.bucket->inputs(), *outputSpecs = first.bucket->outputs();

  std::vector<mlc_tensor> orderedInputs(first.inputBytes.size(), mlc_tensor{});
  std::vector<bool> given(orderedInputs.size());
  for (size_t i = 0; i < inputCount; ++i) {
    size_t position = 0;
    while (position < orderedInputs.size() && strcmp(inputSpecs->Get(position)->name()->c_str(), inputNames[i]) != 0)
      ++position;
    if (position == orderedInputs.size())
      fail(MLC_INVALID_ARGUMENT, concat("entry point '", entryName, "' has no input '", inputNames[i],
                                        "'; its inputs are ", names(inputSpecs)));
    if (given[position])
      fail(MLC_INVALID_ARGUMENT, concat("input '", inputNames[i], "' is given twice"));
    given[position] = true;
    orderedInputs[position] = inputs[i];
  }
  std::string missing;
  for (size_t i = 0; i < given.size(); ++i)
    if (!given[i])
      missing +=
          concat(missing.empty() ? "" : ", ", inputSpecs->Get(i)->name()->c_str(), ": ", describe(*inputSpecs->Get(i)));
  if (!missing.empty())
    fail(MLC_INVALID_ARGUMENT, concat("entry point '", entryName, "' also needs the inputs ", missing));

  std::vector<mlc_tensor> orderedOutputs(first.visibleOutputs.size(), mlc_tensor{});
  for (size_t i = 0; i < outputCount; ++i) {
    size_t position = 0;
    while (position < orderedOutputs.size() &&
           strcmp(outputSpecs->Get(first.visibleOutputs[position])->name()->c_str(), outputNames[i]) != 0)
      ++position;
    if (position == orderedOutputs.size()) {
      std::string known; // results of variables are none of the caller's
      for (uint32_t output : first.visibleOutputs)
        known += concat(known.empty() ? "" : ", ", outputSpecs->Get(output)->name()->c_str(), ": ",
                        describe(*outputSpecs->Get(output)));
      fail(MLC_INVALID_ARGUMENT, concat("entry point '", entryName, "' has no output '", outputNames[i],
                                        "'; its outputs are ", known.empty() ? "none" : known));
    }
    if (orderedOutputs[position].dtype != 0)
      fail(MLC_INVALID_ARGUMENT, concat("output '", outputNames[i], "' is given twice"));
    if (mlc_dtype_size(outputs[i].dtype) == 0)
      fail(MLC_INVALID_ARGUMENT,
           concat("output '", outputNames[i], "': dtype ", int(outputs[i].dtype), " does not exist"));
    orderedOutputs[position] = outputs[i];
  }
  run(entryIndex, orderedInputs.data(), orderedInputs.size(), orderedOutputs.data(), orderedOutputs.size());
}

void Session::execute(const EntryPlan &entry, const BucketPlan &plan, const BucketState &state) {
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

void Session::launch(const EntryPlan &entry, const BucketPlan &plan, const BucketState &state, const Step &step) {
  for (uint32_t i = 0; i < step.bindingCount; ++i)
    bindingPointers[i] = address(state, plan.bindings[step.firstBinding + i]);
  Launch launch{module->kernels[step.kernel],
                {bindingPointers.data(), step.constants},
                step.tiles,
                std::max<uint32_t>(1, uint32_t(std::min<int64_t>(workers, step.tiles))),
                workerArgs.data()};
  if (launch.workers == 1) {
    runTiles(&launch, 0);
  } else {
    launch.workers = workers;
    if (hostPool)
      hostPool->parallel(hostPool->context, runTiles, &launch);
    else
      pool->run(runTiles, &launch);
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

static void checkVariable(const program::Variable &variable, const mlc_tensor &tensor) {
  const char *name = variable.name()->c_str();
  checkView(tensor, "variable", name);
  const auto *shape = variable.shape();
  size_t rank = shape ? shape->size() : 0;
  bool same = int(tensor.dtype) == int(variable.dtype()) && size_t(tensor.rank) == rank;
  for (size_t i = 0; same && i < rank; ++i)
    same = tensor.shape[i] == shape->Get(i);
  if (!same)
    fail(MLC_INVALID_ARGUMENT, concat("variable '", name, "' is ",
                                      describe(mlc_dtype(variable.dtype()), rank ? shape->data() : nullptr, rank),
                                      ", but ", describe(tensor), " was given"));
}

void Session::getVariable(const char *name, const mlc_tensor &destination) {
  Busy busy(*this);
  size_t index;
  checkVariable(findVariable(name, index), destination);
  scatterFromDense(variables[index].data(), destination);
}

void Session::setVariable(const char *name, const mlc_tensor &source) {
  Busy busy(*this);
  size_t index;
  checkVariable(findVariable(name, index), source);
  gatherToDense(source, variables[index].data());
}

void Session::setProfile(mlc_profile_fn newProfile, void *context) {
  Busy busy(*this);
  profile = newProfile;
  profileContext = context;
}

} // namespace mlc::runtime
