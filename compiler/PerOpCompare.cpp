#include "compiler/PerOpCompare.h"

#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/Locations.h"
#include "dialects/mlc/MlcDialect.h"
#include "mlc/runtime.h"
#include "reference/Interpreter.h"
#include "reference/Values.h"
#include "runtime/program_generated.h"
#include "support/Difference.h"
#include "support/GuardedMemory.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Signals.h"

using namespace mlir;

namespace mlc {
namespace {

constexpr llvm::StringLiteral kProbe = "probe"; // entry points probe0, probe1, ...

bool isKernel(Operation &op) {
  return !isa<ReshapeOp, LoadParamOp, ConstantOp>(op) && !op.hasTrait<OpTrait::IsTerminator>();
}

// The operands of a probe, each once. Stored ones too: what they are makes no difference to the kernel, and where they
// are lies between guard pages.
SmallVector<Value> operandsOf(Operation &op) {
  SetVector<Value> values(op.operand_begin(), op.operand_end());
  return values.takeVector();
}

// An entry point that computes `op` alone.
void addProbe(ModuleOp module, Operation &op, const std::string &name) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Value> inputs = operandsOf(op);
  auto type = b.getFunctionType(ValueRange(inputs).getTypes(), op.getResultTypes());
  auto function = func::FuncOp::create(b, op.getLoc(), name, type);
  function->setAttr(kEntryAttr, b.getStringAttr(name));
  b.setInsertionPointToStart(function.addEntryBlock());
  IRMapping mapping;
  mapping.map(inputs, function.getArguments());
  func::ReturnOp::create(b, op.getLoc(), b.clone(op, mapping)->getResults());
}

mlc_dtype toRuntime(DType dtype) {
  for (int candidate = MLC_F32; candidate <= MLC_I1; ++candidate)
    if (nameOf(dtype) == mlc_dtype_name(static_cast<mlc_dtype>(candidate)))
      return static_cast<mlc_dtype>(candidate);
  llvm_unreachable("runtime and compiler know the same types");
}

// A compiled module in this process. Of the C interface: the C++ one throws, which must not cross MLIR.
class Compiled {
public:
  ~Compiled() {
    mlc_session_destroy(session);
    mlc_module_destroy(module);
  }
  Status load(const std::string &path) {
    mlc_session_options options{};
    options.struct_size = sizeof(options);
    if (mlc_module_load(path.c_str(), &module) != MLC_OK || mlc_session_create(module, &options, &session) != MLC_OK)
      return Status::error(mlc_last_error());
    mlc_session_set_profile(session, &Compiled::record, this);
    return Status::success();
  }

  // Every tensor lies between guard pages, at this side of its memory: a kernel that leaves one ends the process.
  Result<std::vector<HostTensor>> run(const std::string &entry, ArrayRef<HostTensor> inputs, TypeRange resultTypes,
                                      GuardedMemory::Side side) {
    symbols.clear();
    descriptions.clear();
    emitters.clear();
    size_t index;
    if (mlc_module_find_entry(module, entry.c_str(), &index) != MLC_OK)
      return Status::error(mlc_last_error());
    std::vector<HostTensor> results;
    std::vector<mlc_tensor> inputViews, resultViews;
    std::vector<GuardedMemory> memory;
    auto place = [&](const HostTensor &tensor) {
      memory.emplace_back(tensor.sizeBytes(), side);
      return view(tensor, memory.back().data());
    };
    for (const HostTensor &input : inputs) {
      inputViews.push_back(place(input));
      if (input.sizeBytes())
        std::memcpy(memory.back().data(), input.bytes(), input.sizeBytes());
      memory.back().protect();
    }
    for (Type type : resultTypes)
      resultViews.push_back(place(results.emplace_back(dtypeOf(type), shapeOf(type))));
    if (mlc_session_run(session, index, inputViews.data(), inputViews.size(), resultViews.data(), resultViews.size()) !=
        MLC_OK)
      return Status::error(mlc_last_error());
    for (auto [result, view] : llvm::zip_equal(results, resultViews))
      if (result.sizeBytes())
        std::memcpy(result.mutableBytes(), view.data, result.sizeBytes());
    return results;
  }

  Status setVariable(StringRef name, const HostTensor &value) {
    mlc_tensor source = view(value);
    return mlc_session_set_variable(session, name.str().c_str(), &source) == MLC_OK ? Status::success()
                                                                                    : Status::error(mlc_last_error());
  }
  Result<HostTensor> getVariable(StringRef name, Type type) {
    HostTensor value(dtypeOf(type), shapeOf(type));
    mlc_tensor destination = view(value);
    if (mlc_session_get_variable(session, name.str().c_str(), &destination) != MLC_OK)
      return Status::error(mlc_last_error());
    return value;
  }

