#include "frontend/Keep.h"

#include "dialects/mlc/Locations.h"
#include "dialects/mlc/MlcDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

// What computes: a part's weights are named like it.
static bool isCandidate(Operation &op) {
  return op.getNumResults() == 1 && !isa<LoadParamOp, ConstantOp, FusedOp>(op) &&
         isa<RankedTensorType>(op.getResult(0).getType());
}

static bool isWithin(StringRef name, StringRef part) {
  return name.consume_front(part) && (name.empty() || name.front() == '.' || name.front() == '/');
}

static SmallVector<func::FuncOp> entriesOf(ModuleOp module) {
  SmallVector<func::FuncOp> entries;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (function->hasAttr(kEntryAttr) && function.getBody().hasOneBlock())
      entries.push_back(function);
  return entries;
}

// Ops are in the order in which the model computes: a part's result is that of its last op.
static Value findPart(func::FuncOp entry, StringRef part) {
  for (Operation &op : llvm::reverse(entry.getBody().front()))
    if (isCandidate(op) && llvm::any_of(namesIn(op.getLoc()), [&](StringRef name) { return isWithin(name, part); }))
      return op.getResult(0);
  return {};
}

static void addOutput(func::FuncOp entry, StringRef name, Value value) {
  unsigned index = entry.getNumResults();
  for (unsigned i = 0; i < index; ++i)
    if (auto known = entry.getResultAttrOfType<StringAttr>(i, kNameAttr); known && known.getValue() == name)
      return;
  Builder builder(entry.getContext());
  DictionaryAttr attributes = builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr(name)));
  (void)entry.insertResult(index, value.getType(), attributes);
  Operation *terminator = entry.getBody().front().getTerminator();
  terminator->insertOperands(index, value);
}

// The parts, and what they are in: every prefix that ends at a dot.
static std::vector<std::string> partsOf(ModuleOp module) {
  llvm::SetVector<StringRef> parts;
  for (func::FuncOp entry : entriesOf(module))
    for (Operation &op : entry.getBody().front())
      if (isCandidate(op))
        for (StringRef name : namesIn(op.getLoc())) {
          parts.insert(name);
          for (size_t at = name.find('.'); at != StringRef::npos; at = name.find('.', at + 1))
            parts.insert(name.take_front(at));
        }
  std::vector<std::string> names;
  for (StringRef part : parts)
    names.push_back(part.str());
  return names;
}

LogicalResult frontend::keepParts(ModuleOp module, ArrayRef<std::string> names) {
  for (const std::string &name : names) {
    bool isKnown = false;
    for (func::FuncOp entry : entriesOf(module))
      if (Value value = findPart(entry, name)) {
        addOutput(entry, name, value);
        isKnown = true;
      }
    if (!isKnown)
      return emitError(UnknownLoc::get(module.getContext()), "--keep names '")
             << name << "', which is no part of the model" << describeNear(name, partsOf(module));
  }
  return success();
}

std::string frontend::describeNear(StringRef name, std::vector<std::string> known) {
  constexpr size_t kMost = 4;
  if (known.empty())
    return ": it names none";
  auto isNear = [&](StringRef other) {
    return other.contains_insensitive(name) || name.edit_distance(other) <= std::max<size_t>(2, name.size() / 3);
  };
  std::vector<std::string> near;
  llvm::copy_if(known, std::back_inserter(near), isNear);
  llvm::stable_sort(near, [&](StringRef a, StringRef b) { return name.edit_distance(a) < name.edit_distance(b); });
  std::vector<std::string> &shown = near.empty() ? known : near;
  std::string text = near.empty() ? "; it has '" : "; near it are '";
  text += llvm::join(ArrayRef(shown).take_front(kMost), "', '") + "'";
  return shown.size() > kMost ? text + ", ..." : text;
}
