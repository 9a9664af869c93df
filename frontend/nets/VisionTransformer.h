// Vision transformers: Dosovitskiy et al., https://arxiv.org/abs/2010.11929. Layers normalise before they compute.
#ifndef MLC_FRONTEND_NETS_VISIONTRANSFORMER_H
#define MLC_FRONTEND_NETS_VISIONTRANSFORMER_H

#include "frontend/nets/Layers.h"

namespace mlc::frontend {

struct VisionTransformerConfig {
  int64_t hidden = 0, layers = 0, heads = 0, intermediate = 0, channels = 3;
  int64_t height = 0, width = 0, patchHeight = 0, patchWidth = 0; // in pixels
  int64_t labels = 0;                                             // of the classifier; 0: none
  double epsilon = 1e-12;
  Activation activation = Activation::Gelu;
  bool qkvBias = true, pooler = false;
  std::string prefix; // of all but the classifier

  int64_t tokens() const { return (height / patchHeight) * (width / patchWidth) + 1; }
};

// Input pixel_values [batch, channels, height, width]. Outputs: logits [batch, labels]; or last_hidden_state [batch,
// tokens, hidden] and, with a pooler, pooler_output [batch, hidden]. An output is null where a part cannot be built.
Outputs buildVisionTransformer(GraphBuilder &graph, Weights &weights, const VisionTransformerConfig &config,
                               int64_t batch);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_NETS_VISIONTRANSFORMER_H