  // What the last run executed.
  std::string kernels() const { return llvm::join(symbols, " "); }
  std::string ops() const { return llvm::join(descriptions, "; "); }
  std::string emittedBy() const { return llvm::join(emitters, ","); }

private:
  static mlc_tensor view(const HostTensor &tensor, std::byte *data) {
    return {data, toRuntime(tensor.dtype()), static_cast<int32_t>(tensor.shape().size()), tensor.shape().data(),
            nullptr};
  }
  // The runtime writes only through views of results, which are owned.
  static mlc_tensor view(const HostTensor &tensor) { return view(tensor, const_cast<std::byte *>(tensor.bytes())); }
  static void record(void *context, const mlc_profile_event *event) {
    auto *self = static_cast<Compiled *>(context);
    if (event->kernel_index == UINT32_MAX)
      return;                         // a copy
    StringRef symbol = event->kernel; // k7_matmul_add: its number finds it in a listing, the rest are its ops
    self->symbols.push_back(symbol.take_until([](char c) { return c == '_'; }).str());
    self->descriptions.push_back(event->description);
    const void *data;
    size_t size;
    mlc_module_program(self->module, &data, &size);
    const auto *emitter = program::GetProgram(data)->kernels()->Get(event->kernel_index)->emitter();
    std::string name = emitter ? emitter->str() : "";
    if (!llvm::is_contained(self->emitters, name))
      self->emitters.push_back(name);
  }

  mlc_module *module = nullptr;
  mlc_session *session = nullptr;
  std::vector<std::string> symbols, descriptions, emitters;
};

class PerOpComparison {
public:
  PerOpComparison(func::FuncOp entry, const PerOpOptions &options, llvm::raw_ostream &os)
      : entry(entry), block(entry.getBody().front()), options(options), os(os) {}

  LogicalResult compile() {
    // Parameters and their packs as they are, the entry point, and a probe for each of its kernels.
    OwningOpRef<ModuleOp> probes = cast<ModuleOp>(entry->getParentOfType<ModuleOp>()->clone());
    for (auto function : llvm::make_early_inc_range(probes->getOps<func::FuncOp>()))
      if (function.getSymName() != entry.getSymName())
        function.erase();
    for (auto [i, op] : llvm::enumerate(llvm::make_filter_range(block, isKernel)))
      addProbe(*probes, op, (kProbe + Twine(i)).str());
    SmallString<64> path;
    if (std::error_code error = llvm::sys::fs::createTemporaryFile("mlc-per-op", "mlc", path))
      return entry.emitError("cannot make a temporary file: ")
             << error.message() << "; set TMPDIR to a folder that can be written";
    llvm::sys::RemoveFileOnSignal(path);
    llvm::FileRemover remover(path); // a loaded module keeps its mapping
    if (failed(options.compile(std::move(probes), path.str().str())))
      return failure();
    if (Status status = compiled.load(path.str().str()); !status.ok())
      return entry.emitError(status.message());
    return success();
  }

  LogicalResult run(std::vector<HostTensor> inputs) {
    os << llvm::formatv("{0,-6} {1,-8} {2,9} {3,9}   {4}\n", "kernel", "emitter", "rel-L2", "max abs", "ops");
    DenseMap<Value, HostTensor> values;
    for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), inputs))
      values[argument] = tensor;
    unsigned probe = 0;
    for (Operation &op : block.without_terminator()) {
      auto results = isKernel(op) ? compareKernel(op, (kProbe + Twine(probe++)).str(), values)
                                  : interpret(op, values, /*inF64=*/false);
      if (failed(results))
        return failure();
      for (auto [value, tensor] : llvm::zip_equal(op.getResults(), *results))
        values[value] = std::move(tensor);
      for (Value operand : op.getOperands())
        if (llvm::all_of(operand.getUsers(), [&](Operation *user) { return user == &op || isBefore(user, op); }))
          values.erase(operand);
    }
    if (failed(compareWhole(inputs, values)))
      return failure();
    if (wrong)
      return entry.emitError() << wrong << " of " << probe
                               << " kernels disagree with the interpreter, the first: " << first;
    os << probe << " kernels agree with the interpreter\n";
    return success();
  }

