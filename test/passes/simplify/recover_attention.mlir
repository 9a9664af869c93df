// RUN: mlc-opt %s --mlc-recover-attention --canonicalize | FileCheck %s
// RUN: mlc-opt %s --mlc-recover-attention --canonicalize --compare-with=%s

// From and to [batch, sequence, heads, size], with a mask: all transposes are gone.
// CHECK-LABEL: func @bert
// CHECK-SAME: (%[[Q:[^:]*]]: tensor<2x5x3x4xf32>, %[[K:[^:]*]]: tensor<2x5x3x4xf32>, %[[V:[^:]*]]: tensor<2x5x3x4xf32>, %[[MASK:[^:]*]]: tensor
// CHECK-NEXT: %[[R:.*]] = mlc.attention %[[Q]], %[[K]], %[[V]], %[[MASK]] {layout = #mlc{{.*}}bshd>, scale = 5.000000e-01 : f64}
// CHECK-NEXT: return %[[R]]
func.func @bert(%q: tensor<2x5x3x4xf32>, %k: tensor<2x5x3x4xf32>, %v: tensor<2x5x3x4xf32>, %mask: tensor<2x1x1x5xf32>) -> tensor<2x5x3x4xf32> {
  %two = mlc.constant dense<2.0> : tensor<f32>
  %0 = mlc.transpose %q {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x5x3x4xf32>) -> tensor<2x3x5x4xf32>
  %1 = mlc.transpose %k {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x5x3x4xf32>) -> tensor<2x3x4x5xf32>
  %2 = mlc.transpose %v {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x5x3x4xf32>) -> tensor<2x3x5x4xf32>
  %3 = mlc.matmul %0, %1 : (tensor<2x3x5x4xf32>, tensor<2x3x4x5xf32>) -> tensor<2x3x5x5xf32>
  %4 = mlc.div %3, %two : (tensor<2x3x5x5xf32>, tensor<f32>) -> tensor<2x3x5x5xf32>
  %5 = mlc.add %4, %mask : (tensor<2x3x5x5xf32>, tensor<2x1x1x5xf32>) -> tensor<2x3x5x5xf32>
  %6 = mlc.softmax %5 {axis = 3 : i64} : (tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %7 = mlc.matmul %6, %2 : (tensor<2x3x5x5xf32>, tensor<2x3x5x4xf32>) -> tensor<2x3x5x4xf32>
  %8 = mlc.transpose %7 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x3x5x4xf32>) -> tensor<2x5x3x4xf32>
  return %8 : tensor<2x5x3x4xf32>
}

