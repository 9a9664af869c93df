#include "tools/mlc-bench/InnerLoop.h"

#include <algorithm>
#include <sstream>

namespace mlc::tools {
namespace {

// "vfmadd231ps" of "\tvfmadd231ps\t%zmm20, ...".
std::string mnemonicOf(const std::string &line) {
  const size_t begin = line.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : line.substr(begin, line.find_first_of(" \t", begin) - begin);
}

bool multiplies(const std::string &mnemonic) {
  for (const char *prefix : {"vfmadd", "vfnmadd", "vdpbf16ps", "vpdpbusd", "vpdpbssd", "vpdpwssd", "tdpb"})
    if (mnemonic.starts_with(prefix))
      return true;
  return false;
}

InnerLoop describe(const std::string &function, const std::vector<std::string> &lines) {
  InnerLoop loop;
  loop.function = function;
  loop.lines = lines;
  for (const std::string &line : lines) {
    const std::string mnemonic = mnemonicOf(line);
    loop.instructions += !mnemonic.ends_with(':');
    loop.multiplies += multiplies(mnemonic);
    loop.prefetches += mnemonic.starts_with("prefetch");
    loop.stackAccesses += line.find("(%rsp") != std::string::npos || line.find("(%rbp") != std::string::npos;
  }
  return loop;
}

bool isBetter(const InnerLoop &loop, const InnerLoop &best) {
  const bool dense = 2 * loop.multiplies >= loop.instructions, bestIsDense = 2 * best.multiplies >= best.instructions;
  if (loop.multiplies == 0 || best.multiplies == 0)
    return loop.multiplies > best.multiplies;
  return dense == bestIsDense ? loop.multiplies > best.multiplies : dense;
}

} // namespace

InnerLoop findInnerLoop(const std::string &assembly) {
  InnerLoop best;
  std::string function, label;
  std::vector<std::string> block;
  std::stringstream stream(assembly);
  for (std::string line; std::getline(stream, line);) {
    line.erase(std::min(line.find(" #"), line.size()));
    if (const size_t colon = line.find(':'); colon != std::string::npos && line[0] != '\t' && line[0] != ' ') {
      label = line.substr(0, colon);
      if (!label.starts_with(".L"))
        function = label;
      block.assign(1, label + ":");
      continue;
    }
    const std::string mnemonic = mnemonicOf(line);
    if (block.empty() || mnemonic.empty() || mnemonic[0] == '#' || mnemonic[0] == '.')
      continue;
    std::replace(line.begin(), line.end(), '\t', ' ');
    block.push_back(line);
    if (mnemonic[0] != 'j')
      continue;
    const size_t target = line.find_last_of(" \t");
    if (line.substr(target + 1) == label)
      if (InnerLoop loop = describe(function, block); isBetter(loop, best))
        best = loop;
    block.clear(); // what follows is another block, without a label of its own
  }
  return best;
}

} // namespace mlc::tools
