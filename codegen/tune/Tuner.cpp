#include "codegen/tune/Tuner.h"

#include "codegen/tune/Candidates.h"
#include "codegen/tune/Selection.h"
#include "dialects/mlc/MlcDialect.h"

#include <chrono>

using namespace mlir;

namespace mlc::codegen {
namespace {

// A kernel whose share is less, or is used up by compiling its candidates, gets this: that should not be for nothing.
constexpr double kLeastSeconds = 0.3;

double steadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Tuner {
public:
  Tuner(const Schedule &schedule, const TargetDesc &target, std::vector<ScheduleChoice> &choices,
        const TuneOptions &options)
      : schedule(schedule), target(target), choices(choices), options(options),
        now(options.now ? options.now : steadySeconds), work(schedule.kernels.size()) {
    for (const EntrySchedule &entry : schedule.entries)
      for (const Launch &launch : entry.launches)
        work[launch.kernel] += double(schedule.kernels[launch.kernel].flops);
    for (const ParamDesc &param : schedule.tensors.params)
      storedBytes += param.size;
  }

  LogicalResult run() {
    std::vector<size_t> open = findOpen();
    if (options.seconds <= 0)
      return success();
    llvm::sort(open, [&](size_t a, size_t b) { return std::pair(-work[a], a) < std::pair(-work[b], b); });
    double end = now() + options.seconds, workLeft = 0;
    for (size_t i : open)
      workLeft += work[i];
    for (auto [done, i] : llvm::enumerate(open)) {
      if (options.progress)
        options.progress(done, open.size());
      double start = now(), share = workLeft > 0 ? work[i] / workLeft : 1;
      workLeft -= work[i];
      if (failed(measure(i, start + (end - start) * share, end)))
        return failure();
    }
    return success();
  }

private:
  // Those that have a choice which neither the user nor the cache has made.
  std::vector<size_t> findOpen() {
    std::vector<size_t> open;
    for (auto [i, choice] : llvm::enumerate(choices)) {
      if (!choice.isOpen() || choice.by != ChosenBy::CostModel)
        continue;
      const ScheduledKernel &kernel = schedule.kernels[i];
      auto kept =
          options.winners ? options.winners->find(kernel.function, target, kernel.emitter->name()) : std::nullopt;
      if (!kept || !choose(kernel.function, choice, *kept, ChosenBy::Cache))
        open.push_back(i);
    }
    return open;
  }

  LogicalResult measure(size_t i, double until, double end) {
    ScheduleChoice &choice = choices[i];
    const ScheduledKernel &kernel = schedule.kernels[i];
    choice.by = ChosenBy::NotReached;
    if (now() >= end)
      return success();
    auto candidates = options.load ? options.load(i, choice) : load(i);
    if (failed(candidates))
      return failure();
    until = std::min(end, std::max(until, now() + kLeastSeconds));
    Selection selection = selectFastest(
        choice.names.size(), [&](size_t candidate) { return (*candidates)->time(candidate); },
        [&] { return now() >= until; });
    if (!selection.isMade)
      return success();
    choose(kernel.function, choice, choice.names[selection.chosen], ChosenBy::Measurement);
    choice.gain = selection.gain;
    if (options.winners)
      options.winners->store(kernel.function, target, kernel.emitter->name(), choice.name());
    return success();
  }

  FailureOr<std::unique_ptr<CandidateRun>> load(size_t i) {
    const ScheduledKernel &kernel = schedule.kernels[i];
    auto compiled =
        compileCandidates(kernel.function, *kernel.emitter, choices[i].names, target, options.jobs, options.kernels);
    if (failed(compiled))
      return failure();
    auto loaded = loadCandidates(kernel.function, *compiled, storedArguments(i), storedBytes);
    if (!loaded)
      return kernel.function->emitError(llvm::toString(loaded.takeError()));
    return std::move(*loaded);
  }

  // Those that are weights in every launch.
  llvm::BitVector storedArguments(size_t i) const {
    func::FuncOp function = schedule.kernels[i].function;
    llvm::BitVector stored(function.getNumArguments(), true);
    for (const EntrySchedule &entry : schedule.entries)
      for (const Launch &launch : entry.launches)
        if (launch.kernel == i)
          for (auto [n, input] : llvm::enumerate(launch.inputs))
            if (!rootOf(input).getDefiningOp<LoadParamOp>())
              stored.reset(n);
    return stored;
  }

  const Schedule &schedule;
  const TargetDesc &target;
  std::vector<ScheduleChoice> &choices;
  const TuneOptions &options;
  std::function<double()> now;
  std::vector<double> work; // of all launches of a kernel
  uint64_t storedBytes = 0;
};

} // namespace

std::vector<ScheduleChoice> choicesOf(const Schedule &schedule, const TargetDesc &target) {
  std::vector<ScheduleChoice> choices;
  for (const ScheduledKernel &kernel : schedule.kernels)
    choices.emplace_back().names = kernel.emitter->schedules(kernel.function, target);
  return choices;
}

bool choose(func::FuncOp kernel, ScheduleChoice &choice, StringRef name, ChosenBy by) {
  auto known = llvm::find(choice.names, name);
  if (known == choice.names.end())
    return false;
  choice.chosen = known - choice.names.begin();
  choice.by = by;
  setSchedule(kernel, choice.names, choice.chosen);
  return true;
}

LogicalResult tune(const Schedule &schedule, const TargetDesc &target, std::vector<ScheduleChoice> &choices,
                   const TuneOptions &options) {
  return Tuner(schedule, target, choices, options).run();
}

} // namespace mlc::codegen
