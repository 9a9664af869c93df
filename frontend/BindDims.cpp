#include "frontend/BindDims.h"

using namespace llvm;
using namespace mlc;
using namespace mlc::frontend;

std::vector<SmallVector<int64_t>> frontend::bindDims(const std::vector<ShapeBinding> &given,
                                                     ArrayRef<DimSymbol> symbols, StringRef model, StringRef advice,
                                                     function_ref<void(const Twine &)> problem) {
  std::vector<ShapeBinding> shapes = given;
  if (shapes.empty())
    shapes.emplace_back();
  std::string listed;
  for (auto [i, symbol] : enumerate(symbols))
    listed += (i == 0 ? "" : i + 1 == symbols.size() ? " and " : ", ") + symbol.name.str();
  std::vector<SmallVector<int64_t>> bound;
  for (const ShapeBinding &shape : shapes) {
    SmallVector<int64_t> &sizes = bound.emplace_back();
    for (const DimSymbol &symbol : symbols) {
      auto found = shape.symbols.find(symbol.name.str());
      bool isBound = found != shape.symbols.end();
      sizes.push_back(isBound ? found->second : symbol.otherwise);
      if (!isBound && symbol.otherwise == 0)
        problem("dimension '" + symbol.name + "' is unbound; pass --shape " + advice);
      else if (sizes.back() < 1)
        problem("--shape: '" + symbol.name + "' must be at least 1");
    }
    for (auto &[name, value] : shape.symbols)
      if (none_of(symbols, [&](const DimSymbol &symbol) { return symbol.name == name; }))
        problem("--shape: " + model + " has no dimension '" + name + "' (" + listed +
                (symbols.size() > 1 ? " are its dimensions)" : " is its dimension)"));
    for (auto &[input, dims] : shape.inputs)
      problem("--shape: bind " + listed + " instead of the shape of '" + input + "'");
  }
  return bound;
}
