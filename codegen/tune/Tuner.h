// A schedule for each kernel that has a choice: by measuring, from what was measured earlier, or as it is told.
#ifndef MLC_CODEGEN_TUNE_TUNER_H
#define MLC_CODEGEN_TUNE_TUNER_H

#include "codegen/cache/ScheduleCache.h"
#include "codegen/schedule/Schedule.h"
#include "codegen/tune/CandidateRun.h"

namespace mlc::codegen {

enum class ChosenBy {
  CostModel,  // nobody else was asked, or has an answer
  NotReached, // the cost model: the time was over
  Measurement,
  Cache, // a measurement of an earlier compilation
  File,
};

// Of one kernel.
struct ScheduleChoice {
  std::vector<std::string> names; // Emitter::schedules; below two there is no choice
  size_t chosen = 0;
  ChosenBy by = ChosenBy::CostModel;
  double gain = 1; // measured: the time of the cost model's schedule over that of the chosen one

  bool isOpen() const { return names.size() > 1; }
  const std::string &name() const { return names[chosen]; }
};

// One per Schedule::kernels, as the cost model chooses.
std::vector<ScheduleChoice> choicesOf(const Schedule &schedule, const TargetDesc &target);

// Chooses `name` for the kernel; false where its emitter has no such schedule.
bool choose(mlir::func::FuncOp kernel, ScheduleChoice &choice, llvm::StringRef name, ChosenBy by);

struct TuneOptions {
  double seconds = 0; // for all kernels together; 0: only what is in the cache
  unsigned jobs = 0;  // threads that compile candidates; 0: as many as the machine has
  ScheduleCache *winners = nullptr;
  KernelCache *kernels = nullptr;
  std::function<void(size_t done, size_t all)> progress;
  // For tests. Seconds from some point on; what makes and loads the candidates of kernel `i`.
  std::function<double()> now;
  std::function<mlir::FailureOr<std::unique_ptr<CandidateRun>>(size_t i, const ScheduleChoice &choice)> load;
};

// Chooses for each kernel that nobody has chosen for: from the cache, else by measuring, those with the most work
// first. Each kernel gets the share of the time that its work has; what it leaves is shared by those behind it. Keeps
// what it finds in the cache. Fails with diagnostics.
mlir::LogicalResult tune(const Schedule &schedule, const TargetDesc &target, std::vector<ScheduleChoice> &choices,
                         const TuneOptions &options);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_TUNE_TUNER_H
