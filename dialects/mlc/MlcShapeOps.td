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

def Mlc_ScatterOp : Mlc_TensorOp<"scatter", "Opaque"> {
  let summary = "A copy of `data` in which slices are replaced or accumulated by index";
  let description = [{
    data `[D, B...]`, indices `[I...]`, updates `[I..., B...]`, result `[D, B...]`. For each position i of indices, in
    row-major order, `result[indices[i], b] = f(result[indices[i], b], updates[i, b])`: f is the update itself (`set`),
    the sum, the product, or the maximum or minimum (NaN if either is), each step rounded to the element type. A negative
    index counts from the end; an index outside of [-D, D) is an error at run time. What ONNX scatters along another
    axis, or by tuples, is this op on data whose leading dimensions are one.
    (C1) data has a rank of at least 1. (C2) data and updates have one element type. (C3) updates has the shape
    `[I..., B...]`. (C4) Kinds beside `set` take f64, f32, or integers of 8 to 64 bits.
    Example: `%r = mlc.scatter add %x, %i, %u : (tensor<100x8xf32>, tensor<4xi64>, tensor<4x8xf32>) -> tensor<100x8xf32>`
  }];
  let arguments = (ins Mlc_ScatterKindAttr:$kind, Mlc_Tensor:$data, Mlc_IndexTensor:$indices, Mlc_Tensor:$updates);
  let assemblyFormat = "$kind operands attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = "int64_t flops();";
}

#endif // MLC_SHAPE_OPS_TD
