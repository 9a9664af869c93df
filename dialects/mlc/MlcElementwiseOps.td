// Elementwise ops: one output element from one element of each operand.
#ifndef MLC_ELEMENTWISE_OPS_TD
#define MLC_ELEMENTWISE_OPS_TD

include "dialects/mlc/MlcBase.td"

class Mlc_Elementwise<string mnemonic, string inference, list<Trait> traits = []>
    : Mlc_TensorOp<mnemonic, "Elementwise", traits> {
  let extraClassDefinition = fusionDefinition # [{
    ::mlir::LogicalResult $cppClass::inferReturnTypes(::mlir::MLIRContext *context,
        std::optional<::mlir::Location> location, Adaptor adaptor, ::llvm::SmallVectorImpl<::mlir::Type> &results) {
      return ::mlc::}] # inference # [{(location, getOperationName(), adaptor.getOperands(), results);
    }
  }];
}

class Mlc_Unary<string mnemonic, TypeConstraint type, string formula>
    : Mlc_Elementwise<mnemonic, "inferSameType"> {
  let summary = "Elementwise " # formula;
  let description = "`result = " # formula # "`, with the operand's shape and type.";
  let arguments = (ins type:$operand);
}

def Mlc_AbsOp : Mlc_Unary<"abs", Mlc_NumberTensor, "|x|">;
def Mlc_NegOp : Mlc_Unary<"neg", Mlc_NumberTensor, "-x">;
def Mlc_SignOp : Mlc_Unary<"sign", Mlc_NumberTensor, "-1, 0 or 1 by the sign of x; NaN gives NaN">;
def Mlc_ExpOp : Mlc_Unary<"exp", Mlc_FloatTensor, "exp(x)">;
def Mlc_LogOp : Mlc_Unary<"log", Mlc_FloatTensor, "ln(x); NaN below 0">;
def Mlc_SqrtOp : Mlc_Unary<"sqrt", Mlc_FloatTensor, "sqrt(x); NaN below 0">;
def Mlc_RsqrtOp : Mlc_Unary<"rsqrt", Mlc_FloatTensor, "1 / sqrt(x)">;
def Mlc_ReciprocalOp : Mlc_Unary<"reciprocal", Mlc_FloatTensor, "1 / x">;
def Mlc_SinOp : Mlc_Unary<"sin", Mlc_FloatTensor, "sin(x), x in radians">;
def Mlc_CosOp : Mlc_Unary<"cos", Mlc_FloatTensor, "cos(x), x in radians">;
def Mlc_TanhOp : Mlc_Unary<"tanh", Mlc_FloatTensor, "tanh(x)">;
def Mlc_ErfOp : Mlc_Unary<"erf", Mlc_FloatTensor, "erf(x)">;
def Mlc_SigmoidOp : Mlc_Unary<"sigmoid", Mlc_FloatTensor, "1 / (1 + exp(-x))">;
def Mlc_SoftplusOp : Mlc_Unary<"softplus", Mlc_FloatTensor, "ln(1 + exp(x))">;
def Mlc_FloorOp : Mlc_Unary<"floor", Mlc_FloatTensor, "largest integer <= x">;
def Mlc_CeilOp : Mlc_Unary<"ceil", Mlc_FloatTensor, "smallest integer >= x">;
def Mlc_RoundOp : Mlc_Unary<"round", Mlc_FloatTensor, "nearest integer to x, halves to even">;
def Mlc_ReluOp : Mlc_Unary<"relu", Mlc_NumberTensor, "max(x, 0); NaN gives NaN">;
def Mlc_NotOp : Mlc_Unary<"not", Mlc_BitsTensor, "complement of x: logical of i1, of every bit of integers">;

def Mlc_GeluOp : Mlc_Unary<"gelu", Mlc_FloatTensor,
    "x * Phi(x), Phi the normal distribution function"> {
  let description = [{
    `result = x/2 * (1 + erf(x / sqrt(2)))`, or with `tanh_approximation`
    `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))` (Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415).
    Example: `%y = mlc.gelu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>`
  }];
  let arguments = (ins Mlc_FloatTensor:$operand, UnitAttr:$tanh_approximation);
}
def Mlc_LeakyReluOp : Mlc_Unary<"leaky_relu", Mlc_FloatTensor, "x if x >= 0 else alpha * x"> {
  let arguments = (ins Mlc_FloatTensor:$operand, F64Attr:$alpha);
}
def Mlc_EluOp : Mlc_Unary<"elu", Mlc_FloatTensor, "x if x >= 0 else alpha * (exp(x) - 1)"> {
  let arguments = (ins Mlc_FloatTensor:$operand, F64Attr:$alpha);
}
def Mlc_HardSigmoidOp : Mlc_Unary<"hard_sigmoid", Mlc_FloatTensor, "min(max(alpha * x + beta, 0), 1)"> {
  let arguments = (ins Mlc_FloatTensor:$operand, F64Attr:$alpha, F64Attr:$beta);
}
def Mlc_ClampOp : Mlc_Unary<"clamp", Mlc_NumberTensor, "min(max(x, low), high); NaN gives NaN"> {
  let description = [{
    An absent bound does not clamp. Integer operands take bounds that are integers.
    Example: `%y = mlc.clamp %x {low = 0.0, high = 6.0} : (tensor<4xf32>) -> tensor<4xf32>` (ReLU6).
  }];
  let arguments = (ins Mlc_NumberTensor:$operand, OptionalAttr<F64Attr>:$low, OptionalAttr<F64Attr>:$high);
}
def Mlc_IsNanOp : Mlc_Elementwise<"is_nan", "inferBoolean"> {
  let summary = "Elementwise: is x a NaN";
  let arguments = (ins Mlc_FloatTensor:$operand);
}
def Mlc_IsInfOp : Mlc_Elementwise<"is_inf", "inferBoolean"> {
  let summary = "Elementwise: is x infinite";
  let arguments = (ins Mlc_FloatTensor:$operand);
}
def Mlc_CastOp : Mlc_TensorOp<"cast", "Elementwise"> {
  let summary = "Elementwise conversion to another element type";
  let description = [{
    Float to float rounds to nearest even. Float to integer truncates toward zero and saturates, and NaN gives 0 (ONNX
    leaves both undefined). To i1: `x != 0`. Integers wrap.
    Example: `%y = mlc.cast %x to f32 : tensor<4xi64> -> tensor<4xf32>`
  }];
  let arguments = (ins Mlc_Tensor:$operand, TypeAttr:$to);
  let assemblyFormat = "$operand `to` $to attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
}

