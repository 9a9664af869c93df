// Phase unpad: what a batch holds only to fill it up is not computed.
#ifndef MLC_PASSES_UNPAD_TD
#define MLC_PASSES_UNPAD_TD

include "mlir/Pass/PassBase.td"

def Unpad : Pass<"mlc-unpad", "::mlir::ModuleOp"> {
  let summary = "Compute only the tokens that the attention mask keeps, packed into one matrix";
  let description = [{
    After Zeng et al., "Boosting Distributed Training Performance of the Unpadded BERT Model",
    https://arxiv.org/abs/2208.08124. An input `[batch, sequence]` is the mask where every attention hides the keys at which
    it is 0, and no others; tokens are where it is not 0, at the end of a sequence or anywhere. They are packed into the
    rows of one matrix (mlc.unpad). Every op that works on each token by itself is done on the packed rows, attention on
    each sequence by its length (mlc.varlen_attention), and what is read otherwise is put back in its place
    (mlc.repad), with zeros at all positions that are no tokens.

    Shapes are static: an entry point becomes one bucket for each of several capacities, in rows of the matrix, which
    `mlc.capacity` of the mask's argument says. A run takes the smallest that its mask's tokens fit into.

    What mixes tokens other than attention is an error that names the op, unless the padding is masked in front of it:
    multiplied by zeros, or replaced. One that takes single positions out, such as the first, is none.
    Post-condition: there is no mlc.attention in an entry point.
  }];
  let options = [Option<"tokens", "tokens", "std::string", /*default=*/"\"auto\"",
                        "Capacities, as 512,1024; auto: quarters of each power of two of what the batch holds; off">];
}

#endif // MLC_PASSES_UNPAD_TD
