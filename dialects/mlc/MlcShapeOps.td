// Ops that move elements and compute nothing.
#ifndef MLC_SHAPE_OPS_TD
#define MLC_SHAPE_OPS_TD

include "dialects/mlc/MlcBase.td"

class Mlc_Movement<string mnemonic, list<Trait> traits = []> : Mlc_TensorOp<mnemonic, "Injective", traits> {
  let extraClassDeclaration = "int64_t flops() { return 0; }";
}

def Mlc_TransposeOp : Mlc_Movement<"transpose"> {
  let summary = "Permutes dimensions";
  let description = [{
    Dimension i of the result is dimension `permutation[i]` of the operand. (C1) permutation is one of [0, rank).
    Example: `%t = mlc.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>`
  }];
  let arguments = (ins Mlc_Tensor:$operand, DenseI64ArrayAttr:$permutation);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}
def Mlc_ReshapeOp : Mlc_Movement<"reshape"> {
  let summary = "Same elements in row-major order, another shape";
  let description = [{
    (C1) Both shapes have the same number of elements.
    Example: `%r = mlc.reshape %x {shape = array<i64: 2, 16>} : (tensor<4x8xf32>) -> tensor<2x16xf32>`
  }];
  let arguments = (ins Mlc_Tensor:$operand, DenseI64ArrayAttr:$shape);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}
def Mlc_BroadcastOp : Mlc_Movement<"broadcast"> {
  let summary = "Stretches dimensions of size 1, and adds leading ones (NumPy's broadcast_to)";
  let description = "(C1) The operand's shape broadcasts to `shape`.";
  let arguments = (ins Mlc_Tensor:$operand, DenseI64ArrayAttr:$shape);
  let hasFolder = 1;
}
def Mlc_SliceOp : Mlc_Movement<"slice"> {
  let summary = "A strided box of the operand";
  let description = [{
    Element i of a result's dimension is element `offsets + i * strides` of the operand's; strides may be negative.
    (C1) offsets, sizes and strides have one entry per dimension; sizes are at least 0, strides not 0.
    (C2) The first and last element of each dimension lie inside the operand.
    Example: `%s = mlc.slice %x {offsets = array<i64: 0, 2>, sizes = array<i64: 4, 3>, strides = array<i64: 1, 2>}
    : (tensor<4x8xf32>) -> tensor<4x3xf32>`
  }];
  let arguments = (ins Mlc_Tensor:$operand, DenseI64ArrayAttr:$offsets, DenseI64ArrayAttr:$sizes,
                   DenseI64ArrayAttr:$strides);
  let hasFolder = 1;
}
def Mlc_ConcatOp : Mlc_Movement<"concat"> {
  let summary = "Joins tensors along one dimension";
  let description = [{
    (C1) There is an operand. (C2) Element types are equal. (C3) axis is in [0, rank). (C4) Shapes are equal but for
    the size of axis.
  }];
  let arguments = (ins Variadic<Mlc_Tensor>:$inputs, I64Attr:$axis);
  let hasFolder = 1;
}
def Mlc_PadOp : Mlc_Movement<"pad"> {
  let summary = "Adds elements of one value around the operand";
  let description = [{
    `value` is converted to the element type. (C1) low and high have one entry per dimension, each at least 0.
  }];
  let arguments = (ins Mlc_Tensor:$operand, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, F64Attr:$value);
  let hasFolder = 1;
}
def Mlc_GatherOp : Mlc_TensorOp<"gather", "Opaque"> {
  let summary = "Takes slices of `data` along one dimension by index";
  let description = [{
    data `[A..., D, B...]`, indices `[I...]`, result `[A..., I..., B...]`. A negative index counts from the end; an index
    outside of [-D, D) is an error at run time. (C1) axis is in [0, rank of data). (C2) D is not 0.
    Example: `%e = mlc.gather %table, %ids {axis = 0 : i64} : (tensor<100x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>`
  }];
  let arguments = (ins Mlc_Tensor:$data, Mlc_IndexTensor:$indices, I64Attr:$axis);
  let hasCanonicalizer = 1;
  let extraClassDeclaration = "int64_t flops() { return 0; } int64_t bytes();";
}

#endif // MLC_SHAPE_OPS_TD
