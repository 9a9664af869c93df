#include "codegen/tune/Selection.h"

#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <vector>

namespace mlc::codegen {
namespace {

constexpr size_t kFewestRounds = 3, kMostRounds = 15;
constexpr double kFarBehind = 1.2, kLeastGain = 1.02;

double medianOf(std::vector<double> values) {
  auto middle = values.begin() + values.size() / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

} // namespace

Selection selectFastest(size_t candidates, llvm::function_ref<double(size_t)> time, llvm::function_ref<bool()> isOver) {
  Selection selection;
  std::vector<size_t> running(candidates);
  std::vector<double> shortest(candidates);
  std::vector<std::vector<double>> gains(candidates); // over candidate 0, round by round
  for (size_t i = 0; i < candidates; ++i)
    running[i] = i;
  size_t rounds = 0;
  while (rounds < kMostRounds && running.size() > 1 && !isOver()) {
    double first = 0;
    for (size_t i : running) {
      double taken = time(i);
      first = i == 0 ? taken : first;
      shortest[i] = rounds ? std::min(shortest[i], taken) : taken;
      gains[i].push_back(taken > 0 ? first / taken : 1);
    }
    ++rounds;
    double best = shortest[0];
    for (size_t i : running)
      best = std::min(best, shortest[i]);
    // One turn may have been disturbed; two are not, as a rule.
    if (rounds >= 2)
      llvm::erase_if(running, [&](size_t i) { return i != 0 && shortest[i] > kFarBehind * best; });
  }
  selection.isMade = rounds >= kFewestRounds || running.size() == 1;
  if (!selection.isMade)
    return selection;
  double most = kLeastGain;
  for (size_t i : running)
    if (double gain = medianOf(gains[i]); i != 0 && gain >= most) {
      most = gain;
      selection.chosen = i;
      selection.gain = gain;
    }
  return selection;
}

} // namespace mlc::codegen
