// RUN: mlc-opt %s --mlc-winograd=mode=auto | FileCheck %s --check-prefixes=CHECK,AUTO
// RUN: mlc-opt %s --mlc-winograd=mode=f2 | FileCheck %s --check-prefixes=CHECK,F2
// RUN: mlc-opt %s --mlc-winograd=mode=f4 | FileCheck %s --check-prefixes=CHECK,F4
// RUN: mlc-opt %s --mlc-winograd=mode=off | FileCheck %s --check-prefix=OFF
// RUN: mlc-opt %s --mlc-winograd=mode=auto --compare-with=%s
// RUN: mlc-opt %s --mlc-winograd=mode=f2 --compare-with=%s
// RUN: mlc-opt %s --mlc-winograd=mode=f4 --compare-with=%s
// RUN: not mlc-opt %s --mlc-winograd=mode=f6 2>&1 | FileCheck %s --check-prefix=MODE
// RUN: not mlc-opt %s --mlc-winograd=lanes=0 2>&1 | FileCheck %s --check-prefix=LANES

// MODE: error: mlc-winograd expects a mode of off, f2, f4, auto or auto-f32, got 'f6'
// LANES: error: mlc-winograd expects lanes of at least 1, got 0
// OFF-NOT: mlc.winograd_conv

mlc.param @w64 : tensor<3x3x64x64xf32> = #mlc.seeded<1, uniform, -0.1 : f64, 0.1 : f64>
mlc.param @w512 : tensor<3x3x512x128xf32> = #mlc.seeded<2, uniform, -0.1 : f64, 0.1 : f64>
mlc.param @stem : tensor<3x3x3x16xf32> = #mlc.seeded<3, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @half : tensor<3x3x8x16xbf16> = #mlc.seeded<4, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @groups : tensor<3x3x4x16xf32> = #mlc.seeded<5, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @wide : tensor<5x3x8x16xf32> = #mlc.seeded<6, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @w8 : tensor<3x3x8x16xf32> = #mlc.seeded<7, uniform, -1.0 : f64, 1.0 : f64>

// The padding stays with the convolution.
// CHECK-LABEL: func @many_tiles
// CHECK: %[[G:.*]] = mlc.constant dense<{{.*}}> : tensor<[[TAPS:[0-9]+]]x9xf64>
// CHECK: %[[W:.*]] = mlc.reshape %{{.*}} {shape = array<i64: 9, 4096>} : (tensor<3x3x64x64xf32>) -> tensor<9x4096xf32>
// CHECK: %[[D:.*]] = mlc.cast %[[W]] to f64
// CHECK: %[[T:.*]] = mlc.matmul %[[G]], %[[D]] : (tensor<[[TAPS]]x9xf64>, tensor<9x4096xf64>) -> tensor<[[TAPS]]x4096xf64>
// CHECK: %[[R:.*]] = mlc.reshape %[[T]] {shape = array<i64: [[TAPS]], 64, 64>}
// CHECK: %[[C:.*]] = mlc.cast %[[R]] to f32
// CHECK: %[[P:.*]] = mlc.pack %[[C]] {lanes = 16 : i64} : (tensor<[[TAPS]]x64x64xf32>) -> tensor<4x[[TAPS]]x64x16xf32>
// AUTO: mlc.winograd_conv %{{.*}}, %[[P]] {out_channels = 64 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 0>, tile = 4 : i64} : (tensor<2x20x21x64xf32>, tensor<4x36x64x16xf32>) -> tensor<2x20x20x64xf32>
// F4: mlc.winograd_conv {{.*}} tile = 4 : i64}
// F2: mlc.winograd_conv %{{.*}}, %[[P]] {out_channels = 64 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 0>, tile = 2 : i64} : (tensor<2x20x21x64xf32>, tensor<4x16x64x16xf32>) -> tensor<2x20x20x64xf32>
func.func @many_tiles(%x: tensor<2x20x21x64xf32>) -> tensor<2x20x20x64xf32> {
  %w = mlc.load_param @w64 : tensor<3x3x64x64xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 0>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<2x20x21x64xf32>, tensor<3x3x64x64xf32>) -> tensor<2x20x20x64xf32>
  return %y : tensor<2x20x20x64xf32>
}

