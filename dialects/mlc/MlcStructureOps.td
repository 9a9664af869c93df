// What holds a program together: constants, parameters, variables, fused regions.
#ifndef MLC_STRUCTURE_OPS_TD
#define MLC_STRUCTURE_OPS_TD

include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "dialects/mlc/MlcBase.td"

def Mlc_ConstantOp : Mlc_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "A small tensor in the IR; large ones are parameters";
  let description = "Example: `%c = mlc.constant dense<[1.0, 2.0]> : tensor<2xf32>`";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Mlc_Tensor:$result);
  let builders = [OpBuilder<(ins "::mlir::DenseElementsAttr":$value), [{
    build($_builder, $_state, value.getType(), value);
  }]>];
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Mlc_ParamOp : Mlc_Op<"param", [Symbol]> {
  let summary = "A stored tensor that does not change; its bytes stay where they are";
  let description = [{
    `source` is `#mlc.file<"path", offset>`, `#mlc.seeded<...>`, or a dense attribute of the param's type.
    (C1) type is a static tensor. (C2) source is one of these, an offset at least 0.
    (C3) A dense source has the param's type.
    Example: `mlc.param @w : tensor<768x768xf32> = #mlc.file<"model.safetensors", 1024>`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Mlc_StoredTypeAttr:$type, AnyAttr:$source);
  let assemblyFormat = "$sym_name `:` $type `=` $source attr-dict";
  let hasVerifier = 1;
}

def Mlc_ParamPackOp : Mlc_Op<"param_pack", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "A stored tensor computed from parameters when the module is written";
  let description = [{
    The body computes the tensor from `load_param`s and constants only; it is evaluated once, by the reference interpreter,
    one stored tensor in memory at a time. (C1) type is a static tensor. (C2) The body yields one value of it.
    (C3) Every op of the body is pure. (C4) The body has no arguments.
    Example:
    ```
    mlc.param_pack @w_packed : tensor<48x768x16xf32> {
      %0 = mlc.load_param @w : tensor<768x768xf32>
      %1 = mlc.pack %0 {lanes = 16 : i64} : (tensor<768x768xf32>) -> tensor<48x768x16xf32>
      mlc.yield %1 : tensor<48x768x16xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Mlc_StoredTypeAttr:$type);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `:` $type $body attr-dict";
  let hasRegionVerifier = 1;
}

def Mlc_LoadParamOp : Mlc_Op<"load_param", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a parameter";
  let description = [{
    (C1) The symbol is a param or a param_pack of the enclosing module. (C2) The types are equal.
  }];
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs Mlc_Tensor:$result);
  let assemblyFormat = "$param `:` type($result) attr-dict";
}

def Mlc_VariableOp : Mlc_Op<"variable", [Symbol]> {
  let summary = "A stored tensor that persists between runs and changes";
  let description = [{
    Entry points take a variable's value as an argument and return the new one as a result; both carry
    `mlc.variable = @name`, and the pair is updated in place. `source` is the initial value, as for `param`; `role` says what it is for:
    `state`, `weight`, `optimizer_state`, `hyperparameter`, `rng_state` or `statistics`. (C1) type is a static tensor. (C2), (C3) as for param.
    (C4) role is one of these.
    Example: `mlc.variable @step : tensor<i64> = dense<0> : tensor<i64> {role = "optimizer_state"}`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Mlc_StoredTypeAttr:$type, AnyAttr:$source, UnitAttr:$trainable,
                   DefaultValuedAttr<StrAttr, "\"state\"">:$role);
  let assemblyFormat = "$sym_name `:` $type `=` $source attr-dict";
  let hasVerifier = 1;
}

def Mlc_FusedOp : Mlc_Op<"fused", [Pure, IsolatedFromAbove, SingleBlock, Mlc_FlopsOp]> {
  let summary = "A region that becomes one kernel";
  let description = [{
    Holds mlc ops until the `schedule` phase. `root` is the class of the op that decides its loops. Operands are bound to the body's
    arguments; the body yields the results. Buffers are assigned by the memory planner: the region itself is in SSA.
    (C1) The body's arguments have the operands' types. (C2) It yields the results' types.
    Example:
    ```
    %r = mlc.fused contraction (%a = %x, %b = %w) : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32> {
      %0 = mlc.matmul %a, %b : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
      %1 = mlc.relu %0 : (tensor<4x16xf32>) -> tensor<4x16xf32>
      mlc.yield %1 : tensor<4x16xf32>
    }
    ```
  }];
  let arguments = (ins Mlc_FusionClassAttr:$root, Variadic<Mlc_Tensor>:$inputs,
                   OptionalAttr<Mlc_ScheduleAttr>:$schedule);
  let results = (outs Variadic<Mlc_Tensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = "int64_t flops();";
}

def Mlc_YieldOp : Mlc_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["FusedOp", "ParamPackOp"]>]> {
  let summary = "The values of a region";
  let arguments = (ins Variadic<Mlc_Tensor>:$values);
  let assemblyFormat = "operands attr-dict `:` type(operands)";
}

#endif // MLC_STRUCTURE_OPS_TD
