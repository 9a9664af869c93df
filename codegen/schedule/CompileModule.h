// From an entry function of mlc.fused regions and single ops to a module file: outline, lower, emit, compile, plan
// memory, write.
#ifndef MLC_CODEGEN_SCHEDULE_COMPILEMODULE_H
#define MLC_CODEGEN_SCHEDULE_COMPILEMODULE_H

#include "codegen/Kernel.h"
#include "codegen/module/ModuleWriter.h"
#include "mlir/IR/BuiltinOps.h"
#include <functional>

namespace mlc::codegen {

struct ModuleOptions {
  // Asked in order; the first that accepts a kernel emits it.
  std::vector<const Emitter *> emitters;
  // Rewrites math ops of a lowered kernel into arith (mlc-expand-math); none: they stay.
  std::function<mlir::LogicalResult(mlir::func::FuncOp)> expandMath;
  // Gives the bytes of a stored tensor, an mlc.param or mlc.param_pack, to the sink; returns an error or nothing.
  std::function<std::string(mlir::Operation *param, const ByteSink &sink)> writeParam;
  std::string source;                                       // base name of the model's file, for provenance
  std::vector<std::pair<std::string, std::string>> options; // as the user gave them, for provenance
  unsigned threads = 0;                                     // of compilation; 0: as many as the machine has
};

// Compiles all functions that carry `mlc.entry`. mlc.attention is rewritten into matrix products and a softmax first.
// Fails with diagnostics on the op concerned.
mlir::LogicalResult compileToModule(mlir::ModuleOp module, const TargetDesc &target, const ModuleOptions &options,
                                    const std::string &path);

// The rewrite of attention that compileToModule applies to what is left of it.
void decomposeAttention(mlir::func::FuncOp function);

// The same as a pass on func.func, `mlc-decompose-attention`. Before fusion, the products and the softmax become
// kernels of their own: tiled and threaded, unlike one region that only the loop emitter takes.
void registerDecomposeAttentionPass();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_SCHEDULE_COMPILEMODULE_H
