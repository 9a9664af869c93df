#include "compiler/Postconditions.h"

#include "codegen/lower/Lower.h"
#include "compiler/EntryPoint.h"
#include "compiler/Pipeline.h"
#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/MlcDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Module.h"

using namespace mlir;

namespace mlc {
namespace {

InFlightDiagnostic broken(Operation *op, StringRef phase) {
  return op->emitError("behind phase '") << phase << "': '" << op->getName() << "' ";
}

// Calls `check` on every op of every entry point, regions included, until one fails.
LogicalResult checkEntries(Compilation &c, llvm::function_ref<LogicalResult(Operation *)> check) {
  for (auto entry : c.module->getOps<func::FuncOp>())
    if (entry->hasAttr(kEntryAttr)) {
      WalkResult result = entry.getBody().walk([&](Operation *op) { return WalkResult(check(op)); });
      if (result.wasInterrupted())
        return failure();
    }
  return success();
}

// Why no value of an entry point can be of `type`; empty where it can.
std::string whyNot(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return "not a tensor of static shape";
  if (!toDType(tensor.getElementType()))
    return "whose elements no module stores";
  return elementCount(shapeOf(type)) ? "" : "which is too large for any memory";
}

// An argument or result that is the value of a variable: it exists, is of this type, and is there once.
LogicalResult checkVariable(func::FuncOp entry, const std::string &what, Type type, Attribute name,
                            llvm::DenseSet<Attribute> &seen) {
  if (!isa<FlatSymbolRefAttr>(name))
    return broken(entry, "import") << "has at " << what << " 'mlc.variable' = " << name
                                   << ", expected a symbol such as @step";
  auto variable = SymbolTable::lookupNearestSymbolFrom<VariableOp>(entry, cast<FlatSymbolRefAttr>(name));
  if (!variable)
    return broken(entry, "import") << "has at " << what << " the variable " << name
                                   << ", but there is no mlc.variable of that name";
  if (variable.getType() != type)
    return broken(entry, "import") << "has at " << what << " the variable " << name << " as " << type
                                   << ", but it is declared as " << variable.getType();
  if (!seen.insert(name).second)
    return broken(entry, "import") << "has at " << what << " the variable " << name << " a second time";
  return success();
}

// Arguments and results: types that a program can pass, names that tell them apart, variables that exist.
LogicalResult checkInterface(func::FuncOp entry) {
  for (bool isResult : {false, true}) {
    llvm::StringSet<> names;
    llvm::DenseSet<Attribute> variables;
    for (auto [i, type] : llvm::enumerate(isResult ? entry.getResultTypes() : entry.getArgumentTypes())) {
      std::string what = (isResult ? "result " : "argument ") + std::to_string(i);
      if (std::string why = whyNot(type); !why.empty())
        return broken(entry, "import") << "has " << what << " of type " << type << ", " << why;
      if (Attribute variable = isResult ? entry.getResultAttr(i, kVariableAttr) : entry.getArgAttr(i, kVariableAttr)) {
        if (failed(checkVariable(entry, what, type, variable, variables)))
          return failure();
      } else if (std::string name = isResult ? resultName(entry, i) : argumentName(entry, i);
                 !names.insert(name).second) {
        return broken(entry, "import") << "has at " << what << " the name '" << name << "' a second time";
      }
    }
  }
  return success();
}

// `mlc.padded` names dimensions that a run may be smaller in: each has one size, and results have those of arguments.
LogicalResult checkPadded(func::FuncOp entry) {
  llvm::StringMap<int64_t> sizes;
  for (bool isResult : {false, true})
    for (auto [i, type] : llvm::enumerate(isResult ? entry.getResultTypes() : entry.getArgumentTypes())) {
      Attribute padded = isResult ? entry.getResultAttr(i, kPaddedAttr) : entry.getArgAttr(i, kPaddedAttr);
      if (!padded)
        continue;
      auto refuse = [&](const Twine &why) {
        return broken(entry, "import") << "has at " << (isResult ? "result " : "argument ") << i
                                       << " 'mlc.padded' = " << padded << ", " << why;
      };
      ArrayRef<int64_t> shape = cast<RankedTensorType>(type).getShape();
      auto names = dyn_cast<ArrayAttr>(padded);
      if (!names || names.size() != shape.size() || !llvm::all_of(names, llvm::IsaPred<StringAttr>))
        return refuse("expected one string for each of its " + Twine(shape.size()) + " dimensions");
      if (isResult ? entry.getResultAttr(i, kVariableAttr) : entry.getArgAttr(i, kVariableAttr))
        return refuse("but is the value of a variable");
      for (auto [name, size] : llvm::zip(names.getAsValueRange<StringAttr>(), shape)) {
        if (name.empty())
          continue;
        if (isResult && !sizes.contains(name))
          return refuse("but no argument has the dimension '" + name + "'");
        if (size == 0 || sizes.try_emplace(name, size).first->second != size)
          return refuse("but '" + name + "' has the size " + Twine(size) +
                        (size ? " here, and another one before" : ""));
      }
    }
  return success();
}

// `mlc.capacity` of an argument: that many of its elements are not 0.
LogicalResult checkCapacities(func::FuncOp entry) {
  for (auto [i, type] : llvm::enumerate(entry.getArgumentTypes()))
    if (Attribute capacity = entry.getArgAttr(i, kCapacityAttr)) {
      auto number = dyn_cast<IntegerAttr>(capacity);
      int64_t elements = cast<RankedTensorType>(type).getNumElements();
      if (!number || !number.getType().isSignlessInteger(64) || number.getInt() < 1 || number.getInt() > elements)
        return broken(entry, "import") << "has at argument " << i << " 'mlc.capacity' = " << capacity
                                       << ", expected an i64 from 1 to its " << elements << " elements";
    }
  return success();
}

bool isView(Operation *op) { return isa<ReshapeOp, LoadParamOp, ConstantOp>(op); }

// Is everything that `op` computes known when the module is written? Decided for operands first.
bool isOnParametersAlone(Operation *op, const llvm::DenseSet<Operation *> &known) {
  if (isa<LoadParamOp, ConstantOp>(op))
    return true;
  // A broadcast that enlarges would cost more as a stored copy.
  if (isa<BroadcastOp>(op) && countElements(op->getResult(0).getType()) > countElements(op->getOperand(0).getType()))
    return false;
  return isPure(op) && op->getNumRegions() == 0 && op->getNumOperands() && !op->hasTrait<OpTrait::IsTerminator>() &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return known.contains(operand.getDefiningOp()); });
}

} // namespace

