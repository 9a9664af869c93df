#include "compiler/Compile.h"

#include "codegen/target/MachineCode.h"
#include "compiler/Graph.h"
#include "compiler/Report.h"
#include "support/FileWriter.h"

#include "llvm/IR/Module.h"
#include "llvm/Support/Process.h"

using namespace mlir;

namespace mlc {
namespace {

LogicalResult write(MLIRContext &context, StringRef bytes, StringRef path) {
  if (path == "-") {
    llvm::outs() << bytes;
    return success();
  }
  Status status = writeFile(path.str(), std::span(reinterpret_cast<const std::byte *>(bytes.data()), bytes.size()));
  return status.ok() ? success() : fail(context, status.message());
}

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  os << '\n';
  return text;
}

// All kernels as one LLVM module: as the emitters made them, or as they go into code generation.
LogicalResult writeKernels(Compilation &c, bool optimised, std::optional<Emit> kind, StringRef path) {
  const TargetCode &code = c.codes[0];
  if (optimised)
    if (llvm::Error error = codegen::optimizeKernels(code.kernels->emitted, code.target, c.options.jobs))
      return fail(c.context, llvm::toString(std::move(error)));
  llvm::LLVMContext context;
  auto linked = codegen::linkModules(code.kernels->emitted, context);
  if (!linked)
    return fail(c.context, llvm::toString(linked.takeError()));
  if (!kind) {
    std::string text;
    llvm::raw_string_ostream(text) << **linked;
    return write(c.context, text, path);
  }
  auto bytes = codegen::generateCode(**linked, code.target,
                                     *kind == Emit::Asm ? codegen::CodeKind::Assembly : codegen::CodeKind::Object);
  if (!bytes)
    return fail(c.context, llvm::toString(bytes.takeError()));
  return write(c.context, StringRef(bytes->data(), bytes->size()), path);
}

// Is there nothing to write but the report?
bool isReportAlone(const CompileOptions &options) {
  return options.report && options.output == "-" && options.to.empty() && options.emit == Emit::Module;
}

// The phase that a command ends with.
StringRef lastPhase(const CompileOptions &options) {
  if (!options.to.empty())
    return options.to;
  switch (options.emit) {
  case Emit::Mlir: return "fuse";
  case Emit::Graph: return "schedule";
  case Emit::Llvm:
  case Emit::Asm:
  case Emit::Obj: return "kernels";
  case Emit::Module: break;
  }
  return isReportAlone(options) ? "kernels" : "module";
}

LogicalResult writeGraph(Compilation &c, StringRef path) {
  std::string graph = describeGraph(c);
  if (!path.ends_with(".svg"))
    return write(c.context, graph, path);
  auto svg = drawGraph(c.context, graph);
  return failed(svg) ? failure() : write(c.context, *svg, path);
}

// What the last phase made.
LogicalResult writeOutput(Compilation &c, const CompileOptions &options, StringRef last) {
  if (last == "module" || isReportAlone(options))
    return success();
  if (options.emit == Emit::Graph)
    return writeGraph(c, options.output);
  if (last == "schedule" || last == "tune") {
    Builder builder(&c.context);
    codegen::Schedule &schedule = *c.codes[0].schedule;
    for (codegen::ScheduledKernel &kernel : schedule.kernels)
      kernel.function->setAttr("mlc.emitter", builder.getStringAttr(kernel.emitter->name()));
    return write(c.context, print(*schedule.kernelModule), options.output);
  }
  if (last == "kernels") {
    bool isCode = options.emit == Emit::Asm || options.emit == Emit::Obj;
    return writeKernels(c, /*optimised=*/options.to.empty(), isCode ? std::optional(options.emit) : std::nullopt,
                        options.output);
  }
  return write(c.context, print(*c.module), options.output);
}

} // namespace

LogicalResult compileModel(MLIRContext &context, const CompileOptions &options) {
  StringRef last = lastPhase(options);
  if (!findPhase(context, "compile-to", last) ||
      (!options.from.empty() && !findPhase(context, "compile-from", options.from)))
    return failure();
  if (last == "objects")
    return fail(context, "--compile-to=objects has nothing to print: use --emit=obj or --emit=asm");
  if (options.report && !options.to.empty() && options.to != "module" && options.to != "kernels" &&
      options.to != "tune" && options.to != "schedule")
    return fail(context, "--report needs the phase schedule, but --compile-to=" + options.to + " stops before it");
  if (StringRef(options.targetCpu).contains(',') && (last == "schedule" || last == "tune" || last == "kernels") &&
      !isReportAlone(options))
    return fail(context, "--target-cpu=" + options.targetCpu +
                             ": kernels are printed for one target; give one, or write a module");
  if (last == "module" && options.output == "-")
    return fail(context, "a module needs a file: give -o FILE.mlc, or --emit=mlir to print IR");
  if (options.emit == Emit::Obj && options.output == "-" && llvm::sys::Process::StandardOutIsDisplayed())
    return fail(context, "an object file is not for a terminal: give -o FILE.o, or a pipe");
  Compilation compilation(context, options);
  if (failed(runPhases(compilation, last)) || failed(writeOutput(compilation, options, last)))
    return failure();
  if (options.report && !compilation.codes.empty() && compilation.codes[0].schedule) {
    // Text that goes to stdout is for another tool.
    bool isTaken = options.output == "-" && !isReportAlone(options);
    printReport(compilation, isTaken ? llvm::errs() : llvm::outs());
  }
  return success();
}

} // namespace mlc
