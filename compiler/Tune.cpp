#include "compiler/Tune.h"

#include "codegen/target/Target.h"
#include "codegen/tune/Tuner.h"
#include "compiler/Input.h"
#include "compiler/Schedules.h"
#include "support/FileWriter.h"

#include "llvm/TargetParser/Host.h"

#include <cmath>

using namespace mlir;

namespace mlc {
namespace {

// For --timing.
std::string noteOf(const Compilation &c) {
  size_t open = 0, measured = 0, found = 0, notReached = 0;
  for (const TargetCode &code : c.codes)
    for (const codegen::ScheduleChoice &choice : code.choices) {
      open += choice.isOpen();
      measured += choice.by == codegen::ChosenBy::Measurement;
      found += choice.by == codegen::ChosenBy::Cache;
      notReached += choice.by == codegen::ChosenBy::NotReached;
    }
  return "of " + std::to_string(open) + " kernels with a choice " + std::to_string(measured) + " were measured, " +
         std::to_string(found) + " were found in the cache, " + std::to_string(notReached) + " were not reached";
}

LogicalResult tuneTarget(Compilation &c, TargetCode &code, double seconds) {
  codegen::TuneOptions options;
  options.seconds = seconds;
  options.jobs = c.options.jobs;
  std::optional<codegen::ScheduleCache> winners;
  if (const std::string &folder = c.options.cache.path; !folder.empty())
    winners.emplace(folder, llvm::sys::getHostCPUName().str());
  options.winners = winners ? &*winners : nullptr;
  options.kernels = c.cache ? &*c.cache : nullptr;
  options.progress = [&](size_t done, size_t all) { c.progress.report(done, all); };
  if (failed(codegen::tune(*code.schedule, code.target, code.choices, options)))
    return failure();
  if (winners && !winners->problem().empty() && c.options.cache.isAsked)
    emitWarning(UnknownLoc::get(&c.context), "schedules are not kept: " + winners->problem());
  return success();
}

} // namespace

llvm::Expected<TuneRequest> parseTune(StringRef text) {
  TuneRequest request;
  if (text == "off")
    return request;
  request.isOn = true;
  if (text == "cached")
    return request;
  if (text.getAsDouble(request.seconds) || !std::isfinite(request.seconds) || request.seconds <= 0)
    return llvm::createStringError("expected a number of seconds above 0, cached or off");
  return request;
}

LogicalResult tuneKernels(Compilation &c) {
  const PipelineOptions &options = c.options;
  auto request = parseTune(options.tune);
  if (!request)
    return fail(c.context, "--tune=" + options.tune + ": " + llvm::toString(request.takeError()));
  if (!request->isOn && options.schedules.empty() && options.exportSchedules.empty())
    return success();
  for (TargetCode &code : c.codes) {
    code.choices = codegen::choicesOf(*code.schedule, code.target);
    if (std::string missing = codegen::missingFeatures(code.target); request->seconds > 0 && !missing.empty())
      return fail(c.context, "--tune measures on this machine, which cannot run code for the target '" +
                                 code.target.name + "': it lacks " + missing +
                                 ". Tune on one that has it, with --export-schedules=FILE, and give --schedules=FILE "
                                 "here");
  }
  if (request->isOn && !request->seconds && options.cache.path.empty())
    return fail(c.context, "--tune=cached has nothing to take schedules from: " + options.cache.why);
  if (!options.schedules.empty() && failed(readSchedules(c, options.schedules)))
    return failure();
  if (request->isOn)
    for (TargetCode &code : c.codes)
      if (failed(tuneTarget(c, code, request->seconds / double(c.codes.size()))))
        return failure();
  c.note = noteOf(c);
  if (!options.exportSchedules.empty()) {
    std::string text = printSchedules(c, SchedulesText::Readable) + "\n";
    Status status = writeFile(options.exportSchedules, std::as_bytes(std::span(text)));
    if (!status.ok())
      return fail(c.context, "--export-schedules: " + status.message());
  }
  return success();
}

} // namespace mlc
