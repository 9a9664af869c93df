#include "passes/unpad/Capacities.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <algorithm>

namespace mlc {

// A capacity is computed whole, so a step is what a batch wastes; each one costs code. From an eighth of the batch on,
// in steps of a quarter of the next lower power of two of it: 1/8, 5/32, 3/16, 7/32, 1/4, 5/16, ..., 7/8, 1.
static std::vector<int64_t> chooseCapacities(int64_t positions) {
  std::vector<int64_t> capacities;
  for (int64_t part = 8; part >= 2; part /= 2)
    for (int64_t quarter = 4; quarter < 8; ++quarter)
      capacities.push_back((positions * quarter + 4 * part - 1) / (4 * part));
  capacities.push_back(positions);
  return capacities;
}

llvm::Expected<std::vector<int64_t>> parseCapacities(llvm::StringRef text, int64_t positions) {
  std::vector<int64_t> capacities;
  if (text == "auto") {
    capacities = chooseCapacities(positions);
  } else {
    llvm::SmallVector<llvm::StringRef> items;
    text.split(items, ',');
    for (llvm::StringRef item : items) {
      int64_t capacity;
      if (item.getAsInteger(10, capacity) || capacity < 1)
        return llvm::createStringError("'" + item +
                                       "' is no number of tokens; expected numbers such as 512,1024, auto, or off");
      capacities.push_back(std::min(capacity, positions));
    }
  }
  llvm::sort(capacities);
  capacities.erase(std::unique(capacities.begin(), capacities.end()), capacities.end());
  return capacities;
}

} // namespace mlc
