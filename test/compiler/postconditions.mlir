// Each phase is verified to have left what it promises; what did not is named with its phase. Passes that undo a phase
// are added to it here, or IR is said to be behind a phase that it has not been through.
// RUN: split-file %s %t
// RUN: not mlc-opt %t/foreign.mlir --compile-to=import 2>&1 | FileCheck %s --check-prefix=IMPORT
// RUN: not mlc-opt %t/batch_norm.mlir --compile-from=simplify --compile-to=layout 2>&1 | FileCheck %s --check-prefix=SIMPLIFY
// RUN: not mlc-opt %t/weights.mlir --compile-from=layout --compile-to=fuse 2>&1 | FileCheck %s --check-prefix=LAYOUT
// RUN: not mlc-opt %t/images.mlir --compile-from=layout --compile-to=fuse 2>&1 | FileCheck %s --check-prefix=IMAGES
// RUN: not mlc-opt %t/weights.mlir --compile-from=fuse -o %t/o.mlc 2>&1 | FileCheck %s --check-prefix=FUSE
// RUN: not mlc-opt %t/dead.mlir --add-passes='simplify:symbol-dce' --compile-from=simplify --compile-to=layout 2>&1 | FileCheck %s --check-prefix=DEAD
// RUN: not mlc-opt %t/weights.mlir --add-passes='kernels:cse' -o %t/o.mlc 2>&1 | FileCheck %s --check-prefix=ADD
// RUN: mlc-opt %t/weights.mlir --add-passes='fuse:cse' --compile-to=fuse | FileCheck %s --check-prefix=ADDED

// IMPORT: foreign.mlir:2:{{[0-9]+}}: error: behind phase 'import': 'arith.addf' is not of dialect mlc
// SIMPLIFY: error: behind phase 'simplify': 'mlc.batch_norm' is left: it should be in a convolution, or a multiplication and an addition
// LAYOUT: error: behind phase 'layout': 'mlc.transpose' computes on parameters alone
// IMAGES: error: behind phase 'layout': 'mlc.pool' is channels_first
// FUSE: error: behind phase 'fuse': 'mlc.transpose' is in no mlc.fused region
// DEAD: error: behind phase 'simplify': 'mlc.relu' is dead
// ADD: mlc-opt: error: --add-passes=kernels:cse: passes run on mlc IR, in the phases import, simplify, unpad, precision, layout and fuse
// ADDED: mlc.fused

//--- foreign.mlir
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {mlc.entry = "infer"} {
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
//--- dead.mlir
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {mlc.entry = "infer"} {
  %0 = mlc.relu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %x : tensor<4xf32>
}
//--- batch_norm.mlir
func.func @f(%x: tensor<1x2x4x4xf32>, %c: tensor<2xf32>) -> tensor<1x2x4x4xf32> attributes {mlc.entry = "infer"} {
  %0 = mlc.batch_norm %x, %c, %c, %c, %c {axis = 1 : i64, epsilon = 1.0e-5 : f64}
      : (tensor<1x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x4x4xf32>
  return %0 : tensor<1x2x4x4xf32>
}
//--- weights.mlir
mlc.param @w : tensor<8x4xf32> = dense<1.0> : tensor<8x4xf32>
func.func @f(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<8x4xf32>
  %t = mlc.transpose %w {permutation = array<i64: 1, 0>} : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %0 = mlc.add %x, %t : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
//--- images.mlir
func.func @f(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32> attributes {mlc.entry = "infer"} {
  %0 = mlc.pool max %x {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>,
      pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32>
  return %0 : tensor<1x2x2x2xf32>
}