private:
  static bool isBefore(Operation *a, Operation &b) { return a->getBlock() == b.getBlock() && a->isBeforeInBlock(&b); }

  // In f64 from operands of the declared types: the exact result of this op.
  FailureOr<std::vector<HostTensor>> interpret(Operation &op, DenseMap<Value, HostTensor> &values, bool inF64) {
    std::vector<HostTensor> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values.at(operand));
    reference::InterpretOptions interpretOptions;
    interpretOptions.inF64 = inF64;
    auto results = reference::interpretOp(op, std::move(operands), store, interpretOptions);
    if (!results.ok())
      return entry.emitError(results.message());
    return std::move(*results);
  }

  FailureOr<std::vector<HostTensor>> compareKernel(Operation &op, const std::string &name,
                                                   DenseMap<Value, HostTensor> &values) {
    auto exact = interpret(op, values, /*inF64=*/true);
    if (failed(exact))
      return failure();
    std::vector<HostTensor> inputs;
    for (Value input : operandsOf(op))
      inputs.push_back(values.at(input));
    os.flush(); // the kernel may end the process
    auto actual = compiled.run(name, inputs, op.getResultTypes(), GuardedMemory::Side::Start);
    if (actual.ok())
      actual = compiled.run(name, inputs, op.getResultTypes(), GuardedMemory::Side::End);
    if (!actual.ok())
      return op.emitError("the kernel of this region fails: ") << actual.message();
    std::string where = describeLocation(op.getLoc());
    bool right = true;
    for (auto [a, e] : llvm::zip_equal(*actual, *exact))
      right &= print(compiled.kernels(), compiled.emittedBy(), a, e, /*factor=*/1,
                     compiled.ops() + (where.empty() ? "" : " at " + where));
    wrong += !right;
    for (auto [tensor, type] : llvm::zip_equal(*exact, op.getResultTypes()))
      tensor = reference::convert(tensor, dtypeOf(type));
    return exact;
  }

  // Kernels amplify the errors of those before them, within reason. Variables are read and written in place.
  LogicalResult compareWhole(ArrayRef<HostTensor> inputs, DenseMap<Value, HostTensor> &values) {
    auto given = dyn_cast<StringAttr>(entry->getAttr(kEntryAttr));
    std::string name = given && !given.empty() ? given.str() : entry.getSymName().str();
    SmallVector<HostTensor> callerInputs;
    for (auto [i, input] : llvm::enumerate(inputs))
      if (auto variable = entry.getArgAttrOfType<FlatSymbolRefAttr>(i, kVariableAttr)) {
        if (Status status = compiled.setVariable(variable.getValue(), input); !status.ok())
          return entry.emitError(status.message());
      } else {
        callerInputs.push_back(input);
      }
    SmallVector<Type> callerTypes;
    for (auto [i, type] : llvm::enumerate(entry.getResultTypes()))
      if (!entry.getResultAttr(i, kVariableAttr))
        callerTypes.push_back(type);
    auto actual = compiled.run(name, callerInputs, callerTypes, GuardedMemory::Side::End);
    if (!actual.ok())
      return entry.emitError("the entry point fails: ") << actual.message();
    bool right = true;
    auto next = actual->begin();
    for (auto [i, value] : llvm::enumerate(block.getTerminator()->getOperands())) {
      auto variable = entry.getResultAttrOfType<FlatSymbolRefAttr>(i, kVariableAttr);
      auto label = entry.getResultAttrOfType<StringAttr>(i, kNameAttr);
      Result<HostTensor> result =
          variable ? compiled.getVariable(variable.getValue(), value.getType()) : Result<HostTensor>(*next++);
      if (!result.ok())
        return entry.emitError(result.message());
      right &= print("all", "", *result, values.at(value), /*factor=*/10,
                     variable ? "variable " + variable.getValue().str()
                              : "output " + (label ? label.str() : std::to_string(i)));
    }
    if (!right && !wrong)
      return entry.emitError("every kernel is right by itself, the whole is not: the memory plan or the order of "
                             "commands is wrong");
    return success();
  }

  // Is it within the tolerance?
  bool print(const std::string &kernel, const std::string &emitter, const HostTensor &actual,
             const HostTensor &expected, double factor, const std::string &what) {
    Difference difference = differenceOf(actual, expected);
    DType dtype = actual.dtype();
    double limit = isFloat(dtype) ? factor * options.tolerance.value_or(defaultTolerance(dtype)) : 0;
    bool close = difference.robustL2 <= limit; // false for NaN
    os << llvm::formatv("{0,-6} {1,-8} ", kernel, emitter)
       << llvm::format("%9.2e %9.2e ", difference.robustL2, difference.maxAbs) << (close ? "  " : "! ") << what << "\n";
    if (!close && first.empty())
      first = llvm::formatv("kernel {0} of emitter '{1}', {2}: rel-L2 {3:e2} is beyond {4:e0}; element {5} of {6} is "
                            "{7}, expected {8}",
                            kernel, emitter, what, difference.robustL2, limit, difference.worst,
                            describe(dtype, actual.shape()), actual.floatAt(difference.worst),
                            expected.floatAt(difference.worst))
                  .str();
    return close;
  }

  func::FuncOp entry;
  Block &block;
  const PerOpOptions &options;
  llvm::raw_ostream &os;
  ParamStore store;
  Compiled compiled;
  unsigned wrong = 0; // kernels
  std::string first;  // of those, described
};

} // namespace

LogicalResult comparePerOp(func::FuncOp entry, std::vector<HostTensor> inputs, const PerOpOptions &options,
                           llvm::raw_ostream &os) {
  PerOpComparison comparison(entry, options, os);
  if (failed(comparison.compile()))
    return failure();
  return comparison.run(std::move(inputs));
}

} // namespace mlc
