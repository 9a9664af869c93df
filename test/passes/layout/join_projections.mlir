// RUN: mlc-opt %s --mlc-join-projections | FileCheck %s
// RUN: mlc-opt %s --mlc-join-projections --compare-with=%s

mlc.param @wq : tensor<8x12xf32> = #mlc.seeded<1, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @wk : tensor<6x8xf32> = #mlc.seeded<2, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @wv : tensor<8x10xf32> = #mlc.seeded<3, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @bq : tensor<12xf32> = #mlc.seeded<4, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @bk : tensor<6xf32> = #mlc.seeded<5, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @bv : tensor<10xf32> = #mlc.seeded<6, uniform, -1.0 : f64, 1.0 : f64>

// Four heads of queries, two of keys and values, of other sizes; one weight is transposed.
// CHECK-LABEL: func @three
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[T:.*]] = mlc.transpose %{{.*}} {permutation = array<i64: 1, 0>} : (tensor<6x8xf32>) -> tensor<8x6xf32>
// CHECK: %[[W:.*]] = mlc.concat %{{.*}}, %[[T]], %{{.*}} {axis = 1 : i64} : (tensor<8x12xf32>, tensor<8x6xf32>, tensor<8x10xf32>) -> tensor<8x28xf32>
// CHECK: %[[P:.*]] = mlc.matmul %[[X]], %[[W]] : (tensor<2x5x8xf32>, tensor<8x28xf32>) -> tensor<2x5x28xf32>
// CHECK: %[[B:.*]] = mlc.concat %{{.*}} {axis = 0 : i64} : (tensor<12xf32>, tensor<6xf32>, tensor<10xf32>) -> tensor<28xf32>
// CHECK: %[[A:.*]] = mlc.add %[[P]], %[[B]]
// CHECK: mlc.slice %[[A]] {offsets = array<i64: 0, 0, 0>, sizes = array<i64: 2, 5, 12>
// CHECK: mlc.slice %[[A]] {offsets = array<i64: 0, 0, 12>, sizes = array<i64: 2, 5, 6>
// CHECK: mlc.slice %[[A]] {offsets = array<i64: 0, 0, 18>, sizes = array<i64: 2, 5, 10>
// CHECK: mlc.attention
// CHECK-NOT: mlc.matmul
func.func @three(%x: tensor<2x5x8xf32>) -> tensor<2x5x4x5xf32> {
  %wq = mlc.load_param @wq : tensor<8x12xf32>
  %wk = mlc.load_param @wk : tensor<6x8xf32>
  %wv = mlc.load_param @wv : tensor<8x10xf32>
  %bq = mlc.load_param @bq : tensor<12xf32>
  %bk = mlc.load_param @bk : tensor<6xf32>
  %bv = mlc.load_param @bv : tensor<10xf32>
  %q = mlc.matmul %x, %wq : (tensor<2x5x8xf32>, tensor<8x12xf32>) -> tensor<2x5x12xf32>
  %q1 = mlc.add %q, %bq : (tensor<2x5x12xf32>, tensor<12xf32>) -> tensor<2x5x12xf32>
  %q2 = mlc.reshape %q1 {shape = array<i64: 2, 5, 4, 3>} : (tensor<2x5x12xf32>) -> tensor<2x5x4x3xf32>
  %k = mlc.matmul %x, %wk {transpose_rhs} : (tensor<2x5x8xf32>, tensor<6x8xf32>) -> tensor<2x5x6xf32>
  %k1 = mlc.add %bk, %k : (tensor<6xf32>, tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %k2 = mlc.reshape %k1 {shape = array<i64: 2, 5, 2, 3>} : (tensor<2x5x6xf32>) -> tensor<2x5x2x3xf32>
  %v = mlc.matmul %x, %wv : (tensor<2x5x8xf32>, tensor<8x10xf32>) -> tensor<2x5x10xf32>
  %v1 = mlc.add %v, %bv : (tensor<2x5x10xf32>, tensor<10xf32>) -> tensor<2x5x10xf32>
  %v2 = mlc.reshape %v1 {shape = array<i64: 2, 5, 2, 5>} : (tensor<2x5x10xf32>) -> tensor<2x5x2x5xf32>
  %y = mlc.attention %q2, %k2, %v2 {layout = #mlc<head_layout bshd>, scale = 0.5 : f64} : (tensor<2x5x4x3xf32>, tensor<2x5x2x3xf32>, tensor<2x5x2x5xf32>) -> tensor<2x5x4x5xf32>
  return %y : tensor<2x5x4x5xf32>
}

// Keys and values are of another matrix than the queries, and have no bias.
// CHECK-LABEL: func @cross
// CHECK: mlc.matmul %arg0, %{{.*}} -> tensor<2x3x6xf32>
// CHECK: mlc.matmul %arg1, %{{.*}} -> tensor<2x5x16xf32>
// CHECK: mlc.attention
func.func @cross(%x: tensor<2x3x8xf32>, %m: tensor<2x5x8xf32>) -> tensor<2x3x2x5xf32> {
  %wk = mlc.load_param @wk : tensor<6x8xf32>
  %wv = mlc.load_param @wv : tensor<8x10xf32>
  %q = mlc.matmul %x, %wk {transpose_rhs} : (tensor<2x3x8xf32>, tensor<6x8xf32>) -> tensor<2x3x6xf32>
  %q1 = mlc.reshape %q {shape = array<i64: 2, 3, 2, 3>} : (tensor<2x3x6xf32>) -> tensor<2x3x2x3xf32>
  %k = mlc.matmul %m, %wk {transpose_rhs} : (tensor<2x5x8xf32>, tensor<6x8xf32>) -> tensor<2x5x6xf32>
  %k1 = mlc.reshape %k {shape = array<i64: 2, 5, 2, 3>} : (tensor<2x5x6xf32>) -> tensor<2x5x2x3xf32>
  %v = mlc.matmul %m, %wv : (tensor<2x5x8xf32>, tensor<8x10xf32>) -> tensor<2x5x10xf32>
  %v1 = mlc.reshape %v {shape = array<i64: 2, 5, 2, 5>} : (tensor<2x5x10xf32>) -> tensor<2x5x2x5xf32>
  %y = mlc.attention %q1, %k1, %v1 {layout = #mlc<head_layout bshd>, scale = 0.5 : f64} : (tensor<2x3x2x3xf32>, tensor<2x5x2x3xf32>, tensor<2x5x2x5xf32>) -> tensor<2x3x2x5xf32>
  return %y : tensor<2x3x2x5xf32>
}

// A product that is read twice stays.
// CHECK-LABEL: func @kept
// CHECK-NOT: mlc.concat
func.func @kept(%x: tensor<2x5x8xf32>) -> (tensor<2x5x2x3xf32>, tensor<2x5x2x5xf32>) {
  %wk = mlc.load_param @wk : tensor<6x8xf32>
  %wv = mlc.load_param @wv : tensor<8x10xf32>
  %k = mlc.matmul %x, %wk {transpose_rhs} : (tensor<2x5x8xf32>, tensor<6x8xf32>) -> tensor<2x5x6xf32>
  %k1 = mlc.reshape %k {shape = array<i64: 2, 5, 2, 3>} : (tensor<2x5x6xf32>) -> tensor<2x5x2x3xf32>
  %v = mlc.matmul %x, %wv : (tensor<2x5x8xf32>, tensor<8x10xf32>) -> tensor<2x5x10xf32>
  %v1 = mlc.reshape %v {shape = array<i64: 2, 5, 2, 5>} : (tensor<2x5x10xf32>) -> tensor<2x5x2x5xf32>
  %y = mlc.attention %k1, %k1, %v1 {layout = #mlc<head_layout bshd>, scale = 0.5 : f64} : (tensor<2x5x2x3xf32>, tensor<2x5x2x3xf32>, tensor<2x5x2x5xf32>) -> tensor<2x5x2x5xf32>
  return %k1, %y : tensor<2x5x2x3xf32>, tensor<2x5x2x5xf32>
}
