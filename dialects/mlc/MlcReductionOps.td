// Reductions over dimensions and windows.
#ifndef MLC_REDUCTION_OPS_TD
#define MLC_REDUCTION_OPS_TD

include "dialects/mlc/MlcBase.td"

def Mlc_ReduceOp : Mlc_TensorOp<"reduce", "Reduction"> {
  let summary = "Folds dimensions: sum, mean, max, min, or product";
  let description = [{
    Folds `axes`; with `keep_dims` these stay with size 1. Max and min give NaN if any element is. Sums of f16 and bf16
    accumulate in f32. An empty fold gives the neutral element; max and min of nothing are -inf and +inf.
    (C1) axes are strictly ascending in [0, rank). (C2) `mean` needs a floating-point type.
    Example: `%m = mlc.reduce mean %x {axes = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4xf32>`
  }];
  let arguments = (ins Mlc_ReduceKindAttr:$kind, Mlc_NumberTensor:$operand, DenseI64ArrayAttr:$axes,
                   UnitAttr:$keep_dims);
  let assemblyFormat = "$kind operands attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = "int64_t flops();";
}

class Mlc_ArgReduce<string mnemonic, string word> : Mlc_TensorOp<mnemonic, "Reduction"> {
  let summary = "Index (i64) of the " # word # " along one dimension";
  let description = [{
    The first such index, or the last with `select_last`; the index of the first NaN where there is one.
    (C1) axis is in [0, rank). (C2) The dimension is not empty.
  }];
  let arguments = (ins Mlc_NumberTensor:$operand, I64Attr:$axis, UnitAttr:$keep_dims, UnitAttr:$select_last);
}
def Mlc_ArgMaxOp : Mlc_ArgReduce<"arg_max", "maximum">;
def Mlc_ArgMinOp : Mlc_ArgReduce<"arg_min", "minimum">;

def Mlc_CumSumOp : Mlc_TensorOp<"cum_sum", "Reduction"> {
  let summary = "Running sum along one dimension";
  let description = [{
    `exclusive` leaves out the element itself; `reverse` sums from the end. (C1) axis is in [0, rank).
  }];
  let arguments = (ins Mlc_NumberTensor:$operand, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
}

def Mlc_PoolOp : Mlc_TensorOp<"pool", "Reduction"> {
  let summary = "Folds windows: maximum or average";
  let description = [{
    Input `[N, C, spatial...]` or, with `channels_last`, `[N, spatial..., C]`. Padding never wins a maximum; an average
    divides by the number of elements inside the input, or, with `count_include_pad`, inside the padded input.
    `pad_high` holds what ONNX's `ceil_mode` adds as well: `ceil_pad` says how much of it, per dimension, counts for
    no average in either mode.
    (C1) The rank is at least 3. (C2) Attributes have one entry per spatial dimension; window, strides and
    dilations are at least 1, paddings at least 0. (C3) The window fits into the padded input. (C4) A padding is
    smaller than the dilated window. A window whose taps all lie in the padding, as dilation makes possible, has the
    lowest number for a maximum, and for an average NaN, or 0 of integers.
  }];
  let arguments = (ins Mlc_PoolKindAttr:$kind, Mlc_NumberTensor:$operand, DenseI64ArrayAttr:$window,
                   DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pad_low, DenseI64ArrayAttr:$pad_high,
                   DenseI64ArrayAttr:$dilations, OptionalAttr<DenseI64ArrayAttr>:$ceil_pad,
                   UnitAttr:$count_include_pad,
                   DefaultValuedAttr<Mlc_LayoutAttr, "::mlc::Layout::ChannelsFirst">:$layout);
  let assemblyFormat = "$kind operands attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = "int64_t flops();";
}

#endif // MLC_REDUCTION_OPS_TD
