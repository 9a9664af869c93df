// RUN: mlc-opt %s --mlc-to-channels-last | FileCheck %s
// RUN: mlc-opt %s --mlc-to-channels-last --compare-with=%s

mlc.param @w1 : tensor<8x3x3x3xf32> = #mlc.seeded<13, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @w2 : tensor<8x8x3x3xf32> = #mlc.seeded<14, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @b : tensor<8x1x1xf32> = #mlc.seeded<15, uniform, -1.0 : f64, 1.0 : f64>

// An image that arrives channels last and is transposed, as tf2onnx writes it: no transpose of an image is left, from
// the input through bias, pool, residual sum and global mean to the result.
// CHECK-LABEL: func @residual
// CHECK-SAME: (%[[X:.*]]: tensor<2x8x8x3xf32>)
// CHECK-DAG: %[[W1:.*]] = mlc.transpose %{{.*}} {permutation = array<i64: 2, 3, 1, 0>} : (tensor<8x3x3x3xf32>) -> tensor<3x3x3x8xf32>
// CHECK: %[[C1:.*]] = mlc.conv %[[X]], %[[W1]] {{.*}}layout = #mlc{{.*}}channels_last{{.*}} -> tensor<2x8x8x8xf32>
// CHECK: %[[B:.*]] = mlc.reshape {{.*}} -> tensor<1x1x1x8xf32>
// CHECK: %[[A:.*]] = mlc.add %[[C1]], %[[B]]
// CHECK: %[[R:.*]] = mlc.relu %[[A]]
// CHECK: %[[P:.*]] = mlc.pool max %[[R]] {{.*}}layout = #mlc{{.*}}channels_last{{.*}} -> tensor<2x4x4x8xf32>
// CHECK: %[[C2:.*]] = mlc.conv %[[P]]
// CHECK: %[[S:.*]] = mlc.add %[[C2]], %[[P]]
// CHECK: %[[M:.*]] = mlc.reduce mean %[[S]] {axes = array<i64: 1, 2>, keep_dims} : (tensor<2x4x4x8xf32>) -> tensor<2x1x1x8xf32>
// CHECK: %[[F:.*]] = mlc.reshape %[[M]] {shape = array<i64: 2, 8>}
// CHECK: return %[[F]]
func.func @residual(%nhwc: tensor<2x8x8x3xf32>) -> tensor<2x8xf32> {
  %w1 = mlc.load_param @w1 : tensor<8x3x3x3xf32>
  %w2 = mlc.load_param @w2 : tensor<8x8x3x3xf32>
  %b = mlc.load_param @b : tensor<8x1x1xf32>
  %x = mlc.transpose %nhwc {permutation = array<i64: 0, 3, 1, 2>} : (tensor<2x8x8x3xf32>) -> tensor<2x3x8x8xf32>
  %c1 = mlc.conv %x, %w1 {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>) -> tensor<2x8x8x8xf32>
  %a = mlc.add %c1, %b : (tensor<2x8x8x8xf32>, tensor<8x1x1xf32>) -> tensor<2x8x8x8xf32>
  %r = mlc.relu %a : (tensor<2x8x8x8xf32>) -> tensor<2x8x8x8xf32>
  %p = mlc.pool max %r {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x8x8x8xf32>) -> tensor<2x8x4x4xf32>
  %c2 = mlc.conv %p, %w2 {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<2x8x4x4xf32>, tensor<8x8x3x3xf32>) -> tensor<2x8x4x4xf32>
  %s = mlc.add %c2, %p : (tensor<2x8x4x4xf32>, tensor<2x8x4x4xf32>) -> tensor<2x8x4x4xf32>
  %m = mlc.reduce mean %s {axes = array<i64: 2, 3>, keep_dims} : (tensor<2x8x4x4xf32>) -> tensor<2x8x1x1xf32>
  %f = mlc.reshape %m {shape = array<i64: 2, 8>} : (tensor<2x8x1x1xf32>) -> tensor<2x8xf32>
  return %f : tensor<2x8xf32>
}

// Without kept dimensions what remains keeps its order: channels first means [N, C, W], so a transpose stays.
// CHECK-LABEL: func @reduce
// CHECK-SAME: (%[[X:.*]]: tensor<2x4x5x3xf32>)
// CHECK-NEXT: %[[R:.*]] = mlc.reduce sum %[[X]] {axes = array<i64: 1>} : (tensor<2x4x5x3xf32>) -> tensor<2x5x3xf32>
// CHECK-NEXT: %[[T:.*]] = mlc.transpose %[[R]] {permutation = array<i64: 0, 2, 1>}
// CHECK-NEXT: return %[[T]]
func.func @reduce(%x: tensor<2x4x5x3xf32>) -> tensor<2x3x5xf32> {
  %t = mlc.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<2x4x5x3xf32>) -> tensor<2x3x4x5xf32>
  %r = mlc.reduce sum %t {axes = array<i64: 2>} : (tensor<2x3x4x5xf32>) -> tensor<2x3x5xf32>
  return %r : tensor<2x3x5xf32>
}

