// Phase simplify: patterns that exporters take apart become one op again; what is known before the run is computed.
#ifndef MLC_PASSES_SIMPLIFY_TD
#define MLC_PASSES_SIMPLIFY_TD

include "mlir/Pass/PassBase.td"

def FoldConstants : Pass<"mlc-fold-constants"> {
  let summary = "Compute small ops whose operands are constants";
  let description = [{
    Through the ops' definitions in the reference interpreter, which the tool registers; an op without one stays.
  }];
  let options = [Option<"maxElements", "max-elements", "int64_t", /*default=*/"4096",
                        "Largest operand or result that is folded">];
}

def FoldBatchNorm : Pass<"mlc-fold-batch-norm"> {
  let summary = "Fold batch normalisation, and arithmetic per channel, into convolutions";
  let description = [{
    Jacob et al., https://arxiv.org/abs/1712.05877, section 3.2. Post-condition: there is no mlc.batch_norm; behind
    anything but a convolution it is a multiplication and an addition. The arithmetic on weights is left as ops;
    mlc-hoist-param-pack moves it out of the program.
  }];
}

def FoldPad : Pass<"mlc-fold-pad"> {
  let summary = "Fold explicit padding into the convolutions and pools that read it";
  let description = [{
    Where the pad's value is what the op's own padding stands for: zeros for a convolution or an average, what never wins
    for a maximum.
  }];
}

def RecoverAttention : Pass<"mlc-recover-attention"> {
  let summary = "Recognise scaled dot-product attention in two matrix products around a softmax";
  let description = [{
    https://arxiv.org/abs/1706.03762, equation 1, for operands of rank 4 with equal numbers of heads. Operands and
    result that are transposed from and to [batch, sequence, heads, size] are read and written in that layout.
  }];
}

def RecoverGelu : Pass<"mlc-recover-gelu"> {
  let summary = "Recognise GELU in the products that exporters write it as";
  let description = [{
    Both forms of https://arxiv.org/abs/1606.08415: with erf, and approximated with tanh. Factors may stand in any
    order and association.
  }];
}

def RecoverIntegerProducts : Pass<"mlc-recover-integer-products"> {
  let summary = "Recognise products and convolutions of integers in those of dequantised values";
  let description = [{
    Post-condition: no mlc.matmul and no mlc.conv has as its operands u8 or i8 activations and weights that are widened, or
    dequantised, with one scale and zero point for the activations and those of weights by output channel; but for
    convolutions with padding whose zero point is not known, and with groups and zero points of weights. (Of matmuls, those
    with a transposed lhs or weights of more than two dimensions are left too.)
  }];
}

def RecoverRequantization : Pass<"mlc-recover-requantization"> {
  let summary = "Bring sums of integers to the scale of their quantisation by one factor; keep integers that only move";
  let description = [{
    Post-condition: no mlc.quantize reads a quotient, by a scalar parameter, of i32 sums that were scaled by a parameter and
    got a bias of that scale, or of 8-bit integers of its own scale and zero point that were moved or selected since.
  }];
}

def RecoverLayerNorm : Pass<"mlc-recover-layer-norm"> {
  let summary = "Recognise layer normalisation in means, a difference, a variance and a quotient";
  let description = "Also a multiplication and an addition behind mlc.layer_norm become its scale and bias.";
}

#endif // MLC_PASSES_SIMPLIFY_TD
