// Phase fuse: one mlc.fused region is one kernel.
#ifndef MLC_PASSES_FUSE_TD
#define MLC_PASSES_FUSE_TD

include "mlir/Pass/PassBase.td"

def Fuse : Pass<"mlc-fuse"> {
  let summary = "Group ops into mlc.fused regions";
  let description = [{
    After Chen et al., OSDI 2018, section 3 (operator classes). Post-condition: the functions hold mlc.fused,
    mlc.reshape, mlc.constant, mlc.load_param and terminators only; every mlc.fused has one result, and its root is the
    class of the op that decides its loops.
  }];
}

#endif // MLC_PASSES_FUSE_TD
