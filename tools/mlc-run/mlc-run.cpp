// mlc-run: runs an entry point of a module on files, and compares or stores what it gives.
#include "support/Difference.h"
#include "tools/common/Inputs.h"
#include "tools/common/Inspect.h"
#include "tools/common/Main.h"
#include "tools/mlc-run/Trace.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>

using namespace mlc;
using namespace mlc::tools;

namespace {

struct Options {
  std::string module, output, expect, profile, variables;
  InputArguments arguments;
  uint32_t threads = 0, runs = 1;
  double tolerance = 1e-5;
  std::string inspect; // json or text; empty: not asked for
  bool verify = false;
};

// The expected outputs; each must be one of the call's.
NamedTensors readReference(const Call &call, const std::string &path) {
  Result<NamedTensors> reference = readNpz(path);
  if (!reference.ok())
    throw std::runtime_error(reference.message());
  size_t known = 0;
  std::string names;
  for (const Buffer &output : call.outputs) {
    const std::string &name = output.spec().name;
    known += std::any_of(reference->begin(), reference->end(), [&](auto &entry) { return entry.first == name; });
    names += (names.empty() ? "" : ", ") + name;
  }
  if (known != reference->size() || known == 0)
    throw std::runtime_error("'" + path + "' holds " + std::to_string(reference->size()) + " arrays, of which " +
                             std::to_string(known) + " are outputs; the outputs are " + names);
  return *std::move(reference);
}

// Prints one line per output; false when one is off.
bool matches(Call &call, const NamedTensors &reference, double tolerance) {
  bool all = true;
  for (Buffer &output : call.outputs) {
    const std::string &name = output.spec().name;
    auto found = std::find_if(reference.begin(), reference.end(), [&](auto &entry) { return entry.first == name; });
    if (found == reference.end())
      continue;
    HostTensor actual = toHostTensor(output);
    if (actual.shape() != found->second.shape()) {
      print("%s: shape is %s, expected %s\n", name.c_str(), describe(actual.dtype(), actual.shape()).c_str(),
            describe(found->second.dtype(), found->second.shape()).c_str());
      all = false;
      continue;
    }
    Difference difference = differenceOf(actual, found->second);
    const bool ok = difference.relativeL2 <= tolerance; // false for NaN
    print("%s: rel-L2 %.3e, max abs %.3e: %s (tolerance %.1e)\n", name.c_str(), difference.relativeL2,
          difference.maxAbs, ok ? "ok" : "MISMATCH", tolerance);
    all &= ok;
  }
  return all;
}

bool isSameFile(const std::string &a, const std::string &b) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::equivalent(a, b, error))
    return true;
  // Files that are not there yet.
  const fs::path first = fs::weakly_canonical(fs::absolute(a), error);
  return !error && first == fs::weakly_canonical(fs::absolute(b), error) && !error;
}

// Compared before anything is written: an output replaces what it is called like.
void checkOutputs(const Options &options, const Module &module) {
  std::vector<std::string> inputs = options.arguments.archives;
  inputs.push_back(options.module);
  for (const std::string &file : codeFiles(module, options.module))
    inputs.push_back(file);
  if (!options.expect.empty())
    inputs.push_back(options.expect);
  // Where names hold '=', any of them may begin the path.
  for (const std::string &input : options.arguments.inputs)
    for (size_t at = 0; (at = input.find('=', at)) != std::string::npos;)
      inputs.push_back(input.substr(++at));
  std::vector<std::string> outputs;
  for (const std::string &output : {options.output, options.variables, options.profile}) {
    if (output.empty())
      continue;
    for (const std::string &input : inputs)
      if (isSameFile(output, input))
        throw std::runtime_error("'" + output + "' is an input; name another output");
    for (const std::string &other : outputs)
      if (isSameFile(output, other))
        throw std::runtime_error("'" + output + "' is named for two outputs; name a file for each");
    outputs.push_back(output);
  }
}

// What would fail behind the run is found before it.
void checkRequest(const Options &options, const Module &module, const Call &call) {
  if (call.outputs.empty() && (!options.output.empty() || !options.expect.empty()))
    throw std::runtime_error("the entry point '" + module.entryName(call.entry) +
                             "' gives no outputs, it only updates variables; read those with --variables FILE.npz");
  if (!options.variables.empty() && module.variables().empty())
    throw std::runtime_error("--variables: the module has no variables");
  if (!options.output.empty())
    for (const Buffer &output : call.outputs)
      if (Status status = checkMemberName(output.spec().name); !status.ok())
        throw std::runtime_error("output " + status.message());
}

void writeVariables(const Module &module, Session &session, const std::string &path) {
  std::vector<Buffer> values;
  for (const Spec &spec : module.variables()) {
    values.emplace_back(spec);
    session.getVariable(spec.name, View(values.back().data(), spec.dtype, spec.shape));
  }
  NamedTensors tensors;
  for (Buffer &value : values)
    tensors.emplace_back(value.spec().name, toHostTensor(value));
  if (Status status = writeNpz(path, tensors); !status.ok())
    throw std::runtime_error(status.message());
}

