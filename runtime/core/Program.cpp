// Semantic checks of a program, and the flattening of its commands.
#include "runtime/core/Format.h"
#include "runtime/core/Module.h"
#include "runtime/core/Tensor.h"
#include <algorithm>
#include <cstring>
#include <optional>

namespace mlc::runtime {
namespace {

template <typename T> size_t sizeOf(const flatbuffers::Vector<T> *vector) { return vector ? vector->size() : 0; }

// No block is larger than the address space of a process, so that sums and roundings of sizes cannot wrap.
constexpr uint64_t maxBlockBytes = uint64_t(1) << 47;

// Walks one bucket's commands; checks all, and plans when the bucket is one to run.
class BucketBuilder {
public:
  BucketBuilder(const Module &module, const program::EntryPoint &entry, const program::Bucket &bucket, bool plan)
      : module(module), program(*module.program), entry(entry), bucket(bucket), planning(plan) {}

  BucketPlan build();

private:
  [[noreturn]] void invalid(const std::string &what) const {
    fail(MLC_INVALID_MODULE, concat("'", module.name, "', entry point '", entry.name()->c_str(), "', ",
                                    commandIndex ? concat("command ", commandIndex - 1, ": ") : "", what));
  }
  void addBlocks();
  void addTensors(const flatbuffers::Vector<flatbuffers::Offset<program::TensorSpec>> *specs, const char *what,
                  std::vector<uint64_t> &bytes);
  void addPaddedDims();
  std::vector<int32_t> findPadded(const program::TensorSpec &spec, std::optional<uint32_t> input);
  void addStages(const flatbuffers::Vector<flatbuffers::Offset<program::Stage>> *stages);
  void addCommand(const program::Command &command);
  void addLaunch(const program::LaunchCpu &launch);
  void addCopy(const program::Copy &copy);
  void addRepeat(const program::Repeat &repeat);
  void addBinding(const program::Binding &binding, const char *what, bool written);

