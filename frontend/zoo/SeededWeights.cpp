#include "frontend/zoo/SeededWeights.h"

#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

Value SeededWeights::get(const std::string &name, ArrayRef<int64_t> shape, Fill fill) {
  if (!elementCount(shape)) {
    emitError(graph.getLocation()) << "weight '" << name << "' is too large for any memory";
    return {};
  }
  uint64_t own = llvm::xxh3_64bits(name) + seed * 0x9E3779B97F4A7C15;
  auto real = [&](double value) { return graph.attrs().getF64FloatAttr(value); };
  Distribution distribution = fill.deviation != 0 ? Distribution::Normal
                              : fill.mean != 0    ? Distribution::Ones
                                                  : Distribution::Zeros;
  auto source = SeededAttr::get(graph.context(), own, distribution, real(fill.mean), real(fill.deviation));
  return graph.param(name, toTensorType(graph.context(), DType::F32, shape), source);
}
