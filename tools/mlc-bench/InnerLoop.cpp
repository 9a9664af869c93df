#include "tools/mlc-bench/InnerLoop.h"

#include <algorithm>
#include <map>
#include <set>
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

// The number of the vector register that an instruction writes: its last operand. Empty where that is something else.
std::string destinationOf(const std::string &line) {
  const std::string unmasked = line.substr(0, line.find(" {%k"));
  const size_t begin = unmasked.rfind("mm");
  const bool isLast = begin != std::string::npos && begin > 1 && unmasked[begin - 2] == '%' &&
                      unmasked.find_first_not_of("0123456789", begin + 2) == std::string::npos;
  return isLast ? unmasked.substr(begin + 2) : "";
}

InnerLoop describe(const std::string &function, const std::vector<std::string> &lines) {
  InnerLoop loop;
  loop.function = function;
  loop.lines = lines;
  std::map<std::string, unsigned> sums; // by register
  std::set<std::string> others;
  for (const std::string &line : lines) {
    const std::string mnemonic = mnemonicOf(line), destination = destinationOf(line);
    if (multiplies(mnemonic)) {
      ++loop.multiplies;
      ++sums[destination];
    } else if (mnemonic != "tilezero") { // in front of unrolled steps
      others.insert(destination);
    }
    loop.prefetches += mnemonic.starts_with("prefetch");
    loop.stackAccesses += line.find("(%rsp") != std::string::npos || line.find("(%rbp") != std::string::npos;
  }
  for (const auto &[name, count] : sums)
    loop.accumulations += others.contains(name) ? 0 : count;
  return loop;
}

} // namespace

InnerLoop findInnerLoop(const std::string &assembly) {
  InnerLoop best, longest; // of loops; of all blocks
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
    const InnerLoop loop = describe(function, block);
    if (line.substr(target + 1) == label && loop.accumulations > best.accumulations)
      best = loop;
    if (loop.accumulations > longest.accumulations)
      longest = loop;
    block.clear(); // what follows is another block, without a label of its own
  }
  return best.accumulations ? best : longest; // steps that are unrolled are no loop
}

} // namespace mlc::tools
