#include "compiler/EntryPoint.h"

#include "compiler/Input.h"
#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/MlcDialect.h"
#include "reference/Interpreter.h"
#include "support/Npy.h"
#include "support/RandomTensor.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

#include <unistd.h>

using namespace mlir;

namespace mlc {

FailureOr<SmallVector<func::FuncOp>> findBuckets(ModuleOp module, StringRef name) {
  llvm::SetVector<StringRef> known;
  SmallVector<func::FuncOp> buckets;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    auto entry = function->getAttrOfType<StringAttr>(kEntryAttr);
    if (!entry)
      continue;
    if (entry.getValue() == name)
      buckets.push_back(function);
    known.insert(entry.getValue());
  }
  if (buckets.empty())
    return module.emitError("no entry point '")
           << name << "'; the model has: " << (known.empty() ? "none" : llvm::join(known, ", "));
  return buckets;
}

// How many elements that are not 0 the argument has room for.
static int64_t capacityOf(func::FuncOp bucket, unsigned index) {
  auto capacity = bucket.getArgAttrOfType<IntegerAttr>(index, kCapacityAttr);
  return capacity ? capacity.getInt() : INT64_MAX;
}

static int64_t countNonZeros(const HostTensor &tensor) {
  int64_t count = 0;
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    count += isFloat(tensor.dtype()) ? tensor.floatAt(i) != 0 : tensor.intAt(i) != 0;
  return count;
}

// A random mask with no more elements than its bucket is for: the rest of them become 0.
static void limitNonZeros(HostTensor &tensor, int64_t capacity) {
  size_t size = sizeOf(tensor.dtype());
  for (int64_t i = 0, count = 0; i < tensor.numElements(); ++i)
    if (tensor.floatAt(i) != 0 && ++count > capacity)
      std::memset(tensor.mutableBytes() + static_cast<size_t>(i) * size, 0, size);
}

FailureOr<func::FuncOp> chooseBucket(ArrayRef<func::FuncOp> buckets, const GivenInputs &given) {
  auto fits = [&](func::FuncOp bucket) {
    for (unsigned i = 0; i < bucket.getNumArguments(); ++i)
      if (auto tensor = given.tensors.find(argumentName(bucket, i)); tensor != given.tensors.end())
        if (auto type = dyn_cast<RankedTensorType>(bucket.getArgumentTypes()[i]);
            type && (shapeOf(type) != tensor->second.shape() ||
                     (capacityOf(bucket, i) != INT64_MAX && countNonZeros(tensor->second) > capacityOf(bucket, i))))
          return false;
    return true;
  };
  // One bucket says itself what is wrong with its inputs.
  if (buckets.size() == 1)
    return buckets[0];
  for (func::FuncOp bucket : buckets)
    if (fits(bucket))
      return bucket;
  InFlightDiagnostic error =
      emitError(UnknownLoc::get(func::FuncOp(buckets[0]).getContext()), "the inputs fit none of the ");
  error << buckets.size() << " shape buckets:";
  for (func::FuncOp bucket : buckets) {
    error << "\n ";
    for (unsigned i = 0; i < bucket.getNumArguments(); ++i) {
      error << " " << argumentName(bucket, i) << ": " << bucket.getArgumentTypes()[i];
      if (int64_t capacity = capacityOf(bucket, i); capacity != INT64_MAX)
        error << " (at most " << capacity << " that are not 0)";
    }
  }
  return failure();
}

std::string argumentName(func::FuncOp function, unsigned index) {
  auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
  return name ? name.str() : "input" + std::to_string(index);
}

std::string resultName(func::FuncOp function, unsigned index) {
  auto name = function.getResultAttrOfType<StringAttr>(index, kNameAttr);
  return name ? name.str() : "output" + std::to_string(index);
}

FailureOr<GivenInputs> readInputs(MLIRContext &context, ArrayRef<std::string> texts) {
  GivenInputs given;
  auto isNew = [&](const std::string &name) {
    if (!given.tensors.count(name) && !given.seeds.count(name))
      return true;
    (void)fail(context, "--input: '" + name + "' is given twice");
    return false;
  };
  for (const std::string &text : texts) {
    if (StringRef(text).ends_with(".npz") && !StringRef(text).contains('=')) {
      Result<NamedTensors> tensors = readNpz(text);
      if (!tensors.ok())
        return fail(context, tensors.message());
      for (auto &[name, tensor] : *tensors) {
        if (!isNew(name))
          return failure();
        given.tensors[name] = tensor;
      }
      continue;
    }
    auto binding = splitBinding(context, "input", text);
    if (failed(binding))
      return failure();
    auto &[name, value] = *binding;
    if (!isNew(name))
      return failure();
    StringRef seed = value;
    if (seed.consume_front("random:")) {
      if (seed.getAsInteger(10, given.seeds[name]))
        return fail(context, "--input=" + text + ": expected random:SEED with a number, such as random:1");
      continue;
    }
    Result<HostTensor> tensor = readNpy(value);
    if (!tensor.ok())
      return fail(context, tensor.message());
    given.tensors[name] = *tensor;
  }
  return given;
}

