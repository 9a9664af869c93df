#include "dialects/mlc/Locations.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace mlc {

static void collectNames(Location location, llvm::SetVector<StringRef> &names) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    names.insert(name.getName());
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      collectNames(part, names);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    collectNames(call.getCallee(), names);
  }
}

SmallVector<StringRef> namesIn(Location location) {
  llvm::SetVector<StringRef> names;
  collectNames(location, names);
  return names.takeVector();
}

std::string describeLocation(Location location) {
  SmallVector<StringRef> names = namesIn(location);
  constexpr size_t kMost = 4; // of a fused region: enough to find it
  std::string text = llvm::join(ArrayRef(names).take_front(kMost), ", ");
  return names.size() > kMost ? text + ", ..." : text;
}

std::string describePlace(Location location) {
  std::string names = describeLocation(location);
  auto file = location->findInstanceOf<FileLineColLoc>();
  if (!names.empty() || !file)
    return names;
  return file.getFilename().str() + ":" + std::to_string(file.getLine()) + ":" + std::to_string(file.getColumn());
}

} // namespace mlc
