// Convolutions of bf16 whose sums stay f32, as --precision=bf16 leaves them.
// RUN: mlc-opt %s --mlc-winograd=mode=auto | FileCheck %s
// RUN: mlc-opt %s --mlc-winograd=mode=f2 | FileCheck %s
// RUN: mlc-opt %s --mlc-winograd=mode=f4 | FileCheck %s
// RUN: mlc-opt %s --mlc-winograd=mode=off | FileCheck %s --check-prefix=OFF
// RUN: mlc-opt %s --mlc-winograd=mode=f2 --compare-with=%s --tolerance=6e-3

// OFF-NOT: mlc.winograd_conv

mlc.param @w75 : tensor<3x3x75x64xf32> = #mlc.seeded<8, uniform, -0.1 : f64, 0.1 : f64>

// bf16 in pairs, by F(2x2) in every mode; the filter is transformed as it was before it was rounded.
// CHECK-LABEL: func @pairs
// CHECK: %[[W:.*]] = mlc.load_param @w75
// CHECK: %[[R:.*]] = mlc.reshape %[[W]] {{.*}} : (tensor<3x3x75x64xf32>) -> tensor<9x4800xf32>
// CHECK: %[[D:.*]] = mlc.cast %[[R]] to f64
// CHECK: %[[T:.*]] = mlc.matmul %{{.*}}, %[[D]] : (tensor<16x9xf64>, tensor<9x4800xf64>) -> tensor<16x4800xf64>
// CHECK: %[[C:.*]] = mlc.cast %{{.*}} to bf16 : tensor<16x75x64xf64> -> tensor<16x75x64xbf16>
// CHECK: %[[P:.*]] = mlc.pack %[[C]] {interleave = 2 : i64, lanes = 16 : i64} : (tensor<16x75x64xbf16>) -> tensor<4x16x38x16x2xbf16>
// CHECK: mlc.winograd_conv %{{.*}}, %[[P]] {out_channels = 64 : i64, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 0>, tile = 2 : i64, wide_result} : (tensor<2x20x21x75xbf16>, tensor<4x16x38x16x2xbf16>) -> tensor<2x20x20x64xf32>
func.func @pairs(%x: tensor<2x20x21x75xbf16>) -> tensor<2x20x20x64xf32> {
  %w = mlc.load_param @w75 : tensor<3x3x75x64xf32>
  %n = mlc.cast %w to bf16 : tensor<3x3x75x64xf32> -> tensor<3x3x75x64xbf16>
  %y = mlc.conv %x, %n {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 0>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>, wide_result} : (tensor<2x20x21x75xbf16>, tensor<3x3x75x64xbf16>) -> tensor<2x20x20x64xf32>
  return %y : tensor<2x20x20x64xf32>
}
