// The dialect, its enumerations, and its attributes.
#ifndef MLC_DIALECT_TD
#define MLC_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Mlc_Dialect : Dialect {
  let name = "mlc";
  let cppNamespace = "::mlc";
  let summary = "Tensor programs of transformers and CNNs, on static shapes.";
  let description = [{
    Ops are semantic and carry the names that users of ONNX and StableHLO know. Every tensor has a static shape.
    Elementwise ops with several operands broadcast them as NumPy does: shapes are aligned at their last dimension,
    and a dimension of size 1 stretches.

    Weights are never in the IR: `mlc.param` names where their bytes are. Small tables may be `mlc.constant`.

    An entry point is a `func.func` with the unit attribute `mlc.entry`; its arguments and results carry their public
    names as `mlc.name`. A symbolic shape bucket of the same entry point is a further function whose `mlc.entry`
    has the same value. Buckets of the same shapes differ in `mlc.capacity` of an argument, a mask: at most so many of
    its elements are not 0. `mlc.padded`, one string for each dimension of an argument or result, names the symbolic
    dimensions in which the tensors of a run may be smaller: arguments are filled up with zeros, results are cut.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    // One per op family, each in the family's own translation unit.
    void registerContractionOps();
    void registerElementwiseOps();
    void registerNormalizationOps();
    void registerReductionOps();
    void registerShapeOps();
    void registerStrassenOps();
    void registerStructureOps();
    void registerVarlenOps();
  }];
}

class Mlc_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlc";
  let genSpecializedAttr = 0;
}
class Mlc_EnumAttr<I32EnumAttr e, string mnemonic> : EnumAttr<Mlc_Dialect, e, mnemonic> {
  let assemblyFormat = "$value";
}

// TVM's operator classes (Chen et al., OSDI 2018, section 3): what a fusion may do with an op.
def Mlc_FusionClass : Mlc_Enum<"FusionClass", "how an op fuses with its neighbours", [
  I32EnumAttrCase<"Elementwise", 0, "elementwise">,  // one output element from the same element of each operand
  I32EnumAttrCase<"Broadcast", 1, "broadcast">,      // elementwise, with operands that stretch
  I32EnumAttrCase<"Injective", 2, "injective">,      // each output element from one input element, moved
  I32EnumAttrCase<"Reduction", 3, "reduction">,      // folds dimensions: reduce, softmax, norms, pooling
  I32EnumAttrCase<"Contraction", 4, "contraction">,  // multiply-add over shared dimensions: matmul, conv, attention
  I32EnumAttrCase<"Opaque", 5, "opaque">             // a kernel of its own
]>;
def Mlc_FusionClassAttr : Mlc_EnumAttr<Mlc_FusionClass, "fusion_class">;

def Mlc_ComparePredicate : Mlc_Enum<"ComparePredicate", "ordered comparison; NaN compares unequal to all", [
  I32EnumAttrCase<"EQ", 0, "eq">, I32EnumAttrCase<"NE", 1, "ne">, I32EnumAttrCase<"LT", 2, "lt">,
  I32EnumAttrCase<"LE", 3, "le">, I32EnumAttrCase<"GT", 4, "gt">, I32EnumAttrCase<"GE", 5, "ge">
]>;
def Mlc_ComparePredicateAttr : Mlc_EnumAttr<Mlc_ComparePredicate, "predicate">;

def Mlc_ReduceKind : Mlc_Enum<"ReduceKind", "how elements are folded", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">,
  I32EnumAttrCase<"Min", 3, "min">, I32EnumAttrCase<"Prod", 4, "prod">
]>;
def Mlc_ReduceKindAttr : Mlc_EnumAttr<Mlc_ReduceKind, "reduce_kind">;

def Mlc_ScatterKind : Mlc_Enum<"ScatterKind", "what a scatter does with an element and its update", [
  I32EnumAttrCase<"Set", 0, "set">, I32EnumAttrCase<"Add", 1, "add">, I32EnumAttrCase<"Mul", 2, "mul">,
  I32EnumAttrCase<"Max", 3, "max">, I32EnumAttrCase<"Min", 4, "min">
]>;
def Mlc_ScatterKindAttr : Mlc_EnumAttr<Mlc_ScatterKind, "scatter_kind">;

def Mlc_PoolKind : Mlc_Enum<"PoolKind", "how a window is folded", [
  I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"Average", 1, "average">
]>;
def Mlc_PoolKindAttr : Mlc_EnumAttr<Mlc_PoolKind, "pool_kind">;

def Mlc_Layout : Mlc_Enum<"Layout", "order of an image tensor's dimensions, for any number of spatial dimensions", [
  I32EnumAttrCase<"ChannelsFirst", 0, "channels_first">, // image [N, C, spatial...], filter [O, I/groups, spatial...]
  I32EnumAttrCase<"ChannelsLast", 1, "channels_last">    // image [N, spatial..., C], filter [spatial..., I/groups, O]
]>;
def Mlc_LayoutAttr : Mlc_EnumAttr<Mlc_Layout, "layout">;

def Mlc_HeadLayout : Mlc_Enum<"HeadLayout", "order of an attention operand's dimensions", [
  I32EnumAttrCase<"BHSD", 0, "bhsd">, // [batch, heads, sequence, head size]
  I32EnumAttrCase<"BSHD", 1, "bshd">  // [batch, sequence, heads, head size]: the projection's output, reshaped for free
]>;
def Mlc_HeadLayoutAttr : Mlc_EnumAttr<Mlc_HeadLayout, "head_layout">;

def Mlc_Distribution : Mlc_Enum<"Distribution", "how seeded parameters are drawn", [
  I32EnumAttrCase<"Zeros", 0, "zeros">, I32EnumAttrCase<"Ones", 1, "ones">,
  I32EnumAttrCase<"Normal", 2, "normal">, I32EnumAttrCase<"Uniform", 3, "uniform">
]>;

class Mlc_Attr<string name, string attrMnemonic> : AttrDef<Mlc_Dialect, name> { let mnemonic = attrMnemonic; }

def Mlc_FileAttr : Mlc_Attr<"File", "file"> {
  let summary = "Bytes in a file: little-endian, row-major, starting at `offset` bytes.";
  let parameters = (ins StringRefParameter<"path as the user gave it">:$path, "int64_t":$offset);
  let assemblyFormat = "`<` $path `,` $offset `>`";
}
def Mlc_SeededAttr : Mlc_Attr<"Seeded", "seeded"> {
  let summary = "Values drawn from a counter-based generator; for models without trained weights.";
  let description = "`a`, `b` are mean and standard deviation of `normal`, or the bounds [a, b) of `uniform`.";
  let parameters = (ins "uint64_t":$seed, EnumParameter<Mlc_Distribution>:$distribution, "::mlir::FloatAttr":$a, "::mlir::FloatAttr":$b);
  let assemblyFormat = "`<` $seed `,` $distribution `,` $a `,` $b `>`";
}
def Mlc_ScheduleAttr : Mlc_Attr<"Schedule", "schedule"> {
  let summary = "Decisions about one kernel: which emitter makes it. What it leaves empty the cost model decides.";
  let parameters = (ins StringRefParameter<"emitter: vector or halide">:$emitter);
  let assemblyFormat = "`<` $emitter `>`";
}

#endif // MLC_DIALECT_TD
