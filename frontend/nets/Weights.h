// Where a network's weights come from: a checkpoint stores them, the zoo draws them from a seed.
#ifndef MLC_FRONTEND_NETS_WEIGHTS_H
#define MLC_FRONTEND_NETS_WEIGHTS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include <string>

namespace mlc::frontend {

// How a weight begins where none is stored: the value, or the standard deviation around it.
struct Fill {
  double mean = 0, deviation = 0;
};

class Weights {
public:
  virtual ~Weights() = default;
  // The weight `name` in f32; null where it cannot be had, which the source reports.
  virtual mlir::Value get(const std::string &name, llvm::ArrayRef<int64_t> shape, Fill fill) = 0;
};

} // namespace mlc::frontend

#endif // MLC_FRONTEND_NETS_WEIGHTS_H