def Mlc_QuantizeOp : Mlc_TensorOp<"quantize", "Elementwise"> {
  let summary = "Elementwise rounding to integers around a zero point, saturated";
  let description = [{
    `result = saturate(round(x) + zero_point)`: x rounded to the nearest integer, halves to even; the result has the type of
    the zero point, and what lies outside of its range is the bound next to it. NaN gives the lowest. Quotients by a scale
    make it QuantizeLinear of ONNX.
    (C1) The shapes broadcast.
    Example: `%q = mlc.quantize %x, %z : (tensor<4x8xf32>, tensor<ui8>) -> tensor<4x8xui8>`
  }];
  let arguments = (ins Mlc_FloatTensor:$operand, Mlc_SmallIntegerTensor:$zero_point);
}

class Mlc_Binary<string mnemonic, TypeConstraint type, string formula, list<Trait> traits = []>
    : Mlc_Elementwise<mnemonic, "inferBroadcast", traits> {
  let summary = "Elementwise " # formula;
  let description = "`result = " # formula # [{`.
    (C1) Both operands have the same element type. (C2) Their shapes broadcast (NumPy).
    Example: `%r = mlc.}] # mnemonic # [{ %a, %b : (tensor<4x8xT>, tensor<8xT>) -> tensor<4x8xT>`}];
  let arguments = (ins type:$lhs, type:$rhs);
}
def Mlc_AddOp : Mlc_Binary<"add", Mlc_NumberTensor, "a + b", [Commutative]> { let hasFolder = 1; }
def Mlc_SubOp : Mlc_Binary<"sub", Mlc_NumberTensor, "a - b"> { let hasFolder = 1; }
def Mlc_MulOp : Mlc_Binary<"mul", Mlc_NumberTensor, "a * b", [Commutative]> { let hasFolder = 1; }
def Mlc_DivOp : Mlc_Binary<"div", Mlc_NumberTensor, "a / b (integers truncate; by 0 all bits are set)"> {
  let hasFolder = 1;
}
def Mlc_RemOp : Mlc_Binary<"rem", Mlc_NumberTensor, "remainder of a / b with the sign of a (C's fmod; integers: a where b is 0)">;
def Mlc_PowOp : Mlc_Binary<"pow", Mlc_FloatTensor, "a ** b"> { let hasFolder = 1; }
def Mlc_MaxOp : Mlc_Binary<"max", Mlc_NumberTensor, "max(a, b); NaN if either is", [Commutative]>;
def Mlc_MinOp : Mlc_Binary<"min", Mlc_NumberTensor, "min(a, b); NaN if either is", [Commutative]>;
def Mlc_AndOp : Mlc_Binary<"and", Mlc_BitsTensor, "a and b, bit by bit", [Commutative]>;
def Mlc_OrOp : Mlc_Binary<"or", Mlc_BitsTensor, "a or b, bit by bit", [Commutative]>;
def Mlc_XorOp : Mlc_Binary<"xor", Mlc_BitsTensor, "a xor b, bit by bit", [Commutative]>;

def Mlc_ShiftLeftOp : Mlc_Binary<"shift_left", Mlc_IntegerTensor, "a * 2^b, b taken as unsigned; 0 where b is the width or more">;
def Mlc_ShiftRightOp : Mlc_Binary<"shift_right", Mlc_IntegerTensor,
    "floor(a / 2^b), b taken as unsigned; all sign bits (0 of unsigned elements) where b is the width or more">;

def Mlc_CompareOp : Mlc_Elementwise<"compare", "inferCompare"> {
  let summary = "Elementwise comparison";
  let description = [{
    (C1) Both operands have the same element type. (C2) Their shapes broadcast. The result's elements are i1.
    Example: `%m = mlc.compare lt %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>`
  }];
  let arguments = (ins Mlc_ComparePredicateAttr:$predicate, Mlc_Tensor:$lhs, Mlc_Tensor:$rhs);
  let assemblyFormat = "$predicate operands attr-dict `:` functional-type(operands, results)";
}
def Mlc_SelectOp : Mlc_Elementwise<"select", "inferSelect"> {
  let summary = "Elementwise choice";
  let description = [{
    `result = condition ? a : b`. (C1) a and b have the same element type. (C2) All three shapes broadcast.
    Example: `%r = mlc.select %c, %a, %b : (tensor<4xi1>, tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>`
  }];
  let arguments = (ins Mlc_BoolTensor:$condition, Mlc_Tensor:$on_true, Mlc_Tensor:$on_false);
  let hasFolder = 1;
}

#endif // MLC_ELEMENTWISE_OPS_TD
