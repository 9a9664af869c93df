// What a command line of mlc-opt may not say: options without a value, twice, or that contradict each other; outputs
// that would overwrite what is read.
#include "compiler/CommandLine.h"
#include "compiler/Tune.h"
#include "passes/unpad/Capacities.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <set>

using namespace mlir;
using llvm::StringRef;

namespace mlc {
namespace {

LogicalResult refuse(const llvm::Twine &message) {
  llvm::errs() << "mlc-opt: error: " << message << "\n";
  return failure();
}

bool isSameFile(StringRef a, StringRef b) {
  bool same = false;
  return a != "-" && b != "-" && !llvm::sys::fs::equivalent(a, b, same) && same;
}

// The file of NAME=FILE; the text itself where there is no name.
StringRef fileOf(StringRef text) { return llvm::sys::fs::exists(text) ? text : text.split('=').second; }

LogicalResult checkValues(const CommandLine &line) {
  for (const llvm::cl::Option *option : std::initializer_list<const llvm::cl::Option *>{
           &line.output, &line.head, &line.pad, &line.precision, &line.unpad, &line.targetCpu, &line.winograd,
           &line.fastMatmul, &line.emit, &line.compileTo, &line.compileFrom, &line.code, &line.jobs, &line.compareWith,
           &line.tolerance, &line.entry, &line.tune, &line.schedules, &line.exportSchedules})
    if (option->getNumOccurrences() > 1)
      return refuse("-" + StringRef(option->ArgStr.size() > 1 ? "-" : "") + option->ArgStr + " is given " +
                    llvm::Twine(option->getNumOccurrences()) + " times; give it once");
  for (const llvm::cl::opt<std::string> *option :
       {&line.output, &line.pad, &line.targetCpu, &line.winograd, &line.compileTo, &line.compileFrom, &line.compareWith,
        &line.entry, &line.schedules, &line.exportSchedules})
    if (option->getNumOccurrences() && option->getValue().empty())
      return refuse("-" + StringRef(option->ArgStr.size() > 1 ? "-" : "") + option->ArgStr + " has no value");
  std::set<StringRef> kept;
  for (StringRef name : line.keep) {
    if (name.empty())
      return refuse("--keep has no value, or one that is empty: give names with commas between");
    if (!kept.insert(name).second)
      return refuse("--keep: '" + name + "' is given twice");
  }
  const StringRef modes[] = {"off", "f2", "f4", "auto"};
  if (!llvm::is_contained(modes, StringRef(line.winograd)))
    return refuse("--winograd=" + line.winograd + ": expected off, f2, f4 or auto");
  if (line.pad.getNumOccurrences()) {
    if (auto padding = parsePadding(line.pad); !padding)
      return refuse("--pad=" + line.pad + ": " + llvm::toString(padding.takeError()));
    if (line.shapes.empty())
      return refuse("--pad=" + line.pad + " fills up to sizes that --shape binds; give --shape for each bucket");
  }
  StringRef unpad = line.unpad;
  if (unpad != "off" && !unpad.empty())
    if (auto capacities = parseCapacities(unpad, INT32_MAX); !capacities)
      return refuse("--unpad=" + unpad + ": " + llvm::toString(capacities.takeError()));
  StringRef tune = line.tune;
  if (!tune.empty())
    if (auto request = parseTune(tune); !request)
      return refuse("--tune=" + tune + ": " + llvm::toString(request.takeError()));
  double tolerance = line.tolerance;
  if (line.tolerance.getNumOccurrences() && (!std::isfinite(tolerance) || tolerance < 0))
    return refuse("--tolerance is a relative L2 difference: a number of at least 0");
  return success();
}

LogicalResult checkCombination(const CommandLine &line) {
  std::string commands;
  unsigned count = 0;
  auto command = [&](const llvm::cl::Option &option) {
    if (!option.getNumOccurrences())
      return;
    commands += (count++ ? " and --" : "--") + option.ArgStr.str();
  };
  command(line.check);
  command(line.interpret);
  command(line.interpretF64);
  command(line.perOpCompare);
  command(line.compareWith);
  command(line.bisect);
  // --interpret-f64 says how --compare-with and --bisect evaluate.
  if (count > 1 && !(count == 2 && line.interpretF64 && (line.bisect || line.compareWith.getNumOccurrences())))
    return refuse(commands + " are commands of their own; give one of them");
  bool evaluates =
      line.interpret || line.interpretF64 || line.perOpCompare || line.bisect || line.compareWith.getNumOccurrences();
  const llvm::cl::Option &inputs = line.inputs, &entry = line.entry, &tolerance = line.tolerance;
  if (!evaluates)
    for (const llvm::cl::Option *option : {&inputs, &entry, &tolerance})
      if (option->getNumOccurrences())
        return refuse("--" + option->ArgStr + " is for --interpret, --per-op-compare, --bisect and --compare-with");
  bool compiles = !evaluates || line.perOpCompare;
  for (const llvm::cl::Option *option :
       std::initializer_list<const llvm::cl::Option *>{&line.tune, &line.schedules, &line.exportSchedules})
    if (option->getNumOccurrences() && (line.check || !compiles))
      return refuse("--" + option->ArgStr + " is about code, and " + commands + " generates none");
  if (line.exportSchedules.getNumOccurrences() && line.perOpCompare)
    return refuse("--export-schedules is for a module, not for --per-op-compare");
  if (line.noCache && line.tune == "cached")
    return refuse("--tune=cached takes schedules from the cache, and --no-cache forbids that; give one of them");
  if (line.bisect && line.unpad != "off")
    return refuse("--bisect compares all numbers, and --unpad computes only those of tokens; leave out --unpad");
  bool emitsCode = line.emit == Emit::Llvm || line.emit == Emit::Asm || line.emit == Emit::Obj;
  if (emitsCode && line.compileTo.getNumOccurrences() && line.compileTo != "kernels" && line.compileTo != "objects")
    return refuse("--emit=llvm, asm and obj write what is made behind '" + line.compileTo +
                  "', where --compile-to ends; give one of them");
  if (line.emit == Emit::Graph && line.compileTo.getNumOccurrences())
    return refuse("--emit=graph draws what is made behind 'schedule'; leave out --compile-to");
  return success();
}

LogicalResult checkOutput(const CommandLine &line) {
  StringRef output = line.output;
  auto isRead = [&](StringRef path) { return isSameFile(path, output); };
  std::string code = output.str() + ".so"; // of --code=external
  bool hasCode = line.code == CodePlace::External;
  StringRef input = line.input;
  bool clashes = isRead(input) || isRead(line.compareWith.getValue()) || isRead(line.schedules.getValue()) ||
                 llvm::any_of(line.inputs, [&](StringRef text) { return isRead(fileOf(text)); }) ||
                 llvm::any_of(line.constants, [&](StringRef text) { return isRead(fileOf(text)); }) ||
                 (hasCode && isSameFile(input, code));
  StringRef exported = line.exportSchedules;
  if (!exported.empty() && (isSameFile(exported, input) || isSameFile(exported, line.schedules)))
    return refuse("'" + exported + "' is an input; name another output");
  // Of a checkpoint's folder, everything but earlier modules.
  llvm::SmallString<128> folder(output);
  llvm::sys::path::remove_filename(folder);
  StringRef extension = llvm::sys::path::extension(output);
  clashes |= llvm::sys::fs::is_directory(input) && llvm::sys::fs::exists(output) &&
             isSameFile(input, folder.empty() ? StringRef(".") : StringRef(folder)) &&
             (extension == ".json" || extension == ".safetensors");
  if (clashes)
    return refuse("'" + output + "' is an input; name another output");
  return success();
}

} // namespace

LogicalResult CommandLine::validate() const {
  return failure(failed(checkValues(*this)) || failed(checkCombination(*this)) || failed(checkOutput(*this)));
}

} // namespace mlc