// How many rows the smallest table has that `value`, an integer tensor, indexes, possibly after arithmetic and
// movement; 0 where it is no index.
static int64_t tableSize(Value value, DenseSet<Value> &seen) {
  int64_t smallest = 0;
  auto consider = [&](int64_t size) { smallest = size && (!smallest || size < smallest) ? size : smallest; };
  if (!seen.insert(value).second)
    return 0;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (auto gather = dyn_cast<GatherOp>(user)) {
      if (use.get() == gather.getIndices())
        consider(shapeOf(gather.getData().getType())[gather.getAxis()]);
      continue;
    }
    if (auto fused = dyn_cast<FusedOp>(user)) {
      consider(tableSize(fused.getBody().getArgument(use.getOperandNumber()), seen));
      continue;
    }
    for (Value result : user->getResults())
      if (auto type = dyn_cast<RankedTensorType>(result.getType()); type && type.getElementType().isInteger())
        consider(tableSize(result, seen));
  }
  return smallest;
}

FailureOr<std::vector<HostTensor>> bindInputs(func::FuncOp function, GivenInputs given, Missing missing) {
  // Said before the memory is asked for: Linux gives more than there is, and kills who uses it.
  auto memory = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if (uint64_t needed = function.getBody().hasOneBlock() ? reference::peakBytes(function) : 0; needed > memory)
    return function.emitError("interpreting it takes ")
           << needed << " bytes for the tensors that are alive at the same time, the machine has " << memory
           << "; bind smaller shapes";
  std::vector<HostTensor> inputs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    std::string name = argumentName(function, i);
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[i]);
    if (!type || !type.hasStaticShape() || !toDType(type.getElementType()))
      return function.emitError("input '") << name << "' of type " << function.getArgumentTypes()[i]
                                           << " is no tensor of a static shape that can be evaluated";
    if (auto found = given.tensors.extract(name)) {
      inputs.push_back(found.mapped());
    } else if (auto seed = given.seeds.extract(name)) {
      inputs.push_back(randomTensor(dtypeOf(type), shapeOf(type), seed.mapped()));
    } else if (auto variable = function.getArgAttrOfType<FlatSymbolRefAttr>(i, kVariableAttr)) {
      Operation *stored = SymbolTable::lookupNearestSymbolFrom(function, variable);
      if (!stored)
        return function.emitError("there is no variable ") << variable;
      ParamStore params;
      Result<HostTensor> initial = reference::evaluateParam(stored, params);
      if (!initial.ok())
        return function.emitError(initial.message());
      inputs.push_back(std::move(*initial));
    } else if (missing == Missing::IsRandom) {
      DenseSet<Value> seen;
      int64_t bound = tableSize(function.getArgument(i), seen);
      inputs.push_back(randomTensor(dtypeOf(type), shapeOf(type), i + 1, bound ? bound : 2));
      limitNonZeros(inputs.back(), capacityOf(function, i));
    } else {
      return function.emitError("input '") << name << "' of type " << type << " is missing: give --input " << name
                                           << "=FILE.npy, or --input " << name << "=random:1";
    }
  }
  if (!given.tensors.empty() || !given.seeds.empty()) {
    std::string known;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      known += (i ? ", " : "") + argumentName(function, i);
    return function.emitError("there is no input '")
           << (given.tensors.empty() ? given.seeds.begin()->first : given.tensors.begin()->first)
           << "'; the inputs are: " << (known.empty() ? "none" : known);
  }
  return inputs;
}

FailureOr<SmallVector<func::FuncOp>> findBuckets(ModuleOp module, StringRef name, const GivenInputs &given) {
  auto buckets = findBuckets(module, name);
  if (failed(buckets) || given.tensors.empty())
    return buckets;
  auto chosen = chooseBucket(*buckets, given);
  if (failed(chosen))
    return failure();
  buckets->assign(1, *chosen);
  return buckets;
}

} // namespace mlc
