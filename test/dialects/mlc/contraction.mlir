// Contractions as they print, parsed again.
// RUN: mlc-opt %s | mlc-opt | FileCheck %s

// CHECK-LABEL: func.func @matmul
func.func @matmul(%a: tensor<4x8xf32>, %at: tensor<8x4xf32>, %b: tensor<8x16xf32>, %bt: tensor<16x8xf32>, %batch: tensor<5x1x4x8xf32>, %batch2: tensor<3x8x16xf32>) {
  // CHECK: = mlc.matmul %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %plain = mlc.matmul %a, %b : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  // CHECK: = mlc.matmul %{{.*}}, %{{.*}} {transpose_rhs} : (tensor<4x8xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  %rhs = mlc.matmul %a, %bt {transpose_rhs} : (tensor<4x8xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  // CHECK: = mlc.matmul %{{.*}}, %{{.*}} {transpose_lhs} : (tensor<8x4xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %lhs = mlc.matmul %at, %b {transpose_lhs} : (tensor<8x4xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  // CHECK: = mlc.matmul %{{.*}}, %{{.*}} {transpose_lhs, transpose_rhs} : (tensor<8x4xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  %both = mlc.matmul %at, %bt {transpose_lhs, transpose_rhs} : (tensor<8x4xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  // CHECK: = mlc.matmul %{{.*}}, %{{.*}} : (tensor<5x1x4x8xf32>, tensor<3x8x16xf32>) -> tensor<5x3x4x16xf32>
  %batched = mlc.matmul %batch, %batch2 : (tensor<5x1x4x8xf32>, tensor<3x8x16xf32>) -> tensor<5x3x4x16xf32>
  return
}

