#include "compiler/Bisect.h"

#include "compiler/EntryPoint.h"
#include "compiler/PerOpCommand.h"
#include "compiler/Reproducer.h"
#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/MlcDialect.h"
#include "reference/Interpreter.h"
#include "support/Difference.h"
#include "support/Units.h"

#include "mlir/IR/OperationSupport.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace mlc {
namespace {

// A function as it was imported: what it was given, and what it must give.
struct Expected {
  std::string name;
  FunctionType type;
  std::vector<std::string> outputs;
  std::vector<HostTensor> inputs, results;
};

class Bisection {
public:
  Bisection(Compilation &c, const BisectRequest &request) : c(c), request(request) {}

  // Fails where the model cannot be evaluated as it is.
  LogicalResult begin() {
    auto given = readInputs(c.context, request.inputs);
    if (failed(given))
      return failure();
    auto buckets = findBuckets(*c.module, request.entry, *given);
    if (failed(buckets))
      return failure();
    for (func::FuncOp bucket : *buckets) {
      auto inputs = bindInputs(bucket, *given, Missing::IsRandom);
      if (failed(inputs))
        return failure();
      Expected function{bucket.getSymName().str(), bucket.getFunctionType(), {}, std::move(*inputs), {}};
      auto results = evaluate(bucket, function.inputs);
      if (!results.ok())
        return fail(c.context, results.message());
      function.results = *std::move(results);
      for (unsigned i = 0; i < bucket.getNumResults(); ++i) {
        function.outputs.push_back(resultName(bucket, i));
        const HostTensor &result = function.results[i];
        if (result.numElements() && !differenceOf(result, result).finite)
          return fail(c.context, "output '" + function.outputs.back() +
                                     "' has no finite element, which proves nothing: give --input");
      }
      functions.push_back(std::move(function));
    }
    return success();
  }

  // Runs one pass and looks at what it did.
  LogicalResult step(const Phase &phase, const std::string &pass) {
    OwningOpRef<ModuleOp> before = c.module->clone();
    OperationFingerPrint fingerPrint(*c.module);
    TimingScope untimed;
    std::string problem = runSafely([&] { return runPasses(*c.module, pass, untimed); });
    if (!problem.empty()) {
      leave(*before, phase, pass, problem, /*comparing=*/false);
      if (StringRef(problem).starts_with("crashed"))
        (void)c.module.release(); // half done: not to be touched
      return failure();
    }
    if (fingerPrint == OperationFingerPrint(*c.module))
      return success();
    std::string details;
    llvm::raw_string_ostream os(details);
    auto worst = compare(os);
    if (!worst.ok()) {
      leave(*before, phase, pass, "leaves a model that cannot be evaluated (" + worst.message() + ")",
            /*comparing=*/true);
      return failure();
    }
    llvm::outs() << llvm::left_justify(phase.name, 10) << llvm::format("%9.2e%s  ", *worst, details.empty() ? "" : " !")
                 << pass << "\n"
                 << details;
    llvm::outs().flush();
    if (details.empty())
      return success();
    leave(*before, phase, pass, "changes the model's numbers", /*comparing=*/true);
    return failure();
  }

private:
  Result<std::vector<HostTensor>> evaluate(func::FuncOp function, const std::vector<HostTensor> &inputs) {
    reference::InterpretOptions options;
    options.inF64 = request.inF64;
    return reference::interpret(function, inputs, store, options);
  }

  double toleranceOf(Type type) const {
    DType declared = dtypeOf(type);
    if (!isFloat(declared))
      return 0;
    double usual = defaultTolerance(declared);
    if (c.options.precision != "keep")
      usual = std::max(usual, defaultTolerance(DType::BF16));
    return request.tolerance.value_or(usual);
  }

  // The largest difference of any output; a line for each that is beyond its tolerance.
  Result<double> compare(llvm::raw_ostream &os) {
    double worst = 0;
    for (const Expected &expected : functions) {
      auto function = c.module->lookupSymbol<func::FuncOp>(expected.name);
      if (!function || function.getFunctionType() != expected.type)
        return Status::error("function '" + expected.name + "' is gone, or has another type");
      auto results = evaluate(function, expected.inputs);
      if (!results.ok())
        return results.status();
      for (auto [i, name] : llvm::enumerate(expected.outputs)) {
        const HostTensor &actual = (*results)[i], &right = expected.results[i];
        Difference difference = differenceOf(actual, right);
        worst = std::max(worst, difference.robustL2);
        double tolerance = toleranceOf(expected.type.getResult(i));
        if (difference.robustL2 <= tolerance) // false for NaN
          continue;
        os << "  " << expected.name << "." << name << " " << describe(actual.dtype(), actual.shape())
           << llvm::format(": rel-L2 %.2e (tolerance %.0e), worst at element ", difference.robustL2, tolerance)
           << difference.worst
           << llvm::format(": %.9g, expected %.9g\n", actual.floatAt(difference.worst),
                           right.floatAt(difference.worst));
      }
    }
    return worst;
  }

  void leave(ModuleOp before, const Phase &phase, const std::string &pass, const std::string &what, bool comparing) {
    std::string path = reproducerPath(c.options.output);
    std::string command = "mlc-opt " + path + " --pass-pipeline='builtin.module(" + pass + ")'";
    if (comparing) {
      command += " --compare-with=" + path + " --entry=" + request.entry;
      for (const std::string &input : request.inputs)
        command += " --input='" + input + "'";
      if (request.inF64)
        command += " --interpret-f64";
      if (request.tolerance)
        command += " --tolerance=" + formatted("%g", *request.tolerance);
    }
    Status written = writeReproducer(before, path, "Pass '" + pass + "' " + what + " on this IR", command);
    InFlightDiagnostic error = emitError(UnknownLoc::get(&c.context));
    error << "pass '" << pass << "' of phase '" << phase.name << "' " << what;
    if (written.ok())
      error.attachNote() << "the IR that it began with is in '" << path << "'; run it again with\n  " << command;
    else
      error.attachNote() << "the IR that it began with cannot be kept: " << written.message();
  }

  Compilation &c;
  const BisectRequest &request;
  std::vector<Expected> functions;
  ParamStore store;
};

} // namespace

LogicalResult bisectModel(MLIRContext &context, const CompileOptions &options, const BisectRequest &request) {
  StringRef first = options.from.empty() ? "import" : StringRef(options.from);
  const Phase *begin = findPhase(context, "compile-from", first);
  const Phase *end = findPhase(context, "compile-to", options.to.empty() ? "module" : options.to);
  if (!begin || !end)
    return failure();
  Compilation compilation(context, options);
  if (failed(runPhases(compilation, first)))
    return failure();
  Bisection bisection(compilation, request);
  if (failed(bisection.begin()))
    return failure();
  llvm::outs() << "phase      rel-L2    pass that changed the model\n";
  for (const Phase *phase = begin + 1; phase <= end && !phase->run; ++phase) {
    for (const std::string &pass : passesOf(*phase, options))
      if (failed(bisection.step(*phase, pass)))
        return failure();
    if (phase->verify && failed(phase->verify(compilation)))
      return failure();
  }
  llvm::outs() << "all passes keep the numbers\n";
  if (!end->run)
    return success();
  llvm::outs() << "\n";
  return comparePerOp(context, options, PerOpRequest{request.inputs, request.entry, request.tolerance});
}

} // namespace mlc