  const Module &module;
  const program::Program &program;
  const program::EntryPoint &entry;
  const program::Bucket &bucket;
  bool planning;
  BucketPlan plan;
  std::vector<uint64_t> blockBytes;
  std::vector<bool> readOnly;
  uint64_t slotCounts[format::maxSlots] = {}; // 0: not inside a Repeat of that slot
  uint32_t commandIndex = 0;                  // of the next command; messages speak of the one before
};

void BucketBuilder::addTensors(const flatbuffers::Vector<flatbuffers::Offset<program::TensorSpec>> *specs,
                               const char *what, std::vector<uint64_t> &bytes) {
  for (size_t i = 0; i < sizeOf(specs); ++i) {
    const program::TensorSpec &spec = *specs->Get(i);
    uint64_t size;
    if (!denseBytes(spec.dtype(), spec.shape(), size))
      invalid(concat(what, " '", spec.name()->c_str(), "' has an impossible shape or type"));
    if (spec.capacity() > (specs == bucket.inputs() ? size / mlc_dtype_size(mlc_dtype(spec.dtype())) : 0))
      invalid(concat(what, " '", spec.name()->c_str(), "' has room for ", spec.capacity(), " elements that are not 0"));
    for (size_t j = 0; j < i; ++j)
      if (specs->Get(j)->name()->string_view() == spec.name()->string_view())
        invalid(concat("two ", what, "s are named '", spec.name()->c_str(), "'"));
    bytes.push_back(size);
  }
}

// Which dimensions of a tensor may be smaller in a run.
std::vector<int32_t> BucketBuilder::findPadded(const program::TensorSpec &spec, std::optional<uint32_t> input) {
  const char *what = input ? "input" : "output";
  std::vector<int32_t> found;
  if (!spec.padded() || !spec.padded()->size())
    return found;
  if (spec.padded()->size() != sizeOf(spec.shape()))
    invalid(concat(what, " '", spec.name()->c_str(), "' has ", sizeOf(spec.shape()), " dimensions, of which ",
                   spec.padded()->size(), " are said to be padded or not"));
  for (uint32_t dim = 0; dim < spec.shape()->size(); ++dim) {
    const std::string_view name = spec.padded()->Get(dim)->string_view();
    const int64_t size = spec.shape()->Get(dim);
    auto known = std::find_if(plan.paddedDims.begin(), plan.paddedDims.end(),
                              [&](const PaddedDim &padded) { return padded.name == name; });
    found.push_back(name.empty() ? -1 : int32_t(known - plan.paddedDims.begin()));
    if (name.empty())
      continue;
    auto refuse = [&](const std::string &why) {
      invalid(concat(what, " '", spec.name()->c_str(), "' is padded in '", std::string(name), "', ", why));
    };
    if (known == plan.paddedDims.end()) {
      if (!input)
        refuse("which no input is");
      if (plan.paddedDims.size() == format::maxPaddedDims)
        refuse(concat("but there are ", format::maxPaddedDims, " such dimensions already"));
      if (size < 1)
        refuse(concat("which has size ", size));
      plan.paddedDims.push_back({name, size, *input, dim});
    } else if (known->size != size) {
      refuse(concat("which has size ", size, " there, but ", known->size, " in input '",
                    bucket.inputs()->Get(known->input)->name()->c_str(), "'"));
    }
  }
  return found;
}

void BucketBuilder::addPaddedDims() {
  for (uint32_t i = 0; i < sizeOf(bucket.inputs()); ++i) {
    const program::TensorSpec &spec = *bucket.inputs()->Get(i);
    plan.paddedInputs.push_back(findPadded(spec, i));
    plan.inputElements += plan.inputBytes[i] / mlc_dtype_size(mlc_dtype(spec.dtype()));
  }
  for (uint32_t i = 0; i < sizeOf(bucket.outputs()); ++i) {
    plan.paddedOutputs.push_back(findPadded(*bucket.outputs()->Get(i), std::nullopt));
    if (!plan.paddedOutputs[i].empty() && !std::count(plan.visibleOutputs.begin(), plan.visibleOutputs.end(), i))
      invalid(concat("output '", bucket.outputs()->Get(i)->name()->c_str(), "' is padded, but kept in a variable"));
  }
}

void BucketBuilder::addBlocks() {
  auto add = [&](uint64_t bytes, bool constant) {
    blockBytes.push_back(bytes);
    readOnly.push_back(constant);
  };
  BlockTable &blocks = plan.blocks;
  if (bucket.arenas() && !isAligned(*bucket.arenas()))
    invalid("the sizes of its arenas are not aligned");
  for (size_t i = 0; i < sizeOf(bucket.arenas()); ++i) {
    if (bucket.arenas()->Get(i) > maxBlockBytes)
      invalid(concat("arena ", i, " has ", bucket.arenas()->Get(i), " bytes"));
    add(bucket.arenas()->Get(i), false);
  }
  blocks.params = blockBytes.size();
  add(module.paramsSize, true);
  blocks.constants = blockBytes.size();
  add(sizeOf(program.constants()), true);
  blocks.variables = blockBytes.size();
  for (size_t i = 0; i < sizeOf(program.variables()); ++i)
    add(program.variables()->Get(i)->size(), false);
  blocks.inputs = blockBytes.size();
  addTensors(bucket.inputs(), "input", plan.inputBytes);
  for (uint64_t bytes : plan.inputBytes)
    add(bytes, true);
  blocks.outputs = blockBytes.size();
  addTensors(bucket.outputs(), "output", plan.outputBytes);
  for (uint64_t bytes : plan.outputBytes)
    add(bytes, false);
  blocks.count = blockBytes.size();

  std::vector<bool> tied(plan.outputBytes.size());
  for (size_t i = 0; i < sizeOf(bucket.tied_results()); ++i) {
    const program::TiedResult &result = *bucket.tied_results()->Get(i);
    if (result.output() >= tied.size() || tied[result.output()] || result.variable() >= sizeOf(program.variables()))
      invalid(concat("tied result ", i, " refers to an output or variable that does not exist, or is tied twice"));
    if (program.variables()->Get(result.variable())->size() < plan.outputBytes[result.output()])
      invalid(concat("tied result ", i, " is larger than its variable"));
    tied[result.output()] = true;
  }
  for (uint32_t i = 0; i < tied.size(); ++i)
    if (!tied[i])
      plan.visibleOutputs.push_back(i);
}

void BucketBuilder::addBinding(const program::Binding &binding, const char *what, bool written) {
  const BlockTable &blocks = plan.blocks;
  uint32_t first = 0, count = 0;
  switch (binding.base()) {
  case program::Base::arena: first = blocks.arenas, count = sizeOf(bucket.arenas()); break;
  case program::Base::params: first = blocks.params, count = 1; break;
  case program::Base::variable: first = blocks.variables, count = sizeOf(program.variables()); break;
  case program::Base::input: first = blocks.inputs, count = plan.inputBytes.size(); break;
  case program::Base::output: first = blocks.outputs, count = plan.outputBytes.size(); break;
  case program::Base::constant: first = blocks.constants, count = 1; break;
  }
  if (binding.index() >= count)
    invalid(concat(what, " refers to ", program::EnumNameBase(binding.base()), "[", binding.index(),
                   "], but there are ", count));
  const uint32_t block = first + binding.index();
  if (written && readOnly[block])
    invalid(concat(what, " writes to ", program::EnumNameBase(binding.base()), ", which is read-only"));
  // The lowest and the highest byte over all iterations, in 128 bits so that nothing wraps.
  __int128 low = binding.offset(), high = __int128(binding.offset()) + binding.size();
  if (binding.slot_stride() != 0) {
    if (binding.slot() >= format::maxSlots || slotCounts[binding.slot()] == 0)
      invalid(concat(what, " moves with slot ", binding.slot(), ", but stands in no Repeat of that slot"));
    __int128 span = __int128(slotCounts[binding.slot()] - 1) * binding.slot_stride();
    (span < 0 ? low : high) += span;
  }
  if (low < 0 || high > blockBytes[block])
    invalid(concat(what, " covers bytes ", binding.offset(), " + ", binding.size(), " of ",
                   program::EnumNameBase(binding.base()), "[", binding.index(), "], which has ", blockBytes[block]));
  plan.bindings.push_back(
      {block, binding.slot_stride() ? binding.slot() : 0u, binding.offset(), binding.slot_stride()});
}

void BucketBuilder::addLaunch(const program::LaunchCpu &launch) {
  if (launch.kernel() >= sizeOf(program.kernels()))
    invalid(concat("kernel ", launch.kernel(), " does not exist"));
  const program::Kernel &kernel = *program.kernels()->Get(launch.kernel());
  if (kernel.target() != bucket.target())
    invalid(concat("kernel '", kernel.symbol()->c_str(), "' belongs to another target"));
  if (launch.tiles() < 0)
    invalid(concat("kernel '", kernel.symbol()->c_str(), "' is launched over ", launch.tiles(), " tiles"));
  if (sizeOf(launch.bindings()) != kernel.num_bindings() || sizeOf(launch.constants()) != kernel.num_constants())
    invalid(concat("kernel '", kernel.symbol()->c_str(), "' takes ", kernel.num_bindings(), " bindings and ",
                   kernel.num_constants(), " constants, but gets ", sizeOf(launch.bindings()), " and ",
                   sizeOf(launch.constants())));
  Step step{Step::launch};
  step.kernel = launch.kernel();
  step.command = commandIndex - 1;
  step.firstBinding = plan.bindings.size();
  step.bindingCount = kernel.num_bindings();
  step.tiles = launch.tiles();
  step.constants = sizeOf(launch.constants()) ? launch.constants()->data() : nullptr;
  for (size_t i = 0; i < step.bindingCount; ++i)
    addBinding(*launch.bindings()->Get(i), "a binding", /*written=*/false);
  plan.maxBindings = std::max(plan.maxBindings, step.bindingCount);
  plan.steps.push_back(step);
}

void BucketBuilder::addCopy(const program::Copy &copy) {
  if (copy.source()->size() != copy.destination()->size())
    invalid(concat("copies ", copy.source()->size(), " bytes to ", copy.destination()->size()));
  Step step{Step::copy};
  step.command = commandIndex - 1;
  step.firstBinding = plan.bindings.size();
  step.bindingCount = 2;
  step.size = copy.source()->size();
  addBinding(*copy.destination(), "the destination", /*written=*/true);
  addBinding(*copy.source(), "the source", /*written=*/false);
  plan.steps.push_back(step);
}

void BucketBuilder::addRepeat(const program::Repeat &repeat) {
  if (repeat.slot() >= format::maxSlots || slotCounts[repeat.slot()] != 0)
    invalid(concat("Repeat uses slot ", repeat.slot(), ", which is above ", format::maxSlots - 1, " or in use"));
  if (repeat.count() == 0 || repeat.count() > uint64_t(INT64_MAX))
    invalid(concat("Repeat runs ", repeat.count(), " times"));
  uint32_t begin = plan.steps.size();
  Step step{Step::repeatBegin};
  step.slot = repeat.slot();
  step.size = repeat.count();
  plan.steps.push_back(step);
  slotCounts[repeat.slot()] = repeat.count();
  addStages(repeat.body());
  slotCounts[repeat.slot()] = 0;
  step.kind = Step::repeatEnd;
  step.partner = begin;
  plan.steps[begin].partner = plan.steps.size();
  plan.steps.push_back(step);
}

void BucketBuilder::addCommand(const program::Command &command) {
  ++commandIndex;
  // FlatBuffers verifies a union's table where there is one.
  if (command.op_type() != program::Op::NONE && !command.op())
    fail(MLC_INVALID_MODULE, concat("'", module.name, "', entry point '", entry.name()->c_str(), "': command ",
                                    commandIndex - 1, " is empty"));
  switch (command.op_type()) {
  case program::Op::LaunchCpu: return addLaunch(*command.op_as_LaunchCpu());
  case program::Op::Copy: return addCopy(*command.op_as_Copy());
  case program::Op::Repeat: return addRepeat(*command.op_as_Repeat());
  default:
    if (planning)
      fail(MLC_UNSUPPORTED,
           concat("'", module.name, "', entry point '", entry.name()->c_str(), "': command ", commandIndex - 1, " is ",
                  command.op_type() > program::Op::MAX || command.op_type() == program::Op::NONE
                      ? "of a kind that this runtime does not know"
                      : program::EnumNameOp(command.op_type()),
                  ", but this runtime runs on one CPU device (LaunchCpu, Copy, Repeat)"));
  }
}

void BucketBuilder::addStages(const flatbuffers::Vector<flatbuffers::Offset<program::Stage>> *stages) {
  for (size_t i = 0; i < sizeOf(stages); ++i) {
    const auto *commands = stages->Get(i)->commands();
    for (size_t j = 0; j < sizeOf(commands); ++j)
      addCommand(*commands->Get(j));
  }
}

BucketPlan BucketBuilder::build() {
  if (bucket.target() >= sizeOf(program.targets()))
    invalid(concat("target ", bucket.target(), " does not exist"));
  plan.bucket = &bucket;
  addBlocks();
  addPaddedDims();
  addStages(bucket.stages());
  return std::move(plan);
}

void checkTables(const Module &module) {
  const program::Program &program = *module.program;
  auto invalid = [&](const std::string &what) { fail(MLC_INVALID_MODULE, concat("'", module.name, "': ", what)); };
  if (program.params_size() != module.paramsSize)
    invalid(concat("its parameters take ", module.paramsSize, " bytes, expected ", program.params_size()));
  if (sizeOf(program.constants()) && reinterpret_cast<uintptr_t>(program.constants()->data()) % MLC_BUFFER_ALIGNMENT)
    invalid("its constants are not aligned");
  for (size_t i = 0; i < sizeOf(program.params()); ++i) {
    const program::Param &param = *program.params()->Get(i);
    if (param.offset() % format::paramAlignment || param.offset() > module.paramsSize ||
        param.size() > module.paramsSize - param.offset())
      invalid(concat("parameter '", param.name()->c_str(), "' lies outside of its section"));
  }
  for (size_t i = 0; i < sizeOf(program.kernels()); ++i) {
    const program::Kernel &kernel = *program.kernels()->Get(i);
    if (kernel.target() >= sizeOf(program.targets()))
      invalid(concat("kernel '", kernel.symbol()->c_str(), "' has a target that does not exist"));
    if (kernel.scratch_bytes() > maxBlockBytes)
      invalid(concat("kernel '", kernel.symbol()->c_str(), "' wants ", kernel.scratch_bytes(), " bytes of scratch"));
  }
  for (size_t i = 0; i < sizeOf(program.variables()); ++i) {
    const program::Variable &variable = *program.variables()->Get(i);
    uint64_t bytes;
    if (!denseBytes(variable.dtype(), variable.shape(), bytes))
      invalid(concat("variable '", variable.name()->c_str(), "' has an impossible shape or type"));
    if (variable.size() > maxBlockBytes)
      invalid(concat("variable '", variable.name()->c_str(), "' has ", variable.size(), " bytes"));
    bool packed = variable.layout() && variable.layout()->size();
    if (!packed && bytes != variable.size())
      invalid(concat("variable '", variable.name()->c_str(), "' has ", variable.size(), " bytes, expected ", bytes));
    int32_t param = variable.initial_param();
    if (param >= 0 &&
        (size_t(param) >= sizeOf(program.params()) || program.params()->Get(param)->size() != variable.size()))
      invalid(concat("variable '", variable.name()->c_str(), "' starts from a parameter of another size"));
  }
}

} // namespace

void checkProgram(const Module &module) {
  checkTables(module);
  const program::Program &program = *module.program;
  for (size_t e = 0; e < sizeOf(program.entry_points()); ++e) {
    const program::EntryPoint &entry = *program.entry_points()->Get(e);
    const program::Bucket *first = nullptr;
    for (size_t b = 0; b < sizeOf(entry.buckets()); ++b) {
      const program::Bucket &bucket = *entry.buckets()->Get(b);
      BucketBuilder(module, entry, bucket, /*plan=*/false).build();
      if (!first)
        first = &bucket;
      // Callers number inputs and outputs once for all buckets.
      auto sameNames = [](const auto *a, const auto *b) {
        bool same = sizeOf(a) == sizeOf(b);
        for (size_t i = 0; same && i < sizeOf(a); ++i)
          same = a->Get(i)->name()->string_view() == b->Get(i)->name()->string_view();
        return same;
      };
      if (!sameNames(first->inputs(), bucket.inputs()) || !sameNames(first->outputs(), bucket.outputs()))
        fail(MLC_INVALID_MODULE, concat("'", module.name, "': buckets of entry point '", entry.name()->c_str(),
                                        "' have different inputs or outputs"));
    }
  }
}

std::vector<EntryPlan> planEntries(const Module &module, uint32_t target) {
  std::vector<EntryPlan> entries;
  for (size_t e = 0; e < sizeOf(module.program->entry_points()); ++e) {
    const program::EntryPoint &entry = *module.program->entry_points()->Get(e);
    EntryPlan plan{&entry, {}};
    for (size_t b = 0; b < sizeOf(entry.buckets()); ++b) {
      const program::Bucket &bucket = *entry.buckets()->Get(b);
      if (bucket.target() == target && bucket.rank_class() == 0)
        plan.buckets.push_back(BucketBuilder(module, entry, bucket, /*plan=*/true).build());
    }
    if (!plan.buckets.empty())
      entries.push_back(std::move(plan));
  }
  return entries;
}

} // namespace mlc::runtime
