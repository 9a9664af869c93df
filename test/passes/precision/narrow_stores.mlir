// RUN: mlc-opt %s --pass-pipeline="builtin.module(func.func(mlc-narrow-stores{to=bf16}))" | FileCheck %s
// RUN: mlc-opt %s --pass-pipeline="builtin.module(func.func(mlc-narrow-stores))" | FileCheck %s --check-prefix=KEEP
// RUN: not mlc-opt %s --pass-pipeline="builtin.module(func.func(mlc-narrow-stores{to=i4}))" 2>&1 | FileCheck %s --check-prefix=WRONG
// Numbers change as much as bf16 is coarser.
// RUN: mlc-opt %s --pass-pipeline="builtin.module(func.func(mlc-narrow-stores{to=bf16}))" --compare-with=%s --tolerance=0.01 --entry=residual
// WRONG: mlc-narrow-stores expects to=keep or to=bf16, got 'i4'
// KEEP-NOT: to f32

// A product that a contraction and a sum read: stored once, in bf16. The region that only rounded is gone.
// CHECK-LABEL: func.func @residual
// CHECK: %[[A:.*]] = mlc.fused contraction ({{.*}}) : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xbf16> {
// CHECK: %[[S:.*]] = mlc.matmul
// CHECK: %[[R:.*]] = mlc.cast %[[S]] to bf16
// CHECK: mlc.yield %[[R]]
// CHECK: %[[B:.*]] = mlc.fused contraction (%[[X:.*]] = %[[A]], %{{.*}} = %{{.*}}, %[[Y:.*]] = %[[A]]) {mlc.stores_f32 = "the entry point returns it"}
// CHECK-SAME: -> tensor<4x8xf32>
// CHECK: %[[W:.*]] = mlc.cast %[[Y]] to f32
// CHECK: mlc.add %{{.*}}, %[[W]]
func.func @residual(%x: tensor<4x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<4x8xf32> attributes {mlc.entry = "residual"} {
  %0 = mlc.fused contraction (%a = %x, %b = %w) : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32> {
    %s = mlc.matmul %a, %b {wide_result} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
    mlc.yield %s : tensor<4x8xf32>
  }
  %1 = mlc.fused elementwise (%a = %0) : (tensor<4x8xf32>) -> tensor<4x8xbf16> {
    %c = mlc.cast %a to bf16 : tensor<4x8xf32> -> tensor<4x8xbf16>
    mlc.yield %c : tensor<4x8xbf16>
  }
  %2 = mlc.fused contraction (%a = %1, %b = %w, %r = %0) : (tensor<4x8xbf16>, tensor<8x8xbf16>, tensor<4x8xf32>) -> tensor<4x8xf32> {
    %s = mlc.matmul %a, %b {wide_result} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
    %t = mlc.add %s, %r : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    mlc.yield %t : tensor<4x8xf32>
  }
  return %2 : tensor<4x8xf32>
}

// What is only moved is moved in bf16, views included.
// CHECK-LABEL: func.func @moved
// CHECK: %[[A:.*]] = mlc.fused contraction {{.*}} -> tensor<4x8xbf16>
// CHECK: %[[V:.*]] = mlc.reshape %[[A]] {shape = array<i64: 2, 2, 8>} : (tensor<4x8xbf16>) -> tensor<2x2x8xbf16>
// CHECK: mlc.fused injective (%[[X:.*]] = %[[V]]) : (tensor<2x2x8xbf16>) -> tensor<2x8x2xbf16> {
// CHECK-NEXT: %[[T:.*]] = mlc.transpose %[[X]]
// CHECK-NEXT: mlc.yield %[[T]]
// CHECK: mlc.fused reduction (%[[Y:.*]] = %{{.*}}) {mlc.stores_f32
// CHECK-NEXT: mlc.cast %[[Y]] to f32
func.func @moved(%x: tensor<4x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<2x2xf32> {
  %0 = mlc.fused contraction (%a = %x, %b = %w) : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32> {
    %s = mlc.matmul %a, %b {wide_result} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
    mlc.yield %s : tensor<4x8xf32>
  }
  %1 = mlc.reshape %0 {shape = array<i64: 2, 2, 8>} : (tensor<4x8xf32>) -> tensor<2x2x8xf32>
  %2 = mlc.fused injective (%a = %1) : (tensor<2x2x8xf32>) -> tensor<2x8x2xf32> {
    %t = mlc.transpose %a {permutation = array<i64: 0, 2, 1>} : (tensor<2x2x8xf32>) -> tensor<2x8x2xf32>
    mlc.yield %t : tensor<2x8x2xf32>
  }
  %3 = mlc.fused reduction (%a = %2) : (tensor<2x8x2xf32>) -> tensor<2x2xf32> {
    %s = mlc.reduce sum %a {axes = array<i64: 1>} : (tensor<2x8x2xf32>) -> tensor<2x2xf32>
    mlc.yield %s : tensor<2x2xf32>
  }
  return %3 : tensor<2x2xf32>
}

// Neither a mask, which no contraction leads to, nor what a gather takes is rounded, and the report says so.
// CHECK-LABEL: func.func @kept
// CHECK: mlc.fused elementwise {{.*}} {mlc.stores_f32 = "no contraction leads to it"}
// CHECK: mlc.fused contraction {{.*}} {mlc.stores_f32 = "gather and scatter take it as it is"}
func.func @kept(%mask: tensor<4x8xf32>, %x: tensor<4x8xbf16>, %w: tensor<8x8xbf16>, %i: tensor<3xi64>) -> (tensor<4xf32>, tensor<3x8xf32>) {
  %0 = mlc.fused elementwise (%a = %mask) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
    %s = mlc.exp %a : (tensor<4x8xf32>) -> tensor<4x8xf32>
    mlc.yield %s : tensor<4x8xf32>
  }
  %1 = mlc.fused reduction (%a = %0) : (tensor<4x8xf32>) -> tensor<4xf32> {
    %s = mlc.reduce sum %a {axes = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4xf32>
    mlc.yield %s : tensor<4xf32>
  }
  %2 = mlc.fused contraction (%a = %x, %b = %w) : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32> {
    %s = mlc.matmul %a, %b {wide_result} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
    mlc.yield %s : tensor<4x8xf32>
  }
  %3 = mlc.fused opaque (%a = %2, %b = %i) : (tensor<4x8xf32>, tensor<3xi64>) -> tensor<3x8xf32> {
    %g = mlc.gather %a, %b {axis = 0 : i64} : (tensor<4x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>
    mlc.yield %g : tensor<3x8xf32>
  }
  return %1, %3 : tensor<4xf32>, tensor<3x8xf32>
}

// What layer norms alone read, here through a view, is not rounded.
// CHECK-LABEL: func.func @normalised
// CHECK: mlc.fused contraction {{.*}} {mlc.stores_f32 = "layer norms alone read it"} {{.*}} -> tensor<4x8xf32>
// CHECK: mlc.fused reduction (%[[A:.*]] = %{{.*}}) {{.*}} : (tensor<2x2x8xf32>)
// CHECK-NEXT: mlc.layer_norm %[[A]]
func.func @normalised(%x: tensor<4x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<2x2x8xf32> {
  %0 = mlc.fused contraction (%a = %x, %b = %w) : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32> {
    %s = mlc.matmul %a, %b {wide_result} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
    mlc.yield %s : tensor<4x8xf32>
  }
  %1 = mlc.reshape %0 {shape = array<i64: 2, 2, 8>} : (tensor<4x8xf32>) -> tensor<2x2x8xf32>
  %2 = mlc.fused reduction (%a = %1) : (tensor<2x2x8xf32>) -> tensor<2x2x8xf32> {
    %n = mlc.layer_norm %a {axis = 2 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x2x8xf32>) -> tensor<2x2x8xf32>
    mlc.yield %n : tensor<2x2x8xf32>
  }
  return %2 : tensor<2x2x8xf32>
}
