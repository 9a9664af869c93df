// RUN: mlc-opt %s --mlc-pack-weights | FileCheck %s
// RUN: mlc-opt %s --mlc-pack-weights --compare-with=%s

mlc.param @w : tensor<20x8xf32> = #mlc.seeded<16, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @f1 : tensor<1x1x8x20xf32> = #mlc.seeded<17, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @f3 : tensor<3x3x8x20xf32> = #mlc.seeded<18, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @image_filter : tensor<3x3x3x20xf32> = #mlc.seeded<23, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @depthwise_filter : tensor<3x3x1x5xf32> = #mlc.seeded<19, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @small_groups_filter : tensor<3x3x4x32xf32> = #mlc.seeded<20, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @odd_groups_filter : tensor<1x1x3x15xf32> = #mlc.seeded<21, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @prime_groups_filter : tensor<1x1x1x35xf32> = #mlc.seeded<22, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @bf16_weights : tensor<7x20xbf16> = #mlc.seeded<24, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @bf16_filter : tensor<3x3x3x20xbf16> = #mlc.seeded<25, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @large_groups_filter : tensor<1x1x8x48xf32> = #mlc.seeded<23, uniform, -1.0 : f64, 1.0 : f64>

// CHECK-LABEL: func @matmul
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[T:.*]] = mlc.transpose %{{.*}} {permutation = array<i64: 1, 0>} : (tensor<20x8xf32>) -> tensor<8x20xf32>
// CHECK: %[[P:.*]] = mlc.pack %[[T]] {lanes = 16 : i64} : (tensor<8x20xf32>) -> tensor<2x8x16xf32>
// CHECK: mlc.packed_matmul %[[X]], %[[P]] {n = 20 : i64} : (tensor<2x4x8xf32>, tensor<2x8x16xf32>) -> tensor<2x4x20xf32>
func.func @matmul(%x: tensor<2x4x8xf32>) -> tensor<2x4x20xf32> {
  %w = mlc.load_param @w : tensor<20x8xf32>
  %y = mlc.matmul %x, %w {transpose_rhs} : (tensor<2x4x8xf32>, tensor<20x8xf32>) -> tensor<2x4x20xf32>
  return %y : tensor<2x4x20xf32>
}

// Pairs of rows in bf16; an odd depth gets a zero on both sides.
// CHECK-LABEL: func @bf16
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[Z:.*]] = mlc.pad %[[X]] {high = array<i64: 0, 1>, low = array<i64: 0, 0>, value = 0.000000e+00 : f64} : (tensor<4x7xbf16>) -> tensor<4x8xbf16>
// CHECK: %[[P:.*]] = mlc.pack %{{.*}} {interleave = 2 : i64, lanes = 16 : i64} : (tensor<7x20xbf16>) -> tensor<2x4x16x2xbf16>
// CHECK: mlc.packed_matmul %[[Z]], %[[P]] {n = 20 : i64, wide_result} : (tensor<4x8xbf16>, tensor<2x4x16x2xbf16>) -> tensor<4x20xf32>
func.func @bf16(%x: tensor<4x7xbf16>) -> tensor<4x20xf32> {
  %w = mlc.load_param @bf16_weights : tensor<7x20xbf16>
  %y = mlc.matmul %x, %w {wide_result} : (tensor<4x7xbf16>, tensor<7x20xbf16>) -> tensor<4x20xf32>
  return %y : tensor<4x20xf32>
}

