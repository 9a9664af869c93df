// Only tokens are computed: a bucket for each capacity, attention by lengths, and what reads positions gets them back.
// NO-COMPARE: padded positions become zeros; test/e2e/test_unpad.py compares
// RUN: mlc-opt %s --split-input-file --mlc-unpad=tokens=5,8,99 --canonicalize --cse | FileCheck %s
// RUN: mlc-opt %s --split-input-file --mlc-unpad=tokens=off | FileCheck %s --check-prefix=OFF
// OFF-NOT: cu_seqlens

// Embeddings, positions that all sequences share, a projection, attention without a transpose, a residual.
// CHECK-LABEL: func.func @infer_5(
// CHECK-SAME: %[[IDS:.*]]: tensor<2x4xi64>, %[[MASK:.*]]: tensor<2x4xi64> {mlc.capacity = 5 : i64}
// CHECK: %[[C:.*]] = mlc.cu_seqlens %[[MASK]] {capacity = 5 : i64}
// CHECK: %[[I:.*]] = mlc.unpad %[[IDS]], %[[MASK]], %[[C]] {capacity = 5 : i64} : (tensor<2x4xi64>, tensor<2x4xi64>, tensor<3xi32>) -> tensor<5xi64>
// CHECK: %[[G:.*]] = mlc.gather %{{.*}}, %[[I]] {axis = 0 : i64} : (tensor<9x6xf32>, tensor<5xi64>) -> tensor<5x6xf32>
// CHECK: mlc.unpad %{{.*}} : (tensor<1x4x6xf32>, tensor<2x4xi64>, tensor<3xi32>) -> tensor<5x6xf32>
// CHECK: mlc.layer_norm {{.*}}axis = 1
// CHECK: mlc.matmul {{.*}} : (tensor<5x6xf32>, tensor<6x6xf32>) -> tensor<5x6xf32>
// CHECK: %[[Q:.*]] = mlc.reshape {{.*}} -> tensor<5x2x3xf32>
// CHECK-NOT: mlc.attention
// CHECK: mlc.varlen_attention %[[Q]], %[[Q]], %[[Q]], %[[C]] {max_seqlen = 4 : i64, scale = 5.000000e-01 : f64}
// CHECK: mlc.add {{.*}} -> tensor<5x6xf32>
// CHECK: %[[R:.*]] = mlc.repad %{{.*}}, %[[MASK]], %[[C]] : (tensor<5x6xf32>, tensor<2x4xi64>, tensor<3xi32>) -> tensor<2x4x6xf32>
// CHECK: mlc.slice %[[R]]
// CHECK: mlc.mul %[[R]], %{{.*}} : (tensor<2x4x6xf32>, tensor<2x4x1xf32>)
// CHECK: mlc.reduce sum
// CHECK: return %[[R]]
// CHECK: func.func @infer_8({{.*}} {mlc.capacity = 8 : i64}
// CHECK-NOT: func.func
func.func @infer(%ids: tensor<2x4xi64>, %m: tensor<2x4xi64>, %table: tensor<9x6xf32>, %positions: tensor<4x6xf32>,
                 %w: tensor<6x6xf32>, %s: tensor<6xf32>)
    -> (tensor<2x4x6xf32>, tensor<2x6xf32>, tensor<2x6xf32>) attributes {mlc.entry = "infer"} {
  %f = mlc.cast %m to f32 : tensor<2x4xi64> -> tensor<2x4xf32>
  %one = mlc.constant dense<1.0> : tensor<f32>
  %low = mlc.constant dense<-3.0e38> : tensor<f32>
  %0 = mlc.sub %one, %f : (tensor<f32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = mlc.mul %0, %low : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32>
  %mask = mlc.reshape %1 {shape = array<i64: 2, 1, 1, 4>} : (tensor<2x4xf32>) -> tensor<2x1x1x4xf32>
  %e = mlc.gather %table, %ids {axis = 0 : i64} : (tensor<9x6xf32>, tensor<2x4xi64>) -> tensor<2x4x6xf32>
  %a = mlc.add %e, %positions : (tensor<2x4x6xf32>, tensor<4x6xf32>) -> tensor<2x4x6xf32>
  %x = mlc.layer_norm %a scale(%s) bias(%s) {axis = 2 : i64, epsilon = 1.0e-12 : f64} : (tensor<2x4x6xf32>, tensor<6xf32>, tensor<6xf32>) -> tensor<2x4x6xf32>
  %p = mlc.matmul %x, %w : (tensor<2x4x6xf32>, tensor<6x6xf32>) -> tensor<2x4x6xf32>
  %q = mlc.reshape %p {shape = array<i64: 2, 4, 2, 3>} : (tensor<2x4x6xf32>) -> tensor<2x4x2x3xf32>
  %h = mlc.attention %q, %q, %q, %mask {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : (tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x1x1x4xf32>) -> tensor<2x4x2x3xf32>
  %r = mlc.reshape %h {shape = array<i64: 2, 4, 6>} : (tensor<2x4x2x3xf32>) -> tensor<2x4x6xf32>
  %y = mlc.add %r, %x : (tensor<2x4x6xf32>, tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  // The first token, and the sum over the mask.
  %t = mlc.slice %y {offsets = array<i64: 0, 0, 0>, sizes = array<i64: 2, 1, 6>, strides = array<i64: 1, 1, 1>} : (tensor<2x4x6xf32>) -> tensor<2x1x6xf32>
  %first = mlc.reshape %t {shape = array<i64: 2, 6>} : (tensor<2x1x6xf32>) -> tensor<2x6xf32>
  %c = mlc.reshape %f {shape = array<i64: 2, 4, 1>} : (tensor<2x4xf32>) -> tensor<2x4x1xf32>
  %z = mlc.mul %y, %c : (tensor<2x4x6xf32>, tensor<2x4x1xf32>) -> tensor<2x4x6xf32>
  %sum = mlc.reduce sum %z {axes = array<i64: 1>} : (tensor<2x4x6xf32>) -> tensor<2x6xf32>
  return %y, %first, %sum : tensor<2x4x6xf32>, tensor<2x6xf32>, tensor<2x6xf32>
}

// -----

// Heads first, and a mask that also hides what comes later, by a parameter; positions in one dimension.
// CHECK-LABEL: func.func @causal_5(
// CHECK: mlc.unpad {{.*}} -> tensor<5x2x3xf32>
// CHECK: %[[A:.*]] = mlc.varlen_attention {{.*}} {causal, max_seqlen = 4 : i64
// CHECK: %[[R:.*]] = mlc.reshape %[[A]] {{.*}} -> tensor<5x6xf32>
// CHECK: mlc.relu %[[R]] : (tensor<5x6xf32>) -> tensor<5x6xf32>
// CHECK: mlc.repad {{.*}} -> tensor<2x4x6xf32>
// CHECK: mlc.reshape {{.*}} -> tensor<8x6xf32>
mlc.param @below : tensor<1x1x4x4xi1> = dense<[[[[true, false, false, false], [true, true, false, false], [true, true, true, false], [true, true, true, true]]]]> : tensor<1x1x4x4xi1>
func.func @causal(%x: tensor<2x4x2x3xf32>, %m: tensor<2x4xi1>) -> tensor<8x6xf32> attributes {mlc.entry = "infer"} {
  %below = mlc.load_param @below : tensor<1x1x4x4xi1>
  %zero = mlc.constant dense<0.0> : tensor<f32>
  %low = mlc.constant dense<0xFF800000> : tensor<f32>
  %k = mlc.reshape %m {shape = array<i64: 2, 1, 1, 4>} : (tensor<2x4xi1>) -> tensor<2x1x1x4xi1>
  %v = mlc.and %k, %below : (tensor<2x1x1x4xi1>, tensor<1x1x4x4xi1>) -> tensor<2x1x4x4xi1>
  %mask = mlc.select %v, %zero, %low : (tensor<2x1x4x4xi1>, tensor<f32>, tensor<f32>) -> tensor<2x1x4x4xf32>
  %q = mlc.transpose %x {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x4x2x3xf32>) -> tensor<2x2x4x3xf32>
  %h = mlc.attention %q, %q, %q, %mask {scale = 0.5 : f64} : (tensor<2x2x4x3xf32>, tensor<2x2x4x3xf32>, tensor<2x2x4x3xf32>, tensor<2x1x4x4xf32>) -> tensor<2x2x4x3xf32>
  %t = mlc.transpose %h {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x2x4x3xf32>) -> tensor<2x4x2x3xf32>
  %r = mlc.reshape %t {shape = array<i64: 8, 6>} : (tensor<2x4x2x3xf32>) -> tensor<8x6xf32>
  %y = mlc.relu %r : (tensor<8x6xf32>) -> tensor<8x6xf32>
  return %y : tensor<8x6xf32>
}

// -----

// What is replaced at padding may mix tokens: here the highest of each feature.
// CHECK-LABEL: func.func @highest_5(
// CHECK: %[[R:.*]] = mlc.repad
// CHECK: %[[S:.*]] = mlc.select %{{.*}}, %[[R]], %{{.*}} : (tensor<2x4x1x1xi1>, tensor<2x4x2x3xf32>, tensor<f32>)
// CHECK: mlc.reduce max %[[S]]
func.func @highest(%x: tensor<2x4x2x3xf32>, %m: tensor<2x4xi1>) -> tensor<2x2x3xf32> attributes {mlc.entry = "infer"} {
  %zero = mlc.constant dense<0.0> : tensor<f32>
  %low = mlc.constant dense<-1.0e9> : tensor<f32>
  %k = mlc.reshape %m {shape = array<i64: 2, 1, 1, 4>} : (tensor<2x4xi1>) -> tensor<2x1x1x4xi1>
  %mask = mlc.select %k, %zero, %low : (tensor<2x1x1x4xi1>, tensor<f32>, tensor<f32>) -> tensor<2x1x1x4xf32>
  %h = mlc.attention %x, %x, %x, %mask {scale = 0.5 : f64, layout = #mlc<head_layout bshd>} : (tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x4x2x3xf32>, tensor<2x1x1x4xf32>) -> tensor<2x4x2x3xf32>
  %c = mlc.reshape %m {shape = array<i64: 2, 4, 1, 1>} : (tensor<2x4xi1>) -> tensor<2x4x1x1xi1>
  %s = mlc.select %c, %h, %low : (tensor<2x4x1x1xi1>, tensor<2x4x2x3xf32>, tensor<f32>) -> tensor<2x4x2x3xf32>
  %r = mlc.reduce max %s {axes = array<i64: 1>} : (tensor<2x4x2x3xf32>) -> tensor<2x2x3xf32>
  return %r : tensor<2x2x3xf32>
}
