// RUN: mlc-opt %s --mlc-fold-batch-norm | FileCheck %s
// RUN: mlc-opt %s --mlc-fold-batch-norm | FileCheck %s --check-prefix=GONE
// RUN: mlc-opt %s --mlc-fold-batch-norm --compare-with=%s
// GONE-NOT: mlc.batch_norm

mlc.param @w : tensor<8x3x3x3xf32> = #mlc.seeded<3, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @c : tensor<8x1x1xf32> = #mlc.seeded<4, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @scale : tensor<8xf32> = #mlc.seeded<5, uniform, 0.5 : f64, 1.5 : f64>
mlc.param @bias : tensor<8xf32> = #mlc.seeded<6, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @mean : tensor<8xf32> = #mlc.seeded<7, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @variance : tensor<8xf32> = #mlc.seeded<8, uniform, 0.5 : f64, 1.5 : f64>

// The filter is scaled, and nothing but the new bias is added to the result.
// CHECK-LABEL: func @conv
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[SD:.*]] = mlc.sqrt
// CHECK: %[[F:.*]] = mlc.div %{{.*}}, %[[SD]]
// CHECK: %[[OFF:.*]] = mlc.sub
// CHECK: %[[FC:.*]] = mlc.reshape %[[F]] {shape = array<i64: 8, 1, 1>}
// CHECK: %[[FR:.*]] = mlc.reshape %[[FC]] {shape = array<i64: 8, 1, 1, 1>}
// CHECK: %[[W:.*]] = mlc.mul %{{.*}}, %[[FR]]
// CHECK: %[[Y:.*]] = mlc.conv %[[X]], %[[W]]
// CHECK: %[[B:.*]] = mlc.reshape %[[OFF]] {shape = array<i64: 8, 1, 1>}
// CHECK: %[[Z:.*]] = mlc.add %[[Y]], %[[B]]
// CHECK: return %[[Z]]
func.func @conv(%x: tensor<2x3x8x8xf32>) -> tensor<2x8x6x6xf32> {
  %w = mlc.load_param @w : tensor<8x3x3x3xf32>
  %s = mlc.load_param @scale : tensor<8xf32>
  %b = mlc.load_param @bias : tensor<8xf32>
  %m = mlc.load_param @mean : tensor<8xf32>
  %v = mlc.load_param @variance : tensor<8xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>) -> tensor<2x8x6x6xf32>
  %z = mlc.batch_norm %y, %s, %b, %m, %v {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x8x6x6xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8x6x6xf32>
  return %z : tensor<2x8x6x6xf32>
}

// A bias between the two is normalised with the rest: c * factor + (bias - mean * factor).
// CHECK-LABEL: func @biased
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[C:.*]] = mlc.load_param @c
// CHECK: %[[Y:.*]] = mlc.conv %[[X]]
// CHECK: %[[SCALED:.*]] = mlc.mul %[[C]]
// CHECK: %[[OFF:.*]] = mlc.add %[[SCALED]]
// CHECK: %[[Z:.*]] = mlc.add %[[Y]], %[[OFF]]
// CHECK: return %[[Z]]
func.func @biased(%x: tensor<2x3x8x8xf32>) -> tensor<2x8x6x6xf32> {
  %w = mlc.load_param @w : tensor<8x3x3x3xf32>
  %c = mlc.load_param @c : tensor<8x1x1xf32>
  %s = mlc.load_param @scale : tensor<8xf32>
  %b = mlc.load_param @bias : tensor<8xf32>
  %m = mlc.load_param @mean : tensor<8xf32>
  %v = mlc.load_param @variance : tensor<8xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>) -> tensor<2x8x6x6xf32>
  %a = mlc.add %y, %c : (tensor<2x8x6x6xf32>, tensor<8x1x1xf32>) -> tensor<2x8x6x6xf32>
  %z = mlc.batch_norm %a, %s, %b, %m, %v {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x8x6x6xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8x6x6xf32>
  return %z : tensor<2x8x6x6xf32>
}

