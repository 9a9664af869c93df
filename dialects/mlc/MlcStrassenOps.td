// Matrix products by one level of Strassen's algorithm.
#ifndef MLC_STRASSEN_OPS_TD
#define MLC_STRASSEN_OPS_TD

include "dialects/mlc/MlcBase.td"

def Mlc_StrassenSumsOp : Mlc_TensorOp<"strassen_sums", "Injective"> {
  let summary = "The seven sums of quadrants of one operand of a Strassen product";
  let description = [{
    The operand `[rows..., C]` is a matrix `[R, C]`, R the product of the rows; the result is
    `[7, ceil(R / 2), ceil(C / 2)]`. With the quadrants X11, X12, X21, X22 (zeros behind the last row and column where R
    or C is odd) its matrices are, of a left-hand side,
    `X11 + X22, X22, X11 + X12, X12 - X22, X21 + X22, X11, X21 - X11`, and with `of_rhs`
    `X11 + X22, X21 - X11, X22, X21 + X22, X11, X12 - X22, X11 + X12`.
    (C1) The rank is at least 2.
    Example: `%s = mlc.strassen_sums %w {of_rhs} : (tensor<768x3072xf32>) -> tensor<7x384x1536xf32>`
  }];
  let arguments = (ins Mlc_FloatTensor:$operand, UnitAttr:$of_rhs);
  let extraClassDeclaration = "int64_t flops();";
}

def Mlc_StrassenMatmulOp : Mlc_TensorOp<"strassen_matmul", "Contraction"> {
  let summary = "Matrix product by seven products of half the size";
  let description = [{
    Strassen, Gaussian elimination is not optimal, https://doi.org/10.1007/BF02165411. lhs `[7, ceil(M / 2), K]` is
    `strassen_sums` of `[M, 2 K]`, rhs `[ceil(ceil(N / 2) / lanes), 7, K, lanes]` is `pack` of `strassen_sums` with
    `of_rhs` of `[2 K, N]`, the result has the shape `shape` = `[rows..., N]`, M the product of the rows. With the
    products `P_t = lhs_t rhs_t` its quadrants are `C11 = P_0 + P_1 - P_2 + P_3`, `C12 = P_2 + P_5`, `C21 = P_1 + P_4`,
    `C22 = P_0 - P_4 + P_5 + P_6`. The error is bounded by the norms of the operands, not element by element, and an
    infinity makes NaNs of other elements than in the product as it is defined: see docs/numerics.md.
    (C1) Element types are equal. (C2) lhs has rank 3 and 7 matrices, rhs rank 4 and 7 matrices. (C3) The K are equal.
    (C4) shape has rank 2 or more and no negative size; lhs has half of its rows, and the panels of rhs hold half of its
    columns.
    Example: `%c = mlc.strassen_matmul %a, %b {shape = array<i64: 128, 3072>} : (tensor<7x64x384xf32>,
    tensor<96x7x384x16xf32>) -> tensor<128x3072xf32>`
  }];
  let arguments = (ins Mlc_FloatTensor:$lhs, Mlc_FloatTensor:$rhs, DenseI64ArrayAttr:$shape);
  let extraClassDeclaration = "int64_t flops();";
}

#endif // MLC_STRASSEN_OPS_TD