// The three channels of a photograph: the zero behind them is in the padding that the image gets anyway.
// CHECK-LABEL: func @bf16_image
// CHECK: %[[I:.*]] = mlc.pad %{{.*}} {high = array<i64: 0, 1, 1, 1>, low = array<i64: 0, 1, 1, 0>, value = 0.000000e+00 : f64} : (tensor<2x5x6x3xbf16>) -> tensor<2x7x8x4xbf16>
// CHECK: %[[P:.*]] = mlc.pack %{{.*}} {interleave = 2 : i64, lanes = 16 : i64} : (tensor<3x3x3x20xbf16>) -> tensor<2x3x3x2x16x2xbf16>
// CHECK: mlc.packed_conv %[[I]], %[[P]] {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 2, 2>}
func.func @bf16_image(%x: tensor<2x5x6x3xbf16>) -> tensor<2x3x3x20xbf16> {
  %w = mlc.load_param @bf16_filter : tensor<3x3x3x20xbf16>
  %y = mlc.conv %x, %w {layout = #mlc<layout channels_last>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>} : (tensor<2x5x6x3xbf16>, tensor<3x3x3x20xbf16>) -> tensor<2x3x3x20xbf16>
  return %y : tensor<2x3x3x20xbf16>
}

// Rows of three elements are padded before they are made.
// CHECK-LABEL: func @bf16_colours
// CHECK: %[[I:.*]] = mlc.pad %{{.*}} {high = array<i64: 0, 1, 1, 1>, low = array<i64: 0, 0, 1, 1>, value = 0.000000e+00 : f64} : (tensor<2x3x5x6xbf16>) -> tensor<2x4x7x8xbf16>
// CHECK: %[[T:.*]] = mlc.transpose %[[I]] {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x4x7x8xbf16>) -> tensor<2x7x8x4xbf16>
// CHECK: mlc.packed_conv %[[T]]
func.func @bf16_colours(%x: tensor<2x3x5x6xbf16>) -> tensor<2x3x3x20xbf16> {
  %w = mlc.load_param @bf16_filter : tensor<3x3x3x20xbf16>
  %t = mlc.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x3x5x6xbf16>) -> tensor<2x5x6x3xbf16>
  %y = mlc.conv %t, %w {layout = #mlc<layout channels_last>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>} : (tensor<2x5x6x3xbf16>, tensor<3x3x3x20xbf16>) -> tensor<2x3x3x20xbf16>
  return %y : tensor<2x3x3x20xbf16>
}

// Neither operand is a weight.
// CHECK-LABEL: func @activations
// CHECK-NEXT: mlc.matmul
func.func @activations(%x: tensor<4x8xf32>, %y: tensor<8x20xf32>) -> tensor<4x20xf32> {
  %z = mlc.matmul %x, %y : (tensor<4x8xf32>, tensor<8x20xf32>) -> tensor<4x20xf32>
  return %z : tensor<4x20xf32>
}

// CHECK-LABEL: func @conv1x1
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[P:.*]] = mlc.pack %{{.*}} {lanes = 16 : i64} : (tensor<8x20xf32>) -> tensor<2x8x16xf32>
// CHECK: mlc.packed_matmul %[[X]], %[[P]] {n = 20 : i64} : (tensor<2x5x5x8xf32>, tensor<2x8x16xf32>) -> tensor<2x5x5x20xf32>
func.func @conv1x1(%x: tensor<2x5x5x8xf32>) -> tensor<2x5x5x20xf32> {
  %w = mlc.load_param @f1 : tensor<1x1x8x20xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<2x5x5x8xf32>, tensor<1x1x8x20xf32>) -> tensor<2x5x5x20xf32>
  return %y : tensor<2x5x5x20xf32>
}

// A stride skips elements: no matrix product.
// CHECK-LABEL: func @strided
// CHECK-NOT: mlc.pad
// CHECK: mlc.packed_conv %{{.*}} {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 2, 2>} : (tensor<2x5x5x8xf32>, tensor<2x1x1x8x16xf32>) -> tensor<2x3x3x20xf32>
func.func @strided(%x: tensor<2x5x5x8xf32>) -> tensor<2x3x3x20xf32> {
  %w = mlc.load_param @f1 : tensor<1x1x8x20xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 2, 2>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<2x5x5x8xf32>, tensor<1x1x8x20xf32>) -> tensor<2x3x3x20xf32>
  return %y : tensor<2x3x3x20xf32>
}

// CHECK-LABEL: func @padded
// CHECK: %[[I:.*]] = mlc.pad %{{.*}} {high = array<i64: 0, 0, 1, 0>, low = array<i64: 0, 1, 1, 0>, value = 0.000000e+00 : f64} : (tensor<2x5x5x8xf32>) -> tensor<2x6x7x8xf32>
// CHECK: mlc.packed_conv %[[I]], %{{.*}} -> tensor<2x4x5x20xf32>
func.func @padded(%x: tensor<2x5x5x8xf32>) -> tensor<2x4x5x20xf32> {
  %w = mlc.load_param @f3 : tensor<3x3x8x20xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 0, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<2x5x5x8xf32>, tensor<3x3x8x20xf32>) -> tensor<2x4x5x20xf32>
  return %y : tensor<2x4x5x20xf32>
}

// An image of few channels, which is read channels first, has its padding there.
// CHECK-LABEL: func @image
// CHECK: %[[P:.*]] = mlc.pad %{{.*}} {high = array<i64: 0, 0, 0, 1>, low = array<i64: 0, 0, 1, 1>, value = 0.000000e+00 : f64} : (tensor<2x3x5x5xf32>) -> tensor<2x3x6x7xf32>
// CHECK: %[[T:.*]] = mlc.transpose %[[P]]
// CHECK: mlc.packed_conv %[[T]], %{{.*}} -> tensor<2x4x5x20xf32>
func.func @image(%x: tensor<2x3x5x5xf32>) -> tensor<2x4x5x20xf32> {
  %w = mlc.load_param @image_filter : tensor<3x3x3x20xf32>
  %t = mlc.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x3x5x5xf32>) -> tensor<2x5x5x3xf32>
  %y = mlc.conv %t, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 0, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<2x5x5x3xf32>, tensor<3x3x3x20xf32>) -> tensor<2x4x5x20xf32>
  return %y : tensor<2x4x5x20xf32>
}

