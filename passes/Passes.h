// The graph passes of the phases simplify, unpad, precision, layout and fuse: what is documented in each folder's
// passes.td. Every `create` function below is generated from there, for instance `createFoldBatchNorm()`.
#ifndef MLC_PASSES_PASSES_H
#define MLC_PASSES_PASSES_H

#include "dialects/mlc/MlcDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlc {

#define GEN_PASS_DECL
#include "passes/fuse/Passes.h.inc"
#define GEN_PASS_DECL
#include "passes/layout/Passes.h.inc"
#define GEN_PASS_DECL
#include "passes/precision/Passes.h.inc"
#define GEN_PASS_DECL
#include "passes/simplify/Passes.h.inc"
#define GEN_PASS_DECL
#include "passes/unpad/Passes.h.inc"

// registerSimplifyPasses(), registerUnpadPasses(), registerPrecisionPasses(), registerLayoutPasses(),
// registerFusionPasses(): make passes known by their arguments.
#define GEN_PASS_REGISTRATION
#include "passes/fuse/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/layout/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/precision/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/simplify/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/unpad/Passes.h.inc"

} // namespace mlc

#endif // MLC_PASSES_PASSES_H