LogicalResult verifyImported(Compilation &c) {
  for (Operation &op : *c.module->getBody())
    if (!isa<func::FuncOp>(op) && !isa_and_nonnull<MlcDialect>(op.getDialect()))
      return broken(&op, "import") << "is neither a function nor of dialect mlc";
  for (auto function : c.module->getOps<func::FuncOp>()) {
    if (!function->hasAttr(kEntryAttr))
      continue;
    if (!function.getBody().hasOneBlock())
      return broken(function, "import") << "is an entry point of other than one block";
    if (failed(checkInterface(function)) || failed(checkPadded(function)) || failed(checkCapacities(function)))
      return failure();
  }
  return checkEntries(c, [](Operation *op) -> LogicalResult {
    if (!isa<func::ReturnOp>(op) && !isa_and_nonnull<MlcDialect>(op->getDialect()))
      return broken(op, "import") << "is not of dialect mlc";
    for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
      if (std::string why = whyNot(type); !why.empty())
        return broken(op, "import") << "has a value of type " << type << ", " << why;
    return success();
  });
}

LogicalResult verifySimplified(Compilation &c) {
  return checkEntries(c, [](Operation *op) -> LogicalResult {
    if (isa<BatchNormOp>(op))
      return broken(op, "simplify") << "is left: it should be in a convolution, or a multiplication and an addition";
    if (isOpTriviallyDead(op))
      return broken(op, "simplify") << "is dead";
    return success();
  });
}