// Defaults (one group, channels first) are not printed.
// CHECK-LABEL: func.func @conv
func.func @conv(%x: tensor<1x8x14x14xf32>, %f: tensor<16x8x3x3xf32>, %depthwise: tensor<8x1x3x3xf32>, %last: tensor<1x14x14x8xf32>, %filter_last: tensor<3x3x8x16xf32>, %wave: tensor<2x4x100xf32>, %taps: tensor<4x4x5xf32>) {
  // CHECK: = mlc.conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x14x14xf32>
  %same = mlc.conv %x, %f {dilations = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x14x14xf32>
  // CHECK: = mlc.conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 2>, pad_high = array<i64: 0, 1>, pad_low = array<i64: 0, 2>, strides = array<i64: 2, 3>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x6x5xf32>
  %strided = mlc.conv %x, %f {dilations = array<i64: 1, 2>, pad_high = array<i64: 0, 1>, pad_low = array<i64: 0, 2>, strides = array<i64: 2, 3>} : (tensor<1x8x14x14xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x6x5xf32>
  // CHECK: = mlc.conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, groups = 8 : i64, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<8x1x3x3xf32>) -> tensor<1x8x12x12xf32>
  %groups = mlc.conv %x, %depthwise {dilations = array<i64: 1, 1>, groups = 8 : i64, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x8x14x14xf32>, tensor<8x1x3x3xf32>) -> tensor<1x8x12x12xf32>
  // CHECK: = mlc.conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x14x14x8xf32>, tensor<3x3x8x16xf32>) -> tensor<1x12x12x16xf32>
  %nhwc = mlc.conv %last, %filter_last {dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>} : (tensor<1x14x14x8xf32>, tensor<3x3x8x16xf32>) -> tensor<1x12x12x16xf32>
  // CHECK: = mlc.conv %{{.*}}, %{{.*}} {dilations = array<i64: 1>, pad_high = array<i64: 0>, pad_low = array<i64: 0>, strides = array<i64: 5>} : (tensor<2x4x100xf32>, tensor<4x4x5xf32>) -> tensor<2x4x20xf32>
  %one_dimension = mlc.conv %wave, %taps {dilations = array<i64: 1>, pad_high = array<i64: 0>, pad_low = array<i64: 0>, strides = array<i64: 5>} : (tensor<2x4x100xf32>, tensor<4x4x5xf32>) -> tensor<2x4x20xf32>
  return
}

// CHECK-LABEL: func.func @packed
func.func @packed(%w: tensor<8x33xf32>, %x: tensor<2x4x8xf32>, %image: tensor<1x16x16x8xf32>, %filter: tensor<3x3x8x20xf32>,
                  %wide: tensor<1x16x16x16xf32>, %groups: tensor<3x3x2x64xf32>, %padded: tensor<8x3x3x4x16xf32>) {
  // CHECK: = mlc.pack %{{.*}} {lanes = 16 : i64} : (tensor<8x33xf32>) -> tensor<3x8x16xf32>
  %pack = mlc.pack %w {lanes = 16 : i64} : (tensor<8x33xf32>) -> tensor<3x8x16xf32>
  // CHECK: = mlc.unpack %{{.*}} {size = 33 : i64} : (tensor<3x8x16xf32>) -> tensor<8x33xf32>
  %unpack = mlc.unpack %pack {size = 33 : i64} : (tensor<3x8x16xf32>) -> tensor<8x33xf32>
  // CHECK: = mlc.packed_matmul %{{.*}}, %{{.*}} {n = 33 : i64} : (tensor<2x4x8xf32>, tensor<3x8x16xf32>) -> tensor<2x4x33xf32>
  %packed_matmul = mlc.packed_matmul %x, %pack {n = 33 : i64} : (tensor<2x4x8xf32>, tensor<3x8x16xf32>) -> tensor<2x4x33xf32>
  // CHECK: = mlc.pack %{{.*}} {lanes = 16 : i64} : (tensor<3x3x8x20xf32>) -> tensor<2x3x3x8x16xf32>
  %packed_filter = mlc.pack %filter {lanes = 16 : i64} : (tensor<3x3x8x20xf32>) -> tensor<2x3x3x8x16xf32>
  // CHECK: = mlc.packed_conv %{{.*}}, %{{.*}} {dilations = array<i64: 2, 1>, out_channels = 20 : i64, strides = array<i64: 1, 2>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x8x16xf32>) -> tensor<1x12x7x20xf32>
  %packed_conv = mlc.packed_conv %image, %packed_filter {dilations = array<i64: 2, 1>, out_channels = 20 : i64, strides = array<i64: 1, 2>} : (tensor<1x16x16x8xf32>, tensor<2x3x3x8x16xf32>) -> tensor<1x12x7x20xf32>
  // Four panels of two groups of eight outputs each, and four groups of two panels each, the second one padded.
  %beside = mlc.pack %groups {lanes = 16 : i64} : (tensor<3x3x2x64xf32>) -> tensor<4x3x3x2x16xf32>
  // CHECK: = mlc.packed_conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, groups = 8 : i64, out_channels = 64 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x16xf32>, tensor<4x3x3x2x16xf32>) -> tensor<1x14x14x64xf32>
  %grouped = mlc.packed_conv %wide, %beside {dilations = array<i64: 1, 1>, groups = 8 : i64, out_channels = 64 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x16xf32>, tensor<4x3x3x2x16xf32>) -> tensor<1x14x14x64xf32>
  // CHECK: = mlc.packed_conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, groups = 4 : i64, out_channels = 96 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x16xf32>, tensor<8x3x3x4x16xf32>) -> tensor<1x14x14x96xf32>
  %each_alone = mlc.packed_conv %wide, %padded {dilations = array<i64: 1, 1>, groups = 4 : i64, out_channels = 96 : i64, strides = array<i64: 1, 1>} : (tensor<1x16x16x16xf32>, tensor<8x3x3x4x16xf32>) -> tensor<1x14x14x96xf32>
  return
}

// Two rows side by side in each lane; sums that are not rounded.
// CHECK-LABEL: func.func @interleaved
func.func @interleaved(%w: tensor<7x33xbf16>, %x: tensor<4x8xbf16>, %plain: tensor<8x5xbf16>, %image: tensor<1x16x16x8xbf16>, %filter: tensor<3x3x8x20xbf16>) {
  // CHECK: = mlc.pack %{{.*}} {interleave = 2 : i64, lanes = 16 : i64} : (tensor<7x33xbf16>) -> tensor<3x4x16x2xbf16>
  %pack = mlc.pack %w {interleave = 2 : i64, lanes = 16 : i64} : (tensor<7x33xbf16>) -> tensor<3x4x16x2xbf16>
  // CHECK: = mlc.unpack %{{.*}} {depth = 7 : i64, size = 33 : i64} : (tensor<3x4x16x2xbf16>) -> tensor<7x33xbf16>
  %unpack = mlc.unpack %pack {depth = 7 : i64, size = 33 : i64} : (tensor<3x4x16x2xbf16>) -> tensor<7x33xbf16>
  // CHECK: = mlc.packed_matmul %{{.*}}, %{{.*}} {n = 33 : i64} : (tensor<4x8xbf16>, tensor<3x4x16x2xbf16>) -> tensor<4x33xbf16>
  %rounded = mlc.packed_matmul %x, %pack {n = 33 : i64} : (tensor<4x8xbf16>, tensor<3x4x16x2xbf16>) -> tensor<4x33xbf16>
  // CHECK: = mlc.packed_matmul %{{.*}}, %{{.*}} {n = 33 : i64, wide_result} : (tensor<4x8xbf16>, tensor<3x4x16x2xbf16>) -> tensor<4x33xf32>
  %sums = mlc.packed_matmul %x, %pack {n = 33 : i64, wide_result} : (tensor<4x8xbf16>, tensor<3x4x16x2xbf16>) -> tensor<4x33xf32>
  // CHECK: = mlc.matmul %{{.*}}, %{{.*}} {wide_result} : (tensor<4x8xui8>, tensor<8x5xi8>) -> tensor<4x5xi32>
  %bytes = mlc.constant dense<200> : tensor<4x8xui8>
  %weights = mlc.constant dense<-3> : tensor<8x5xi8>
  %integers = mlc.matmul %bytes, %weights {wide_result} : (tensor<4x8xui8>, tensor<8x5xi8>) -> tensor<4x5xi32>
  // CHECK: = mlc.matmul %{{.*}}, %{{.*}} {wide_result} : (tensor<4x8xbf16>, tensor<8x5xbf16>) -> tensor<4x5xf32>
  %wide = mlc.matmul %x, %plain {wide_result} : (tensor<4x8xbf16>, tensor<8x5xbf16>) -> tensor<4x5xf32>
  // CHECK: = mlc.pack %{{.*}} {interleave = 2 : i64, lanes = 16 : i64} : (tensor<3x3x8x20xbf16>) -> tensor<2x3x3x4x16x2xbf16>
  %packed_filter = mlc.pack %filter {interleave = 2 : i64, lanes = 16 : i64} : (tensor<3x3x8x20xbf16>) -> tensor<2x3x3x4x16x2xbf16>
  // CHECK: = mlc.packed_conv %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 1, 1>, wide_result} : (tensor<1x16x16x8xbf16>, tensor<2x3x3x4x16x2xbf16>) -> tensor<1x14x14x20xf32>
  %conv = mlc.packed_conv %image, %packed_filter {dilations = array<i64: 1, 1>, out_channels = 20 : i64, strides = array<i64: 1, 1>, wide_result} : (tensor<1x16x16x8xbf16>, tensor<2x3x3x4x16x2xbf16>) -> tensor<1x14x14x20xf32>
  // CHECK: = mlc.conv %{{.*}}, %{{.*}} {{{.*}}wide_result} : (tensor<1x16x16x8xbf16>, tensor<3x3x8x20xbf16>) -> tensor<1x14x14x20xf32>
  %same = mlc.conv %image, %filter {dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 1>, wide_result} : (tensor<1x16x16x8xbf16>, tensor<3x3x8x20xbf16>) -> tensor<1x14x14x20xf32>
  return
}

// CHECK-LABEL: func.func @winograd
func.func @winograd(%image: tensor<2x14x15x8xf32>, %filter: tensor<2x36x8x16xf32>, %small: tensor<2x16x8x16xf32>, %narrow: tensor<2x14x15x7xbf16>, %pairs: tensor<2x16x4x16x2xbf16>) {
  // CHECK: = mlc.winograd_conv %{{.*}}, %{{.*}} {out_channels = 20 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, tile = 2 : i64, wide_result} : (tensor<2x14x15x7xbf16>, tensor<2x16x4x16x2xbf16>) -> tensor<2x14x15x20xf32>
  %wide = mlc.winograd_conv %narrow, %pairs {out_channels = 20 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, tile = 2 : i64, wide_result} : (tensor<2x14x15x7xbf16>, tensor<2x16x4x16x2xbf16>) -> tensor<2x14x15x20xf32>
  // CHECK: = mlc.winograd_conv %{{.*}}, %{{.*}} {out_channels = 20 : i64, pad_high = array<i64: 1, 2>, pad_low = array<i64: 1, 0>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x36x8x16xf32>) -> tensor<2x14x15x20xf32>
  %four = mlc.winograd_conv %image, %filter {out_channels = 20 : i64, pad_high = array<i64: 1, 2>, pad_low = array<i64: 1, 0>, tile = 4 : i64} : (tensor<2x14x15x8xf32>, tensor<2x36x8x16xf32>) -> tensor<2x14x15x20xf32>
  // CHECK: = mlc.winograd_conv %{{.*}}, %{{.*}} {out_channels = 32 : i64, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, tile = 2 : i64} : (tensor<2x14x15x8xf32>, tensor<2x16x8x16xf32>) -> tensor<2x12x13x32xf32>
  %two = mlc.winograd_conv %image, %small {out_channels = 32 : i64, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, tile = 2 : i64} : (tensor<2x14x15x8xf32>, tensor<2x16x8x16xf32>) -> tensor<2x12x13x32xf32>
  return
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<2x8x10x64xf32>, %k: tensor<2x8x12x64xf32>, %v: tensor<2x8x12x32xf32>, %mask: tensor<2x1x1x12xf32>, %grouped: tensor<2x2x12x64xf32>, %qs: tensor<2x10x8x64xf32>, %ks: tensor<2x12x8x64xf32>) {
  // CHECK: = mlc.attention %{{.*}}, %{{.*}}, %{{.*}} {scale = 1.250000e-01 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x8x12x32xf32>) -> tensor<2x8x10x32xf32>
  %plain = mlc.attention %q, %k, %v {scale = 1.250000e-01 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x8x12x32xf32>) -> tensor<2x8x10x32xf32>
  // CHECK: = mlc.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {scale = 1.250000e-01 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x8x12x32xf32>, tensor<2x1x1x12xf32>) -> tensor<2x8x10x32xf32>
  %masked = mlc.attention %q, %k, %v, %mask {scale = 1.250000e-01 : f64} : (tensor<2x8x10x64xf32>, tensor<2x8x12x64xf32>, tensor<2x8x12x32xf32>, tensor<2x1x1x12xf32>) -> tensor<2x8x10x32xf32>
  // CHECK: = mlc.attention %{{.*}}, %{{.*}}, %{{.*}} {causal, scale = 1.250000e-01 : f64} : (tensor<2x8x10x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32>) -> tensor<2x8x10x64xf32>
  %grouped_query = mlc.attention %q, %grouped, %grouped {causal, scale = 1.250000e-01 : f64} : (tensor<2x8x10x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32>) -> tensor<2x8x10x64xf32>
  // CHECK: = mlc.attention %{{.*}}, %{{.*}}, %{{.*}} {scale = 1.250000e-01 : f64, zero_nan_rows} : (tensor<2x8x10x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32>) -> tensor<2x8x10x64xf32>
  %guarded = mlc.attention %q, %grouped, %grouped {scale = 1.250000e-01 : f64, zero_nan_rows} : (tensor<2x8x10x64xf32>, tensor<2x2x12x64xf32>, tensor<2x2x12x64xf32>) -> tensor<2x8x10x64xf32>
  // CHECK: = mlc.attention %{{.*}}, %{{.*}}, %{{.*}} {layout = #mlc<head_layout bshd>, scale = 1.250000e-01 : f64} : (tensor<2x10x8x64xf32>, tensor<2x12x8x64xf32>, tensor<2x12x8x64xf32>) -> tensor<2x10x8x64xf32>
  %bshd = mlc.attention %qs, %ks, %ks {layout = #mlc<head_layout bshd>, scale = 1.250000e-01 : f64} : (tensor<2x10x8x64xf32>, tensor<2x12x8x64xf32>, tensor<2x12x8x64xf32>) -> tensor<2x10x8x64xf32>
  return
}
