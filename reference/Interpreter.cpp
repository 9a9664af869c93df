#include "reference/Interpreter.h"

#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/Locations.h"
#include "dialects/mlc/MlcDialect.h"
#include "reference/Values.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace mlc::reference {
namespace {

Status errorAt(Operation *op, const std::string &message) {
  std::string where = describePlace(op->getLoc());
  return Status::error(op->getName().getStringRef().str() + (where.empty() ? "" : " at " + where) + ": " + message);
}

Result<HostTensor> readSource(Operation *op, Attribute source, Type type, ParamStore &params) {
  auto read = [&](auto data) { return params.read({dtypeOf(type), shapeOf(type), std::move(data)}); };
  Result<HostTensor> tensor =
      TypeSwitch<Attribute, Result<HostTensor>>(source)
          .Case([&](FileAttr file) {
            return read(FileSource{file.getPath().str(), static_cast<uint64_t>(file.getOffset())});
          })
          .Case([&](SeededAttr seeded) {
            using Drawn = SeededSource::Distribution;
            constexpr Drawn drawn[] = {Drawn::Zeros, Drawn::Ones, Drawn::Normal, Drawn::Uniform};
            return read(SeededSource{seeded.getSeed(), drawn[static_cast<size_t>(seeded.getDistribution())],
                                     seeded.getA().getValueAsDouble(), seeded.getB().getValueAsDouble()});
          })
          .Default([](Attribute other) { return toHostTensor(other); });
  if (!tensor.ok())
    return errorAt(op, "'" + SymbolTable::getSymbolName(op).str() + "': " + tensor.message());
  return tensor;
}

class Interpreter {
public:
  Interpreter(ParamStore &params, const InterpretOptions &options) : params(params), options(options) {}

  // The values that the block's terminator passes on.
  Result<std::vector<HostTensor>> run(Block &block, std::vector<HostTensor> arguments);
  Result<std::vector<HostTensor>> execute(Operation &op, std::vector<HostTensor> operands);
  Result<HostTensor> param(Operation *op);
  HostTensor widen(HostTensor tensor) {
    return options.inF64 && isFloat(tensor.dtype()) ? convert(tensor, DType::F64) : tensor;
  }

private:
  Result<std::vector<HostTensor>> compute(Operation &op, std::vector<HostTensor> operands);

  ParamStore &params;
  const InterpretOptions &options;
  DenseSet<Operation *> packs; // whose bodies are being run
};

Result<HostTensor> Interpreter::param(Operation *op) {
  if (auto param = dyn_cast<ParamOp>(op))
    return readSource(op, param.getSource(), param.getType(), params);
  if (auto variable = dyn_cast<VariableOp>(op))
    return readSource(op, variable.getSource(), variable.getType(), params);
  auto pack = dyn_cast<ParamPackOp>(op);
  if (!pack)
    return errorAt(op, "is no param, variable or param_pack: it stores no tensor");
  if (!packs.insert(op).second)
    return errorAt(op, "'" + pack.getSymName().str() + "' loads itself");
  Result<std::vector<HostTensor>> values = run(pack.getBody().front(), {});
  packs.erase(op);
  if (!values.ok())
    return values.status();
  return std::move(values->front());
}

Result<std::vector<HostTensor>> Interpreter::compute(Operation &op, std::vector<HostTensor> operands) {
  if (auto load = dyn_cast<LoadParamOp>(op)) {
    Operation *symbol = SymbolTable::lookupNearestSymbolFrom(&op, load.getParamAttr());
    Result<HostTensor> tensor = param(symbol);
    if (!tensor.ok())
      return tensor.status();
    return std::vector{std::move(*tensor)};
  }
  if (auto fused = dyn_cast<FusedOp>(op))
    return run(fused.getBody().front(), std::move(operands));
  auto model = dyn_cast<ReferenceOp>(op);
  if (!model)
    return errorAt(&op, "has no executable definition; register one with registerReferenceModels before the "
                        "context is made");
  SmallVector<HostTensor> results;
  std::string error;
  if (failed(model.evaluate(operands, results, error)))
    return errorAt(&op, error);
  return std::vector(std::make_move_iterator(results.begin()), std::make_move_iterator(results.end()));
}

Result<std::vector<HostTensor>> Interpreter::execute(Operation &op, std::vector<HostTensor> operands) {
  Result<std::vector<HostTensor>> results = compute(op, std::move(operands));
  if (results.ok())
    for (HostTensor &result : *results)
      result = widen(std::move(result));
  return results;
}

Result<std::vector<HostTensor>> Interpreter::run(Block &block, std::vector<HostTensor> arguments) {
  DenseMap<Value, Operation *> lastUser;
  for (Operation &op : block)
    for (Value operand : op.getOperands())
      lastUser[operand] = &op;
  DenseMap<Value, HostTensor> values;
  for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), arguments))
    if (lastUser.contains(argument))
      values[argument] = std::move(tensor);
  arguments.clear();
  for (Operation &op : block) {
    std::vector<HostTensor> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values.at(operand));
    for (Value operand : op.getOperands())
      if (lastUser[operand] == &op)
        values.erase(operand);
    if (op.hasTrait<OpTrait::IsTerminator>())
      return operands;
    Result<std::vector<HostTensor>> results = execute(op, std::move(operands));
    if (!results.ok())
      return results;
    if (options.onResults)
      options.onResults(&op, *results);
    for (auto [value, tensor] : llvm::zip_equal(op.getResults(), *results))
      if (lastUser.contains(value))
        values[value] = std::move(tensor);
  }
  llvm_unreachable("a verified block ends with a terminator");
}

} // namespace

