// Contractions: matmul, convolution, attention, and the packed forms that kernels read.
#ifndef MLC_CONTRACTION_OPS_TD
#define MLC_CONTRACTION_OPS_TD

include "dialects/mlc/MlcBase.td"

class Mlc_Contraction<string mnemonic, list<Trait> traits = []> : Mlc_TensorOp<mnemonic, "Contraction", traits> {
  let extraClassDeclaration = "int64_t flops();";
}

def Mlc_MatmulOp : Mlc_Contraction<"matmul"> {
  let summary = "Matrix product over the last two dimensions, batched over the others";
  let description = [{
    lhs `[batch..., M, K]` (`[batch..., K, M]` with `transpose_lhs`), rhs `[batch..., K, N]` (`[batch..., N, K]` with
    `transpose_rhs`), result `[batch..., M, N]`. Batch dimensions broadcast. Floating types accumulate in f32 at least;
    with `wide_result` the result is the sum as it is: f32 for operands of f16 and bf16, i32 for those of 8-bit integers
    (which wraps; products are exact).
    (C1) Element types are equal; 8-bit integers of a `wide_result` may differ in sign. (C2) Both ranks are
    at least 2. (C3) The contracted sizes are equal. (C4) Batch dimensions broadcast.
    Example: `%c = mlc.matmul %a, %b {transpose_rhs} : (tensor<4x8xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>`
  }];
  let arguments = (ins Mlc_NumberTensor:$lhs, Mlc_NumberTensor:$rhs, UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs,
                   UnitAttr:$wide_result);
  let hasFolder = 1;
}

def Mlc_ConvOp : Mlc_Contraction<"conv"> {
  let summary = "Convolution (cross-correlation, as in every framework) over any number of spatial dimensions";
  let description = [{
    With `channels_first`: input `[N, C, spatial...]`, filter `[O, C/groups, window...]`, result `[N, O, spatial...]`.
    With `channels_last`: input `[N, spatial..., C]`, filter `[window..., C/groups, O]`, result `[N, spatial..., O]`.
    `strides`, `dilations`, `pad_low`, `pad_high` have one entry per spatial dimension; padding is zeros.
    Output size: `floor((size + pad_low + pad_high - dilation * (window - 1) - 1) / stride) + 1`.
    Integers are summed in their own type; a sum that leaves it is unspecified. `wide_result` and (C1) as in `matmul`.
    (C2) Ranks are equal and at least 3. (C3) Attributes have one entry per spatial dimension; strides and dilations are at least 1, paddings at least 0. (C4) groups divides C and O, and the filter
    has C/groups input channels. (C5) The window fits into the padded input.
  }];
  let arguments = (ins Mlc_NumberTensor:$input, Mlc_NumberTensor:$filter, DenseI64ArrayAttr:$strides,
                   DenseI64ArrayAttr:$pad_low, DenseI64ArrayAttr:$pad_high, DenseI64ArrayAttr:$dilations,
                   DefaultValuedAttr<I64Attr, "1">:$groups,
                   DefaultValuedAttr<Mlc_LayoutAttr, "::mlc::Layout::ChannelsFirst">:$layout, UnitAttr:$wide_result);
  let hasFolder = 1;
}

def Mlc_PackOp : Mlc_TensorOp<"pack", "Injective"> {
  let summary = "Packs the last dimension into panels, the order in which contraction kernels read weights";
  let description = [{
    operand `[D..., N]` -> result `[ceil(N / lanes), D..., lanes]`, zeros behind N. The layout depends on nothing but
    the operand, so all kernels, batch sizes and schedules share one copy.
    With an `interleave` i above 1 each lane holds i consecutive rows side by side, as dot product instructions read
    them: operand `[D..., K, N]` -> result `[ceil(N / lanes), D..., ceil(K / i), lanes, i]`, zeros behind K.
    (C1) The rank is at least 1, and at least 2 where rows are interleaved. (C2) lanes and interleave are at least 1.
    Example: `%p = mlc.pack %w {lanes = 16 : i64} : (tensor<768x3072xf32>) -> tensor<192x768x16xf32>`
  }];
  let arguments = (ins Mlc_Tensor:$operand, I64Attr:$lanes, DefaultValuedAttr<I64Attr, "1">:$interleave);
}
def Mlc_UnpackOp : Mlc_TensorOp<"unpack", "Injective"> {
  let summary = "Inverse of pack";
  let description = [{
    operand `[P, D..., lanes]` -> result `[D..., size]`; with a `depth`, operand `[P, D..., G, lanes, i]` of i interleaved
    rows -> result `[D..., depth, size]`. (C1) The rank is at least 2, with a depth 4. (C2) `ceil(size / lanes)` is P.
    (C3) `ceil(depth / i)` is G.
  }];
  let arguments = (ins Mlc_Tensor:$operand, I64Attr:$size, OptionalAttr<I64Attr>:$depth);
}

def Mlc_PackedMatmulOp : Mlc_Contraction<"packed_matmul"> {
  let summary = "Matrix product with a packed right-hand side";
  let description = [{
    lhs `[rows..., K]`, rhs `[ceil(N / lanes), K, lanes]` as `pack` makes it from `[K, N]`, or interleaved
    `[ceil(N / lanes), K / i, lanes, i]` where i divides K, result `[rows..., N]`. `wide_result` and (C1) as in
    `matmul`. (C2) lhs has rank 1 or more, rhs rank 3 or 4. (C3) The K are equal.
    (C4) `ceil(n / lanes)` is rhs's first dimension.
  }];
  let arguments = (ins Mlc_NumberTensor:$lhs, Mlc_NumberTensor:$rhs, I64Attr:$n, UnitAttr:$wide_result);
  let extraClassDeclaration = [{
    int64_t flops();
    PanelShape panels(); // of rhs
  }];
}

