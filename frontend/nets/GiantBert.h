// The BERT that Google trained for MLPerf Training v1.1 (open division): gated feed-forward layers (Shazeer,
// https://arxiv.org/abs/2002.05202), one key and value for all heads (Shazeer, https://arxiv.org/abs/1911.02150), norms
// without a shift in front of each half layer and at the end, no biases, the decoder tied to the embeddings.
// Parameters: layers * (2 hidden heads size + 2 hidden size + 3 hidden intermediate + 2 hidden) + hidden (vocabulary +
// positions + 1); 481,815,347,200 with the values below.
#ifndef MLC_FRONTEND_NETS_GIANTBERT_H
#define MLC_FRONTEND_NETS_GIANTBERT_H

#include "frontend/nets/Layers.h"

namespace mlc::frontend {

struct GiantBertConfig {
  int64_t hidden = 16384, layers = 64, heads = 256, headSize = 128, intermediate = 131072;
  int64_t vocabulary = 30522, positions = 512;
};

// Inputs input_ids and attention_mask [batch, seq] in i64; output logits [batch, seq, vocabulary], null where a part
// cannot be built.
Outputs buildGiantBert(GraphBuilder &graph, Weights &weights, const GiantBertConfig &config, int64_t batch,
                       int64_t seq);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_NETS_GIANTBERT_H
