// RUN: mlc-opt %s --mlc-fold-pad | FileCheck %s
// RUN: mlc-opt %s --mlc-fold-pad --compare-with=%s

// CHECK-LABEL: func @convolution
// CHECK-SAME: (%[[X:.*]]: tensor<1x3x7x9xf32>, %[[W:.*]]: tensor
// CHECK-NEXT: mlc.conv %[[X]], %[[W]] {dilations = array<i64: 1, 1>, pad_high = array<i64: 3, 1>, pad_low = array<i64: 2, 2>, strides = array<i64: 2, 2>}
func.func @convolution(%x: tensor<1x3x7x9xf32>, %w: tensor<4x3x3x3xf32>) -> tensor<1x4x5x5xf32> {
  %p = mlc.pad %x {low = array<i64: 0, 0, 1, 2>, high = array<i64: 0, 0, 3, 0>, value = 0.0 : f64} : (tensor<1x3x7x9xf32>) -> tensor<1x3x11x11xf32>
  %y = mlc.conv %p, %w {strides = array<i64: 2, 2>, pad_low = array<i64: 1, 0>, pad_high = array<i64: 0, 1>, dilations = array<i64: 1, 1>} : (tensor<1x3x11x11xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x5x5xf32>
  return %y : tensor<1x4x5x5xf32>
}

// Another value, and new channels, are no padding of a convolution.
// CHECK-LABEL: func @other_pads
// CHECK-COUNT-2: mlc.pad
func.func @other_pads(%x: tensor<1x3x7x9xf32>, %w: tensor<4x3x3x3xf32>, %v: tensor<4x4x3x3xf32>) -> (tensor<1x4x7x9xf32>, tensor<1x4x5x7xf32>) {
  %p = mlc.pad %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, value = 0.5 : f64} : (tensor<1x3x7x9xf32>) -> tensor<1x3x9x11xf32>
  %y = mlc.conv %p, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x9x11xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x7x9xf32>
  %q = mlc.pad %x {low = array<i64: 0, 1, 0, 0>, high = array<i64: 0, 0, 0, 0>, value = 0.0 : f64} : (tensor<1x3x7x9xf32>) -> tensor<1x4x7x9xf32>
  %z = mlc.conv %q, %v {strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x4x7x9xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x5x7xf32>
  return %y, %z : tensor<1x4x7x9xf32>, tensor<1x4x5x7xf32>
}

// -inf never wins; zeros do not behind a relu; elsewhere they may.
// CHECK-LABEL: func @maximum
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-NEXT: mlc.pool max %[[X]] {{.*}}pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>
// CHECK-NEXT: %[[R:.*]] = mlc.relu
// CHECK-NEXT: mlc.pool max %[[R]] {{.*}}pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>
// CHECK-NEXT: mlc.pad
func.func @maximum(%x: tensor<1x3x7x9xf32>) -> (tensor<1x3x4x5xf32>, tensor<1x3x4x5xf32>, tensor<1x3x4x5xf32>) {
  %p = mlc.pad %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, value = 0xFFF0000000000000 : f64} : (tensor<1x3x7x9xf32>) -> tensor<1x3x9x11xf32>
  %a = mlc.pool max %p {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x9x11xf32>) -> tensor<1x3x4x5xf32>
  %r = mlc.relu %x : (tensor<1x3x7x9xf32>) -> tensor<1x3x7x9xf32>
  %q = mlc.pad %r {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, value = 0.0 : f64} : (tensor<1x3x7x9xf32>) -> tensor<1x3x9x11xf32>
  %b = mlc.pool max %q {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x9x11xf32>) -> tensor<1x3x4x5xf32>
  %s = mlc.pad %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, value = 0.0 : f64} : (tensor<1x3x7x9xf32>) -> tensor<1x3x9x11xf32>
  %c = mlc.pool max %s {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x9x11xf32>) -> tensor<1x3x4x5xf32>
  return %a, %b, %c : tensor<1x3x4x5xf32>, tensor<1x3x4x5xf32>, tensor<1x3x4x5xf32>
}

// Zeros in front of an average count. A window of nothing but padding would have no average: that pad stays.
// CHECK-LABEL: func @average
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-NEXT: mlc.pool average %[[X]] {count_include_pad{{.*}}pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>
// CHECK-NEXT: mlc.pad
func.func @average(%x: tensor<1x3x7x9xf32>) -> (tensor<1x3x7x9xf32>, tensor<1x3x9x9xf32>) {
  %p = mlc.pad %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, value = 0.0 : f64} : (tensor<1x3x7x9xf32>) -> tensor<1x3x9x11xf32>
  %a = mlc.pool average %p {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x9x11xf32>) -> tensor<1x3x7x9xf32>
  %q = mlc.pad %x {low = array<i64: 0, 0, 3, 1>, high = array<i64: 0, 0, 1, 1>, value = 0.0 : f64} : (tensor<1x3x7x9xf32>) -> tensor<1x3x11x11xf32>
  %b = mlc.pool average %q {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x11x11xf32>) -> tensor<1x3x9x9xf32>
  return %a, %b : tensor<1x3x7x9xf32>, tensor<1x3x9x9xf32>
}
