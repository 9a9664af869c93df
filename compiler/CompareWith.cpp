#include "compiler/CompareWith.h"

#include "compiler/EntryPoint.h"
#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/MlcDialect.h"
#include "reference/Interpreter.h"
#include "support/Difference.h"

#include "llvm/Support/Format.h"

using namespace mlir;

namespace mlc {
namespace {

class Comparison {
public:
  Comparison(ModuleOp a, ModuleOp b, const CompareRequest &request, GivenInputs given)
      : a(a), b(b), request(request), given(std::move(given)) {}

  LogicalResult run() {
    auto functionsOfA = functions(a), functionsOfB = functions(b);
    if (functionsOfB.empty())
      return emitError(UnknownLoc::get(b.getContext()))
             << "--compare-with: '" << request.with << "' has no "
             << (request.entry.empty() ? std::string("function") : "entry point '" + request.entry + "'")
             << " to compare";
    bool all = true;
    for (func::FuncOp expected : functionsOfB) {
      auto actual = a.lookupSymbol<func::FuncOp>(expected.getSymName());
      if (!actual && functionsOfA.size() == 1 && functionsOfB.size() == 1)
        actual = functionsOfA.front(); // no matter what its name is
      if (!actual)
        return expected.emitError("function '") << expected.getSymName() << "' has no counterpart in the other module";
      auto same = compare(actual, expected);
      if (failed(same))
        return failure();
      all &= *same;
    }
    return success(all);
  }

private:
  SmallVector<func::FuncOp> functions(ModuleOp module) {
    SmallVector<func::FuncOp> result;
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      auto entry = function->getAttrOfType<StringAttr>(kEntryAttr);
      if (!function.isExternal() && (request.entry.empty() || (entry && entry.getValue() == request.entry)))
        result.push_back(function);
    }
    return result;
  }

  FailureOr<std::vector<HostTensor>> evaluate(func::FuncOp function, const std::vector<HostTensor> &inputs) {
    reference::InterpretOptions options;
    options.inF64 = request.inF64;
    auto results = reference::interpret(function, inputs, store, options);
    if (!results.ok())
      return emitError(UnknownLoc::get(function.getContext())) << results.message();
    return std::move(*results);
  }

  // Are all results of the two functions equal?
  FailureOr<bool> compare(func::FuncOp actual, func::FuncOp expected) {
    if (actual.getFunctionType() != expected.getFunctionType())
      return actual.emitError("function '") << actual.getSymName() << "' has type " << actual.getFunctionType()
                                            << ", the one to compare with " << expected.getFunctionType();
    for (unsigned i = 0; i < expected.getNumArguments(); ++i)
      if (argumentName(actual, i) != argumentName(expected, i))
        return actual.emitError("input ") << i << " is named '" << argumentName(actual, i)
                                          << "', in the module to compare with '" << argumentName(expected, i) << "'";
    // Both see how B reads its inputs: A may be in a form that says less about an index.
    auto inputs = bindInputs(expected, given, Missing::IsRandom);
    if (failed(inputs))
      return failure();
    auto expectedResults = evaluate(expected, *inputs);
    if (failed(expectedResults))
      return failure();
    auto actualResults = evaluate(actual, *inputs);
    if (failed(actualResults))
      return failure();
    bool all = true;
    for (unsigned i = 0; i < expected.getNumResults(); ++i)
      all &= report((expected.getSymName() + "." + resultName(expected, i)).str(),
                    dtypeOf(expected.getResultTypes()[i]), (*actualResults)[i], (*expectedResults)[i]);
    return all;
  }

  bool report(const std::string &name, DType declared, const HostTensor &actual, const HostTensor &expected) {
    Difference difference = differenceOf(actual, expected);
    // The interpreter rounds once an op: ops in another order leave less than the accumulation in a kernel.
    double usual = declared == DType::F32 ? 1e-6 : defaultTolerance(declared);
    double tolerance = isFloat(declared) ? request.tolerance.value_or(usual) : 0;
    bool close = difference.robustL2 <= tolerance; // false for NaN
    bool proves = difference.finite || !expected.numElements();
    llvm::outs() << name << " " << describe(actual.dtype(), actual.shape())
                 << llvm::format(": rel-L2 %.2e, max abs %.2e, max ulp %.4g: ", difference.robustL2, difference.maxAbs,
                                 difference.maxUlp);
    if (close && proves)
      llvm::outs() << "equal";
    else if (close)
      llvm::outs() << "UNKNOWN, no element is finite: give --input";
    else
      llvm::outs() << "DIFFERENT, worst at element " << difference.worst << ": "
                   << llvm::format("%.9g, expected %.9g", actual.floatAt(difference.worst),
                                   expected.floatAt(difference.worst));
    llvm::outs() << llvm::format(" (tolerance %.0e)\n", tolerance);
    return close && proves;
  }

  ModuleOp a, b;
  const CompareRequest &request;
  GivenInputs given;
  ParamStore store;
};

} // namespace

LogicalResult compareModels(MLIRContext &context, const CompileOptions &options, const CompareRequest &request) {
  // IR is taken as it is; of a model, the phase that --compile-to names.
  const Phase *last = findPhase(context, "compile-to", options.to.empty() ? "import" : options.to);
  Compilation a(context, options);
  if (!last || failed(runPhases(a, last->name)))
    return failure();
  PassManager passes(&context);
  if (failed(applyPassManagerCLOptions(passes)) || failed(request.addPasses(passes)) || failed(passes.run(*a.module)))
    return failure();
  PipelineOptions other;
  other.input = options.input;
  other.input.path = request.with;
  if (StringRef(request.with).ends_with(".mlir") || StringRef(request.with).ends_with(".mlirbc")) {
    other.input.shapes.clear(); // are for the first: IR has its own
    other.input.pad.clear();
    other.input.constants.clear();
    other.input.keep.clear();
  }
  Compilation b(context, other);
  auto given = readInputs(context, request.inputs);
  if (failed(given) || failed(runPhases(b, "import")))
    return failure();
  return Comparison(*a.module, *b.module, request, std::move(*given)).run();
}

} // namespace mlc
