// Interfaces through which passes ask ops what they need to know, so that no pass lists op names.
#ifndef MLC_INTERFACES_TD
#define MLC_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Mlc_ReferenceOp : OpInterface<"ReferenceOp"> {
  let cppNamespace = "::mlc";
  let description = [{
    An op with an executable definition. Implementations are external models in reference/, attached by
    `registerReferenceModels`: the dialect does not link the interpreter.
  }];
  let methods = [InterfaceMethod<[{
      Computes the op's results from its operands' values. Elements are computed in f64 and rounded once to the
      dtype of the result. Floating dtypes follow the values rather than the IR: with f64 operands the results are
      f64, which is how a whole model is evaluated in f64. Fails with a message in `error`, e.g. for a gather index
      out of range.
    }], "::mlir::LogicalResult", "evaluate",
    (ins "::llvm::ArrayRef<::mlc::HostTensor>":$operands, "::llvm::SmallVectorImpl<::mlc::HostTensor> &":$results,
         "std::string &":$error)>];
}

def Mlc_FlopsOp : OpInterface<"FlopsOp"> {
  let cppNamespace = "::mlc";
  let description = "Work of an op, for cost models and reports. A multiply-add is two FLOPs.";
  let methods = [
    InterfaceMethod<"Floating-point (or integer arithmetic) operations of one execution.",
      "int64_t", "flops", (ins), "", "return ::mlc::countElements($_op->getResult(0).getType());">,
    InterfaceMethod<"Bytes read and written if every operand and result moves once.",
      "int64_t", "bytes", (ins), "", "return ::mlc::countOperandAndResultBytes($_op);">
  ];
}

def Mlc_FusibleOp : OpInterface<"FusibleOp"> {
  let cppNamespace = "::mlc";
  let description = "What a fusion may do with an op.";
  let methods = [InterfaceMethod<"The op's class.", "::mlc::FusionClass", "fusionClass">];
}

#endif // MLC_INTERFACES_TD
