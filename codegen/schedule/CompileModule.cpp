#include "codegen/schedule/CompileModule.h"
#include "codegen/lower/Lower.h"
#include "codegen/memory/MemoryPlan.h"
#include "codegen/target/MachineCode.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlc/kernel_abi.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace mlc::codegen {
namespace {

DType dtypeOf(Type type) {
  if (type.isF32())
    return DType::f32;
  if (type.isF64())
    return DType::f64;
  if (type.isF16())
    return DType::f16;
  if (type.isBF16())
    return DType::bf16;
  bool isUnsigned = type.isUnsignedInteger();
  switch (type.getIntOrFloatBitWidth()) {
  case 1: return DType::i1;
  case 8: return isUnsigned ? DType::u8 : DType::i8;
  case 16: return isUnsigned ? DType::u16 : DType::i16;
  case 32: return isUnsigned ? DType::u32 : DType::i32;
  default: return isUnsigned ? DType::u64 : DType::i64;
  }
}

// Elements as they lie in memory; an i1 takes a byte.
std::string bytesOf(DenseElementsAttr values) {
  std::string bytes;
  auto append = [&](const APInt &value) {
    unsigned size = (value.getBitWidth() + 7) / 8;
    uint64_t bits = value.getZExtValue();
    bytes.append(reinterpret_cast<const char *>(&bits), size); // little-endian, as the module file
  };
  if (isa<FloatType>(values.getElementType()))
    for (const APFloat &value : values.getValues<APFloat>())
      append(value.bitcastToAPInt());
  else
    for (const APInt &value : values.getValues<APInt>())
      append(value);
  return bytes;
}

class ModuleCompiler {
public:
  ModuleCompiler(ModuleOp module, const TargetDesc &target, const ModuleOptions &options)
      : module(module), symbols(module), target(target), options(options), kernels(ModuleOp::create(module.getLoc())) {}

  LogicalResult run(const std::string &path) {
    program.source = options.source;
    program.options = options.options;
    program.compiler = "mlc 0.1.0";
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kEntryAttr)) {
        decomposeAttention(function);
        if (failed(compileEntry(function)))
          return failure();
      }
    if (program.entryPoints.empty())
      return module.emitError("there is no entry point: no func.func carries '") << kEntryAttr << "'";
    if (failed(link()))
      return failure();
    std::string error =
        writeModule(program, [&](size_t i, const ByteSink &sink) { return options.writeParam(params[i], sink); }, path);
    return error.empty() ? success() : LogicalResult(module.emitError(error));
  }