Result<std::vector<HostTensor>> interpret(func::FuncOp function, std::vector<HostTensor> inputs, ParamStore &params,
                                          const InterpretOptions &options) {
  if (!function.getBody().hasOneBlock())
    return errorAt(function, "'" + function.getSymName().str() + "' must have a body of one block");
  if (inputs.size() != function.getNumArguments())
    return errorAt(function, "'" + function.getSymName().str() + "' takes " +
                                 std::to_string(function.getNumArguments()) + " inputs, " +
                                 std::to_string(inputs.size()) + " are given");
  Interpreter interpreter(params, options);
  for (auto [index, input] : llvm::enumerate(inputs)) {
    Type type = function.getArgumentTypes()[index];
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape() || !toDType(tensor.getElementType()))
      return errorAt(function, "argument " + std::to_string(index) + " is no tensor of a static shape");
    DType expected = dtypeOf(type);
    bool widened = options.inF64 && isFloat(expected) && input.dtype() == DType::F64;
    if ((input.dtype() != expected && !widened) || input.shape() != shapeOf(type)) {
      auto name = function.getArgAttrOfType<StringAttr>(static_cast<unsigned>(index), kNameAttr);
      return errorAt(function, "input " + (name ? "'" + name.str() + "'" : std::to_string(index)) + " is " +
                                   describe(input.dtype(), input.shape()) + ", expected " +
                                   describe(expected, shapeOf(type)));
    }
    input = interpreter.widen(std::move(input));
  }
  return interpreter.run(function.getBody().front(), std::move(inputs));
}

uint64_t peakBytes(func::FuncOp function) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  auto bytes = [&](Value value) -> uint64_t {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.hasStaticShape() || !toDType(type.getElementType()))
      return 0;
    std::optional<int64_t> count = elementCount(shapeOf(type));
    return count ? llvm::SaturatingMultiply(static_cast<uint64_t>(*count), uint64_t{sizeOf(dtypeOf(type))}) : kMost;
  };
  Block &block = function.getBody().front();
  DenseMap<Value, Operation *> lastUser;
  for (Operation &op : block)
    for (Value operand : op.getOperands())
      lastUser[operand] = &op;
  uint64_t live = 0, peak = 0;
  auto add = [&](Value value) { live = llvm::SaturatingAdd(live, bytes(value)); };
  for (BlockArgument argument : block.getArguments())
    add(argument);
  for (Operation &op : block) {
    for (Value result : op.getResults())
      add(result);
    peak = std::max(peak, live);
    if (live == kMost)
      break;
    SmallPtrSet<Value, 4> dead;
    for (Value operand : op.getOperands())
      if (lastUser[operand] == &op && dead.insert(operand).second)
        live -= bytes(operand);
    for (Value result : op.getResults())
      if (!lastUser.contains(result))
        live -= bytes(result);
  }
  return std::max(peak, live);
}

Result<std::vector<HostTensor>> interpretOp(Operation &op, std::vector<HostTensor> operands, ParamStore &params,
                                            const InterpretOptions &options) {
  Interpreter interpreter(params, options);
  for (HostTensor &operand : operands)
    operand = interpreter.widen(std::move(operand));
  return interpreter.execute(op, std::move(operands));
}

Result<HostTensor> evaluateParam(Operation *param, ParamStore &params) {
  InterpretOptions options;
  return Interpreter(params, options).param(param);
}

} // namespace mlc::reference
