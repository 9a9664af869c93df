#include "compiler/Diagnostics.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace mlc {
namespace {

void collectNames(Location location, llvm::SetVector<StringRef> &names) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    names.insert(name.getName());
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      collectNames(part, names);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    collectNames(call.getCallee(), names);
  }
}

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

std::string describeLocation(Location location) {
  llvm::SetVector<StringRef> names;
  collectNames(location, names);
  constexpr size_t kMost = 4; // of a fused region: enough to find it
  std::string text = llvm::join(names.getArrayRef().take_front(kMost), ", ");
  return names.size() > kMost ? text + ", ..." : text;
}

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
