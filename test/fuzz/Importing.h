// Import as fuzzers call it.
#ifndef MLC_TEST_FUZZ_IMPORTING_H
#define MLC_TEST_FUZZ_IMPORTING_H

#include "frontend/Import.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include <string>

namespace mlc::test {

struct Imported {
  bool ok = false;
  // What is wrong with the importer: not the model's fault. Empty: nothing.
  std::string fault{};
};

// Failure must say something, success must verify.
inline Imported importOnce(const std::string &path, const ImportOptions &options) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string text;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    text += diagnostic.str();
    return mlir::success();
  });
  ImportResult module = importModel(context, path, options);
  if (mlir::failed(module))
    return {false, text.empty() ? "failed without a message" : ""};
  if (mlir::failed(mlir::verify(**module)))
    return {true, "imported, but it does not verify: " + text};
  return {true};
}

} // namespace mlc::test

#endif // MLC_TEST_FUZZ_IMPORTING_H
