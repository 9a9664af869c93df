#include "compiler/Diagnostics.h"

#include "dialects/mlc/Locations.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace mlc {
namespace {

StringRef nameOf(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note: return "note";
  case DiagnosticSeverity::Warning: return "warning";
  case DiagnosticSeverity::Error: return "error";
  case DiagnosticSeverity::Remark: return "remark";
  }
  return "error";
}

void printPlain(llvm::raw_ostream &os, Diagnostic &diagnostic) {
  std::string message = diagnostic.str(), where = describeLocation(diagnostic.getLocation());
  os << "mlc-opt: " << nameOf(diagnostic.getSeverity()) << ": ";
  if (!where.empty() && !StringRef(message).contains(where)) // many messages name it themselves
    os << where << ": ";
  os << message << "\n";
}

} // namespace

DiagnosticPrinter::DiagnosticPrinter(MLIRContext *context)
    : SourceMgrDiagnosticHandler(sources, context, llvm::errs()) {
  setHandler([this](Diagnostic &diagnostic) { print(diagnostic); });
}

void DiagnosticPrinter::print(Diagnostic &diagnostic) {
  if (diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
    return emitDiagnostic(diagnostic);
  printPlain(llvm::errs(), diagnostic);
  for (Diagnostic &note : diagnostic.getNotes())
    if (note.getLocation()->findInstanceOf<FileLineColLoc>())
      emitDiagnostic(note);
    else
      printPlain(llvm::errs(), note);
}

} // namespace mlc
