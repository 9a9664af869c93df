#include "tools/mlc-bench/Laboratory.h"

#include "support/LastLevelCache.h"
#include "tools/common/Inspect.h"
#include "tools/common/Main.h"
#include "tools/mlc-bench/Compiler.h"
#include "tools/mlc-bench/InnerLoop.h"
#include "tools/mlc-bench/Measurement.h"
#include "tools/mlc-bench/Peaks.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>

namespace mlc::tools {
namespace {

// More would take long to pack, and a kernel with so few weights does not wait for them.
constexpr uint64_t kMostCopies = 64;

// How mlc-opt is to make the kernel.
struct Way {
  std::string options; // as the user gave them
  std::string choice;  // of the schedules that there are; empty: not told
  bool isCostModels = false;
  std::string schedulesFile; // that makes the choice; empty: the cost model
};

// The kernel as mlc-opt makes it in some way.
struct Candidate {
  Way way;
  std::string schedule; // of the kernel that computes most
  uint64_t flops = 0;
  std::string arithmetic;
  std::unique_ptr<Module> module;
  std::unique_ptr<Session> session;
  std::vector<Call> calls; // one for each copy of the weights
  std::vector<double> hot, cold;
  InnerLoop loop;

  void run(size_t copy) { session->run(calls[copy].entry, calls[copy].inputViews, calls[copy].outputViews); }
};

std::vector<std::string> split(const std::string &text) {
  std::stringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;)
    words.push_back(word);
  return words;
}

void describeMainKernel(Candidate &candidate) {
  uint64_t most = 0;
  const nlohmann::ordered_json kernels = inspect(*candidate.module)["kernels"];
  for (const nlohmann::ordered_json &kernel : kernels) {
    const uint64_t flops = kernel["flops"];
    candidate.flops += flops;
    if (flops < most)
      continue;
    most = flops;
    candidate.schedule = kernel["emitter"].get<std::string>() + ": " + kernel["schedule"].get<std::string>();
    candidate.arithmetic = kernel["arithmetic"];
  }
}

Candidate compile(const Way &way, const KernelText &text, const LaboratoryOptions &lab, const std::string &name,
                  const TemporaryFolder &folder) {
  Candidate candidate;
  candidate.way = way;
  const std::string source = folder / "kernel.mlir", module = folder / (name + ".mlc"),
                    listing = folder / (name + ".s");
  std::vector<std::string> arguments{source, "-o", module};
  std::vector<std::string> extra = split(way.options);
  if (!way.schedulesFile.empty())
    extra.push_back("--schedules=" + way.schedulesFile);
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  runCompiler(arguments, folder);
  if (lab.assembly) {
    arguments[2] = listing;
    arguments.push_back("--emit=asm");
    runCompiler(arguments, folder);
    candidate.loop = findInnerLoop(readText(listing));
  }
  candidate.module = std::make_unique<Module>(module);
  candidate.session = std::make_unique<Session>(*candidate.module, lab.threads);
  for (uint64_t copy = 0; copy < text.copies; ++copy) {
    InputArguments inputs;
    inputs.randomSeed = 1;
    inputs.entry = "main" + std::to_string(copy);
    candidate.calls.push_back(prepareCall(*candidate.module, inputs));
    candidate.run(copy); // pages are touched before anything is timed
  }
  describeMainKernel(candidate);
  return candidate;
}

// One for each schedule of the kernel, the cost model's first. A part of the text that is a kernel of its own varies
// while the others stay.
std::vector<Way> allSchedules(const TemporaryFolder &folder) {
  const std::string exported = folder / "schedules.json";
  runCompiler({folder / "kernel.mlir", "-o", folder / "exported.mlc", "--export-schedules=" + exported}, folder);
  const nlohmann::ordered_json chosen = nlohmann::ordered_json::parse(readText(exported));
  const nlohmann::ordered_json::json_pointer kernels("/schedules/0/kernels");
  std::vector<Way> ways;
  for (size_t i = 0; i < chosen[kernels].size(); ++i) {
    const nlohmann::ordered_json &kernel = chosen[kernels][i];
    for (const nlohmann::ordered_json &choice : kernel["choices"]) {
      Way way;
      way.choice = choice;
      way.isCostModels = choice == kernel["schedule"];
      if (way.isCostModels && i > 0)
        continue; // the first kernel's is the same module
      nlohmann::ordered_json told = chosen;
      told[kernels][i]["schedule"] = choice;
      way.schedulesFile = folder / ("schedules" + std::to_string(ways.size()) + ".json");
      writeText(way.schedulesFile, told.dump());
      ways.push_back(way);
    }
  }
  if (ways.empty())
    ways.emplace_back();
  return ways;
}

void append(std::vector<double> &all, const std::vector<double> &some) {
  all.insert(all.end(), some.begin(), some.end());
}

// Candidates take turns, so that a change of the machine meets all of them.
void measure(std::vector<Candidate> &candidates, double seconds, bool cold) {
  constexpr int kRounds = 5;
  const double turn = seconds / kRounds / (cold ? 2 : 1);
  for (int round = 0; round < kRounds; ++round)
    for (Candidate &candidate : candidates) {
      candidate.run(0);
      append(candidate.hot, timesOf([&] { candidate.run(0); }, turn));
      size_t copy = 0;
      if (cold)
        append(candidate.cold, timesOf([&] { candidate.run(++copy % candidate.calls.size()); }, turn));
    }
}

nlohmann::ordered_json figures(const Candidate &candidate, const std::vector<double> &times, const Peaks &peaks) {
  const double ms = medianOf(times), gflops = double(candidate.flops) * 1e-6 / ms;
  const double peak = peaks.ofArithmetic(candidate.arithmetic);
  return {{"us", ms * 1e3},
          {"min_us", *std::min_element(times.begin(), times.end()) * 1e3},
          {"gflops_per_s", gflops},
          {"share_of_peak", peak > 0 ? gflops / peak : 0}};
}

nlohmann::ordered_json toJson(const Candidate &candidate, const Peaks &peaks, bool assembly) {
  nlohmann::ordered_json json{{"options", candidate.way.options},
                              {"schedule", candidate.schedule},
                              {"arithmetic", candidate.arithmetic},
                              {"hot", figures(candidate, candidate.hot, peaks)}};
  if (!candidate.way.choice.empty()) {
    json["choice"] = candidate.way.choice;
    json["cost_model"] = candidate.way.isCostModels;
  }
  if (!candidate.cold.empty())
    json["cold"] = figures(candidate, candidate.cold, peaks);
  if (assembly)
    json["inner_loop"] = {{"function", candidate.loop.function},
                          {"multiplies", candidate.loop.multiplies},
                          {"stack_accesses", candidate.loop.stackAccesses},
                          {"prefetches", candidate.loop.prefetches},
                          {"lines", candidate.loop.lines}};
  return json;
}

void printFigures(const nlohmann::ordered_json &figures) {
  print("%10.1f %10.1f %9.1f %6.1f%%", figures["us"].get<double>(), figures["min_us"].get<double>(),
        figures["gflops_per_s"].get<double>(), 100 * figures["share_of_peak"].get<double>());
}

void printTable(const nlohmann::ordered_json &candidates) {
  print("%-5s %10s %10s %9s %7s  %s\n", "", "median us", "min us", "GFLOP/s", "peak", "schedule");
  for (const nlohmann::ordered_json &candidate : candidates)
    for (const char *state : {"hot", "cold"}) {
      if (!candidate.contains(state))
        continue;
      print("%-5s ", state);
      printFigures(candidate[state]);
      const std::string options = candidate["options"];
      std::string schedule = candidate["schedule"];
      if (candidate.contains("choice"))
        schedule = candidate["choice"].get<std::string>() + (candidate["cost_model"] ? "   the cost model's" : "");
      print("  %s%s%s\n", schedule.c_str(), options.empty() ? "" : "   ", options.c_str());
    }
}

void printLoops(const nlohmann::ordered_json &candidates) {
  for (const nlohmann::ordered_json &candidate : candidates) {
    const nlohmann::ordered_json &loop = candidate["inner_loop"];
    if (loop["lines"].empty()) {
      print("\nno loop of one block accumulates products\n");
      continue;
    }
    print("\n%s: inner loop of %llu multiply-adds, %llu stack accesses, %llu prefetches\n",
          loop["function"].get<std::string>().c_str(), loop["multiplies"].get<unsigned long long>(),
          loop["stack_accesses"].get<unsigned long long>(), loop["prefetches"].get<unsigned long long>());
    for (const std::string &line : loop["lines"].get<std::vector<std::string>>())
      print("%s\n", line.c_str());
  }
}

} // namespace

