// Phase layout: the orders of elements that kernels read, as explicit ops that cancel where they meet.
#ifndef MLC_PASSES_LAYOUT_TD
#define MLC_PASSES_LAYOUT_TD

include "mlir/Pass/PassBase.td"

def ToChannelsLast : Pass<"mlc-to-channels-last"> {
  let summary = "Bring convolutions and pools, and what lies between them, into channels_last";
  let description = [{
    Post-condition: no mlc.conv and no mlc.pool is channels_first. Transposes around them are moved down through
    elementwise ops, reductions, pads, slices and concatenations, and cancel where they meet.
  }];
}

def WinogradConvolutions : Pass<"mlc-winograd"> {
  let summary = "Compute 3x3 convolutions by Winograd's minimal filtering";
  let description = [{
    Convolutions in f32, or of bf16 with a `wide_result`, of stride 1, channels_last, in one group, without dilation,
    whose filter is a weight become mlc.winograd_conv; the filter's transform is ops on parameters. `auto` takes, for each
    by its shapes, what a cost model finds fastest of the plain convolution, F(2x2,3x3) and, in f32, F(4x4,3x3); bf16
    has F(2x2,3x3) alone. `auto-f32` leaves convolutions of bf16 as they are, for targets that multiply tiles. Post-condition: with `f2` and `f4` no such convolution is left; with `off` all are.
  }];
  let options = [Option<"mode", "mode", "std::string", /*default=*/"\"auto\"", "off, f2, f4, auto, or auto-f32">,
                 Option<"lanes", "lanes", "int64_t", /*default=*/"16", "Width of a panel">];
}

def JoinProjections : Pass<"mlc-join-projections"> {
  let summary = "Products of one matrix with several weights, the operands of attention, as one product";
  let description = [{
    Post-condition: of the query, key and value of an mlc.attention or mlc.varlen_attention (in other types than f64), no two are products of one
    left-hand side with weights that nothing else reads, with biases or without: they are slices of one product.
  }];
}

def PackWeights : Pass<"mlc-pack-weights"> {
  let summary = "Pack the weights of matrix products and convolutions into panels";
  let description = [{
    Post-condition: no mlc.matmul has a two-dimensional weight as rhs (unless its lhs is transposed); no
    convolution of one group, channels_last, has a weight as its filter; the padding of channels_last convolutions that
    are not depthwise is an mlc.pad.
  }];
  let options = [Option<"lanes", "lanes", "int64_t", /*default=*/"16", "Width of a panel">];
}

def FastMatmul : Pass<"mlc-fast-matmul"> {
  let summary = "Large f32 products with packed weights by one level of Strassen's algorithm";
  let description = [{
    Post-condition: every mlc.packed_matmul in f32 whose weights are packed in place, and for which the cost model says
    so, is an mlc.strassen_matmul. Equal sums of one left-hand side are left to CSE.
  }];
  let options = [Option<"enabled", "enabled", "bool", /*default=*/"true", "Off: nothing is changed">];
}

def HoistParamPack : Pass<"mlc-hoist-param-pack", "::mlir::ModuleOp"> {
  let summary = "Move computation on parameters alone into mlc.param_pack";
  let description = [{
    Post-condition: an op that depends on parameters and constants only is an mlc.load_param, an mlc.constant, an
    mlc.reshape of one, or an mlc.broadcast that enlarges one (a stored copy of it would cost more than it saves). Fails
    where what is stored so would take more than 256 MiB and eight times the parameters' bytes.
    Equal computations, for instance of several shape buckets, share one mlc.param_pack.
  }];
}

#endif // MLC_PASSES_LAYOUT_TD
