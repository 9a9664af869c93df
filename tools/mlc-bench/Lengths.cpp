#include "tools/mlc-bench/Lengths.h"

#include "tools/common/Inspect.h"
#include "tools/common/Main.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace mlc::tools {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<int64_t> readLengths(const std::string &path, int64_t longest) {
  std::ifstream file(path);
  if (!file)
    throw std::runtime_error("--lengths " + path + ": cannot open it");
  std::vector<int64_t> lengths;
  for (std::string line; std::getline(file, line);) {
    auto bad = [&](const std::string &why) {
      throw std::runtime_error("--lengths " + path + ", line " + std::to_string(lengths.size() + 1) + ": '" + line +
                               "' " + why);
    };
    size_t used = 0;
    int64_t length = -1;
    try {
      length = std::stoll(line, &used);
    } catch (const std::exception &) {
      used = 0;
    }
    if (used == 0 || used != line.size() || length < 0)
      bad("is not a length, a number from 0 on");
    if (length > longest)
      bad("is longer than the module's sequences of " + std::to_string(longest));
    lengths.push_back(length);
  }
  if (lengths.empty())
    throw std::runtime_error("--lengths " + path + ": it holds no lengths; expected one a line");
  return lengths;
}

// Position of the mask among the inputs.
size_t findMask(const Module &module, const Call &call) {
  const std::vector<Spec> specs = module.inputs(call.entry, call.bucket);
  size_t named = specs.size();
  for (size_t i = 0; i < specs.size(); ++i)
    if (specs[i].name == "attention_mask")
      named = i;
  const nlohmann::ordered_json description = inspect(module);
  for (const auto &entry : description["entry_points"])
    if (entry["name"] == module.entryName(call.entry))
      for (const auto &bucket : entry["buckets"])
        for (size_t i = 0; i < specs.size(); ++i)
          if (bucket["inputs"][i].contains("capacity"))
            named = i;
  if (named == specs.size())
    throw std::runtime_error("--lengths: the module was not compiled with --unpad, and has no input 'attention_mask'");
  if (specs[named].shape.size() != 2)
    throw std::runtime_error("--lengths: the mask '" + specs[named].name + "' is no matrix of sequences and positions");
  return named;
}

} // namespace

void measureLengths(const Module &module, Session &session, Call &call, const LengthsOptions &options) {
  const size_t mask = findMask(module, call);
  const Spec spec = module.inputs(call.entry, call.bucket)[mask];
  const int64_t sequences = spec.shape[0], longest = spec.shape[1];
  std::vector<int64_t> lengths = readLengths(options.path, longest);
  // A last batch that is not full begins again with the first length.
  const size_t batches = (lengths.size() + sequences - 1) / sequences;
  for (size_t i = 0; lengths.size() < batches * sequences; ++i)
    lengths.push_back(lengths[i]);

  std::vector<HostTensor> masks;
  uint64_t tokens = 0;
  for (size_t batch = 0; batch < batches; ++batch) {
    std::vector<int64_t> values;
    for (int64_t b = 0; b < sequences; ++b) {
      const int64_t length = lengths[batch * sequences + b];
      tokens += length;
      for (int64_t s = 0; s < longest; ++s)
        values.push_back(s < length);
    }
    if (spec.dtype != MLC_I64)
      throw std::runtime_error("--lengths: the mask '" + spec.name + "' has elements of " + mlc_dtype_name(spec.dtype) +
                               ", expected i64");
    masks.push_back(HostTensor::from(DType::I64, spec.shape, values));
  }
  auto run = [&](size_t batch) {
    call.inputViews[mask].data = const_cast<std::byte *>(masks[batch].bytes());
    session.run(call.entry, call.inputViews, call.outputViews);
  };
  for (size_t batch = 0; batch < batches; ++batch) // warm up
    run(batch);
  // Rounds over all batches: each weighs the same.
  std::vector<double> rounds;
  const Clock::time_point start = Clock::now();
  do {
    const Clock::time_point begin = Clock::now();
    for (size_t batch = 0; batch < batches; ++batch)
      run(batch);
    rounds.push_back(std::chrono::duration<double>(Clock::now() - begin).count() * 1e3 / double(batches));
  } while (rounds.size() < 3 || std::chrono::duration<double>(Clock::now() - start).count() < options.seconds);
  std::sort(rounds.begin(), rounds.end());
  const double median = rounds[rounds.size() / 2], perBatch = double(tokens) / double(batches);
  const double share = perBatch / double(sequences * longest);
  if (options.json) {
    print("%s\n", toText(nlohmann::ordered_json{{"batches", batches},
                                                {"sequences", sequences},
                                                {"tokens_per_batch", perBatch},
                                                {"share_of_positions", share},
                                                {"threads", session.threadCount()},
                                                {"rounds", rounds.size()},
                                                {"median_ms_per_batch", median},
                                                {"min_ms_per_batch", rounds.front()},
                                                {"tokens_per_s", perBatch / median * 1e3}})
                      .c_str());
    return;
  }
  print("%zu batches of %lld sequences, %.1f tokens each, %.1f %% of the positions; %u threads, %zu rounds\n", batches,
        static_cast<long long>(sequences), perBatch, 100 * share, session.threadCount(), rounds.size());
  print("median_ms_per_batch %.3f\nmin_ms_per_batch    %.3f\ntokens/s            %.0f\n", median, rounds.front(),
        perBatch / median * 1e3);
}

} // namespace mlc::tools
