// Elements of small parameters, for passes whose rewriting depends on them: scales and zero points of quantised models.
#ifndef MLC_PASSES_SIMPLIFY_KNOWNVALUES_H
#define MLC_PASSES_SIMPLIFY_KNOWNVALUES_H

#include "dialects/mlc/MlcDialect.h"
#include "support/ParamStore.h"
#include <optional>

namespace mlc {

class KnownValues {
public:
  // The elements of a value that is computed from parameters and constants alone, all of them small. Nothing where they
  // cannot be read: the phase that writes the module says why.
  std::optional<HostTensor> of(mlir::Value value);
  // The number that all elements are.
  std::optional<double> uniform(mlir::Value value);
  // Are both one and the same value, or of one type and number of elements, with equal bytes?
  bool areEqual(mlir::Value a, mlir::Value b);

private:
  ParamStore store;
};

} // namespace mlc

#endif // MLC_PASSES_SIMPLIFY_KNOWNVALUES_H
