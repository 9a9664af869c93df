// How errors are printed. What comes from a text file has its place in it: `in.mlir:3:8: error: ...`, with the line.
// Anything else names the tool and what it is about: `mlc-opt: error: /encoder/MatMul: ...`.
#ifndef MLC_COMPILER_DIAGNOSTICS_H
#define MLC_COMPILER_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/SourceMgr.h"

namespace mlc {

class DiagnosticPrinter : public mlir::SourceMgrDiagnosticHandler {
public:
  explicit DiagnosticPrinter(mlir::MLIRContext *context);

private:
  void print(mlir::Diagnostic &diagnostic);
  llvm::SourceMgr sources;
};

} // namespace mlc

#endif // MLC_COMPILER_DIAGNOSTICS_H