LogicalResult verifyUnpadded(Compilation &c) {
  if (c.options.unpad == "off")
    return success();
  return checkEntries(c, [](Operation *op) -> LogicalResult {
    return isa<AttentionOp>(op) ? broken(op, "unpad") << "is left: its tokens should be packed" : success();
  });
}

LogicalResult verifyLaidOut(Compilation &c) {
  llvm::DenseSet<Operation *> known;
  return checkEntries(c, [&](Operation *op) -> LogicalResult {
    auto image = dyn_cast<ConvOp>(op);
    auto pool = dyn_cast<PoolOp>(op);
    if ((image && image.getLayout() == Layout::ChannelsFirst) || (pool && pool.getLayout() == Layout::ChannelsFirst))
      return broken(op, "layout") << "is channels_first";
    if (isOnParametersAlone(op, known)) {
      known.insert(op);
      if (!isView(op))
        return broken(op, "layout") << "computes on parameters alone, at every run: it should be in an mlc.param_pack";
    }
    return success();
  });
}

LogicalResult verifyFused(Compilation &c) {
  return checkEntries(c, [](Operation *op) -> LogicalResult {
    if (op->getParentOfType<FusedOp>() || isView(op) || isa<FusedOp, func::ReturnOp>(op))
      return success();
    return broken(op, "fuse") << "is in no mlc.fused region";
  });
}

static LogicalResult verifySchedule(const codegen::Schedule &schedule) {
  for (const codegen::ScheduledKernel &kernel : schedule.kernels) {
    func::FuncOp function = kernel.function;
    WalkResult result = function.getBody().walk([&](Operation *op) {
      // Ops with emitters of their own stay; everything else is linalg.
      if (isa_and_nonnull<MlcDialect>(op->getDialect()) && !codegen::hasItsOwnEmitter(op)) {
        broken(op, "schedule") << "is left in kernel '" << function.getSymName() << "'";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
  }
  for (const codegen::EntrySchedule &entry : schedule.entries)
    for (const codegen::Launch &launch : entry.launches)
      for (const codegen::BindingDesc &binding : entry.memory.bindingsOf(launch))
        if (binding.base == codegen::Base::arena && binding.offset + binding.size > uint64_t(entry.memory.arenaBytes))
          return broken(launch.op, "schedule") << "has a value outside of the arena";
  return success();
}

LogicalResult verifyScheduled(Compilation &c) {
  return success(
      llvm::all_of(c.codes, [](const TargetCode &code) { return succeeded(verifySchedule(*code.schedule)); }));
}

LogicalResult verifyTuned(Compilation &c) {
  for (const TargetCode &code : c.codes)
    for (auto [kernel, choice] : llvm::zip(code.schedule->kernels, code.choices)) {
      Operation *function = kernel.function;
      auto asked = function->getAttrOfType<StringAttr>(codegen::kScheduleAttr);
      if (choice.chosen ? !asked || asked.getValue() != choice.name() : bool(asked))
        return broken(function, "tune") << "does not ask for the schedule that was chosen";
    }
  return success();
}

static LogicalResult verifyEmitted(const codegen::Schedule &schedule, const codegen::Kernels &kernels) {
  for (auto [scheduled, emitted] : llvm::zip(schedule.kernels, kernels.emitted)) {
    if (!emitted.module) // cached
      continue;
    Operation *function = scheduled.function;
    llvm::Function *kernel = emitted.module->getFunction(emitted.name);
    if (!kernel || kernel->isDeclaration())
      return broken(function, "kernels") << "has no LLVM function '" << emitted.name << "'";
    if (emitted.tiles < 0 || emitted.scratch_bytes < 0)
      return broken(function, "kernels") << "has " << emitted.tiles << " tiles and " << emitted.scratch_bytes
                                         << " bytes of scratch";
  }
  return success();
}

LogicalResult verifyKernels(Compilation &c) {
  return success(llvm::all_of(
      c.codes, [](const TargetCode &code) { return succeeded(verifyEmitted(*code.schedule, *code.kernels)); }));
}

} // namespace mlc