// Needs neither the CPU that the module is for nor its code.
void describe(const Options &options) {
  const Module module = Module::open(options.module);
  if (options.verify) {
    module.verify();
    print("%s: header, program, code and parameters are intact\n", options.module.c_str());
  }
  if (options.inspect.empty())
    return;
  nlohmann::ordered_json description = inspect(module);
  description["file"] = inspectFile(module, options.module);
  print("%s\n", (options.inspect == "text" ? summarize(description) : toText(description, 2)).c_str());
}

int run(const Options &options) {
  if (options.verify || !options.inspect.empty())
    describe(options);
  const bool asked = !options.arguments.inputs.empty() || !options.arguments.archives.empty() ||
                     !options.output.empty() || !options.expect.empty() || !options.profile.empty() ||
                     !options.variables.empty() || options.runs != 1;
  if ((options.verify || !options.inspect.empty()) && !asked)
    return 0;

  const Module module(options.module);
  checkOutputs(options, module);
  Call call = prepareCall(module, options.arguments);
  checkRequest(options, module, call);
  // Before the run, so that a wrong file costs no time and leaves no output.
  std::optional<NamedTensors> reference;
  if (!options.expect.empty())
    reference = readReference(call, options.expect);
  Session session(module, options.threads);
  Trace trace(module);
  if (!options.profile.empty())
    session.setProfile(Trace::record, &trace);
  for (uint32_t i = 0; i < options.runs; ++i) {
    trace.beginRun();
    session.run(call.entry, call.inputViews, call.outputViews);
  }
  if (!options.profile.empty())
    trace.write(options.profile, options.module + ", entry point " + module.entryName(call.entry));

  if (!options.output.empty()) {
    NamedTensors tensors;
    for (Buffer &output : call.outputs)
      tensors.emplace_back(output.spec().name, toHostTensor(output));
    if (Status status = writeNpz(options.output, tensors); !status.ok())
      throw std::runtime_error(status.message());
  }
  if (!options.variables.empty())
    writeVariables(module, session, options.variables);
  if (reference)
    return matches(call, *reference, options.tolerance) ? 0 : exitFailure;
  if (options.output.empty())
    for (Buffer &output : call.outputs)
      print("%s\n", describeSpec(output.spec()).c_str());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Runs a compiled module.\n\n"
               "  mlc-run model.mlc --input ids=ids.npy --output out.npz\n"
               "  mlc-run model.mlc --input x=random:1 --expect reference.npz\n"
               "  mlc-run model.mlc --inspect");
  app.footer("Exit codes: 0 all is well; 1 an error, or outputs that differ from --expect; 2 a wrong command line");
  app.set_version_flag("--version", std::string("mlc-run ") + mlc_runtime_version());
  expectName(app.add_option("module", options.module, "The module, a file that mlc-opt wrote")->required());
  app.add_option("--input", options.arguments.inputs, "NAME=FILE.npy, or NAME=random:SEED for random values")
      ->type_name("NAME=VALUE");
  expectName(
      app.add_option("--inputs", options.arguments.archives, "Several inputs in one .npz")->type_name("FILE.npz"));
  expectOutputFile(app.add_option("--output", options.output, "Writes all outputs")->type_name("FILE.npz"));
  expectName(app.add_option("--entry", options.arguments.entry,
                            "The entry point; needed where there are several and no `main`"));
  expectIndex(app.add_option("--bucket", options.arguments.bucket,
                             "Number of the shape bucket, where random inputs leave a choice (see --inspect)"));
  app.add_option("--threads", options.threads, "Threads; by default MLC_NUM_THREADS, else all CPUs")
      ->check(CLI::Range(1, MLC_MAX_THREADS));
  app.add_option("--runs", options.runs, "Runs so many times in one session; outputs are those of the last run")
      ->check(CLI::Range(1, 1000000000))
      ->capture_default_str();
  expectOutputFile(
      app.add_option("--variables", options.variables, "Writes the session's variables, as they are after the last run")
          ->type_name("FILE.npz"));
  expectName(app.add_option("--expect", options.expect,
                            "Compares outputs with these, which may be some of them and of other types; NaN equals "
                            "NaN. Exit code 1 where they differ")
                 ->type_name("FILE.npz"));
  expectNumber(app.add_option("--tolerance", options.tolerance, "Largest relative L2 difference of each output")
                   ->capture_default_str(),
               0, 1e30, /*aboveLow=*/false);
  expectOutputFile(
      app.add_option("--profile", options.profile, "Writes a trace for chrome://tracing or ui.perfetto.dev")
          ->type_name("FILE.json"));
  app.add_flag("--inspect{json}", options.inspect,
               "Prints what the module holds, and what it needs that is missing here, as JSON; --inspect=text: the "
               "main figures, to read")
      ->check(CLI::IsMember({"json", "text"}));
  app.add_flag("--verify", options.verify,
               "Compares parameters, and code in a file beside the module, with their checksums, too");
  return runMain("mlc-run", app, argc, argv, [&] { return run(options); });
}
