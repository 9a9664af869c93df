// What all op families share: element types, the base classes, and the assembly format.
#ifndef MLC_BASE_TD
#define MLC_BASE_TD

include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/mlc/MlcDialect.td"
include "dialects/mlc/MlcInterfaces.td"

def Mlc_Tensor : StaticShapeTensorOf<[F64, F32, F16, BF16, I1, I8, I16, I32, I64, UI8, UI16, UI32, UI64]>;
def Mlc_FloatTensor : StaticShapeTensorOf<[F64, F32, F16, BF16]>;
def Mlc_NumberTensor : StaticShapeTensorOf<[F64, F32, F16, BF16, I8, I16, I32, I64, UI8, UI16, UI32, UI64]>;
def Mlc_BoolTensor : StaticShapeTensorOf<[I1]>;
def Mlc_IntegerTensor : StaticShapeTensorOf<[I8, I16, I32, I64, UI8, UI16, UI32, UI64]>;
def Mlc_SmallIntegerTensor : StaticShapeTensorOf<[I8, I16, UI8, UI16]>;
def Mlc_BitsTensor : StaticShapeTensorOf<[I1, I8, I16, I32, I64, UI8, UI16, UI32, UI64]>;
def Mlc_IndexTensor : StaticShapeTensorOf<[I32, I64]>;

// The type of a stored tensor. The summary is what the verifier says: (C1) of every op that has one.
def Mlc_StoredTypeAttr : TypeAttrOf<Mlc_Tensor> {
  let summary = "(C1) a tensor type of static shape, of floating-point, integer or i1 elements";
}

class Mlc_Op<string mnemonic, list<Trait> traits = []> : Op<Mlc_Dialect, mnemonic, traits>;

// A pure tensor op whose result types follow from operands and attributes (`inferReturnTypes` in C++ also checks the
// numbered constraints of the description), of fusion class `fusion`.
class Mlc_TensorOp<string mnemonic, string fusion, list<Trait> traits = []>
    : Mlc_Op<mnemonic, !listconcat(traits, [Pure, InferTypeOpAdaptor, Mlc_FlopsOp,
                                            DeclareOpInterfaceMethods<Mlc_FusibleOp>])> {
  let results = (outs Mlc_Tensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  code fusionDefinition = "::mlc::FusionClass $cppClass::fusionClass() { return ::mlc::FusionClass::" # fusion # "; }";
  let extraClassDefinition = fusionDefinition;
}

#endif // MLC_BASE_TD