// One filter a channel: nothing to pack, and the kernel knows where the image ends.
// CHECK-LABEL: func @depthwise
// CHECK-NOT: mlc.pad
// CHECK: mlc.conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, groups = 5 : i64, layout = #mlc{{.*}}channels_last>, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, strides = array<i64: 2, 2>}
func.func @depthwise(%x: tensor<2x5x6x5xf32>) -> tensor<2x3x3x5xf32> {
  %w = mlc.load_param @depthwise_filter : tensor<3x3x1x5xf32>
  %y = mlc.conv %x, %w {layout = #mlc<layout channels_last>, groups = 5 : i64, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>} : (tensor<2x5x6x5xf32>, tensor<3x3x1x5xf32>) -> tensor<2x3x3x5xf32>
  return %y : tensor<2x3x3x5xf32>
}

// Groups of four outputs: four of them fill a panel.
// CHECK-LABEL: func @small_groups
// CHECK: %[[P:.*]] = mlc.pack %{{.*}} {lanes = 16 : i64} : (tensor<3x3x4x32xf32>) -> tensor<2x3x3x4x16xf32>
// CHECK: mlc.packed_conv %{{.*}}, %[[P]] {dilations = array<i64: 1, 1>, groups = 8 : i64, out_channels = 32 : i64, strides = array<i64: 1, 1>}
func.func @small_groups(%x: tensor<2x5x6x32xf32>) -> tensor<2x3x4x32xf32> {
  %w = mlc.load_param @small_groups_filter : tensor<3x3x4x32xf32>
  %y = mlc.conv %x, %w {layout = #mlc<layout channels_last>, groups = 8 : i64, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>} : (tensor<2x5x6x32xf32>, tensor<3x3x4x32xf32>) -> tensor<2x3x4x32xf32>
  return %y : tensor<2x3x4x32xf32>
}

// Five groups of three outputs fill a panel but for a lane; seven groups of five go together in no number but one.
// CHECK-LABEL: func @odd_groups
// CHECK: mlc.pack %{{.*}} {lanes = 15 : i64} : (tensor<1x1x3x15xf32>) -> tensor<1x1x1x3x15xf32>
// CHECK: mlc.pack %{{.*}} {lanes = 5 : i64} : (tensor<1x1x1x35xf32>) -> tensor<7x1x1x1x5xf32>
func.func @odd_groups(%x: tensor<2x5x6x15xf32>, %z: tensor<2x5x6x7xf32>) -> (tensor<2x5x6x15xf32>, tensor<2x5x6x35xf32>) {
  %w = mlc.load_param @odd_groups_filter : tensor<1x1x3x15xf32>
  %y = mlc.conv %x, %w {layout = #mlc<layout channels_last>, groups = 5 : i64, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>} : (tensor<2x5x6x15xf32>, tensor<1x1x3x15xf32>) -> tensor<2x5x6x15xf32>
  %v = mlc.load_param @prime_groups_filter : tensor<1x1x1x35xf32>
  %u = mlc.conv %z, %v {layout = #mlc<layout channels_last>, groups = 7 : i64, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>} : (tensor<2x5x6x7xf32>, tensor<1x1x1x35xf32>) -> tensor<2x5x6x35xf32>
  return %y, %u : tensor<2x5x6x15xf32>, tensor<2x5x6x35xf32>
}

// Groups of 24 outputs: two panels for each, the second one padded.
// CHECK-LABEL: func @large_groups
// CHECK: %[[S:.*]] = mlc.reshape %{{.*}} {shape = array<i64: 1, 1, 8, 2, 24>}
// CHECK: %[[Z:.*]] = mlc.pad %[[S]] {high = array<i64: 0, 0, 0, 0, 8>, low = array<i64: 0, 0, 0, 0, 0>, value = 0.000000e+00 : f64}
// CHECK: %[[F:.*]] = mlc.reshape %[[Z]] {shape = array<i64: 1, 1, 8, 64>}
// CHECK: mlc.pack %[[F]] {lanes = 16 : i64} : (tensor<1x1x8x64xf32>) -> tensor<4x1x1x8x16xf32>
// CHECK: mlc.packed_conv %{{.*}} {dilations = array<i64: 1, 1>, groups = 2 : i64, out_channels = 48 : i64, strides = array<i64: 1, 1>}
func.func @large_groups(%x: tensor<2x5x6x16xf32>) -> tensor<2x5x6x48xf32> {
  %w = mlc.load_param @large_groups_filter : tensor<1x1x8x48xf32>
  %y = mlc.conv %x, %w {layout = #mlc<layout channels_last>, groups = 2 : i64, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>} : (tensor<2x5x6x16xf32>, tensor<1x1x8x48xf32>) -> tensor<2x5x6x48xf32>
  return %y : tensor<2x5x6x48xf32>
}
