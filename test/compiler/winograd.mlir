// --winograd: chosen by layer, listed by --report, kept in the module's provenance. What is behind the convolution is
// computed in its kernel.
// RUN: mlc-opt %s --report --target-cpu=x86-64-v3 | tr -s " " | FileCheck %s --check-prefix=AUTO
// RUN: mlc-opt %s --report --target-cpu=x86-64-v3 --winograd=f2 -o %t.f2.mlc | tr -s " " | FileCheck %s --check-prefix=F2
// RUN: mlc-opt %s --report --target-cpu=x86-64-v3 --winograd=off | FileCheck %s --check-prefix=OFF
// RUN: mlc-run %t.f2.mlc --inspect | FileCheck %s --check-prefix=INSPECT
// RUN: mlc-opt %s --per-op-compare --target-cpu=x86-64-v3
// RUN: mlc-opt %s --per-op-compare --target-cpu=x86-64-v3 --winograd=f2
// RUN: mlc-opt %s --per-op-compare --target-cpu=x86-64-v3 --precision=bf16
// RUN: mlc-opt %s --report --target-cpu=x86-64-v3 --precision=bf16 | tr -s " " | FileCheck %s --check-prefix=BF16

// AUTO: winograd panels of 16 {{.*}}F(4x4,3x3), {{.*}} winograd_conv + relu
// AUTO: winograd panels of 16 {{.*}}F(4x4,3x3), {{.*}} winograd_conv + rem
// The emitter takes f32, and bf16 whose sums stay f32; others are made of matrix products.
// AUTO: loops panels of 16 {{.*}} winograd_conv
// AUTO: loops panels of 16x2 {{.*}} winograd_conv
// BF16: winograd panels of 16x2 {{.*}}F(2x2,3x3), {{.*}} winograd_conv + relu + cast
// BF16: winograd panels of 16x2 {{.*}}F(2x2,3x3), {{.*}} winograd_conv + rem
// BF16-NOT: F(4x4
// AUTO: by Winograd's filtering; --winograd=off computes plain sums
// AUTO-NEXT: F(4x4,3x3) {{.*}}winograd.mlir:[[#]]:[[#]], {{.*}}winograd.mlir
// AUTO-NEXT: F(2x2,3x3) {{.*}}winograd.mlir
// F2: F(2x2,3x3), {{.*}} winograd_conv + relu
// F2: F(2x2,3x3) {{.*}}winograd.mlir
// OFF-NOT: F(4x4
// INSPECT: winograd{{.*}}f2

mlc.param @w : tensor<64x32x3x3xf32> = #mlc.seeded<1, normal, 0.0 : f64, 0.05 : f64>
mlc.param @v : tensor<32x64x3x3xf32> = #mlc.seeded<2, normal, 0.0 : f64, 0.05 : f64>
func.func @main(%x: tensor<1x32x17x18xf32> {mlc.name = "x"}, %d: tensor<2x5x6x3xf64> {mlc.name = "d"},
                %f: tensor<1x16x3x16xf64> {mlc.name = "f"}, %h: tensor<2x5x6x3xbf16> {mlc.name = "h"},
                %g: tensor<1x16x2x16x2xbf16> {mlc.name = "g"})
    -> (tensor<1x32x17x18xf32> {mlc.name = "y"}, tensor<2x4x6x5xf64> {mlc.name = "z"},
        tensor<2x4x6x5xbf16> {mlc.name = "t"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<64x32x3x3xf32>
  %v = mlc.load_param @v : tensor<32x64x3x3xf32>
  %0 = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x32x17x18xf32>, tensor<64x32x3x3xf32>) -> tensor<1x64x17x18xf32>
  %1 = mlc.relu %0 : (tensor<1x64x17x18xf32>) -> tensor<1x64x17x18xf32>
  %2 = mlc.conv %1, %v {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x64x17x18xf32>, tensor<32x64x3x3xf32>) -> tensor<1x32x17x18xf32>
  %c = mlc.constant dense<2.0> : tensor<f32>
  %3 = mlc.rem %2, %c : (tensor<1x32x17x18xf32>, tensor<f32>) -> tensor<1x32x17x18xf32>
  %4 = mlc.winograd_conv %d, %f {tile = 2 : i64, pad_low = array<i64: 1, 0>, pad_high = array<i64: 0, 2>, out_channels = 5 : i64} : (tensor<2x5x6x3xf64>, tensor<1x16x3x16xf64>) -> tensor<2x4x6x5xf64>
  %5 = mlc.winograd_conv %h, %g {tile = 2 : i64, pad_low = array<i64: 1, 0>, pad_high = array<i64: 0, 2>, out_channels = 5 : i64} : (tensor<2x5x6x3xbf16>, tensor<1x16x2x16x2xbf16>) -> tensor<2x4x6x5xbf16>
  return %3, %4, %5 : tensor<1x32x17x18xf32>, tensor<2x4x6x5xf64>, tensor<2x4x6x5xbf16>
}
