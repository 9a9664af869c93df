// Sequences of different lengths, one after the other in one matrix: only tokens that count are computed.
#ifndef MLC_VARLEN_OPS_TD
#define MLC_VARLEN_OPS_TD

include "dialects/mlc/MlcBase.td"

// The names are those of FlashAttention's interface for such batches (cu_seqlens, unpad_input, varlen):
// https://arxiv.org/abs/2205.14135.
def Mlc_CuSeqlensOp : Mlc_TensorOp<"cu_seqlens", "Opaque"> {
  let summary = "Where each sequence of a masked batch begins, once it is packed: cumulative lengths";
  let description = [{
    mask `[B, S]`, result `[B + 1]`: element b is the number of tokens of the sequences before b, the last one that of all.
    A position of the batch is a token where the mask is not 0. More tokens than `capacity` are an error at run time.
    (C1) The mask has rank 2. (C2) capacity is at least 1.
    Example: `%c = mlc.cu_seqlens %mask {capacity = 8 : i64} : (tensor<2x8xi64>) -> tensor<3xi32>`
  }];
  let arguments = (ins Mlc_Tensor:$mask, I64Attr:$capacity);
}

def Mlc_UnpadOp : Mlc_TensorOp<"unpad", "Opaque"> {
  let summary = "Packs the tokens of a masked batch, one after the other, into the rows of one matrix";
  let description = [{
    x `[B, S, D...]`, mask `[B, S]`, cu_seqlens `[B + 1]`, result `[capacity, D...]`: the tokens of sequence b, in order,
    are the rows `cu_seqlens[b]` to `cu_seqlens[b + 1]`; rows behind the last token are zeros. A dimension B or S of x may
    be 1: it stretches. Offsets that do not ascend from 0 to at most capacity are an error at run time.
    (C1) The mask has rank 2, cu_seqlens is an i32 tensor of B + 1 elements. (C2) x has a rank of at least 2, and its
    first two dimensions stretch to the mask's. (C3) capacity is at least 1.
    Example: `%p = mlc.unpad %x, %mask, %c {capacity = 8 : i64} : (tensor<2x8x4xf32>, tensor<2x8xi64>, tensor<3xi32>)
    -> tensor<8x4xf32>`
  }];
  let arguments = (ins Mlc_Tensor:$x, Mlc_Tensor:$mask, Mlc_IndexTensor:$cu_seqlens, I64Attr:$capacity);
  let extraClassDeclaration = "int64_t flops() { return 0; }";
}

def Mlc_RepadOp : Mlc_TensorOp<"repad", "Opaque"> {
  let summary = "Inverse of unpad: tokens go back to their positions, all other positions are zeros";
  let description = [{
    x `[T, D...]`, mask `[B, S]`, cu_seqlens `[B + 1]`, result `[B, S, D...]`. Offsets that do not ascend from 0 to at most
    T are an error at run time. (C1) The mask has rank 2, cu_seqlens is an i32 tensor of B + 1 elements. (C2) x has a
    rank of at least 1.
  }];
  let arguments = (ins Mlc_Tensor:$x, Mlc_Tensor:$mask, Mlc_IndexTensor:$cu_seqlens);
  let extraClassDeclaration = "int64_t flops() { return 0; }";
}

// Scores are f32: there is no kernel in f64.
def Mlc_VarlenTensor : StaticShapeTensorOf<[F32, F16, BF16]>;

def Mlc_VarlenAttentionOp : Mlc_TensorOp<"varlen_attention", "Contraction"> {
  let summary = "Attention within each of several sequences that lie one after the other";
  let description = [{
    query `[T, H, D]`, key `[T, Hk, D]`, value `[T, Hk, Dv]`, cu_seqlens `[N + 1]`, result `[T, H, Dv]`: what mlc.attention
    computes of each sequence alone, the rows `cu_seqlens[n]` to `cu_seqlens[n + 1]` (with `causal`, positions count
    within the sequence). Rows behind the last sequence are zeros. The work is the sum of squared lengths; `flops`, known
    before the lengths are, is that of sequences of `max_seqlen`. Offsets that do not ascend from 0 to at most T, or are
    more than max_seqlen apart, are an error at run time.
    (C1) Element types of query, key and value are equal. (C2) Ranks of query, key, value are 3. (C3) T, D and Hk agree,
    none is 0, and Hk divides H. (C4) cu_seqlens is an i32 tensor of rank 1 with 2 elements or more. (C5) max_seqlen is at least 1.
    Example: `%r = mlc.varlen_attention %q, %k, %v, %c {scale = 0.125 : f64, max_seqlen = 128 : i64} : (tensor<512x12x64xf32>,
    tensor<512x12x64xf32>, tensor<512x12x64xf32>, tensor<33xi32>) -> tensor<512x12x64xf32>`
  }];
  let arguments = (ins Mlc_VarlenTensor:$query, Mlc_VarlenTensor:$key, Mlc_VarlenTensor:$value,
                   Mlc_IndexTensor:$cu_seqlens, F64Attr:$scale, I64Attr:$max_seqlen, UnitAttr:$causal, UnitAttr:$zero_nan_rows);
  let extraClassDeclaration = "int64_t flops();";
}

#endif // MLC_VARLEN_OPS_TD
