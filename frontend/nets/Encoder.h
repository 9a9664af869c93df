// Transformer encoders of text: BERT and the families that differ from it in names and small parts.
//   bert        Devlin et al., https://arxiv.org/abs/1810.04805
//   roberta     Liu et al., https://arxiv.org/abs/1907.11692: positions are counted over the tokens that are no padding
//   distilbert  Sanh et al., https://arxiv.org/abs/1910.01108: no token types
//   electra     Clark et al., https://arxiv.org/abs/2003.10555: embeddings may be narrower than layers
// Sentence embeddings: Reimers and Gurevych, https://arxiv.org/abs/1908.10084.
#ifndef MLC_FRONTEND_NETS_ENCODER_H
#define MLC_FRONTEND_NETS_ENCODER_H

#include "frontend/Import.h"
#include "frontend/nets/Layers.h"

namespace mlc::frontend {

enum class EncoderFamily { Bert, Roberta, DistilBert, Electra };

struct EncoderConfig {
  EncoderFamily family = EncoderFamily::Bert;
  int64_t hidden = 0, layers = 0, heads = 0, intermediate = 0, positions = 0;
  int64_t embedding = 0; // width of the embeddings
  int64_t vocabulary = 0, tokenTypes = 0, labels = 0;
  int64_t padToken = 0; // roberta
  double epsilon = 1e-12;
  Activation activation = Activation::Gelu;
  Head head = Head::None;
  bool normalize = false;  // sentence embeddings to length 1
  bool tiedDecoder = true; // the masked-language-model head shares the word embeddings
  std::string prefix;      // of the encoder's tensors, as "bert."

  // The longest sequence.
  int64_t maxSequence() const;
};

// Which heads there are for a family, for messages.
bool hasHead(EncoderFamily family, Head head);

// Inputs input_ids, attention_mask and, with more than one token type, token_type_ids, all [batch, seq] in i64. Outputs
// by head: last_hidden_state [batch, seq, hidden] and pooler_output or sentence_embedding [batch, hidden]; logits;
// start_logits and end_logits [batch, seq]; prediction_logits and seq_relationship_logits.
// An output is null where a part cannot be built.
Outputs buildEncoder(GraphBuilder &graph, Weights &weights, const EncoderConfig &config, int64_t batch, int64_t seq);

// The names of tensors that a family keeps for layer `index`, up to its dot; without the prefix.
std::string encoderLayer(EncoderFamily family, int64_t index);

} // namespace mlc::frontend

#endif // MLC_FRONTEND_NETS_ENCODER_H