CLI::App *addLaboratory(CLI::App &app, LaboratoryOptions &options) {
  CLI::App *lab = app.add_subcommand(
      "kernel",
      "Measures one kernel alone: compiled by the mlc-opt beside this program, hot, and with weights that are in\n"
      "no cache. As: mlc-bench kernel matmul 128x768x3072 --dtype bf16 --epilogue bias,gelu --asm");
  lab->add_option("kind", options.spec.kind, "matmul, conv (channels last) or attention")
      ->required()
      ->check(CLI::IsMember({"matmul", "conv", "attention"}));
  expectName(
      lab->add_option("shape", options.spec.shape, "matmul: MxKxN; conv: NxHxWxC; attention: BATCHxHEADSxTOKENSxSIZE")
          ->required());
  expectName(lab->add_option("--filter", options.spec.filter, "conv: HxWxO; padded by half of the window")
                 ->capture_default_str());
  lab->add_option("--stride", options.spec.stride, "conv")->capture_default_str()->check(CLI::Range(1, 64));
  lab->add_option("--dtype", options.spec.dtype,
                  "f32, bf16, or int8: u8 times weights in i8, scaled, and quantised to u8 behind the epilogue")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16", "int8"}));
  expectName(
      lab->add_option("--epilogue", options.spec.epilogue, "What follows: of bias, residual, relu, gelu, with commas"));
  lab->add_option(
         "--compile-with", options.candidates,
         "Options of mlc-opt, as one text: a candidate that takes turns with mlc-opt's defaults; repeat for more")
      ->allow_extra_args(false);
  lab->add_flag("--candidates", options.schedules,
                "Every schedule that the kernel could be built with, in turns: what --tune of mlc-opt chooses from");
  lab->add_option("--threads", options.threads, "Threads")
      ->capture_default_str()
      ->check(CLI::Range(1, MLC_MAX_THREADS));
  expectNumber(
      lab->add_option("--seconds", options.seconds, "How long to measure each candidate")->capture_default_str(), 0,
      1e6, /*aboveLow=*/true);
  lab->add_flag("--asm", options.assembly, "Shows the assembly of the inner loop");
  lab->add_flag("--json", options.json, "Prints one line of JSON");
  return lab;
}