// The convolution's own result is read as well: it must stay what it was.
// CHECK-LABEL: func @shared
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[W:.*]] = mlc.load_param @w
// CHECK: %[[Y:.*]] = mlc.conv %[[X]], %[[W]]
// CHECK: %[[N:.*]] = mlc.mul %[[Y]]
// CHECK: %[[Z:.*]] = mlc.add %[[N]]
// CHECK: return %[[Y]], %[[Z]]
func.func @shared(%x: tensor<2x3x8x8xf32>) -> (tensor<2x8x6x6xf32>, tensor<2x8x6x6xf32>) {
  %w = mlc.load_param @w : tensor<8x3x3x3xf32>
  %s = mlc.load_param @scale : tensor<8xf32>
  %b = mlc.load_param @bias : tensor<8xf32>
  %m = mlc.load_param @mean : tensor<8xf32>
  %v = mlc.load_param @variance : tensor<8xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>) -> tensor<2x8x6x6xf32>
  %z = mlc.batch_norm %y, %s, %b, %m, %v {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x8x6x6xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8x6x6xf32>
  return %y, %z : tensor<2x8x6x6xf32>, tensor<2x8x6x6xf32>
}

// Arithmetic per channel that an exporter wrote itself, channels last: (conv - m) / v * s.
// CHECK-LABEL: func @arithmetic
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[Y:.*]] = mlc.conv %[[X]]
// CHECK: %[[Z:.*]] = mlc.add %[[Y]], %{{.*}} : (tensor<2x6x6x8xf32>, tensor<8xf32>)
// CHECK-NEXT: return %[[Z]]
func.func @arithmetic(%x: tensor<2x8x8x3xf32>) -> tensor<2x6x6x8xf32> {
  %w = mlc.load_param @w : tensor<8x3x3x3xf32>
  %f = mlc.transpose %w {permutation = array<i64: 2, 3, 1, 0>} : (tensor<8x3x3x3xf32>) -> tensor<3x3x3x8xf32>
  %s = mlc.load_param @scale : tensor<8xf32>
  %m = mlc.load_param @mean : tensor<8xf32>
  %v = mlc.load_param @variance : tensor<8xf32>
  %y = mlc.conv %x, %f {layout = #mlc<layout channels_last>, strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x8x8x3xf32>, tensor<3x3x3x8xf32>) -> tensor<2x6x6x8xf32>
  %a = mlc.sub %y, %m : (tensor<2x6x6x8xf32>, tensor<8xf32>) -> tensor<2x6x6x8xf32>
  %b = mlc.div %a, %v : (tensor<2x6x6x8xf32>, tensor<8xf32>) -> tensor<2x6x6x8xf32>
  %c = mlc.mul %s, %b : (tensor<8xf32>, tensor<2x6x6x8xf32>) -> tensor<2x6x6x8xf32>
  return %c : tensor<2x6x6x8xf32>
}

// A value of the run, or one per pixel, is no parameter per channel.
// CHECK-LABEL: func @no_parameter
// CHECK: mlc.conv
// CHECK-NEXT: mlc.mul
// CHECK-NEXT: mlc.mul
func.func @no_parameter(%x: tensor<2x3x8x8xf32>, %p: tensor<8x1x1xf32>) -> tensor<2x8x6x6xf32> {
  %w = mlc.load_param @w : tensor<8x3x3x3xf32>
  %row = mlc.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<2x3x8x8xf32>, tensor<8x3x3x3xf32>) -> tensor<2x8x6x6xf32>
  %a = mlc.mul %y, %row : (tensor<2x8x6x6xf32>, tensor<6xf32>) -> tensor<2x8x6x6xf32>
  %b = mlc.mul %a, %p : (tensor<2x8x6x6xf32>, tensor<8x1x1xf32>) -> tensor<2x8x6x6xf32>
  return %b : tensor<2x8x6x6xf32>
}

// Sums of integers are scaled as they are: their weights have 8 bits.
// CHECK-LABEL: func @integers
// CHECK: %[[Y:.*]] = mlc.conv %{{.*}} {{.*}}wide_result}
// CHECK: mlc.mul %[[Y]],
func.func @integers(%x: tensor<1x2x5x5xui8>) -> tensor<1x3x5x5xi32> {
  %w = mlc.constant dense<3> : tensor<3x2x1x1xi8>
  %s = mlc.constant dense<[[[1]], [[-200]], [[300]]]> : tensor<3x1x1xi32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, wide_result} : (tensor<1x2x5x5xui8>, tensor<3x2x1x1xi8>) -> tensor<1x3x5x5xi32>
  %z = mlc.mul %y, %s : (tensor<1x3x5x5xi32>, tensor<3x1x1xi32>) -> tensor<1x3x5x5xi32>
  return %z : tensor<1x3x5x5xi32>
}