def Mlc_PackedConvOp : Mlc_Contraction<"packed_conv"> {
  let summary = "Convolution, channels last, of an input that holds its padding, with a packed filter";
  let description = [{
    input `[N, spatial..., C]` with the padding already in it, filter `[ceil(O / lanes), window..., C, lanes]` as `pack`
    makes it from a channels-last filter, or interleaved `[ceil(O / lanes), window..., C / i, lanes, i]` where i divides
    C, result `[N, spatial..., O]`. With groups the filter has C / groups inputs, and
    its panels, one group after the other, are
    either those of each group alone, `ceil(O / groups / lanes)` of them, or hold a number of whole groups each, side by
    side: lanes is a multiple of O / groups, and nothing is padded. `wide_result` and (C1) as in `matmul`.
    (C2) The filter's rank is the input's plus 1, or 2 where it is interleaved.
    (C3) strides and dilations have one entry per spatial dimension, each at least 1. (C4) The input's C is groups times the filter's. (C5) The filter's first dimension and
    lanes are panels of out_channels, as above; groups divides both channels. (C6) The window fits into the input.
  }];
  let arguments = (ins Mlc_NumberTensor:$input, Mlc_NumberTensor:$filter, DenseI64ArrayAttr:$strides,
                   DenseI64ArrayAttr:$dilations, I64Attr:$out_channels, DefaultValuedAttr<I64Attr, "1">:$groups,
                   UnitAttr:$wide_result);
  let extraClassDeclaration = [{
    int64_t flops();
    int64_t groupsPerPanel(); // whole groups that lie side by side
    PanelShape panels();      // of the filter
  }];
}

def Mlc_WinogradConvOp : Mlc_Contraction<"winograd_conv"> {
  let summary = "3x3 convolution of stride 1, channels last, by Winograd's minimal filtering";
  let description = [{
    Lavin and Gray, https://arxiv.org/abs/1509.09308: `tile` x `tile` results at a time, F(2x2, 3x3) or F(4x4, 3x3), with
    the matrices A, B, G of `dialects/mlc/Winograd.h`. input `[N, H, W, C]`, filter `[ceil(O / lanes), n^2, C, lanes]`, as
    `pack` makes it from the transformed filter `G g G^T`, `[n^2, C, O]`, n = tile + 2, or interleaved
    `[ceil(O / lanes), n^2, ceil(C / i), lanes, i]`; result `[N, H', W', O]`, H' = H +
    pad_low + pad_high - 2, of the tiles `A^T [sum over C of filter * (B^T image B)] A`; the last tiles are cut off where
    the result ends. Behind and before the image are zeros. In bf16 and f16 the transformed image `B^T image B` is rounded,
    as what is multiplied with the filter. It is the plain convolution but for rounding; a NaN or an
    infinity in the image reaches all results of the tiles that it meets. `wide_result` as in `matmul`.
    (C1) Element types are equal. (C2) The input's rank is 4, the filter's 4 or 5. (C3) tile is 2 or 4. (C4) The filter
    has n^2 positions and the input's C. (C5) `ceil(out_channels / lanes)` is the filter's first dimension. (C6) pad_low
    and pad_high have an entry for each of the two spatial dimensions, at least 0, and the window fits into the padded
    input.
  }];
  let arguments = (ins Mlc_FloatTensor:$input, Mlc_FloatTensor:$filter, I64Attr:$tile, DenseI64ArrayAttr:$pad_low,
                   DenseI64ArrayAttr:$pad_high, I64Attr:$out_channels, UnitAttr:$wide_result);
  let extraClassDeclaration = [{
    int64_t flops();
    PanelShape panels(); // of the filter; the last row of a word may be padding
  }];
}

def Mlc_AttentionOp : Mlc_Contraction<"attention"> {
  let summary = "Scaled dot-product attention: softmax(query key^T * scale + mask) value";
  let description = [{
    Vaswani et al., https://arxiv.org/abs/1706.03762, equation 1. In layout `bhsd`: query `[B, H, Sq, D]`, key
    `[B, Hk, Sk, D]`, value `[B, Hk, Sk, Dv]`, result `[B, H, Sq, Dv]`; in `bshd` the middle two dimensions are
    swapped in all four. Hk divides H (multi-query and grouped attention). The mask is added to the scaled scores and
    broadcasts to `[B, H, Sq, Sk]`; `causal` also adds -inf where key position > query position. Scores and softmax are f32
    at least. A row whose scores are all -inf, or that has a NaN among them, gives NaN, as softmax does; with
    `zero_nan_rows` the weights of such a row are 0, as guarded by `where(isnan(p), 0, p)` in transformers' exports.
    (C1) Element types are equal, but for a mask in f32. (C2) Ranks of query, key, value are 4. (C3) B, D, Sk and Hk agree, and Hk divides H.
    (C4) The mask broadcasts to the scores.
  }];
  let arguments = (ins Mlc_FloatTensor:$query, Mlc_FloatTensor:$key, Mlc_FloatTensor:$value,
                   Optional<Mlc_FloatTensor>:$mask, F64Attr:$scale, UnitAttr:$causal, UnitAttr:$zero_nan_rows,
                   DefaultValuedAttr<Mlc_HeadLayoutAttr, "::mlc::HeadLayout::BHSD">:$layout);
}

#endif // MLC_CONTRACTION_OPS_TD
