// Activations that nodes of ONNX name by strings.
#ifndef MLC_FRONTEND_ONNX_ACTIVATIONS_H
#define MLC_FRONTEND_ONNX_ACTIVATIONS_H

#include "frontend/Compose.h"

#include <optional>

namespace mlc::frontend {

struct Activation {
  // One of `name`, in any case, with its default parameters.
  static std::optional<Activation> named(llvm::StringRef name);
  bool takesAlpha() const { return alpha.has_value(); }
  bool takesBeta() const { return beta.has_value(); }

  mlir::Value operator()(Compose &c, mlir::Value x) const {
    return x ? make(c, x, alpha.value_or(0), beta.value_or(0)) : x;
  }

  std::optional<double> alpha, beta;
  mlir::Value (*make)(Compose &c, mlir::Value x, double alpha, double beta);
};

} // namespace mlc::frontend

#endif // MLC_FRONTEND_ONNX_ACTIVATIONS_H
