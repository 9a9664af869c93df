#include "frontend/Padding.h"

#include "dialects/mlc/MlcDialect.h"
#include "frontend/PaddingCheck.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace mlir;
using namespace mlc;

namespace {

// The model with another size of one symbolic dimension.
struct Probe {
  size_t bucket;
  StringRef name;
  int64_t size;
};

// An argument or a result of all buckets.
struct Port {
  bool isInput;
  unsigned index;
};

SmallVector<func::FuncOp> entriesOf(ModuleOp module) {
  return llvm::to_vector(
      llvm::make_filter_range(module.getOps<func::FuncOp>(), [](func::FuncOp f) { return f->hasAttr(kEntryAttr); }));
}

StringRef nameOf(func::FuncOp function, Port port) {
  return (port.isInput ? function.getArgAttrOfType<StringAttr>(port.index, kNameAttr)
                       : function.getResultAttrOfType<StringAttr>(port.index, kNameAttr))
      .getValue();
}

ArrayRef<int64_t> shapeOfPort(func::FuncOp function, Port port) {
  FunctionType type = function.getFunctionType();
  return cast<RankedTensorType>(port.isInput ? type.getInput(port.index) : type.getResult(port.index)).getShape();
}

std::string quoted(Port port, StringRef name) { return ((port.isInput ? "input '" : "output '") + name + "'").str(); }

std::string toText(ArrayRef<int64_t> shape) {
  return "[" + llvm::join(llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }), "x") + "]";
}

// A size for which the model is made of the same ops: 1 would be stretched.
int64_t likeSize(int64_t size) { return size == 2 ? 3 : size - 1; }

class Marker {
public:
  Marker(ModuleOp module, const std::vector<ShapeBinding> &shapes, const Padding &padding)
      : location(UnknownLoc::get(module.getContext())), entries(entriesOf(module)), shapes(shapes), padding(padding) {
    for (unsigned i = 0; i < entries[0].getNumArguments(); ++i)
      ports.push_back({true, i});
    for (unsigned i = 0; i < entries[0].getNumResults(); ++i)
      ports.push_back({false, i});
  }

  LogicalResult run(ImportWithShapes importWith) {
    if (failed(checkNames()) || failed(import(importWith)))
      return failure();
    for (auto [bucket, entry] : llvm::enumerate(entries))
      for (Port port : ports)
        if (failed(mark(bucket, entry, port)))
          return failure();
    return checkHidden();
  }

private:
  InFlightDiagnostic error() { return emitError(location) << "--pad=" << padding.text << ": "; }
  LogicalResult checkNames();
  LogicalResult import(ImportWithShapes importWith);
  LogicalResult mark(size_t bucket, func::FuncOp entry, Port port);
  LogicalResult checkHidden();
  bool isMasked(func::FuncOp entry, StringRef dimension);

  Location location;
  SmallVector<func::FuncOp> entries; // one for each bucket
  const std::vector<ShapeBinding> &shapes;
  const Padding &padding;
  SmallVector<Port> ports;
  std::vector<Probe> probes;
  OwningOpRef<ModuleOp> probed;
  SmallVector<func::FuncOp> probedEntries; // one for each probe
};

LogicalResult Marker::checkNames() {
  llvm::SetVector<StringRef> bound;
  for (const ShapeBinding &shape : shapes)
    for (auto &[name, size] : shape.symbols)
      bound.insert(name);
  std::string known = bound.empty() ? "none" : llvm::join(bound, ", ");
  for (const std::string &name : padding.dims)
    for (const ShapeBinding &shape : shapes)
      if (!shape.symbols.contains(name))
        return error() << (bound.contains(name) ? "one --shape does not bind the dimension '"
                                                : "no --shape binds a dimension '")
                       << name << "'; they bind " << known;
  if (padding.mask.empty())
    return success();
  SmallVector<StringRef> inputs;
  for (Port port : ports)
    if (port.isInput)
      inputs.push_back(nameOf(entries[0], port));
  if (!llvm::is_contained(inputs, padding.mask))
    return error() << "there is no input '" << padding.mask << "'; the inputs are " << llvm::join(inputs, ", ");
  return success();
}