int runLaboratory(const LaboratoryOptions &options) {
  // Twice the cache: a copy has left it before its next turn.
  const uint64_t coldBytes = 2 * lastLevelCacheBytes();
  const KernelText text = kernelText(options.spec, coldBytes, kMostCopies);
  const bool cold = text.copies > 1 && text.copies * text.weightBytes >= coldBytes;
  TemporaryFolder folder;
  writeText(folder / "kernel.mlir", text.ir);
  std::vector<Candidate> candidates;
  std::vector<Way> ways = options.schedules ? allSchedules(folder) : std::vector<Way>(1);
  for (const std::string &given : options.candidates)
    ways.emplace_back().options = given;
  for (const Way &one : ways)
    candidates.push_back(compile(one, text, options, "kernel" + std::to_string(candidates.size()), folder));
  measure(candidates, options.seconds, cold);
  const Peaks peaks = measurePeaks(options.threads);

  nlohmann::ordered_json table = nlohmann::ordered_json::array();
  for (const Candidate &candidate : candidates)
    table.push_back(toJson(candidate, peaks, options.assembly));
  if (options.json) {
    const nlohmann::ordered_json result{{"kind", options.spec.kind},        {"shape", options.spec.shape},
                                        {"dtype", options.spec.dtype},      {"epilogue", options.spec.epilogue},
                                        {"threads", options.threads},       {"flops", candidates.front().flops},
                                        {"weight_bytes", text.weightBytes}, {"candidates", table}};
    print("%s\n", toText(result).c_str());
    return 0;
  }
  print("%s %s, %s, %u thread%s: %.3f MFLOP, %.1f kB of weights\n", options.spec.kind.c_str(),
        options.spec.shape.c_str(), options.spec.dtype.c_str(), options.threads, options.threads == 1 ? "" : "s",
        double(candidates.front().flops) * 1e-6, double(text.weightBytes) * 1e-3);
  if (!cold)
    print("%s\n", text.weightBytes ? "cold weights are not measured: many copies of these fit into the cache"
                                   : "there are no weights that could be cold");
  printTable(table);
  if (options.assembly)
    printLoops(table);
  return 0;
}

} // namespace mlc::tools
