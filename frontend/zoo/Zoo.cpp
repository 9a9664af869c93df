// zoo:NAME[,key=value...]
#include "frontend/zoo/Zoo.h"
#include "frontend/Import.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <set>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

constexpr ZooKey kSeed = {"seed", 1, "of the weights"};

const ZooModel *findModel(StringRef name) {
  for (const ZooModel &model : zooModels())
    if (model.name == name)
      return &model;
  return nullptr;
}

std::string nearestTo(StringRef name) {
  auto distance = [&](const ZooModel &model) { return name.edit_distance(model.name); };
  auto nearest = llvm::min_element(zooModels(), [&](auto &a, auto &b) { return distance(a) < distance(b); });
  return distance(*nearest) <= 3 ? " (did you mean '" + nearest->name.str() + "'?)" : "";
}

// The values that `items`, as key=value, choose.
llvm::StringMap<int64_t> readKeys(const ZooModel &model, ArrayRef<StringRef> items,
                                  llvm::function_ref<void(const Twine &)> problem) {
  llvm::StringMap<int64_t> values, chosen;
  std::string names;
  for (const ZooKey &key : model.keys) {
    values[key.name] = key.otherwise;
    names += key.name.str() + ", ";
  }
  values[kSeed.name] = kSeed.otherwise;
  names += kSeed.name;
  for (StringRef item : items) {
    auto [key, text] = item.split('=');
    int64_t value;
    if (!values.contains(key))
      problem("zoo:" + model.name + " has no '" + key + "' (" + names + " can be chosen, as " + model.name +
              ",seed=7)");
    else if (text.getAsInteger(10, value) || value < 1)
      problem("'" + item + "': expected " + key + "=NUMBER with a whole number of at least 1");
    else if (!chosen.try_emplace(key, value).second)
      problem("'" + key + "' is chosen twice");
    else
      values[key] = value;
  }
  return values;
}

} // namespace

void mlc::listZoo(llvm::raw_ostream &out) {
  out << "Models with weights drawn from a seed: mlc-opt zoo:NAME[,key=value...] [--shape dimension=size,...] -o "
         "FILE\n";
  for (const ZooModel &model : zooModels()) {
    out << "\n" << model.name << ": " << model.summary << "\n  dimensions:";
    for (const DimSymbol &symbol : model.dims)
      out << " " << symbol.name << "=" << symbol.otherwise;
    out << "\n";
    auto print = [&](const ZooKey &key) {
      out << llvm::formatv("  {0,-24}{1}\n", (key.name + "=" + Twine(key.otherwise)).str(), key.description);
    };
    llvm::for_each(model.keys, print);
    print(kSeed);
  }
}

ImportResult mlc::importZoo(MLIRContext &context, StringRef path, const ImportOptions &options) {
  context.loadDialect<MlcDialect, func::FuncDialect>();
  Location location = NameLoc::get(StringAttr::get(&context, path));
  std::set<std::string> problems;
  auto problem = [&](const Twine &text) { problems.insert(text.str()); };
  auto report = [&]() -> ImportResult {
    InFlightDiagnostic diagnostic = emitError(location, "cannot make '") << path << "':";
    for (const std::string &text : problems)
      diagnostic << "\n  " << text;
    return failure();
  };
  SmallVector<StringRef> items;
  path.drop_front(StringRef(kZooPrefix).size()).split(items, ',');
  const ZooModel *model = findModel(items[0]);
  if (!model) {
    auto names = llvm::map_range(zooModels(), [](const ZooModel &known) { return known.name; });
    problem("the zoo has no model '" + items[0] + "'" + nearestTo(items[0]) + "; it has " + llvm::join(names, ", ") +
            " (--list-zoo says more)");
    return report();
  }
  if (!options.constants.empty())
    problem("--const does not apply to models of the zoo: all inputs are data");
  llvm::StringMap<int64_t> values = readKeys(*model, ArrayRef(items).drop_front(), problem);
  auto shapes = bindDims(options.shapes, model->dims, ("zoo:" + model->name).str(), "batch=1", problem);
  if (!problems.empty())
    return report();

  OwningOpRef<ModuleOp> module = ModuleOp::create(location);
  GraphBuilder graph(*module);
  graph.setLocation(location);
  SeededWeights weights(graph, static_cast<uint64_t>(values[kSeed.name]));
  for (auto &shape : shapes) {
    model->build(ZooRequest{graph, weights, options.head, values, shape, problem, [&] { return !problems.empty(); }});
    if (!problems.empty())
      return report();
  }
  return std::move(module);
}
