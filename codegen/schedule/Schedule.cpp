#include "codegen/schedule/Schedule.h"

#include "codegen/lower/Lower.h"
#include "codegen/schedule/InPlace.h"
#include "codegen/schedule/Outline.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

class Scheduler {
public:
  Scheduler(ModuleOp module, const TargetDesc &target, const ScheduleOptions &options)
      : module(module), target(target), options(options) {}

  FailureOr<Schedule> run() {
    schedule.kernelModule = ModuleOp::create(module.getLoc());
    schedule.tensors.addVariables(module);
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kEntryAttr) && failed(addEntry(function)))
        return failure();
    if (schedule.entries.empty())
      return module.emitError("there is no entry point: no func.func carries '") << kEntryAttr << "'";
    return std::move(schedule);
  }

private:
  ModuleOp module;
  const TargetDesc &target;
  const ScheduleOptions &options;
  Schedule schedule;
  llvm::StringMap<unsigned> known; // outlined function as text -> kernel

  LogicalResult addEntry(func::FuncOp function) {
    EntrySchedule entry;
    auto given = dyn_cast<StringAttr>(function->getAttr(kEntryAttr));
    entry.name = given && !given.empty() ? given.str() : function.getSymName().str();
    for (Operation &op : function.getBody().front().without_terminator()) {
      if (isa<ReshapeOp, LoadParamOp, ConstantOp>(op)) // views and data
        continue;
      if (llvm::all_of(op.getResultTypes(), [](Type type) { return countElements(type) == 0; }))
        continue; // nothing to compute
      Launch launch;
      launch.op = &op;
      launch.inputs = kernelInputs(&op);
      launch.results.assign(op.result_begin(), op.result_end());
      auto kernel = kernelOf(launch);
      if (failed(kernel))
        return failure();
      launch.kernel = *kernel;
      entry.launches.push_back(std::move(launch));
    }
    auto memory = mapMemory(function, entry.launches, schedule.tensors,
                            [&](const Launch &launch, Value input, Value) { return mayBeInPlace(launch, input); });
    if (failed(memory))
      return failure();
    entry.memory = std::move(*memory);
    schedule.entries.push_back(std::move(entry));
    return success();
  }

  bool mayBeInPlace(const Launch &launch, Value old) const {
    const ScheduledKernel &kernel = schedule.kernels[launch.kernel];
    if (!kernel.emitter->allowsInPlace())
      return false;
    for (auto [i, input] : llvm::enumerate(launch.inputs))
      if (rootOf(input) == old && !isReadElementByElement(kernel.function, i))
        return false;
    return true;
  }

  FailureOr<unsigned> kernelOf(const Launch &launch) {
    OwningOpRef<func::FuncOp> function = outline(launch.op, launch.inputs);
    // What decides about the code: the function, the class that picks emitters, an emitter that was asked for.
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*function)->print(stream);
    stream << stringifyFusionClass(classOf(launch.op)) << emitterAskedFor(launch.op);
    auto [entry, isNew] = known.try_emplace(text, schedule.kernels.size());
    if (isNew && failed(addKernel(launch, std::move(function))))
      return failure();
    return entry->second;
  }

  static StringRef emitterAskedFor(Operation *op) {
    auto fused = dyn_cast<FusedOp>(op);
    return fused && fused.getSchedule() ? fused.getSchedule()->getEmitter() : StringRef();
  }

  LogicalResult addKernel(const Launch &launch, OwningOpRef<func::FuncOp> function) {
    Operation *op = launch.op;
    ScheduledKernel kernel;
    kernel.root = classOf(op);
    kernel.description = describeOps(op);
    kernel.precision = precisionOf(op);
    kernel.arithmetic = arithmeticOf(op);
    kernel.layout = layoutOf(op);
    kernel.bytesIn = bytesOf(launch.inputs);
    kernel.bytesOut = bytesOf(launch.results);
    if (auto work = dyn_cast<FlopsOp>(op))
      kernel.flops = work.flops();
    function->setName(nameOf(op));
    if (failed(convertMlcToLinalg(*function)))
      return op->emitError("this region cannot be lowered");
    if (options.expandMath)
      options.expandMath(*function);
    if (failed(mlir::verify(*function)))
      return op->emitError("the lowered kernel is ill-formed");
    auto emitter = chooseEmitter(op, *function, kernel);
    if (failed(emitter))
      return failure();
    kernel.emitter = *emitter;
    kernel.function = function.release();
    schedule.kernelModule->push_back(kernel.function);
    schedule.kernels.push_back(std::move(kernel));
    return success();
  }

  FailureOr<const Emitter *> chooseEmitter(Operation *op, func::FuncOp function, const ScheduledKernel &kernel) const {
    if (StringRef wanted = emitterAskedFor(op); !wanted.empty()) {
      const Emitter *emitter = options.emitters->find(wanted);
      if (!emitter)
        return op->emitError("#mlc.schedule asks for the emitter '")
               << wanted << "', which does not exist; there are " << options.emitters->names();
      if (!emitter->accepts(function, target))
        return op->emitError("#mlc.schedule asks for the emitter '")
               << wanted << "', which does not take this region (" << kernel.description << ")";
      return emitter;
    }
    const Emitter *emitter = options.emitters->choose(function, kernel.root, target);
    // What is behind a convolution may be more than its own emitter evaluates.
    if (!emitter && lowerWinograd(function)) {
      if (options.expandMath) // roundings between the products
        options.expandMath(function);
      emitter = options.emitters->choose(function, kernel.root, target);
    }
    if (emitter)
      return emitter;
    return op->emitError("no emitter accepts this region (") << kernel.description << ")";
  }

  // "k3_matmul_add_gelu"
  std::string nameOf(Operation *op) const {
    std::string name = "k" + std::to_string(schedule.kernels.size());
    for (Operation *inner : opsOf(op))
      name += "_" + inner->getName().stripDialect().str();
    return name.substr(0, 60);
  }

  static std::string precisionOf(Operation *op) {
    llvm::SetVector<Type> types;
    for (Operation *inner : opsOf(op))
      for (Type type : inner->getResultTypes())
        types.insert(getElementTypeOrSelf(type));
    std::string text;
    llvm::raw_string_ostream stream(text);
    llvm::interleave(types, stream, "/");
    if (auto why = op->getAttrOfType<StringAttr>("mlc.stores_f32"))
      stream << " (stores f32: " << why.getValue() << ")";
    return text;
  }

  // The element type of the first operand of the op that computes most.
  static std::string arithmeticOf(Operation *op) {
    Type type;
    int64_t most = -1;
    for (Operation *inner : opsOf(op)) {
      auto work = dyn_cast<FlopsOp>(inner);
      if (!work || inner->getNumOperands() == 0 || int64_t(work.flops()) <= most)
        continue;
      most = work.flops();
      type = getElementTypeOrSelf(inner->getOperand(0));
    }
    std::string text;
    if (type)
      llvm::raw_string_ostream(text) << type;
    return text;
  }

  // "channels_last, panels of 16"
  static std::string layoutOf(Operation *op) {
    SmallVector<std::string> layouts;
    auto add = [&](std::string text) {
      if (!llvm::is_contained(layouts, text))
        layouts.push_back(std::move(text));
    };
    for (Operation *inner : opsOf(op)) {
      if (auto layout = inner->getAttrOfType<LayoutAttr>("layout"))
        add(stringifyLayout(layout.getValue()).str());
      auto addPanels = [&](const PanelShape &panels) {
        add("panels of " + std::to_string(panels.lanes) +
            (panels.interleave > 1 ? "x" + std::to_string(panels.interleave) : ""));
      };
      if (auto product = dyn_cast<PackedMatmulOp>(inner))
        addPanels(product.panels());
      if (auto conv = dyn_cast<PackedConvOp>(inner))
        addPanels(conv.panels());
      if (auto conv = dyn_cast<WinogradConvOp>(inner))
        addPanels(conv.panels());
      if (auto product = dyn_cast<StrassenMatmulOp>(inner))
        add("panels of " + std::to_string(cast<ShapedType>(product->getOperand(1).getType()).getShape().back()));
    }
    return llvm::join(layouts, ", ");
  }

  static int64_t bytesOf(ArrayRef<Value> values) {
    int64_t bytes = 0;
    for (Value value : values)
      bytes += countBytes(value.getType());
    return bytes;
  }
};

} // namespace

FailureOr<Schedule> scheduleModule(ModuleOp module, const TargetDesc &target, const ScheduleOptions &options) {
  return Scheduler(module, target, options).run();
}

} // namespace mlc::codegen