// Paddings, offsets and axes move with their dimensions.
// CHECK-LABEL: func @move
// CHECK: mlc.pad %{{.*}} {high = array<i64: 0, 3, 4, 2>, low = array<i64: 1, 0, 0, 0>
// CHECK: mlc.slice %{{.*}} {offsets = array<i64: 0, 1, 2, 3>, sizes = array<i64: 3, 2, 2, 2>
// CHECK: mlc.concat %{{.*}} {axis = 3 : i64}
// CHECK: mlc.transpose %{{.*}} {permutation = array<i64: 0, 3, 1, 2>}
func.func @move(%x: tensor<2x4x5x3xf32>) -> tensor<3x4x2x2xf32> {
  %t = mlc.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<2x4x5x3xf32>) -> tensor<2x3x4x5xf32>
  %p = mlc.pad %t {low = array<i64: 1, 0, 0, 0>, high = array<i64: 0, 2, 3, 4>, value = 0.0 : f64} : (tensor<2x3x4x5xf32>) -> tensor<3x5x7x9xf32>
  %s = mlc.slice %p {offsets = array<i64: 0, 3, 1, 2>, sizes = array<i64: 3, 2, 2, 2>, strides = array<i64: 1, 1, 1, 1>} : (tensor<3x5x7x9xf32>) -> tensor<3x2x2x2xf32>
  %c = mlc.concat %s, %s {axis = 1 : i64} : (tensor<3x2x2x2xf32>, tensor<3x2x2x2xf32>) -> tensor<3x4x2x2xf32>
  return %c : tensor<3x4x2x2xf32>
}

// The transpose of an attention head is none of an image's.
// CHECK-LABEL: func @heads
// CHECK-NEXT: mlc.transpose
// CHECK-NEXT: mlc.relu
func.func @heads(%x: tensor<2x4x5x3xf32>) -> tensor<2x5x4x3xf32> {
  %t = mlc.transpose %x {permutation = array<i64: 0, 2, 1, 3>} : (tensor<2x4x5x3xf32>) -> tensor<2x5x4x3xf32>
  %r = mlc.relu %t : (tensor<2x5x4x3xf32>) -> tensor<2x5x4x3xf32>
  return %r : tensor<2x5x4x3xf32>
}

// A gate of a squeeze-and-excitation block, [N, C, 1, 1] in a batch of two, changes its shape, and no element moves.
// CHECK-LABEL: func @gate
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x8x8xf32>, %[[G:.*]]: tensor<2x8xf32>)
// CHECK: %[[C:.*]] = mlc.conv
// CHECK-NEXT: %[[R:.*]] = mlc.reshape %[[G]] {{.*}} -> tensor<2x1x1x8xf32>
// CHECK-NEXT: mlc.mul %[[C]], %[[R]]
func.func @gate(%x: tensor<2x3x8x8xf32>, %g: tensor<2x8xf32>) -> tensor<2x8x8x8xf32> {
  %w1 = mlc.load_param @w1 : tensor<8x3x3x3xf32>
  %c = mlc.conv %x, %w1 {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>) -> tensor<2x8x8x8xf32>
  %r = mlc.reshape %g {shape = array<i64: 2, 8, 1, 1>} : (tensor<2x8xf32>) -> tensor<2x8x1x1xf32>
  %y = mlc.mul %c, %r : (tensor<2x8x8x8xf32>, tensor<2x8x1x1xf32>) -> tensor<2x8x8x8xf32>
  return %y : tensor<2x8x8x8xf32>
}

// Of rank 3 the permutations to and fro are one: a bias that was brought to the layout is no image.
// CHECK-LABEL: func.func @signal
func.func @signal(%x: tensor<2x4x4xf32>, %w: tensor<4x4x4xf32>, %bias: tensor<4xf32>) -> tensor<2x4x1xf32> {
  // CHECK: %[[Y:.*]] = mlc.conv {{.*}}layout = #mlc<layout channels_last>
  %y = mlc.conv %x, %w {strides = array<i64: 1>, pad_low = array<i64: 0>, pad_high = array<i64: 0>, dilations = array<i64: 1>} : (tensor<2x4x4xf32>, tensor<4x4x4xf32>) -> tensor<2x4x1xf32>
  %c = mlc.reshape %bias {shape = array<i64: 4, 1>} : (tensor<4xf32>) -> tensor<4x1xf32>
  // CHECK: mlc.add
  %z = mlc.add %y, %c : (tensor<2x4x1xf32>, tensor<4x1xf32>) -> tensor<2x4x1xf32>
  return %z : tensor<2x4x1xf32>
}
