// RUN: mlc-opt %s --mlc-fuse | FileCheck %s
// RUN: mlc-opt %s --mlc-fuse --compare-with=%s

mlc.param @w : tensor<2x8x16xf32> = #mlc.seeded<9, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @b : tensor<20xf32> = #mlc.seeded<10, uniform, -1.0 : f64, 1.0 : f64>

// A product with bias, activation and residual sum is one kernel; the softmax behind it another.
// CHECK-LABEL: func @epilogue
// CHECK-SAME: (%[[X:.*]]: tensor<4x8xf32>, %[[R:.*]]: tensor<4x20xf32>)
// CHECK: %[[W:.*]] = mlc.load_param @w
// CHECK: %[[B:.*]] = mlc.load_param @b
// CHECK: %[[Y:.*]] = mlc.fused contraction (%{{.*}} = %[[X]], %{{.*}} = %[[W]], %{{.*}} = %[[B]], %{{.*}} = %[[R]])
// CHECK-NEXT: mlc.packed_matmul
// CHECK-NEXT: mlc.add
// CHECK-NEXT: mlc.gelu
// CHECK-NEXT: mlc.add
// CHECK-NEXT: mlc.yield
// CHECK: %[[S:.*]] = mlc.fused reduction (%{{.*}} = %[[Y]])
// CHECK-NEXT: mlc.softmax
// CHECK-NEXT: mlc.yield
// CHECK: return %[[S]]
func.func @epilogue(%x: tensor<4x8xf32>, %r: tensor<4x20xf32>) -> tensor<4x20xf32> {
  %w = mlc.load_param @w : tensor<2x8x16xf32>
  %b = mlc.load_param @b : tensor<20xf32>
  %0 = mlc.packed_matmul %x, %w {n = 20 : i64} : (tensor<4x8xf32>, tensor<2x8x16xf32>) -> tensor<4x20xf32>
  %1 = mlc.add %0, %b : (tensor<4x20xf32>, tensor<20xf32>) -> tensor<4x20xf32>
  %2 = mlc.gelu %1 : (tensor<4x20xf32>) -> tensor<4x20xf32>
  %3 = mlc.add %2, %r : (tensor<4x20xf32>, tensor<4x20xf32>) -> tensor<4x20xf32>
  %4 = mlc.softmax %3 {axis = 1 : i64} : (tensor<4x20xf32>) -> tensor<4x20xf32>
  return %4 : tensor<4x20xf32>
}

// A value that is read elsewhere as well ends its group.
// CHECK-LABEL: func @escapes
// CHECK: mlc.fused contraction
// CHECK-NEXT: mlc.matmul
// CHECK-NEXT: mlc.relu
// CHECK-NEXT: mlc.yield
// CHECK: mlc.fused elementwise
// CHECK-NEXT: mlc.exp
// CHECK-NEXT: mlc.yield
func.func @escapes(%x: tensor<4x8xf32>, %y: tensor<8x20xf32>) -> (tensor<4x20xf32>, tensor<4x20xf32>) {
  %0 = mlc.matmul %x, %y : (tensor<4x8xf32>, tensor<8x20xf32>) -> tensor<4x20xf32>
  %1 = mlc.relu %0 : (tensor<4x20xf32>) -> tensor<4x20xf32>
  %2 = mlc.exp %1 : (tensor<4x20xf32>) -> tensor<4x20xf32>
  return %1, %2 : tensor<4x20xf32>, tensor<4x20xf32>
}

// Two readers that meet again: x * sigmoid(x).
// CHECK-LABEL: func @diamond
// CHECK: mlc.fused contraction
// CHECK-NEXT: mlc.matmul
// CHECK-NEXT: mlc.sigmoid
// CHECK-NEXT: mlc.mul
// CHECK-NEXT: mlc.yield
// CHECK-NOT: mlc.fused
// CHECK: return
func.func @diamond(%x: tensor<4x8xf32>, %y: tensor<8x20xf32>) -> tensor<4x20xf32> {
  %0 = mlc.matmul %x, %y : (tensor<4x8xf32>, tensor<8x20xf32>) -> tensor<4x20xf32>
  %1 = mlc.sigmoid %0 : (tensor<4x20xf32>) -> tensor<4x20xf32>
  %2 = mlc.mul %0, %1 : (tensor<4x20xf32>, tensor<4x20xf32>) -> tensor<4x20xf32>
  return %2 : tensor<4x20xf32>
}

// A reduction takes the elementwise ops before it, and a scalar constant goes inside; a result of another shape stays
// outside, and a reshape is no kernel.
// CHECK-LABEL: func @prologue
// CHECK-NOT: mlc.constant
// CHECK: %[[M:.*]] = mlc.fused reduction
// CHECK-NEXT: mlc.constant
// CHECK-NEXT: mlc.mul
// CHECK-NEXT: mlc.exp
// CHECK-NEXT: mlc.reduce
// CHECK-NEXT: mlc.sqrt
// CHECK-NEXT: mlc.yield
// CHECK: %[[V:.*]] = mlc.reshape %[[M]]
// CHECK: mlc.fused elementwise (%{{.*}} = %{{.*}}, %{{.*}} = %[[V]])
// CHECK-NEXT: mlc.mul
func.func @prologue(%x: tensor<4x20xf32>) -> tensor<4x20xf32> {
  %c = mlc.constant dense<2.0> : tensor<f32>
  %0 = mlc.mul %x, %c : (tensor<4x20xf32>, tensor<f32>) -> tensor<4x20xf32>
  %1 = mlc.exp %0 : (tensor<4x20xf32>) -> tensor<4x20xf32>
  %2 = mlc.reduce sum %1 {axes = array<i64: 1>} : (tensor<4x20xf32>) -> tensor<4xf32>
  %3 = mlc.sqrt %2 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = mlc.reshape %3 {shape = array<i64: 4, 1>} : (tensor<4xf32>) -> tensor<4x1xf32>
  %5 = mlc.mul %x, %4 : (tensor<4x20xf32>, tensor<4x1xf32>) -> tensor<4x20xf32>
  return %5 : tensor<4x20xf32>
}

