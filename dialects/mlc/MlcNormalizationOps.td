// Softmax and normalisations.
#ifndef MLC_NORMALIZATION_OPS_TD
#define MLC_NORMALIZATION_OPS_TD

include "dialects/mlc/MlcBase.td"

class Mlc_SoftmaxLike<string mnemonic, string formula> : Mlc_TensorOp<mnemonic, "Reduction"> {
  let summary = formula # " along one dimension";
  let description = [{
    `m` is the maximum along `axis`, so that nothing overflows. Type and shape are the operand's.
    (C1) axis is in [0, rank).
  }];
  let arguments = (ins Mlc_FloatTensor:$operand, I64Attr:$axis);
}
def Mlc_SoftmaxOp : Mlc_SoftmaxLike<"softmax", "exp(x - m) / sum(exp(x - m))">;
def Mlc_LogSoftmaxOp : Mlc_SoftmaxLike<"log_softmax", "x - m - ln(sum(exp(x - m)))">;

def Mlc_LayerNormOp : Mlc_TensorOp<"layer_norm", "Reduction", [AttrSizedOperandSegments]> {
  let summary = "Layer normalisation over the dimensions from `axis` to the last";
  let description = [{
    Ba et al., https://arxiv.org/abs/1607.06450, equation 4: `(x - mean) / sqrt(variance + epsilon) * scale + bias`, with
    the biased variance `mean((x - mean)^2)`.
    (C1) axis is in [0, rank). (C2) scale and bias, where given, have the normalised dimensions' shape.
    (C3) Element types are equal.
  }];
  let arguments = (ins Mlc_FloatTensor:$operand, Optional<Mlc_FloatTensor>:$scale, Optional<Mlc_FloatTensor>:$bias,
                   I64Attr:$axis, F64Attr:$epsilon);
  let assemblyFormat = [{
    $operand (`scale` `(` $scale^ `)`)? (`bias` `(` $bias^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Mlc_BatchNormOp : Mlc_TensorOp<"batch_norm", "Broadcast"> {
  let summary = "Batch normalisation with stored statistics (inference)";
  let description = [{
    Ioffe and Szegedy, https://arxiv.org/abs/1502.03167: `(x - mean) / sqrt(variance + epsilon) * scale + bias` with
    one value of each per channel, the dimension `axis` of x.
    (C1) axis is in [0, rank). (C2) scale, bias, mean and variance have shape [channels]. (C3) Element types are equal.
  }];
  let arguments = (ins Mlc_FloatTensor:$operand, Mlc_FloatTensor:$scale, Mlc_FloatTensor:$bias, Mlc_FloatTensor:$mean,
                   Mlc_FloatTensor:$variance, I64Attr:$axis, F64Attr:$epsilon);
}

#endif // MLC_NORMALIZATION_OPS_TD
