// Phase precision: numbers of fewer bits between kernels and in products, only where asked for.
#ifndef MLC_PASSES_PRECISION_TD
#define MLC_PASSES_PRECISION_TD

include "mlir/Pass/PassBase.td"

def LowerPrecision : Pass<"mlc-lower-precision", "::mlir::func::FuncOp"> {
  let summary = "Multiply contractions of f32 in bf16";
  let description = [{
    Post-condition with `to=bf16`: the operands of every mlc.matmul, mlc.conv and mlc.attention that were f32 are bf16,
    but for the mask of attention; products are summed in f32, and what is computed from the sums is f32 as before.
    `to=keep` changes nothing.
  }];
  let options = [Option<"to", "to", "std::string", /*default=*/"\"keep\"", "keep or bf16">];
}

def NarrowStores : Pass<"mlc-narrow-stores", "::mlir::func::FuncOp"> {
  let summary = "Store the results of regions in bf16";
  let description = [{
    Which values are stored is known behind fusion. Post-condition with `to=bf16`: an f32 result of an mlc.fused region
    that follows from a contraction, or is rounded by a reader, is bf16 if mlc.fused regions alone read it, others than
    those of a layer norm among them: it is rounded at the end of its region and widened in those that read it. A region that stores f32 says why in
    `mlc.stores_f32`. `to=keep` changes nothing.
  }];
  let options = [Option<"to", "to", "std::string", /*default=*/"\"keep\"", "keep or bf16">];
}

#endif // MLC_PASSES_PRECISION_TD