// One smaller, and the smallest: a dimension that is cut to a size, or has a smallest one, is not the symbolic one.
LogicalResult Marker::import(ImportWithShapes importWith) {
  std::vector<ShapeBinding> bindings;
  for (auto [bucket, shape] : llvm::enumerate(shapes))
    for (const std::string &name : padding.dims)
      for (int64_t size : std::set<int64_t>{1, likeSize(shape.symbols.at(name))})
        if (shape.symbols.at(name) > 1) {
          probes.push_back({bucket, name, size});
          bindings.push_back(shape);
          bindings.back().symbols[name] = size;
        }
  if (probes.empty())
    return success();
  std::string why;
  ImportResult result = failure();
  {
    ScopedDiagnosticHandler handler(location.getContext(), [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        why += (why.empty() ? "" : "\n") + diagnostic.str();
      return success();
    });
    result = importWith(bindings);
  }
  if (failed(result))
    return error() << "the model cannot be imported with other sizes: " << why;
  probed = std::move(*result);
  probedEntries = entriesOf(*probed);
  return success();
}

LogicalResult Marker::mark(size_t bucket, func::FuncOp entry, Port port) {
  ArrayRef<int64_t> shape = shapeOfPort(entry, port);
  std::vector<StringRef> names(shape.size());
  for (auto [i, probe] : llvm::enumerate(probes)) {
    if (probe.bucket != bucket)
      continue;
    ArrayRef<int64_t> other = shapeOfPort(probedEntries[i], port);
    int64_t size = shapes[bucket].symbols.at(probe.name.str());
    // A dimension that the first probe of a name found is to follow the second one as well.
    for (size_t dim = 0; dim < std::max(shape.size(), other.size()); ++dim) {
      bool sameRank = shape.size() == other.size();
      bool follows = sameRank && shape[dim] == size && other[dim] == probe.size &&
                     (names[dim].empty() || names[dim] == probe.name);
      bool isApart = sameRank && shape[dim] == other[dim] && names[dim] != probe.name;
      if (!follows && !isApart)
        return error() << quoted(port, nameOf(entry, port)) << " is " << toText(shape) << " with " << probe.name << "="
                       << size << ", but " << toText(other) << " with " << probe.name << "=" << probe.size
                       << ": it cannot be cut to the sizes of a run; leave '" << probe.name << "' out";
      if (follows)
        names[dim] = probe.name;
    }
  }
  if (llvm::all_of(names, [](StringRef name) { return name.empty(); }))
    return success();
  Attribute attribute = Builder(entry.getContext()).getStrArrayAttr(names);
  if (port.isInput)
    entry.setArgAttr(port.index, kPaddedAttr, attribute);
  else
    entry.setResultAttr(port.index, kPaddedAttr, attribute);
  return success();
}

// Zeros behind the end of a batch change nothing before it; behind the end of a sequence they do, where attention or a
// mean sees them, unless a mask hides them.
LogicalResult Marker::checkHidden() {
  for (const std::string &name : padding.dims) {
    // The largest bucket: a size of 1 is stretched.
    size_t bucket = 0;
    for (size_t i = 0; i < shapes.size(); ++i)
      if (shapes[i].symbols.at(name) > shapes[bucket].symbols.at(name))
        bucket = i;
    int64_t size = shapes[bucket].symbols.at(name);
    if (size == 1 || isMasked(entries[bucket], name))
      continue;
    for (auto [i, probe] : llvm::enumerate(probes)) {
      if (probe.bucket != bucket || probe.name != name || probe.size != likeSize(size))
        continue;
      if (Operation *op = findMixing(entries[bucket], probedEntries[i], size, probe.size)) {
        InFlightDiagnostic diagnostic = op->emitError("--pad=") << padding.text << ": '" << op->getName();
        return diagnostic << "' is not known to keep apart what stands at different positions of '" << name
                          << "', so that zeros behind its end could change what is before; name the input that hides "
                             "them (mask=INPUT), or leave '"
                          << name << "' out";
      }
    }
  }
  return success();
}

// Does the mask have the dimension?
bool Marker::isMasked(func::FuncOp entry, StringRef dimension) {
  for (Port port : ports)
    if (port.isInput && nameOf(entry, port) == padding.mask)
      if (auto names = entry.getArgAttrOfType<ArrayAttr>(port.index, kPaddedAttr))
        return llvm::is_contained(names.getAsValueRange<StringAttr>(), dimension);
  return false;
}

} // namespace

LogicalResult mlc::markPadding(ModuleOp module, const std::vector<ShapeBinding> &shapes, const Padding &padding,
                               ImportWithShapes importWith) {
  return Marker(module, shapes, padding).run(importWith);
}