private:
  ModuleOp module;
  SymbolTable symbols;
  const TargetDesc &target;
  const ModuleOptions &options;
  OwningOpRef<ModuleOp> kernels;
  ProgramDesc program;
  std::vector<Operation *> params;    // of program.params
  llvm::StringMap<uint32_t> kernelOf; // text of the outlined function -> index into program.kernels
  llvm::DenseMap<Operation *, uint32_t> paramOf;
  std::vector<std::unique_ptr<llvm::LLVMContext>> contexts;
  std::vector<EmittedKernel> emitted;

  TensorSpecDesc specOf(Type type, Attribute name, const Twine &otherwise) {
    auto tensor = cast<RankedTensorType>(type);
    auto given = dyn_cast_or_null<StringAttr>(name);
    return {given ? given.str() : otherwise.str(), dtypeOf(tensor.getElementType()), tensor.getShape().vec()};
  }

  uint32_t addParam(Operation *op, Type type) {
    auto [entry, isNew] = paramOf.try_emplace(op, program.params.size());
    if (isNew) {
      ParamDesc param;
      param.name = SymbolTable::getSymbolName(op).str();
      param.dtype = dtypeOf(cast<RankedTensorType>(type).getElementType());
      param.shape = cast<RankedTensorType>(type).getShape().vec();
      param.size = countBytes(type);
      program.params.push_back(param);
      params.push_back(op);
      layoutParams(program.params);
    }
    return entry->second;
  }

  // The region or op as a function; its operands are `inputs`. Splat constants go into it.
  func::FuncOp outline(Operation *op, SmallVectorImpl<Value> &inputs) {
    auto fused = dyn_cast<FusedOp>(op);
    llvm::SetVector<Value> distinct;
    auto isScalar = [](Value value) {
      auto constant = value.getDefiningOp<ConstantOp>();
      auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
      return dense && dense.isSplat();
    };
    for (Value operand : op->getOperands())
      if (!isScalar(operand))
        distinct.insert(operand);
    inputs.assign(distinct.begin(), distinct.end());
    OpBuilder b(op->getContext());
    auto type = b.getFunctionType(ValueRange(inputs).getTypes(), op->getResultTypes());
    auto function = func::FuncOp::create(op->getLoc(), "kernel", type);
    Block *block = function.addEntryBlock();
    b.setInsertionPointToStart(block);
    IRMapping mapping;
    mapping.map(ValueRange(inputs), block->getArguments());
    for (Value operand : op->getOperands())
      if (!mapping.contains(operand))
        mapping.map(operand, b.clone(*operand.getDefiningOp())->getResult(0));
    if (!fused) {
      Operation *clone = b.clone(*op, mapping);
      func::ReturnOp::create(b, op->getLoc(), clone->getResults());
      return function;
    }
    Block &body = fused.getBody().front();
    for (auto [argument, operand] : llvm::zip(body.getArguments(), op->getOperands()))
      mapping.map(argument, mapping.lookup(operand));
    for (Operation &inner : body.without_terminator())
      b.clone(inner, mapping);
    SmallVector<Value> results;
    for (Value value : body.getTerminator()->getOperands())
      results.push_back(mapping.lookup(value));
    func::ReturnOp::create(b, op->getLoc(), results);
    return function;
  }

  // "matmul + add + gelu"
  static std::string describe(func::FuncOp kernel) {
    std::string text;
    for (Operation &op : kernel.getBody().front().without_terminator())
      if (!isa<ConstantOp>(op))
        text += (text.empty() ? "" : " + ") + op.getName().stripDialect().str();
    return text;
  }

  FailureOr<uint32_t> compileKernel(Operation *op, func::FuncOp function) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    function->print(stream);
    if (auto known = kernelOf.find(text); known != kernelOf.end()) {
      function->erase();
      return known->second;
    }
    KernelDesc desc;
    desc.description = describe(function);
    std::string name = "k" + std::to_string(program.kernels.size());
    for (Operation &inner : function.getBody().front().without_terminator())
      if (!isa<ConstantOp>(inner))
        name += "_" + inner.getName().stripDialect().str();
    name = name.substr(0, 60);
    function.setName(name);
    kernels->push_back(function);
    if (auto work = dyn_cast<FlopsOp>(op)) {
      desc.flops = work.flops();
      desc.bytes = work.bytes();
    }
    if (failed(convertMlcToLinalg(function)) || (options.expandMath && failed(options.expandMath(function))) ||
        failed(mlir::verify(function)))
      return op->emitError("this region cannot be lowered");
    for (const Emitter *emitter : options.emitters) {
      if (!emitter->accepts(function, target))
        continue;
      contexts.push_back(std::make_unique<llvm::LLVMContext>());
      auto kernel = emitter->emit(function, target, *contexts.back());
      if (failed(kernel))
        return op->emitError("the emitter '") << emitter->name() << "' failed on this region";
      desc.symbol = kernel->name;
      desc.scratchBytes = kernel->scratch_bytes;
      desc.numBindings = function.getNumArguments() + function.getNumResults();
      desc.emitter = kernel->emitter;
      desc.schedule = kernel->schedule;
      emitted.push_back(std::move(*kernel));
      program.kernels.push_back(desc);
      return kernelOf[text] = program.kernels.size() - 1;
    }
    return op->emitError("no emitter accepts this region (") << desc.description << ")";
  }

  LogicalResult compileEntry(func::FuncOp function);
  LogicalResult link();
};

// A reshape between kernels is the same bytes under another type.
Value rootOf(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getOperand();
  return value;
}

