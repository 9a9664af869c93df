// Packed sequences as they print, parsed again.
// RUN: mlc-opt %s | mlc-opt | FileCheck %s

// CHECK-LABEL: func.func @varlen
func.func @varlen(%mask: tensor<2x8xi64>, %x: tensor<2x8x4xf32>, %row: tensor<1x8x4xf32>, %q: tensor<9x4x6xf32>,
                  %k: tensor<9x2x6xf32>, %v: tensor<9x2x5xf32>) {
  // CHECK: = mlc.cu_seqlens %{{.*}} {capacity = 9 : i64} : (tensor<2x8xi64>) -> tensor<3xi32>
  %c = mlc.cu_seqlens %mask {capacity = 9 : i64} : (tensor<2x8xi64>) -> tensor<3xi32>
  // CHECK: = mlc.unpad %{{.*}}, %{{.*}}, %{{.*}} {capacity = 9 : i64} : (tensor<2x8x4xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<9x4xf32>
  %u = mlc.unpad %x, %mask, %c {capacity = 9 : i64} : (tensor<2x8x4xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<9x4xf32>
  // CHECK: = mlc.unpad %{{.*}} : (tensor<1x8x4xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<9x4xf32>
  %s = mlc.unpad %row, %mask, %c {capacity = 9 : i64} : (tensor<1x8x4xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<9x4xf32>
  // CHECK: = mlc.repad %{{.*}}, %{{.*}}, %{{.*}} : (tensor<9x4xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<2x8x4xf32>
  %r = mlc.repad %u, %mask, %c : (tensor<9x4xf32>, tensor<2x8xi64>, tensor<3xi32>) -> tensor<2x8x4xf32>
  // CHECK: = mlc.varlen_attention %{{.*}} {causal, max_seqlen = 8 : i64, scale = 5.000000e-01 : f64, zero_nan_rows} : (tensor<9x4x6xf32>, tensor<9x2x6xf32>, tensor<9x2x5xf32>, tensor<3xi32>) -> tensor<9x4x5xf32>
  %a = mlc.varlen_attention %q, %k, %v, %c {causal, max_seqlen = 8 : i64, scale = 0.5 : f64, zero_nan_rows} : (tensor<9x4x6xf32>, tensor<9x2x6xf32>, tensor<9x2x5xf32>, tensor<3xi32>) -> tensor<9x4x5xf32>
  return
}