// The root of the scale on both operands, as scaled_dot_product_attention is exported; no mask.
// CHECK-LABEL: func @scaled_operands
// CHECK-SAME: (%[[Q:[^:]*]]: tensor<2x3x5x4xf32>, %[[K:[^:]*]]: tensor<2x3x6x4xf32>, %[[V:[^:]*]]: tensor<2x3x6x7xf32>)
// CHECK-NEXT: %[[R:.*]] = mlc.attention %[[Q]], %[[K]], %[[V]] {scale = 2.500000e-01 : f64}
// CHECK-NEXT: return %[[R]]
func.func @scaled_operands(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x6x4xf32>, %v: tensor<2x3x6x7xf32>) -> tensor<2x3x5x7xf32> {
  %c = mlc.constant dense<0.5> : tensor<f32>
  %qs = mlc.mul %q, %c : (tensor<2x3x5x4xf32>, tensor<f32>) -> tensor<2x3x5x4xf32>
  %ks = mlc.mul %c, %k : (tensor<f32>, tensor<2x3x6x4xf32>) -> tensor<2x3x6x4xf32>
  %kt = mlc.transpose %ks {permutation = array<i64: 0, 1, 3, 2>} : (tensor<2x3x6x4xf32>) -> tensor<2x3x4x6xf32>
  %s = mlc.matmul %qs, %kt : (tensor<2x3x5x4xf32>, tensor<2x3x4x6xf32>) -> tensor<2x3x5x6xf32>
  %p = mlc.softmax %s {axis = 3 : i64} : (tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %r = mlc.matmul %p, %v : (tensor<2x3x5x6xf32>, tensor<2x3x6x7xf32>) -> tensor<2x3x5x7xf32>
  return %r : tensor<2x3x5x7xf32>
}

// The guard of rows without a visible key, as transformers' sdpa is exported.
// CHECK-LABEL: func @guarded
// CHECK-SAME: (%[[Q:[^:]*]]: tensor<2x3x5x4xf32>, %[[K:[^:]*]]: tensor<2x3x5x4xf32>, %[[V:[^:]*]]: tensor<2x3x5x7xf32>, %[[MASK:[^:]*]]: tensor
// CHECK-NEXT: %[[R:.*]] = mlc.attention %[[Q]], %[[K]], %[[V]], %[[MASK]] {scale = 1.000000e+00 : f64, zero_nan_rows}
// CHECK-NEXT: return %[[R]]
func.func @guarded(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x5x4xf32>, %v: tensor<2x3x5x7xf32>, %mask: tensor<2x1x1x5xf32>) -> tensor<2x3x5x7xf32> {
  %zero = mlc.constant dense<0.0> : tensor<f32>
  %s = mlc.matmul %q, %k {transpose_rhs} : (tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32>) -> tensor<2x3x5x5xf32>
  %m = mlc.add %s, %mask : (tensor<2x3x5x5xf32>, tensor<2x1x1x5xf32>) -> tensor<2x3x5x5xf32>
  %p = mlc.softmax %m {axis = 3 : i64} : (tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %n = mlc.is_nan %p : (tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xi1>
  %w = mlc.select %n, %zero, %p : (tensor<2x3x5x5xi1>, tensor<f32>, tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %r = mlc.matmul %w, %v : (tensor<2x3x5x5xf32>, tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32>
  return %r : tensor<2x3x5x7xf32>
}

// Another value than 0 in the place of a NaN.
// CHECK-LABEL: func @other_guard
// CHECK-NOT: mlc.attention
// CHECK: mlc.softmax
func.func @other_guard(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x5x4xf32>, %v: tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32> {
  %one = mlc.constant dense<1.0> : tensor<f32>
  %s = mlc.matmul %q, %k {transpose_rhs} : (tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32>) -> tensor<2x3x5x5xf32>
  %p = mlc.softmax %s {axis = 3 : i64} : (tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %n = mlc.is_nan %p : (tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xi1>
  %w = mlc.select %n, %one, %p : (tensor<2x3x5x5xi1>, tensor<f32>, tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %r = mlc.matmul %w, %v : (tensor<2x3x5x5xf32>, tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32>
  return %r : tensor<2x3x5x7xf32>
}

// The softmax is not over the keys.
// CHECK-LABEL: func @other_axis
// CHECK-NOT: mlc.attention
// CHECK: mlc.softmax
func.func @other_axis(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x5x4xf32>, %v: tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32> {
  %s = mlc.matmul %q, %k {transpose_rhs} : (tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32>) -> tensor<2x3x5x5xf32>
  %p = mlc.softmax %s {axis = 2 : i64} : (tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %r = mlc.matmul %p, %v : (tensor<2x3x5x5xf32>, tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32>
  return %r : tensor<2x3x5x7xf32>
}

// The probabilities are a result themselves.
// CHECK-LABEL: func @probabilities
// CHECK-NOT: mlc.attention
// CHECK: mlc.softmax
func.func @probabilities(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x5x4xf32>, %v: tensor<2x3x5x7xf32>) -> (tensor<2x3x5x7xf32>, tensor<2x3x5x5xf32>) {
  %s = mlc.matmul %q, %k {transpose_rhs} : (tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32>) -> tensor<2x3x5x5xf32>
  %p = mlc.softmax %s {axis = 3 : i64} : (tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %r = mlc.matmul %p, %v : (tensor<2x3x5x5xf32>, tensor<2x3x5x7xf32>) -> tensor<2x3x5x7xf32>
  return %r, %p : tensor<2x3x5x7xf32>, tensor<2x3x5x5xf32>
}