LogicalResult ModuleCompiler::compileEntry(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("an entry point has one block");
  BucketDesc bucket;
  llvm::DenseMap<Value, BindingDesc> bindings;
  for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
    if (function.getArgAttr(i, kVariableAttr))
      return function.emitOpError("argument ") << i << " is a variable; variables are not compiled yet";
    bucket.inputs.push_back(specOf(argument.getType(), function.getArgAttr(i, kNameAttr), "input" + Twine(i)));
    bindings[argument] = {Base::input, uint32_t(i), 0, uint64_t(countBytes(argument.getType()))};
  }
  // A value that is returned is computed in the caller's memory; a second return of it is a copy.
  Operation *terminator = function.getBody().front().getTerminator();
  std::vector<CommandDesc> copies;
  for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
    bucket.outputs.push_back(specOf(value.getType(), function.getResultAttr(i, kNameAttr), "output" + Twine(i)));
    Value root = rootOf(value);
    Operation *producer = root.getDefiningOp();
    if (producer && !isa<LoadParamOp, ConstantOp>(producer))
      bindings.try_emplace(root, BindingDesc{Base::output, uint32_t(i), 0, uint64_t(countBytes(value.getType()))});
  }

  struct Launch {
    uint32_t kernel;
    int64_t tiles;
    SmallVector<Value> operands;
  };
  std::vector<Launch> launches;
  llvm::MapVector<Value, LiveInterval> live; // of values in the arena
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (isa<ReshapeOp>(op))
      continue;
    if (auto load = dyn_cast<LoadParamOp>(op)) {
      Operation *param = symbols.lookup(load.getParam());
      uint32_t index = addParam(param, load.getType());
      bindings[load.getResult()] = {Base::params, 0, program.params[index].offset, program.params[index].size};
      continue;
    }
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!dense)
        return op.emitOpError("holds its value in a form other than dense; make it an mlc.param");
      program.constants.resize((program.constants.size() + 63) / 64 * 64);
      std::string bytes = bytesOf(dense);
      bindings[constant.getResult()] = {Base::constant, 0, program.constants.size(), bytes.size()};
      program.constants += bytes;
      continue;
    }
    if (!isa_and_nonnull<MlcDialect>(op.getDialect()))
      return op.emitOpError("does not belong into an entry point");
    Launch launch;
    auto kernelFunction = outline(&op, launch.operands);
    auto kernel = compileKernel(&op, kernelFunction);
    if (failed(kernel))
      return failure();
    int64_t step = launches.size();
    launch.kernel = *kernel;
    launch.tiles = emitted[*kernel].tiles;
    for (Value &operand : launch.operands) {
      operand = rootOf(operand);
      if (auto found = live.find(operand); found != live.end())
        found->second.last = step;
    }
    for (Value result : op.getResults()) {
      if (!bindings.count(result))
        live[result] = {countBytes(result.getType()), step, step};
      launch.operands.push_back(result);
    }
    launches.push_back(std::move(launch));
  }

  std::vector<LiveInterval> intervals;
  for (auto &[value, interval] : live)
    intervals.push_back(interval);
  MemoryPlan plan = planMemory(intervals);
  for (auto [i, entry] : llvm::enumerate(live))
    bindings[entry.first] = {Base::arena, 0, uint64_t(plan.offsets[i]), uint64_t(entry.second.bytes)};
  if (plan.arenaBytes)
    bucket.arenas.push_back(plan.arenaBytes);
  bucket.arenaBytes = plan.arenaBytes;
  bucket.maxLiveBytes = plan.maxLiveBytes;
  for (const Launch &launch : launches) {
    LaunchCpuDesc command;
    command.kernel = launch.kernel;
    command.tiles = launch.tiles;
    for (Value operand : launch.operands)
      command.bindings.push_back(bindings.lookup(operand));
    bucket.scratchBytes = std::max(bucket.scratchBytes, program.kernels[launch.kernel].scratchBytes);
    bucket.stages.push_back({{CommandDesc{command}}});
  }
  for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
    BindingDesc from = bindings.lookup(rootOf(value));
    if (from.base != Base::output || from.index != i)
      copies.push_back({CopyDesc{from, {Base::output, uint32_t(i), 0, from.size}}});
  }
  if (!copies.empty())
    bucket.stages.push_back({copies});

  auto given = dyn_cast<StringAttr>(function->getAttr(kEntryAttr));
  std::string name = given && !given.empty() ? given.str() : function.getSymName().str();
  for (EntryPointDesc &entry : program.entryPoints)
    if (entry.name == name) {
      entry.buckets.push_back(bucket);
      return success();
    }
  program.entryPoints.push_back({name, {bucket}});
  return success();
}

LogicalResult ModuleCompiler::link() {
  TargetSpec spec;
  spec.name = target.name;
  spec.cpu = target.cpu;
  spec.features = target.features;
  spec.requiredFeatures = target.required_features;
  spec.kernelAbi = MLC_KERNEL_ABI_VERSION;
  if (!emitted.empty()) {
    auto objects = compileKernels(emitted, target, options.threads);
    if (!objects)
      return module.emitError(llvm::toString(objects.takeError()));
    std::vector<KernelObject> parts;
    for (size_t i = 0; i < emitted.size(); ++i)
      parts.push_back({emitted[i].name, (*objects)[i]});
    auto shared = linkSharedObject(parts);
    if (!shared)
      return module.emitError(llvm::toString(shared.takeError()));
    spec.code.assign(shared->begin(), shared->end());
  }
  program.targets.push_back(std::move(spec));
  return success();
}

} // namespace

LogicalResult compileToModule(ModuleOp module, const TargetDesc &target, const ModuleOptions &options,
                              const std::string &path) {
  return ModuleCompiler(module, target, options).run(path);
}

} // namespace mlc::codegen
