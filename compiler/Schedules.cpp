#include "compiler/Schedules.h"

#include "codegen/cache/KernelCache.h"
#include "compiler/Input.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
namespace json = llvm::json;

namespace mlc {
namespace {

std::string typeOf(func::FuncOp kernel) {
  std::string text;
  llvm::raw_string_ostream(text) << kernel.getFunctionType();
  return text;
}

// Reads one file into the choices of all targets.
class Reader {
public:
  Reader(Compilation &c, const std::string &path) : c(c), path(path) {}

  LogicalResult run() {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer)
      return fail(c.context, "--schedules: '" + path + "': " + buffer.getError().message());
    llvm::Expected<json::Value> parsed = json::parse((*buffer)->getBuffer());
    if (!parsed)
      return refuse("is no JSON: " + llvm::toString(parsed.takeError()));
    const json::Object *root = parsed->getAsObject();
    const json::Array *targets = root ? root->getArray("schedules") : nullptr;
    if (!targets || root->size() != 1)
      return refuse(R"(expected {"schedules": [...]}, as --export-schedules writes it)");
    llvm::StringSet<> names;
    for (const json::Value &value : *targets) {
      const json::Object *target = value.getAsObject();
      auto name = target ? target->getString("target") : std::nullopt;
      const json::Array *kernels = target ? target->getArray("kernels") : nullptr;
      if (!name || !kernels || target->size() != 2)
        return refuse(R"(expected {"target": "...", "kernels": [...]} for each target)");
      if (!names.insert(*name).second)
        return refuse("has the target '" + *name + "' twice");
      for (TargetCode &code : c.codes)
        if (code.target.name == *name && failed(readTarget(code, *kernels)))
          return failure();
    }
    for (const TargetCode &code : c.codes)
      if (!names.contains(code.target.name)) {
        std::string known;
        for (const auto &name : names)
          known += (known.empty() ? "" : ", ") + name.getKey().str();
        return refuse("has no schedules for the target '" + code.target.name + "', only for " +
                      (known.empty() ? "none" : known));
      }
    if (numUnknown)
      mlir::emitRemark(UnknownLoc::get(&c.context), "--schedules: ")
          << numUnknown << " kernels of '" << path << "' are none of this model's";
    return success();
  }

private:
  LogicalResult refuse(const Twine &what) { return fail(c.context, ("--schedules: '" + path + "' " + what).str()); }

  LogicalResult readTarget(TargetCode &code, const json::Array &entries) {
    llvm::StringMap<size_t> kernels;
    for (auto [i, kernel] : llvm::enumerate(code.schedule->kernels))
      kernels[codegen::identityOf(kernel.function, kernel.emitter->name())] = i;
    llvm::StringSet<> seen;
    for (const json::Value &value : entries) {
      const json::Object *entry = value.getAsObject();
      auto id = entry ? entry->getString("kernel") : std::nullopt;
      auto name = entry ? entry->getString("schedule") : std::nullopt;
      if (!id || !name)
        return refuse(R"(expected {"kernel": "...", "schedule": "..."} for each kernel)");
      for (const auto &[key, _] : *entry)
        if (!llvm::is_contained({"kernel", "ops", "type", "emitter", "schedule", "choices"}, StringRef(key)))
          return refuse("has the key '" + StringRef(key) + "' in kernel '" + *id +
                        "'; expected kernel, schedule, and for people ops, type, emitter, choices");
      if (!seen.insert(*id).second)
        return refuse("has the kernel '" + *id + "' twice for the target '" + code.target.name + "'");
      auto known = kernels.find(*id);
      if (known == kernels.end()) {
        ++numUnknown;
        continue;
      }
      codegen::ScheduledKernel &kernel = code.schedule->kernels[known->second];
      codegen::ScheduleChoice &choice = code.choices[known->second];
      if (!codegen::choose(kernel.function, choice, *name, codegen::ChosenBy::File))
        return refuse("asks for the schedule '" + *name + "' of the kernel '" + *id + "' (" + kernel.description +
                      "), which the emitter '" + kernel.emitter->name() + "' does not have; it has " +
                      (choice.names.empty() ? "no choice" : "'" + llvm::join(choice.names, "', '") + "'"));
    }
    return success();
  }

  Compilation &c;
  const std::string &path;
  size_t numUnknown = 0;
};

} // namespace

std::string printSchedules(const Compilation &c, SchedulesText how) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  json::OStream os(stream, how == SchedulesText::Readable ? 2 : 0);
  auto printKernel = [&](const codegen::ScheduledKernel &kernel, const codegen::ScheduleChoice &choice) {
    os.attribute("kernel", codegen::identityOf(kernel.function, kernel.emitter->name()));
    os.attribute("ops", kernel.description);
    os.attribute("type", typeOf(kernel.function));
    os.attribute("emitter", kernel.emitter->name());
    os.attribute("schedule", choice.name());
    if (how == SchedulesText::Readable)
      os.attributeArray("choices", [&] {
        for (const std::string &name : choice.names)
          os.value(name);
      });
  };
  os.object([&] {
    os.attributeArray("schedules", [&] {
      for (const TargetCode &code : c.codes)
        os.object([&] {
          os.attribute("target", code.target.name);
          os.attributeArray("kernels", [&] {
            for (auto [kernel, choice] : llvm::zip_equal(code.schedule->kernels, code.choices))
              if (choice.isOpen())
                os.object([&, &kernel = kernel, &choice = choice] { printKernel(kernel, choice); });
          });
        });
    });
  });
  return text;
}

LogicalResult readSchedules(Compilation &compilation, const std::string &path) {
  return Reader(compilation, path).run();
}

} // namespace mlc