// Four tiles of 4x4 would wait for a filter four times as large as it was.
// CHECK-LABEL: func @few_tiles
// AUTO: mlc.winograd_conv {{.*}} tile = 2 : i64}
// F2: mlc.winograd_conv {{.*}} tile = 2 : i64}
// F4: mlc.winograd_conv {{.*}} tile = 4 : i64}
func.func @few_tiles(%x: tensor<1x7x7x512xf32>) -> tensor<1x7x7x128xf32> {
  %w = mlc.load_param @w512 : tensor<3x3x512x128xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x7x7x512xf32>, tensor<3x3x512x128xf32>) -> tensor<1x7x7x128xf32>
  return %y : tensor<1x7x7x128xf32>
}

// The transforms cost more than the products of three channels.
// CHECK-LABEL: func @few_channels
// AUTO: mlc.conv
// F2: mlc.winograd_conv
// F4: mlc.winograd_conv
func.func @few_channels(%x: tensor<1x20x20x3xf32>) -> tensor<1x20x20x16xf32> {
  %w = mlc.load_param @stem : tensor<3x3x3x16xf32>
  %y = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x20x20x3xf32>, tensor<3x3x3x16xf32>) -> tensor<1x20x20x16xf32>
  return %y : tensor<1x20x20x16xf32>
}

// Strides, dilations, groups, other windows, other types, filters that are no weights.
// CHECK-LABEL: func @others
// CHECK-COUNT-6: mlc.conv
// CHECK-NOT: mlc.winograd_conv
func.func @others(%x: tensor<1x20x20x8xf32>, %f: tensor<3x3x8x16xf32>, %h: tensor<1x20x20x8xbf16>) -> (tensor<1x10x10x16xf32>, tensor<1x18x18x16xf32>, tensor<1x20x20x16xf32>, tensor<1x18x20x16xf32>, tensor<1x20x20x16xbf16>, tensor<1x20x20x16xf32>) {
  %w = mlc.load_param @w8 : tensor<3x3x8x16xf32>
  %g = mlc.load_param @groups : tensor<3x3x4x16xf32>
  %v = mlc.load_param @wide : tensor<5x3x8x16xf32>
  %n = mlc.load_param @half : tensor<3x3x8x16xbf16>
  %0 = mlc.conv %x, %w {strides = array<i64: 2, 2>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x20x20x8xf32>, tensor<3x3x8x16xf32>) -> tensor<1x10x10x16xf32>
  %1 = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 2, 2>, layout = #mlc<layout channels_last>} : (tensor<1x20x20x8xf32>, tensor<3x3x8x16xf32>) -> tensor<1x18x18x16xf32>
  %2 = mlc.conv %x, %g {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 2 : i64, layout = #mlc<layout channels_last>} : (tensor<1x20x20x8xf32>, tensor<3x3x4x16xf32>) -> tensor<1x20x20x16xf32>
  %3 = mlc.conv %x, %v {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x20x20x8xf32>, tensor<5x3x8x16xf32>) -> tensor<1x18x20x16xf32>
  %4 = mlc.conv %h, %n {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x20x20x8xbf16>, tensor<3x3x8x16xbf16>) -> tensor<1x20x20x16xbf16>
  %5 = mlc.conv %x, %f {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>} : (tensor<1x20x20x8xf32>, tensor<3x3x8x16xf32>) -> tensor<1x20x20x16xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<1x10x10x16xf32>, tensor<1x18x18x16xf32>, tensor<1x20x20x16xf32>, tensor<1x18x20x16xf32>, tensor<1x20x20x16xbf16>, tensor<1x20x20x16xf32>
}
