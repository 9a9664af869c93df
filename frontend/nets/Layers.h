// Layers over named weights. A layer gives null where its input or a weight is null.
#ifndef MLC_FRONTEND_NETS_LAYERS_H
#define MLC_FRONTEND_NETS_LAYERS_H

#include "frontend/Compose.h"
#include "frontend/nets/Weights.h"

#include <optional>

namespace mlc::frontend {

enum class Activation { Gelu, TanhGelu, Relu, Relu6, Silu, Tanh };
// By the names of Hugging Face's configurations: gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish, tanh.
std::optional<Activation> parseActivation(llvm::StringRef name);
constexpr llvm::StringLiteral kActivations = "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish, tanh";

// A network's outputs by name.
using Outputs = llvm::SmallVector<std::pair<std::string, mlir::Value>>;

class Layers {
public:
  Layers(GraphBuilder &graph, Weights &weights) : c(graph), weights(weights) {}

  mlir::Value activate(mlir::Value x, Activation activation);
  // x [..., in] -> [..., out]. Weight `name.weight` [out, in] and, with bias, `name.bias` [out].
  mlir::Value dense(mlir::Value x, const std::string &name, int64_t out, bool bias = true);
  // Over the last dimension, scaled by `name.weight` and shifted by `name.bias`.
  mlir::Value layerNorm(mlir::Value x, const std::string &name, double epsilon);
  // The same without a shift.
  mlir::Value scaleNorm(mlir::Value x, const std::string &name, double epsilon);
  // Rows of the table `name` [rows, size].
  mlir::Value embedding(mlir::Value indices, const std::string &name, int64_t rows, int64_t size);
  // q [batch, tokens, heads * size]; k and v of as many heads or, as in multi-query attention, of fewer; unless null, a
  // mask that is added to the scores. The result is of q's shape.
  mlir::Value attention(mlir::Value q, mlir::Value k, mlir::Value v, mlir::Value mask, int64_t heads);
  // Zero where a token counts, the lowest finite number where it does not: [batch, tokens] -> [batch, 1, 1, tokens].
  mlir::Value attentionMask(mlir::Value mask);
  // Of [batch, tokens, hidden]: one token [batch, hidden].
  mlir::Value token(mlir::Value x, int64_t index);

  struct ConvShape {
    int64_t out, window, stride = 1, groups = 1;
    bool bias = false;
    std::optional<int64_t> pad = {}; // on every side; half of the window unless given
  };
  // x [N, C, spatial...] -> [N, out, ...]. Weight `name.weight` [out, C/groups, window...] and, with bias, `name.bias`.
  mlir::Value conv(mlir::Value x, const std::string &name, const ConvShape &shape);
  // Over dimension 1, with `name.weight`, `.bias`, `.running_mean`, `.running_var`.
  mlir::Value batchNorm(mlir::Value x, const std::string &name, double epsilon = 1e-5);
  // Each channel of each image over its spatial dimensions, with `name.weight` and `.bias`.
  mlir::Value instanceNorm(mlir::Value x, const std::string &name, double epsilon = 1e-5);
  // A transposed convolution whose window is its stride. Weight `name.weight` [C, out, window...], bias `name.bias`.
  mlir::Value upsample(mlir::Value x, const std::string &name, int64_t out, int64_t factor);
  mlir::Value maxPool(mlir::Value x, int64_t window, int64_t stride, int64_t pad);
  // The mean over all spatial dimensions: [N, C], or [N, C, 1...] where they are kept.
  mlir::Value globalMean(mlir::Value x, bool keepDims = false);

  Compose c;
  Weights &weights;
};

} // namespace mlc::frontend

#endif // MLC_FRONTEND_NETS_LAYERS_H
