#include "frontend/Padding.h"

#include "dialects/mlc/MlcDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
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
  bool isMasked(func::FuncOp entry, StringAttr dimension);

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
      for (int64_t size : std::set<int64_t>{1, shape.symbols.at(name) - 1})
        if (size >= 1 && size < shape.symbols.at(name)) {
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
    return error() << "the model is not one for smaller sizes: " << why;
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

// Zeros at the end of a batch change nothing before them, at the end of a sequence they do unless a mask hides them.
LogicalResult Marker::checkHidden() {
  for (func::FuncOp entry : entries)
    for (Port port : ports) {
      auto names = port.isInput ? entry.getArgAttrOfType<ArrayAttr>(port.index, kPaddedAttr)
                                : entry.getResultAttrOfType<ArrayAttr>(port.index, kPaddedAttr);
      if (!names)
        continue;
      for (auto [dim, name] : llvm::enumerate(names.getAsRange<StringAttr>()))
        if (dim && !name.empty() && !isMasked(entry, name))
          return error() << "dimension " << dim << " of " << quoted(port, nameOf(entry, port)) << " is '"
                         << name.getValue() << "', and nothing says what is padding there: name the input whose zeros "
                         << "hide it (mask=INPUT). Only the first dimension, a batch, needs no mask";
    }
  return success();
}

// Does the mask have the dimension?
bool Marker::isMasked(func::FuncOp entry, StringAttr dimension) {
  for (Port port : ports)
    if (port.isInput && nameOf(entry, port) == padding.mask)
      if (auto names = entry.getArgAttrOfType<ArrayAttr>(port.index, kPaddedAttr))
        return llvm::is_contained(names, dimension);
  return false;
}

} // namespace

LogicalResult mlc::markPadding(ModuleOp module, const std::vector<ShapeBinding> &shapes, const Padding &padding,
                               ImportWithShapes importWith) {
  return Marker(module, shapes, padding).run(importWith);
}
