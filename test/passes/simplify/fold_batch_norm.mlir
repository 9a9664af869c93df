// RUN: mlc-opt %s --mlc-fold-batch-norm | FileCheck %s
// RUN: mlc-opt %s --mlc-fold-batch-norm | FileCheck %s --check-prefix=GONE
// GONE-NOT: mlc.batch_norm

mlc.param @w : tensor<8x3x3x3xf32> = #mlc.file<"w", 0>
mlc.param @c : tensor<8x1x1xf32> = #mlc.file<"c", 0>
mlc.param @scale : tensor<8xf32> = #mlc.file<"s", 0>
mlc.param @bias : tensor<8xf32> = #mlc.file<"b", 0>
mlc.param @mean : tensor<8xf32> = #mlc.file<"m", 0>
mlc.param @variance : tensor<8xf32> = #mlc.file<"v", 0>

// The filter is scaled, and nothing but the new bias is added to the result.
// CHECK-LABEL: func @conv
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[SD:.*]] = mlc.sqrt
// CHECK: %[[F:.*]] = mlc.div %{{.*}}, %[[SD]]
// CHECK: %[[OFF:.*]] = mlc.sub
// CHECK: %[[B:.*]] = mlc.reshape %[[OFF]] {shape = array<i64: 8, 1, 1>}
// CHECK: %[[FR:.*]] = mlc.reshape %[[F]] {shape = array<i64: 8, 1, 1, 1>}
// CHECK: %[[W:.*]] = mlc.mul %{{.*}}, %[[FR]]
// CHECK: %[[Y:.*]] = mlc.conv %[[X]], %[[W]]
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

// A bias between the two is normalised with the rest: (c - mean) * factor + bias.
// CHECK-LABEL: func @biased
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[C:.*]] = mlc.load_param @c
// CHECK: %[[CENTRED:.*]] = mlc.sub %[[C]], %{{.*}}
// CHECK: %[[SCALED:.*]] = mlc.mul %[[CENTRED]]
// CHECK: %[[OFF:.*]] = mlc.add %[[SCALED]]
// CHECK: %[[Y:.*]] = mlc.conv %[[X]]
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