// Movement and gathers are kernels of their own.
// CHECK-LABEL: func @alone
// CHECK: mlc.fused opaque
// CHECK-NEXT: mlc.gather
// CHECK-NEXT: mlc.yield
// CHECK: mlc.fused injective
// CHECK-NEXT: mlc.transpose
// CHECK-NEXT: mlc.yield
// CHECK: mlc.fused elementwise
// CHECK-NEXT: mlc.neg
func.func @alone(%t: tensor<10x8xf32>, %i: tensor<4xi64>) -> tensor<8x4xf32> {
  %0 = mlc.gather %t, %i {axis = 0 : i64} : (tensor<10x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
  %1 = mlc.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %2 = mlc.neg %1 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  return %2 : tensor<8x4xf32>
}

// Attention reads slices of one tensor, split in heads, in place; the mask's slice is a kernel of its own.
// CHECK-LABEL: func @attention_of_slices
// CHECK: mlc.fused injective
// CHECK: mlc.fused contraction (%{{.*}} = %arg0, %{{.*}} = %{{.*}}) : (tensor<2x5x18xf32>, tensor<2x1x1x5xf32>)
// CHECK-COUNT-3: mlc.slice
// CHECK: mlc.attention
// CHECK-NOT: mlc.fused
// CHECK: return
func.func @attention_of_slices(%p: tensor<2x5x18xf32>, %m: tensor<2x1x1x6xf32>) -> tensor<2x5x2x3xf32> {
  %q = mlc.slice %p {offsets = array<i64: 0, 0, 0>, sizes = array<i64: 2, 5, 6>, strides = array<i64: 1, 1, 1>} : (tensor<2x5x18xf32>) -> tensor<2x5x6xf32>
  %k = mlc.slice %p {offsets = array<i64: 0, 0, 6>, sizes = array<i64: 2, 5, 6>, strides = array<i64: 1, 1, 1>} : (tensor<2x5x18xf32>) -> tensor<2x5x6xf32>
  %v = mlc.slice %p {offsets = array<i64: 0, 0, 12>, sizes = array<i64: 2, 5, 6>, strides = array<i64: 1, 1, 1>} : (tensor<2x5x18xf32>) -> tensor<2x5x6xf32>
  %mask = mlc.slice %m {offsets = array<i64: 0, 0, 0, 0>, sizes = array<i64: 2, 1, 1, 5>, strides = array<i64: 1, 1, 1, 1>} : (tensor<2x1x1x6xf32>) -> tensor<2x1x1x5xf32>
  %q1 = mlc.reshape %q {shape = array<i64: 2, 5, 2, 3>} : (tensor<2x5x6xf32>) -> tensor<2x5x2x3xf32>
  %k1 = mlc.reshape %k {shape = array<i64: 2, 5, 2, 3>} : (tensor<2x5x6xf32>) -> tensor<2x5x2x3xf32>
  %v1 = mlc.reshape %v {shape = array<i64: 2, 5, 2, 3>} : (tensor<2x5x6xf32>) -> tensor<2x5x2x3xf32>
  %y = mlc.attention %q1, %k1, %v1, %mask {layout = #mlc<head_layout bshd>, scale = 0.5 : f64} : (tensor<2x5x2x3xf32>, tensor<2x5x2x3xf32>, tensor<2x5x2x3xf32>, tensor<2x1x1x5xf32>) -> tensor<2x5x2x3xf32>
  return %y : tensor<2x5x2x3xf32>
}

// A convolution reads an image of few channels as it came; one of many is brought to channels last first.
// CHECK-LABEL: func @images
// CHECK: mlc.fused contraction
// CHECK-NEXT: mlc.transpose
// CHECK-NEXT: mlc.packed_conv
// CHECK-NEXT: mlc.relu
// CHECK-NEXT: mlc.yield
// CHECK: mlc.fused injective
// CHECK-NEXT: mlc.transpose
// CHECK: mlc.fused contraction
// CHECK-NEXT: mlc.packed_conv
func.func @images(%x: tensor<1x3x5x6xf32>, %y: tensor<1x8x5x6xf32>, %f: tensor<1x3x3x3x16xf32>, %g: tensor<1x3x3x8x16xf32>) -> (tensor<1x3x4x16xf32>, tensor<1x3x4x16xf32>) {
  %0 = mlc.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x3x5x6xf32>) -> tensor<1x5x6x3xf32>
  %1 = mlc.packed_conv %0, %f {out_channels = 16 : i64, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x5x6x3xf32>, tensor<1x3x3x3x16xf32>) -> tensor<1x3x4x16xf32>
  %2 = mlc.relu %1 : (tensor<1x3x4x16xf32>) -> tensor<1x3x4x16xf32>
  %3 = mlc.transpose %y {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x8x5x6xf32>) -> tensor<1x5x6x8xf32>
  %4 = mlc.packed_conv %3, %g {out_channels = 16 : i64, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x5x6x8xf32>, tensor<1x3x3x8x16xf32>) -> tensor<1x3x4x16xf32>
  return %2, %4 : tensor<1x3x4x16xf32>, tensor<1x3x4x16xf32>
}
