#include "codegen/schedule/MemoryMap.h"

#include "codegen/memory/MemoryPlan.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

// The ops of a launch, for reasons: "mul + add".
std::string describe(Operation *op) {
  auto fused = dyn_cast<FusedOp>(op);
  if (!fused)
    return op->getName().stripDialect().str();
  std::string text;
  for (Operation &inner : fused.getBody().front().without_terminator())
    if (!isa<ConstantOp>(inner))
      text += (text.empty() ? "" : " + ") + inner.getName().stripDialect().str();
  return text;
}

class Mapper {
public:
  Mapper(func::FuncOp entry, ArrayRef<Launch> launches, StoredTensors &tensors, const InPlaceFn &mayBeInPlace)
      : entry(entry), launches(launches), tensors(tensors), mayBeInPlace(mayBeInPlace),
        returned(entry.getBody().front().getTerminator()->getOperands()) {}

  FailureOr<MemoryMap> run() {
    bindArguments();
    describeResults();
    findSteps();
    placeResults();
    if (failed(bindStored()))
      return failure();
    placeInArena();
    resolveCopies();
    return std::move(map);
  }

private:
  func::FuncOp entry;
  ArrayRef<Launch> launches;
  StoredTensors &tensors;
  const InPlaceFn &mayBeInPlace;
  OperandRange returned;
  MemoryMap map;
  llvm::DenseMap<Value, uint32_t> variableOf;         // of arguments
  llvm::DenseMap<uint32_t, Value> argumentOf;         // of variables
  std::vector<std::optional<uint32_t>> tied;          // per result: its variable
  llvm::DenseMap<Value, int64_t> writtenAt;           // launch that computes a value
  llvm::DenseMap<Value, SmallVector<int64_t>> readAt; // launches that read a value, through reshapes

  // A copy whose source's place may still be open.
  struct PendingCopy {
    Value source;
    BindingDesc destination;
    std::string reason;
  };
  std::vector<PendingCopy> toOutputs, toVariables;
  // Old values of variables that become other variables' new ones go through the arena.
  struct Exchange {
    BindingDesc from, to;
    std::string reason;
  };
  std::vector<Exchange> exchanges;
  std::vector<int64_t> exchangeOffsets; // their places in the arena

  int64_t end() const { return launches.size(); } // the step of the final copies

  TensorSpecDesc specOf(Type type, Attribute name, const Twine &otherwise, ArrayAttr padded) {
    auto tensor = cast<RankedTensorType>(type);
    auto given = dyn_cast_or_null<StringAttr>(name);
    TensorSpecDesc spec;
    spec.name = given ? given.str() : otherwise.str();
    spec.dtype = dtypeOf(tensor.getElementType());
    spec.shape = tensor.getShape().vec();
    if (padded)
      for (auto dimension : padded.getAsRange<StringAttr>())
        spec.padded.push_back(dimension.str());
    return spec;
  }

  void bindArguments() {
    for (auto [i, argument] : llvm::enumerate(entry.getArguments())) {
      uint64_t bytes = countBytes(argument.getType());
      if (Attribute name = entry.getArgAttr(i, kVariableAttr)) {
        uint32_t variable = tensors.findVariable(name);
        argumentOf[variable] = argument;
        variableOf[argument] = variable;
        map.bindings[argument] = {Base::variable, variable, 0, bytes};
        continue;
      }
      uint32_t index = map.inputs.size();
      map.inputs.push_back(specOf(argument.getType(), entry.getArgAttr(i, kNameAttr), "input" + Twine(i),
                                  entry.getArgAttrOfType<ArrayAttr>(i, kPaddedAttr)));
      if (auto capacity = entry.getArgAttrOfType<IntegerAttr>(i, kCapacityAttr))
        map.inputs.back().capacity = capacity.getInt();
      map.bindings[argument] = {Base::input, index, 0, bytes};
    }
  }

  void describeResults() {
    for (auto [i, value] : llvm::enumerate(returned)) {
      std::optional<uint32_t> variable;
      StringAttr publicName = entry.getResultAttrOfType<StringAttr>(i, kNameAttr);
      if (Attribute name = entry.getResultAttr(i, kVariableAttr)) {
        variable = tensors.findVariable(name);
        map.tiedResults.emplace_back(i, *variable);
      }
      tied.push_back(variable);
      std::string otherwise = variable ? tensors.variables[*variable].name : ("output" + Twine(i)).str();
      map.outputs.push_back(
          specOf(value.getType(), publicName, otherwise, entry.getResultAttrOfType<ArrayAttr>(i, kPaddedAttr)));
    }
  }

  void findSteps() {
    for (auto [step, launch] : llvm::enumerate(launches)) {
      for (Value input : launch.inputs)
        readAt[rootOf(input)].push_back(step);
      for (Value result : launch.results)
        writtenAt[result] = step;
    }
  }

  BindingDesc home(unsigned result) const {
    uint64_t bytes = countBytes(returned[result].getType());
    return tied[result] ? BindingDesc{Base::variable, *tied[result], 0, bytes}
                        : BindingDesc{Base::output, result, 0, bytes};
  }

  // Why `value` cannot be computed in the memory of `variable`; empty where it can.
  std::string whyNotInPlace(Value value, uint32_t variable) const {
    Value old = argumentOf.lookup(variable);
    if (!old)
      return "";
    int64_t step = writtenAt.lookup(value);
    const Launch &writer = launches[step];
    if (auto reads = readAt.find(old); reads != readAt.end())
      for (int64_t read : reads->second) {
        if (read > step)
          return "its old value is read later, by " + describe(launches[read].op);
        if (read == step && !mayBeInPlace(writer, old, value))
          return "the kernel that computes it does not read the old value element by element";
      }
    if (llvm::any_of(returned, [&](Value result) { return rootOf(result) == old; }))
      return "its old value is returned";
    return "";
  }

