#include "compiler/Registration.h"

#include "codegen/attention/DecomposeAttention.h"
#include "codegen/cpu/VectorEmitter.h"
#include "codegen/loops/LoopEmitter.h"
#include "codegen/lower/Lower.h"
#include "codegen/math/Math.h"
#include "dialects/mlc/MlcDialect.h"
#include "passes/Passes.h"
#include "reference/Models.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include <mutex>

void mlc::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<MlcDialect>();
  reference::registerReferenceModels(registry);
  codegen::registerLoopEmitter(registry);
  codegen::registerVectorEmitter(registry);
}

void mlc::registerAllPasses() {
  static std::once_flag once;
  std::call_once(once, [] {
    mlir::registerAllPasses();
    mlir::registerPass([] { return codegen::createConvertMlcToLinalgPass(); });
    codegen::registerExpandMathPass();
    codegen::registerDecomposeAttentionPass();
    registerSimplifyPasses();
    registerUnpadPasses();
    registerPrecisionPasses();
    registerLayoutPasses();
    registerFusionPasses();
  });
}
