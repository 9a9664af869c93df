// mlc-bench: latency and throughput of a module, and the time of each of its kernels.
#include "tools/common/Inspect.h"
#include "tools/common/Main.h"
#include "tools/mlc-bench/Laboratory.h"
#include "tools/mlc-bench/Lengths.h"
#include "tools/mlc-bench/Report.h"

#include <CLI/CLI.hpp>
#include <unistd.h>

using namespace mlc;
using namespace mlc::tools;

namespace {

struct Options {
  std::string module;
  InputArguments arguments;
  std::vector<uint32_t> threads;
  double seconds = 3;
  bool json = false;
  std::string lengths;
};

std::vector<Figures> measure(const Options &options) {
  const bool progress = options.seconds > 2 && isatty(STDERR_FILENO) && !options.json;
  std::vector<Figures> figures;
  for (uint32_t threads : options.threads.empty() ? std::vector<uint32_t>{0} : options.threads) {
    Figures one;
    one.measured = measureModule(options.module, options.arguments, threads, options.seconds, progress);
    figures.push_back(one);
  }
  // After the last run: their memory is not the module's.
  for (Figures &one : figures)
    one.peaks = measurePeaks(one.measured.threads);
  return figures;
}

int run(const Options &options) {
  if (!options.lengths.empty()) {
    for (uint32_t threads : options.threads.empty() ? std::vector<uint32_t>{0} : options.threads) {
      Module module(options.module);
      Session session(module, threads);
      Call call = prepareCall(module, options.arguments);
      measureLengths(module, session, call, {options.lengths, options.seconds, options.json});
    }
    return 0;
  }
  const std::string entry = [&] {
    Module module(options.module);
    return module.entryName(prepareCall(module, options.arguments).entry);
  }();
  const std::vector<Figures> figures = measure(options);
  if (options.json) {
    nlohmann::ordered_json result{{"module", options.module}, {"entry", entry}};
    result.update(toJson(figures.front()));
    if (figures.size() > 1)
      for (const Figures &one : figures)
        result["scaling"].push_back(toJson(one));
    print("%s\n", toText(result).c_str());
    return 0;
  }
  for (const Figures &one : figures) {
    print("%s%s, entry point %s, %u threads, %zu runs\n", &one == &figures.front() ? "" : "\n", options.module.c_str(),
          entry.c_str(), one.measured.threads, one.measured.runs);
    printText(one);
  }
  if (figures.size() > 1)
    printScaling(figures);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  LaboratoryOptions laboratory;
  options.arguments.randomSeed = 1;
  CLI::App app("Measures a compiled module: latency, throughput, and the time of each kernel, as a share of what the\n"
               "machine can do, which is measured on the spot. Inputs that are not given are random, the same in each "
               "run.");
  app.footer("Exit codes: 0 all is well; 1 an error; 2 a wrong command line");
  app.set_version_flag("--version", std::string("mlc-bench ") + mlc_runtime_version());
  CLI::App *kernel = addLaboratory(app, laboratory);
  CLI::Option *module = app.add_option("module", options.module, "The module, a file that mlc-opt wrote");
  expectName(module);
  app.add_option("--input", options.arguments.inputs, "NAME=FILE.npy, or NAME=random:SEED")->type_name("NAME=VALUE");
  expectName(
      app.add_option("--inputs", options.arguments.archives, "Several inputs in one .npz")->type_name("FILE.npz"));
  expectName(app.add_option("--entry", options.arguments.entry,
                            "The entry point; needed where there are several and no `main`"));
  expectIndex(
      app.add_option("--bucket", options.arguments.bucket, "Number of the shape bucket, where there are several"));
  app.add_option("--threads", options.threads,
                 "Threads; by default MLC_NUM_THREADS, else all CPUs. Several, as 1,2,4: how the time shrinks")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, MLC_MAX_THREADS));
  expectNumber(app.add_option("--seconds", options.seconds, "How long to measure")->capture_default_str(), 0, 1e6,
               /*aboveLow=*/true);
  expectName(app.add_option("--lengths", options.lengths,
                            "Lengths of sequences, one a line: batches of them, by the attention mask, are measured")
                 ->type_name("FILE"));
  app.add_flag("--json", options.json, "Prints one line of JSON");
  app.final_callback([&] {
    if (!*kernel && !*module)
      throw CLI::RequiredError("module");
  });
  return runMain("mlc-bench", app, argc, argv, [&] { return *kernel ? runLaboratory(laboratory) : run(options); });
}