  // What is returned is computed where it belongs, as far as that is safe; the rest will be copied.
  void placeResults() {
    for (auto [i, value] : llvm::enumerate(returned)) {
      Value root = rootOf(value);
      std::string name =
          tied[i] ? "variable @" + tensors.variables[*tied[i]].name : "output '" + map.outputs[i].name + "'";
      if (tied[i] && argumentOf.lookup(*tied[i]) == root)
        continue; // unchanged
      std::string reason;
      if (countElements(root.getType()) == 0) {
        map.bindings.try_emplace(root, home(i));
        continue;
      }
      if (!writtenAt.contains(root))
        reason = isa<BlockArgument>(root) ? "it is an argument" : "it is stored in the module";
      else if (map.bindings.contains(root))
        reason = "its value is returned twice";
      else if (tied[i])
        reason = whyNotInPlace(root, *tied[i]);
      if (reason.empty()) {
        map.bindings[root] = home(i);
        continue;
      }
      reason = name + ": " + reason;
      if (!tied[i])
        toOutputs.push_back({root, home(i), reason});
      else if (auto other = variableOf.find(root); other != variableOf.end())
        exchanges.push_back({map.bindings.lookup(root), home(i), reason});
      else
        toVariables.push_back({root, home(i), reason});
    }
  }

  LogicalResult bind(Value value) {
    Value root = rootOf(value);
    if (map.bindings.contains(root))
      return success();
    if (auto load = root.getDefiningOp<LoadParamOp>()) {
      Operation *param = SymbolTable::lookupNearestSymbolFrom(load, load.getParamAttr());
      map.bindings[root] = tensors.bindParam(param, load.getType());
    } else if (auto constant = root.getDefiningOp<ConstantOp>()) {
      auto binding = tensors.bindConstant(constant);
      if (failed(binding))
        return failure();
      map.bindings[root] = *binding;
    } else if (countElements(root.getType()) == 0) {
      map.bindings[root] = {Base::constant, 0, 0, 0}; // no kernel writes it, none reads from it
    }
    return success();
  }

  // Parameters and constants, in the order of their first use.
  LogicalResult bindStored() {
    for (const Launch &launch : launches)
      for (Value input : launch.inputs)
        if (failed(bind(input)))
          return failure();
    for (Value value : returned)
      if (failed(bind(value)))
        return failure();
    return success();
  }

  void placeInArena() {
    llvm::MapVector<Value, LiveInterval> live;
    for (auto [step, launch] : llvm::enumerate(launches))
      for (Value result : launch.results)
        if (!map.bindings.contains(result)) {
          int64_t last = step;
          for (int64_t read : readAt.lookup(result))
            last = std::max(last, read);
          live[result] = {countBytes(result.getType()), int64_t(step), last};
        }
    for (const auto *copies : {&toOutputs, &toVariables})
      for (const PendingCopy &copy : *copies)
        if (auto found = live.find(copy.source); found != live.end())
          found->second.last = end() + 1;
    std::vector<LiveInterval> intervals;
    for (auto &[value, interval] : live)
      intervals.push_back(interval);
    for (const Exchange &exchange : exchanges)
      intervals.push_back({int64_t(exchange.from.size), end(), end() + 1});
    MemoryPlan plan = planMemory(intervals);
    for (auto [i, entry] : llvm::enumerate(live))
      map.bindings[entry.first] = {Base::arena, 0, uint64_t(plan.offsets[i]), uint64_t(entry.second.bytes)};
    for (const LiveInterval &interval : intervals)
      map.intermediateBytes += interval.bytes;
    map.arenaBytes = plan.arenaBytes;
    map.maxLiveBytes = plan.maxLiveBytes;
    exchangeOffsets.assign(plan.offsets.begin() + live.size(), plan.offsets.end());
  }

  // First all that reads old values of variables, then all that writes new ones.
  void resolveCopies() {
    std::vector<PlannedCopy> first, second;
    for (const PendingCopy &copy : toOutputs)
      first.push_back({{map.bindings.lookup(copy.source), copy.destination}, copy.reason});
    for (auto [exchange, offset] : llvm::zip(exchanges, exchangeOffsets)) {
      BindingDesc aside{Base::arena, 0, uint64_t(offset), exchange.from.size};
      first.push_back({{exchange.from, aside}, exchange.reason});
      second.push_back({{aside, exchange.to}, exchange.reason});
    }
    for (const PendingCopy &copy : toVariables)
      second.push_back({{map.bindings.lookup(copy.source), copy.destination}, copy.reason});
    for (auto &stage : {std::move(first), std::move(second)})
      if (!stage.empty())
        map.finalStages.push_back(stage);
  }
};

} // namespace

Value rootOf(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getOperand();
  return value;
}

std::vector<BindingDesc> MemoryMap::bindingsOf(const Launch &launch) const {
  std::vector<BindingDesc> result;
  for (Value input : launch.inputs)
    result.push_back(bindings.lookup(rootOf(input)));
  for (Value value : launch.results)
    result.push_back(bindings.lookup(value));
  return result;
}

FailureOr<MemoryMap> mapMemory(func::FuncOp entry, ArrayRef<Launch> launches, StoredTensors &tensors,
                               const InPlaceFn &mayBeInPlace) {
  return Mapper(entry, launches, tensors, mayBeInPlace).run();
}

} // namespace mlc::codegen
